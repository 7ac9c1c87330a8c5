/**
 * A file's text -> what the runner carries out. Everything that cannot be carried out is found before anything runs, and all of it
 * at once. What the parser does not understand is no problem: the server decides.
 */
import { conformingProblems } from './backslashes.ts'
import { type StatementClass, classify } from './classify.ts'
import { foreignNoTransaction, readDirectives } from './directives.ts'
import { lookalikeNotice } from './lookalikes.ts'
import { storeChanges } from './losses.ts'
import { namedIndexOf } from './index-definition.ts'
import { parseEach } from './parser.ts'
import type { Part, Program, SqlNotice, SqlProblem } from './program.ts'
import { commandProblem, isHarmlessCommand } from './psql.ts'
import { servedText } from './served.ts'
import { type Scan, scanSql, type Span, type Statement } from './statements.ts'
import { setsSession } from './settings.ts'
import { chainOf, structureOf } from './structure.ts'
import { checkTransactions, type TransactionPair, unpaired } from './transactions.ts'
import { unclosedProblems } from './unclosed.ts'
import { cutParts, type Piece } from './parts.ts'

export type Compiled = { readonly program: Program } | { readonly problems: readonly SqlProblem[] }

/**
 * Compiles a text, as it stands in `Migration.sql`. Never fails: what is wrong comes back as problems, sorted by their place.
 * The first call loads PostgreSQL's parser, some 60 ms; a small file then takes 0.1 ms.
 */
export async function compileSql(sql: string): Promise<Compiled> {
  const scan = scanSql(sql)
  // All behind such a statement may be read wrongly.
  const unreadable = conformingProblems(sql, scan.statements)
  if (unreadable.length > 0) return { problems: unreadable }
  const { directives, problems: badDirectives } = readDirectives(scan.directives)
  const { pairs, problems: badTransactions } = checkTransactions(sql, scan)
  const problems = [
    ...badDirectives,
    ...badTransactions,
    ...badCommands(scan),
    ...crowdedData(scan),
    ...(sql.startsWith('/*', scan.unclosed) ? unclosedProblems(sql, scan.unclosed) : []),
  ]
  if (problems.length > 0) return { problems: sorted(problems) }
  const { text, statements } = servedText(sql, scan, pairs)
  const lookalike = lookalikeNotice(text, statements)
  const notices = [...strippedNotice(pairs), ...(lookalike === undefined ? [] : [lookalike])]
  if (statements.length === 0) return { program: { parts: [], statements: [], directives, parsed: true, notices } }
  const pieces = await parseEach(text, statements, (statement, tree) => ({
    statement,
    class: classify(tree),
    structure: structureOf(text, statement, tree),
    setsSession: setsSession(tree),
    index: namedIndexOf(tree),
    changes: storeChanges(tree),
  }))
  const known = pieces ?? unparsedPieces(text, statements, directives)
  // Where the parser stumbles over a string it often knows better where that went wrong; of a large text it has not seen everything.
  const open = pieces === undefined ? [] : unclosedProblems(sql, scan.unclosed)
  const late = [...known.flatMap((piece) => lateProblem(piece, pairs)), ...open]
  if (late.length > 0) return { problems: sorted(late) }
  const parts: readonly Part[] = cutParts(text, known, {
    whole: pieces === undefined && !directives.noTransaction,
    alone: directives.noTransaction,
  })
  // Where something runs alone, all that needs to has been found.
  const unfollowed =
    directives.noTransaction || parts.some(({ kind }) => kind === 'alone')
      ? undefined
      : foreignNoTransaction(text.slice(0, statements[0]?.start))
  return {
    program: {
      parts,
      statements: chained(text, known),
      directives,
      parsed: pieces !== undefined,
      notices: unfollowed === undefined ? notices : [...notices, unfollowed],
    },
  }
}

function sorted(problems: readonly SqlProblem[]): readonly SqlProblem[] {
  return problems.toSorted((a, b) => a.index - b.index)
}

function badCommands(scan: Scan): readonly SqlProblem[] {
  return scan.commands.filter((command) => !isHarmlessCommand(command)).map(commandProblem)
}

function crowdedData(scan: Scan): readonly SqlProblem[] {
  return scan.statements.flatMap(({ copy }) => {
    if (copy?.crowded === undefined) return []
    const message = 'something stands between COPY … FROM stdin; and the end of its line, where its data begins.'
    return [{ index: copy.crowded, message, hint: 'Move it behind the line "\\." that ends the data.' }]
  })
}

function strippedNotice(pairs: readonly TransactionPair[]): readonly SqlNotice[] {
  const [first] = pairs
  if (first === undefined) return []
  const what =
    pairs.length === 1
      ? 'BEGIN and its COMMIT were'
      : `BEGIN and COMMIT around large objects, ${pairs.length} pairs from here on, were`
  return [{ index: first.begin.start, message: `${what} left out: every file runs in a transaction of its own.` }]
}

// Who asks for no transaction has a statement that would fail in one, perhaps one that is newer than the parser: it must be cut out all
// the same, by the scanner then.
function unparsedPieces(
  text: string,
  statements: readonly Statement[],
  { noTransaction }: Program['directives'],
): readonly Piece[] {
  return statements.map((statement) => ({
    statement,
    class: noTransaction ? { mode: 'either', object: { kind: 'opaque' } } : { mode: 'transactional' },
    structure: structureOf(text, statement, undefined),
    setsSession: false,
    index: undefined,
    changes: [],
  }))
}

// What only the tree can tell.
function lateProblem({ statement, class: is }: Piece, pairs: readonly TransactionPair[]): readonly SqlProblem[] {
  if (is.mode === 'transaction') return [unpaired(statement)]
  return is.mode === 'alone' &&
    pairs.some(({ begin, commit }) => begin.start < statement.start && statement.start < commit.start)
    ? [insidePair(statement, is)]
    : []
}

function insidePair({ start }: Span, { what }: Extract<StatementClass, { readonly mode: 'alone' }>): SqlProblem {
  return {
    index: start,
    message: `${what} cannot run inside a transaction, but the file has BEGIN and COMMIT around it.`,
    hint: `Delete BEGIN and COMMIT: what stands before ${what} and what stands after it then are transactions of their own. Or move ${what} into a migration of its own.`,
  }
}

function chained(text: string, pieces: readonly Piece[]): Program['statements'] {
  let chain = ''
  return pieces.map(({ statement: { start, end, copy }, structure, setsSession: sets, index, changes }) => {
    chain = chainOf(chain, structure, copy === undefined ? undefined : text.slice(copy.start, copy.end))
    const data = copy === undefined ? {} : { data: { start: copy.start, end: copy.end } }
    const known = { ...(index === undefined ? {} : { index }), ...(changes.length === 0 ? {} : { changes }) }
    return { start, end, chain, setsSession: sets, ...data, ...known }
  })
}
