/**
 * Statements that begin or end a transaction would take a file out of the one it runs in. What is harmless of them, one pair
 * around the whole file or pairs around large objects as pg_dump writes them, is left out; the rest is a problem. Told from the first
 * words, also where the parser cannot read the text.
 */
import type { SqlProblem } from './program.ts'
import { leadingWords, type Scan, scanSql, type Span } from './statements.ts'
import { readDirectives } from './directives.ts'
import { isBlank, readToken } from './tokens.ts'

export interface TransactionCheck {
  /** BEGIN and COMMIT that are not to be sent: around the whole file, or around large objects. */
  readonly pairs: readonly TransactionPair[]
  readonly problems: readonly SqlProblem[]
}

export interface TransactionPair {
  readonly begin: Span
  readonly commit: Span
}

/** Finds what a text does with transactions. The scan is the text's own, where it is there already. */
export function checkTransactions(sql: string, scan?: Scan): TransactionCheck {
  // Most files have none of these words, and need no closer look.
  if (!/\b(begin|start|commit|end|rollback|abort|prepare|savepoint|release)\b/i.test(sql)) return none
  const { statements, directives } = scan ?? scanSql(sql)
  const { noTransaction } = readDirectives(directives).directives
  const found: Found[] = []
  for (const statement of statements) {
    const kind = transactionKind(leadingWords(sql, statement, 3))
    if (kind !== undefined && (kind !== 'savepoint' || noTransaction)) found.push({ kind, statement })
  }
  const refused = (told: (statement: Span) => SqlProblem): TransactionCheck => {
    const problems = found.map(({ statement }) => told(statement))
    return { pairs: [], problems: withDumpHint(sql, problems) }
  }
  if (noTransaction) return refused((statement) => without(sql, statement))
  const blocks = largeObjectPairs(sql, statements, found)
  if (blocks !== undefined) return { pairs: blocks, problems: [] }
  const [first, last] = [found[0], found[1]]
  const paired =
    found.length === 2 &&
    first?.kind === 'begin' &&
    first.statement === statements[0] &&
    last?.kind === 'commit' &&
    last.statement === statements.at(-1)
  if (!paired) return refused(unpaired)
  const modes = modesOf(sql, first.statement)
  const ending = modesOf(sql, last.statement)
  const problems: SqlProblem[] = []
  if (!harmless.test(modes)) problems.push(special(first.statement, modes))
  if (ending !== '' && ending !== 'and no chain') problems.push(unpaired(last.statement))
  if (problems.length > 0) return { pairs: [], problems }
  return { pairs: [{ begin: first.statement, commit: last.statement }], problems: [] }
}

type TransactionKind = 'begin' | 'commit' | 'savepoint' | 'other'

interface Found {
  readonly kind: TransactionKind
  readonly statement: Span
}

const none: TransactionCheck = { pairs: [], problems: [] }
// What every file's own transaction is anyway.
const harmless = /^((isolation level read committed|read write),? ?)*$/

const largeObjects = /\b(?:lo_open|lowrite)\s*\(/i
const ofLargeObject = /^select\s+(?:pg_catalog\s*\.\s*)?(?:lo_\w+|lowrite|loread)\s*\(/i
const dumpHint =
  'If this is a dump with large objects: their BEGIN and COMMIT may stay where nothing else stands between them and the file runs in one transaction. Or dump without them: pg_dump --no-blobs'

function withDumpHint(sql: string, problems: readonly SqlProblem[]): readonly SqlProblem[] {
  return largeObjects.test(sql)
    ? problems.map((problem) => ({ ...problem, hint: `${problem.hint}\n${dumpHint}` }))
    : problems
}

/** Pairs that have nothing but work on large objects in them; what such a one opens lives as long as a transaction. Nothing where any is not of that kind. */
function largeObjectPairs(
  sql: string,
  statements: readonly Span[],
  found: readonly Found[],
): readonly TransactionPair[] | undefined {
  const bounds = found.filter(({ kind }) => kind !== 'savepoint')
  const places = new Map(statements.map((statement, place) => [statement, place]))
  const pairs: TransactionPair[] = []
  for (let number = 0; number < bounds.length; number += 2) {
    const [first, last] = [bounds[number], bounds[number + 1]]
    if (first?.kind !== 'begin' || last?.kind !== 'commit') return undefined
    const inside = statements.slice((places.get(first.statement) ?? 0) + 1, places.get(last.statement))
    const plain = harmless.test(modesOf(sql, first.statement)) && modesOf(sql, last.statement) === ''
    if (!plain || inside.length === 0) return undefined
    if (!inside.every(({ start, end }) => ofLargeObject.test(sql.slice(start, Math.min(end, start + 200)))))
      return undefined
    pairs.push({ begin: first.statement, commit: last.statement })
  }
  return pairs.length === 0 ? undefined : pairs
}

function transactionKind([first, second, third]: readonly string[]): TransactionKind | undefined {
  switch (first) {
    case 'begin':
      return 'begin'
    case 'start':
      return second === 'transaction' ? 'begin' : undefined
    case 'commit':
      return second === 'prepared' ? undefined : 'commit'
    case 'end':
      return 'commit'
    case 'abort':
      return 'other'
    case 'prepare':
      return second === 'transaction' ? 'other' : undefined
    case 'rollback':
      if (second === 'prepared') return undefined
      return second === 'to' || third === 'to' ? 'savepoint' : 'other'
    case 'savepoint':
    case 'release':
      return 'savepoint'
    case undefined:
    default:
      return undefined
  }
}

// What follows BEGIN [WORK | TRANSACTION] or COMMIT, in lower case with single blanks.
function modesOf(sql: string, statement: Span): string {
  const tokens: string[] = []
  for (let index = statement.start; index < statement.end;) {
    const next = readToken(sql, index)
    if (!isBlank(next)) tokens.push(sql.slice(index, next.end).toLowerCase())
    index = next.end
  }
  const rest = tokens.slice(/^(work|transaction)$/.test(tokens[1] ?? '') ? 2 : 1)
  return rest.join(' ').replaceAll(' ,', ',')
}

/** The problem with a statement that begins or ends a transaction. */
export function unpaired(statement: Span): SqlProblem {
  return {
    index: statement.start,
    message: 'a migration cannot begin or end a transaction, because every file runs in one of its own.',
    hint: 'Delete these statements (BEGIN, COMMIT, ROLLBACK and their like); the file is applied as a whole or not at all without them. One BEGIN as the first and one COMMIT as the last statement may stay, and so may SAVEPOINT and ROLLBACK TO.',
  }
}

function without(sql: string, statement: Span): SqlProblem {
  return {
    index: statement.start,
    message: `${nameOf(sql, statement)}: with "-- poststack: no-transaction" every statement runs in a transaction of its own, so none can be begun, ended or divided.`,
    hint: 'Delete the statement; or take the directive out, so that the whole file is one transaction, and write what must run outside of one without BEGIN and COMMIT around it.',
  }
}

function special(statement: Span, modes: string): SqlProblem {
  return {
    index: statement.start,
    message: `the file's transaction asks for ${modes.toUpperCase()}, but migrations run in READ COMMITTED, READ WRITE.`,
    hint: 'Delete BEGIN and COMMIT if the migration does not depend on it; every file runs in a transaction of its own without them.',
  }
}

function nameOf(sql: string, statement: Span): string {
  const words = leadingWords(sql, statement, 2)
  return words
    .slice(0, words[1] === 'transaction' || words[1] === 'to' ? 2 : 1)
    .join(' ')
    .toUpperCase()
}
