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
      /** How many statements from that one on were put in or taken out, where that is all; else 1. */
      readonly count: number
      /** Its place in each text, or nothing where that text does not have it: it was put in, or taken out. */
      readonly stored: Span | undefined
      readonly file: Span | undefined
    }

/** Tells whether two texts differ only in comments and blanks. Constants, bodies of functions, data and order are differences. */
export async function compareStructure(stored: string, file: string): Promise<StructureComparison> {
  const trees = await Promise.all([treesOf(stored), treesOf(file)])
  const known = trees[0]?.every(({ tree }) => tree) === true && trees[1]?.every(({ tree }) => tree) === true
  // Both must be compared in the same way: where one cannot be parsed, by the words of both.
  const [left = [], right = []] = known ? trees : [wordsOf(stored), wordsOf(file)]
  const first = commonCount(left, right)
  if (first === left.length && first === right.length) return { same: true }
  const ends = commonCount(left.slice(first).toReversed(), right.slice(first).toReversed())
  const [gone, come] = [left.length - first - ends, right.length - first - ends]
  return {
    same: false,
    statement: first + 1,
    count: Math.max(gone === 0 ? come : 1, come === 0 ? gone : 1),
    stored: gone === 0 ? undefined : left[first]?.span,
    file: come === 0 ? undefined : right[first]?.span,
  }
}

/** How many statements two lists begin with in common. */
function commonCount(left: readonly Compared[], right: readonly Compared[]): number {
  const differs = left.findIndex((one, number) => one.structure() !== right[number]?.structure())
  return differs === -1 ? left.length : differs
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
