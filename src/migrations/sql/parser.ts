/**
 * PostgreSQL's own parser, compiled to WebAssembly: the only door to `libpg-query`. It serves to understand a text, never to judge it:
 * what it refuses, is too large for it, or breaks it, goes to the server unparsed.
 */
import { createRequire } from 'node:module'
import type { Node, ParseResult } from 'libpg-query'
import type { ServerError } from '../connection.ts'
import { blankSpans } from './blank.ts'
import { leadingWords, type Statement } from './statements.ts'
import { isBlank, readToken } from './tokens.ts'

/** A statement's syntax tree: one key, the name of its kind. */
export type SyntaxTree = Node

/** A text of 1 MB of INSERTs takes 350 ms and 170 MB of memory, and both grow with the size: what is longer is parsed in pieces. */
const largest = 1_000_000

/** These fill tables, the bulk of every large file. None of them needs a transaction of its own. */
const dataWords = new Set(['insert', 'copy', 'values', 'select', 'update', 'delete', 'merge', 'with', 'table'])

/**
 * Gives each statement of a text, cut exactly by the parser, to `read`, whose results come back in order. The tree is missing for
 * what is too large or plain data in a large text. Nothing comes back when the text cannot be parsed. `statements` are the
 * scanner's, at least one.
 */
export async function parseEach<T>(
  sql: string,
  statements: readonly Statement[],
  read: (statement: Statement, tree: SyntaxTree | undefined) => T,
): Promise<readonly T[] | undefined> {
  if (sql.length > largest) return await parsePieces(sql, statements, read)
  // The parser must not see rows for SQL. Its bytes are those of the text it was given, not of the one with the rows.
  const data = statements.flatMap(({ copy }) => (copy === undefined ? [] : [{ start: copy.start, end: copy.after }]))
  const text = blankSpans(sql, data)
  const trees = await parse(text)
  if (trees === undefined) return undefined
  return place(text, trees, statements).map((statement, number) => read(statement, trees[number]?.stmt))
}

async function parsePieces<T>(
  sql: string,
  statements: readonly Statement[],
  read: (statement: Statement, tree: SyntaxTree | undefined) => T,
): Promise<readonly T[] | undefined> {
  const results: T[] = []
  for (const statement of statements) {
    const [first = ''] = leadingWords(sql, statement, 1)
    if (dataWords.has(first) || statement.end - statement.start > largest) results.push(read(statement, undefined))
    else {
      // oxlint-disable-next-line no-await-in-loop -- the parser does one text at a time
      const trees = await parse(sql.slice(statement.start, statement.end))
      if (trees?.length !== 1) return undefined
      results.push(read(statement, trees[0]?.stmt))
    }
  }
  return results
}

type RawStatement = NonNullable<ParseResult['stmts']>[number]

async function parse(sql: string): Promise<readonly RawStatement[] | undefined> {
  const parser = await loadParser()
  if (parser === undefined) return undefined
  try {
    return parser.parseSync(sql).stmts ?? []
  } catch (error) {
    // The parser's own answer: this is no SQL that it knows.
    if (error instanceof Error && 'sqlDetails' in error) return undefined
    // Anything else is a fault inside it, such as an exhausted stack, that may have left its memory in disorder.
    loaded = renew()
    return undefined
  }
}

/** The first mistake in a text, as this parser sees it, with its position as a server would tell it. Nothing when it sees none. */
export async function parseMistake(sql: string): Promise<ServerError | undefined> {
  const parser = sql.length > largest ? undefined : await loadParser()
  try {
    parser?.parseSync(sql)
    return undefined
  } catch (error) {
    if (!(error instanceof Error) || !('sqlDetails' in error)) return undefined
    const { cursorPosition = 0 } = error.sqlDetails as { readonly cursorPosition?: number }
    const facts = { code: '42601', severity: 'ERROR', position: String(cursorPosition + 1) }
    return Object.assign(new Error(error.message), facts)
  }
}

interface Parser {
  readonly parseSync: (sql: string) => ParseResult
  readonly loadModule: () => Promise<void>
}

let loaded: Promise<Parser | undefined> | undefined
let renewals = 0
/** A process whose parser breaks again and again goes on without one. */
const mostRenewals = 20

// Loaded by the first text that needs it: it takes some 60 ms.
function loadParser(): Promise<Parser | undefined> {
  loaded ??= launch(() => import('libpg-query'))
  return loaded
}

async function launch(load: () => Promise<Parser>): Promise<Parser | undefined> {
  try {
    const parser = await load()
    await parser.loadModule()
    return parser
  } catch {
    // A machine that cannot run it, for want of memory or of WebAssembly, still can migrate.
    return undefined
  }
}

// The module makes its instance when it is loaded, so it is loaded anew.
function renew(): Promise<Parser | undefined> {
  renewals++
  if (renewals > mostRenewals) return Promise.resolve(undefined)
  return launch(() => {
    const require = createRequire(import.meta.url)
    const file = require.resolve('libpg-query')
    delete require.cache[file]
    return Promise.resolve(require(file) as Parser)
  })
}

// Where the scanner sees the same statements its bounds are taken, which leave out blanks and comments at the end.
function place(sql: string, trees: readonly RawStatement[], scanned: readonly Statement[]): readonly Statement[] {
  const indexOf = indexOfByte(sql)
  const placed = trees.map(({ stmt_location: location = 0, stmt_len: length = 0 }) => {
    const start = skipBlanks(sql, indexOf(location))
    return { start, end: length === 0 ? undefined : indexOf(location + length) }
  })
  return placed.map(({ start, end }, number) => {
    const same = scanned[number]
    if (same?.start === start && (end === undefined || same.end === end)) return same
    const copy = scanned.find((statement) => statement.start === start)?.copy
    const bounds = { start, end: end ?? sql.trimEnd().length }
    return copy === undefined ? bounds : { ...bounds, copy }
  })
}

function skipBlanks(sql: string, from: number): number {
  let index = from
  while (index < sql.length) {
    const next = readToken(sql, index)
    if (!isBlank(next)) break
    index = next.end
  }
  return index
}

// The parser counts bytes of UTF-8. The offsets asked for must not become smaller.
function indexOfByte(sql: string): (offset: number) => number {
  if (Buffer.byteLength(sql) === sql.length) return (offset) => offset
  let index = 0
  let bytes = 0
  return (offset) => {
    while (bytes < offset && index < sql.length) {
      const point = sql.codePointAt(index) ?? 0
      bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4
      index += point < 0x10000 ? 1 : 2
    }
    return index
  }
}
