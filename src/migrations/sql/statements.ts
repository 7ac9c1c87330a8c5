/**
 * Where the statements of an SQL text begin and end, by PostgreSQL's lexical rules, and what in it is not SQL: data of COPY, psql's
 * commands. It needs no parser, so it also serves texts that are too large for one or that it does not understand.
 */
import { endOfLine, isBlank, readToken, type Token } from './tokens.ts'

/** A piece of a text as string indices: from its first character to after its last. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** A statement's place in the text: from its first word to before its semicolon. */
export interface Statement extends Span {
  /** For `COPY … FROM stdin`: the lines that follow it in the file. Nothing in them is SQL. */
  readonly copy?: CopyData
}

export interface CopyData extends Span {
  /** Index after the `\.` that ends the data; where there is none the data goes on to the end of the text. */
  readonly after: number
  readonly terminated: boolean
  /** What stands between the statement's semicolon and the end of its line, other than blanks and a comment. */
  readonly crowded: number | undefined
}

/** A backslash command of psql, from its backslash to the end of its line. */
export interface Command extends Span {
  /** `connect` of `\connect shop`. */
  readonly name: string
  /** The rest of the line without blanks around it. */
  readonly argument: string
  /** Stands between the first word of a statement and its semicolon. */
  readonly inside: boolean
}

/** A comment `-- poststack: …`. */
export interface DirectiveComment extends Span {
  readonly text: string
  /** Stands before the first statement. */
  readonly header: boolean
}

export interface Scan {
  readonly statements: readonly Statement[]
  readonly commands: readonly Command[]
  readonly directives: readonly DirectiveComment[]
  /** Blanks between statements that the server would not take for blanks. */
  readonly strays: readonly Span[]
  /** The last statement has no semicolon. */
  readonly open: boolean
  /** Index of a comment, string or name that is never closed. */
  readonly unclosed: number | undefined
}

/** Everything in a text that tells how it has to be run. */
export function scanSql(sql: string): Scan {
  const statements: Statement[] = []
  const commands: Command[] = []
  const directives: DirectiveComment[] = []
  let strays: Span[] = []
  let trailing: Span[] = []
  let depth = newDepth()
  let start = -1
  let end = 0
  let unclosed: number | undefined
  for (let index = 0; index < sql.length;) {
    const next = readToken(sql, index)
    let skipped = next.end
    if (next.open) unclosed = index
    if (next.kind === 'semicolon' && depth.parentheses === 0 && depth.blocks === 0) {
      const copy = depth.copiesIn ? copyData(sql, next.end) : undefined
      if (start !== -1) statements.push(copy === undefined ? { start, end: index } : { start, end: index, copy })
      skipped = copy?.after ?? next.end
      start = -1
      depth = newDepth()
    } else if (isBlank(next)) {
      if (next.kind === 'command') commands.push({ ...commandOf(sql, index, next.end), inside: start !== -1 })
      else if (next.kind === 'stray') (start === -1 ? strays : trailing).push({ start: index, end: next.end })
      else if (next.kind === 'comment' && isDirective(sql, index)) {
        const text = sql.slice(index, next.end).replace(directiveStart, '').trim()
        directives.push({ start: index, end: next.end, text, header: start === -1 && statements.length === 0 })
      }
    } else {
      if (start === -1) start = index
      end = next.end
      trailing = []
      follow(depth, sql, { start: index, end: next.end, kind: next.kind, first: start === index })
    }
    index = skipped
  }
  const open = start !== -1
  if (open) statements.push({ start, end })
  // After the last word of all, where no semicolon closes the statement.
  if (open) strays = [...strays, ...trailing]
  return { statements, commands, directives, strays, open, unclosed }
}

/** All statements of a text in their order. Blanks and comments between them belong to none. */
export function scanStatements(sql: string): readonly Statement[] {
  return scanSql(sql).statements
}

/** The first words of a statement in lower case, comments left out: enough to tell which kind it is. */
export function leadingWords(sql: string, statement: Span, count: number): readonly string[] {
  const words: string[] = []
  for (let index = statement.start; index < statement.end && words.length < count;) {
    const next = readToken(sql, index)
    if (next.kind === 'word') words.push(sql.slice(index, next.end).toLowerCase())
    else if (!isBlank(next)) break
    index = next.end
  }
  return words
}

const directiveStart = /^--\s*poststack:/i

function isDirective(sql: string, index: number): boolean {
  return sql.charCodeAt(index) === 0x2d && directiveStart.test(sql.slice(index, index + 40))
}

function commandOf(sql: string, start: number, end: number): Omit<Command, 'inside'> {
  const [, name = '', argument = ''] = /^\\([a-z_]+|.?)([^]*)$/iu.exec(sql.slice(start, end)) ?? []
  return { start, end, name, argument: argument.trim() }
}

// The data begins on the line after the statement's, as psql reads it.
function copyData(sql: string, semicolon: number): CopyData {
  const tail = /[ \t\r\f]*(?:--[^\n]*)?/y
  tail.lastIndex = semicolon
  tail.test(sql)
  const lineEnd = endOfLine(sql, semicolon)
  const crowded = tail.lastIndex < lineEnd ? tail.lastIndex : undefined
  const start = Math.min(lineEnd + 1, sql.length)
  for (let line = start; line < sql.length;) {
    if (sql.startsWith('\\.', line) && endOfLine(sql, line) === line + 2)
      return { start, end: line, after: line + 2, terminated: true, crowded }
    const next = sql.indexOf('\n\\.', line)
    line = next === -1 ? sql.length : next + 1
  }
  return { start, end: sql.length, after: sql.length, terminated: false, crowded }
}

// The few words that say whether a semicolon ends the statement, stands inside the body of an SQL-standard function, or is followed by data.
interface Depth {
  parentheses: number
  /** How many BEGIN ATOMIC and CASE wait for their END. */
  blocks: number
  creates: boolean
  copies: boolean
  copiesIn: boolean
  previousWord: string
}

function newDepth(): Depth {
  return { parentheses: 0, blocks: 0, creates: false, copies: false, copiesIn: false, previousWord: '' }
}

interface Step extends Span {
  readonly kind: Token['kind']
  readonly first: boolean
}

function follow(depth: Depth, sql: string, { start, end, kind, first }: Step): void {
  if (kind === 'open') depth.parentheses++
  else if (kind === 'close') depth.parentheses = Math.max(0, depth.parentheses - 1)
  if (kind !== 'word') return
  // Most words of a large file stand in statements where none of them matters.
  if (!first && !depth.creates && !depth.copies) return
  const word = sql.slice(start, end).toLowerCase()
  if (first) {
    depth.creates = word === 'create'
    depth.copies = word === 'copy'
  } else if (depth.copies) {
    const input = depth.previousWord === 'from' && depth.parentheses === 0
    // The grammar takes STDOUT for STDIN here.
    if (input && (word === 'stdin' || word === 'stdout')) depth.copiesIn = true
  } else if (word === 'atomic' && depth.previousWord === 'begin') depth.blocks++
  else if (depth.blocks > 0 && word === 'case') depth.blocks++
  else if (depth.blocks > 0 && word === 'end') depth.blocks--
  depth.previousWord = word
}
