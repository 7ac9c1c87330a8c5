/**
 * Cuts a text between the statements that must run alone, and after those that are followed by data.
 */
import type { StatementClass } from './classify.ts'
import type { AloneObject, NamedIndex, Part, Script, StoreChange } from './program.ts'
import { withSemicolon } from './served.ts'
import { leadingWords, type Span, type Statement } from './statements.ts'

/** A statement with what is known of it. */
export interface Piece {
  readonly statement: Statement
  readonly class: StatementClass
  readonly structure: string
  readonly setsSession: boolean
  readonly index: NamedIndex | undefined
  readonly changes: readonly StoreChange[]
}

export interface CutOptions {
  /** Nothing is left out between the pieces of the text, because nobody is sure where the statements end. */
  readonly whole: boolean
  /** Every statement for itself. */
  readonly alone: boolean
}

/** The parts of a text in their order. There is at least one piece. */
export function cutParts(text: string, pieces: readonly Piece[], { whole, alone }: CutOptions): readonly Part[] {
  const single = pieces.every((piece) => !alone && piece.class.mode !== 'alone' && piece.statement.copy === undefined)
  // The server is sent the file as it is wherever that can be: its positions then are the file's.
  if (single) return [{ kind: 'group', first: 0, count: pieces.length, scripts: [{ text, offset: 0, copies: [] }] }]
  const parts: Part[] = []
  let first = 0
  for (const [number, piece] of pieces.entries()) {
    if (!alone && piece.class.mode !== 'alone') continue
    if (number > first) parts.push(group(text, pieces, { first, end: number, whole }))
    parts.push(aloneOf(text, piece, number))
    first = number + 1
  }
  if (first < pieces.length) parts.push(group(text, pieces, { first, end: pieces.length, whole }))
  return parts
}

interface Range {
  readonly first: number
  readonly end: number
  readonly whole: boolean
}

function group(text: string, pieces: readonly Piece[], { first, end, whole }: Range): Part {
  const statements = pieces.slice(first, end).map(({ statement }) => statement)
  const scripts: Script[] = []
  let start = whole ? 0 : undefined
  for (const [number, statement] of statements.entries()) {
    start ??= statement.start
    const last = number === statements.length - 1
    if (statement.copy === undefined && !last) continue
    const stop = whole && last && statement.copy === undefined ? text.length : withSemicolon(text, statement).end
    scripts.push(scriptOf(text, { start, end: stop }, statement))
    start = whole ? statement.copy?.after : undefined
  }
  return { kind: 'group', first, count: statements.length, scripts }
}

function aloneOf(text: string, { statement, class: is }: Piece, number: number): Part {
  const script = scriptOf(text, statement, statement)
  const what = is.mode === 'alone' ? is.what : nameOf(text, statement)
  return { kind: 'alone', first: number, count: 1, script, object: objectOf(is), what }
}

function objectOf(is: StatementClass): AloneObject {
  return is.mode === 'alone' || is.mode === 'either' ? is.object : { kind: 'transactional' }
}

function scriptOf(text: string, { start, end }: Span, { copy }: Statement): Script {
  const copies = copy === undefined ? [] : [text.slice(copy.start, copy.end)]
  return { text: text.slice(start, end), offset: start, copies }
}

// `CREATE TABLE`, `INSERT`: what the second word says is part of the name only for these.
function nameOf(text: string, statement: Span): string {
  const words = leadingWords(text, statement, 2)
  return words
    .slice(0, /^(create|alter|drop|refresh|comment)$/.test(words[0] ?? '') ? 2 : 1)
    .join(' ')
    .toUpperCase()
}
