/**
 * From what the server says about an error to a place in the file. The server gives a position for what it cannot parse or
 * understand; for what fails while it runs it gives none, but the number of statements it finished before tells which one it was.
 */
import type { ServerError } from '../connection.ts'
import { type Place, placeAt } from './frame.ts'
import type { ProgramStatement, Script } from './program.ts'
import type { Span } from './statements.ts'

/** How good a place is: the very character, the line, or the statement that was running. */
export type Precision = 'character' | 'line' | 'statement'

export interface Location extends Place {
  readonly precision: Precision
}

/** What of an error tells its place. */
export type ErrorPosition = Pick<ServerError, 'position' | 'internalPosition' | 'internalQuery' | 'where'>

/** What was sent, and the statement of it that was running, if that is known. */
export interface Running {
  readonly script: Script
  readonly statement: (Span & Pick<ProgramStatement, 'data'>) | undefined
}

/** The place of an error in a file's text. Nothing when not even the statement can be told. */
export function locateError(sql: string, error: ErrorPosition, { script, statement }: Running): Location | undefined {
  const position = Number(error.position)
  if (position > 0) {
    const index = script.offset + indexOfCharacter(script.text, position)
    return { ...placeAt(sql, index), precision: 'character' }
  }
  if (statement === undefined) return undefined
  return (
    locateInData(sql, statement, error) ??
    locateInBlock(sql, statement, error) ?? { ...placeAt(sql, statement.start), precision: 'statement' }
  )
}

/** String index of the n-th character, from 1: the server counts code points, strings count UTF-16 units. */
export function indexOfCharacter(text: string, position: number): number {
  let index = 0
  for (let count = 1; count < position && index < text.length; count++) {
    const unit = text.charCodeAt(index)
    index += unit >= 0xd800 && unit <= 0xdbff ? 2 : 1
  }
  return Math.min(index, text.length)
}

// A row of COPY is told by its line in the data, a header's line included.
function locateInData(sql: string, statement: Running['statement'], { where }: ErrorPosition): Location | undefined {
  const line = Number(copyLine.exec(where ?? '')?.[1])
  const data = statement?.data
  if (statement === undefined || data === undefined || !(line > 0)) return undefined
  const options = /\bstdin\b([^]*)/i.exec(sql.slice(statement.start, statement.end))?.[1] ?? ''
  const start = /\bcsv\b/i.test(options) ? startOfRecord(sql, data, line, options) : startOfLine(sql, data.start, line)
  return start === undefined || start >= data.end ? undefined : { ...placeAt(sql, start), precision: 'line' }
}

/**
 * Where the CSV record begins of which the server says the line. It counts the lines inside of quoted values too, and then says the record's
 * last line; but not those of the very first record, before which it does not know how lines end.
 */
function startOfRecord(sql: string, data: Span, line: number, options: string): number | undefined {
  const quote = /\bquote\s+(?:as\s+)?'(.)'/i.exec(options)?.[1] ?? '"'
  const escape = /\bescape\s+(?:as\s+)?'(.)'/i.exec(options)?.[1]
  let start = data.start
  let count = 1
  let [quoted, escaped] = [false, false]
  for (let index = start; index < data.end; index++) {
    const character = sql.charAt(index)
    if (character === quote && !escaped) quoted = !quoted
    escaped = quoted && character === escape && escape !== quote && !escaped
    if (character !== '\n' || (quoted && start === data.start)) continue
    if (!quoted && count >= line) return start
    count++
    if (!quoted) start = index + 1
  }
  return count >= line ? start : undefined
}

// The contexts of a trigger stand before it. What the row holds is quoted after the line's number.
const copyLine = /^COPY .+?, line (\d+)/m

// In a DO block the server counts the block's own lines; line 1 is what follows the opening quote.
function locateInBlock(sql: string, statement: Span, error: ErrorPosition): Location | undefined {
  const contexts = error.where?.split('\n') ?? []
  const block = contexts.find((context) => blockLine.test(context))
  const line = Number(block?.match(blockLine)?.[1])
  const body = bodyStart(sql, statement)
  if (!(line > 0) || body === undefined) return undefined
  const start = startOfLine(sql, body, line)
  if (start === undefined || start > statement.end) return undefined
  // Only if the block is the innermost context does the inner query stand in it literally.
  const inner =
    contexts.findIndex((context) => context.startsWith('PL/pgSQL function')) === contexts.indexOf(block ?? '')
  const exact = inner ? innerQuery(sql, { start, end: statement.end }, error) : undefined
  if (exact !== undefined) return { ...placeAt(sql, exact), precision: 'character' }
  const indent = /[^\S\n]*/y
  indent.lastIndex = start
  indent.test(sql)
  return { ...placeAt(sql, indent.lastIndex), precision: 'line' }
}

const blockLine = /^PL\/pgSQL function inline_code_block line (\d+)/

function bodyStart(sql: string, statement: Span): number | undefined {
  const opening = /\bdo\b[^$']*?(\$[^$\s]*\$|')/iy
  opening.lastIndex = statement.start
  return opening.test(sql) ? opening.lastIndex : undefined
}

function startOfLine(sql: string, from: number, line: number): number | undefined {
  let start = from
  for (let number = 1; number < line; number++) {
    const next = sql.indexOf('\n', start)
    if (next === -1) return undefined
    start = next + 1
  }
  return start
}

function innerQuery(sql: string, within: Span, error: ErrorPosition): number | undefined {
  const position = Number(error.internalPosition)
  if (!(position > 0) || error.internalQuery === undefined || error.internalQuery === '') return undefined
  const found = sql.indexOf(error.internalQuery, within.start)
  if (found === -1 || found > within.end) return undefined
  return found + indexOfCharacter(error.internalQuery, position)
}
