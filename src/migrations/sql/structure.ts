/**
 * What a statement says, without how it is written: two statements have equal structures when they differ in nothing but comments,
 * blanks and the writing of words.
 */
import { createHash, hash } from 'node:crypto'
import { parseEach, type SyntaxTree } from './parser.ts'
import { type Served, servedText } from './served.ts'
import { scanSql, type Span, type Statement } from './statements.ts'
import { checkTransactions } from './transactions.ts'
import { isBlank, readToken } from './tokens.ts'

export type StructureComparison =
  | { readonly same: true }
  | {
      readonly same: false
      /** Number from 1 of the first statement that differs; BEGIN and COMMIT around the whole file are not counted. */
      readonly statement: number
      /** Its place in each text, or nothing where that text has fewer statements. */
      readonly stored: Span | undefined
      readonly file: Span | undefined
    }

/** Tells whether two texts differ only in comments and blanks. Constants, bodies of functions, data and order are differences. */
export async function compareStructure(stored: string, file: string): Promise<StructureComparison> {
  const trees = await Promise.all([treesOf(stored), treesOf(file)])
  const known = trees[0]?.every(({ tree }) => tree) === true && trees[1]?.every(({ tree }) => tree) === true
  // Both must be compared in the same way: where one cannot be parsed, by the words of both.
  const [left, right] = known ? trees : [wordsOf(stored), wordsOf(file)]
  const count = Math.max(left?.length ?? 0, right?.length ?? 0)
  for (let number = 0; number < count; number++) {
    const [a, b] = [left?.[number], right?.[number]]
    if (a === undefined || b === undefined || a.structure() !== b.structure())
      return { same: false, statement: number + 1, stored: a?.span, file: b?.span }
  }
  return { same: true }
}

/** The structure of a statement as a text. Without a tree it is the statement as written. */
export function structureOf(sql: string, statement: Span, tree: SyntaxTree | undefined): string {
  return treeText(tree) ?? sql.slice(statement.start, statement.end)
}

/** The mark of a statement after the one before: SHA-256 in hex. */
export function chainOf(before: string, structure: string, data: string | undefined): string {
  if (data === undefined) return hash('sha256', `${before}\n${structure}`)
  return createHash('sha256').update(`${before}\n${structure}\n\\.\n`).update(data).digest('hex')
}

interface Compared {
  readonly span: Span
  readonly structure: () => string
  readonly tree: boolean
}

function served(sql: string): Served {
  const scan = scanSql(sql)
  return servedText(sql, scan, checkTransactions(sql, scan).pairs)
}

async function treesOf(sql: string): Promise<readonly Compared[] | undefined> {
  const { text, statements } = served(sql)
  return await parseEach(text, statements, (statement, tree) => {
    const structure = treeText(tree)
    const copied = dataOf(sql, statement)
    return { span: statement, tree: structure !== undefined, structure: () => `${structure ?? ''}${copied}` }
  })
}

function wordsOf(sql: string): readonly Compared[] {
  return served(sql).statements.map((statement) => ({
    span: statement,
    tree: false,
    structure: () => tokensOf(sql, statement) + dataOf(sql, statement),
  }))
}

function dataOf(sql: string, { copy }: Statement): string {
  return copy === undefined ? '' : `\n${sql.slice(copy.start, copy.end)}`
}

function tokensOf(sql: string, { start, end }: Span): string {
  const tokens: string[] = []
  let apart = false
  for (let index = start; index < end;) {
    const next = readToken(sql, index)
    if (isBlank(next)) apart = true
    else {
      if (apart && wouldJoin(tokens.at(-1)?.at(-1) ?? '', sql.charAt(index))) tokens.push(' ')
      tokens.push(sql.slice(index, Math.min(next.end, end)))
      apart = false
    }
    index = next.end
  }
  return tokens.join('')
}

// `a b` is not `ab`, and `< =` is not `<=`; elsewhere a blank says nothing.
function wouldJoin(before: string, after: string): boolean {
  const both = before + after
  return /^[\w$."'\u0080-\uFFFF]{2}$/.test(both) || /^[-+*/<>=~!@#%^&|`?:]{2}$/.test(both)
}

// The fields that tell where something stands. A tablespace's directory is called `location` too, but is a text.
const placeFields =
  /^(location|name_location|stmt_location|stmt_len|list_start|list_end|rexpr_list_start|rexpr_list_end)$/

/** A tree as a text, without the places. Nothing where there is none, or it cannot be walked. */
export function treeText(tree: SyntaxTree | undefined): string | undefined {
  if (tree === undefined) return undefined
  try {
    return JSON.stringify(tree, (key, value: unknown) =>
      typeof value === 'number' && placeFields.test(key) ? undefined : value,
    )
  } catch {
    // Nested deeper than can be walked.
    return undefined
  }
}
