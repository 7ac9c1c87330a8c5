/**
 * From what the server says about an error to a place in the file. The server gives a position for what it cannot parse or
 * understand; for what fails while it runs it gives none, but the number of statements it finished before tells which one it was.
 */
import type { ServerError } from './connection.ts'
import { type Place, placeAt } from './frame.ts'
import { scanStatements, type Statement } from './statements.ts'

/** How good a place is: the very character, the line, or the statement that was running. */
export type Precision = 'character' | 'line' | 'statement'

export interface Location extends Place {
  readonly precision: Precision
}

/** What of an error tells its place. */
export type ErrorPosition = Pick<ServerError, 'position' | 'internalPosition' | 'internalQuery' | 'where'>

/**
 * The place of an error in the text that was sent, where `completed` statements had ended before it. Nothing when not even
 * the statement can be told.
 */
export function locateError(sql: string, error: ErrorPosition, completed: number): Location | undefined {
  const position = Number(error.position)
  if (position > 0) return { ...placeAt(sql, indexOfCharacter(sql, position)), precision: 'character' }
  const statement = scanStatements(sql)[completed]
  if (statement === undefined) return undefined
  return locateInBlock(sql, statement, error) ?? { ...placeAt(sql, statement.start), precision: 'statement' }
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

// In a DO block the server counts the block's own lines; line 1 is what follows the opening quote.
function locateInBlock(sql: string, statement: Statement, error: ErrorPosition): Location | undefined {
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

function bodyStart(sql: string, statement: Statement): number | undefined {
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

function innerQuery(sql: string, within: Statement, error: ErrorPosition): number | undefined {
  const position = Number(error.internalPosition)
  if (!(position > 0) || error.internalQuery === undefined || error.internalQuery === '') return undefined
  const found = sql.indexOf(error.internalQuery, within.start)
  if (found === -1 || found > within.end) return undefined
  return found + indexOfCharacter(error.internalQuery, position)
}
