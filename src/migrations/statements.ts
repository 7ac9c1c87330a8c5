/**
 * Where the statements of an SQL text begin and end, by PostgreSQL's lexical rules. It serves to point at things: what is
 * sent to the server is always the text as it is, never cut along these lines, so a wrong guess here can cost a good
 * message but not a migration.
 */

/** A statement's place in the text: from its first word to before its semicolon, as string indices. */
export interface Statement {
  readonly start: number
  readonly end: number
}

// The few words that say whether a semicolon ends the statement or stands inside the body of an SQL-standard function.
interface Depth {
  parentheses: number
  /** How many BEGIN ATOMIC and CASE wait for their END. */
  blocks: number
  creates: boolean
  previousWord: string
}

/** All statements of a text in their order. Blanks and comments between them belong to none. */
export function scanStatements(sql: string): readonly Statement[] {
  const statements: Statement[] = []
  let depth = newDepth()
  let start = -1
  let end = 0
  for (let index = 0; index < sql.length;) {
    const next = readToken(sql, index)
    if (next.kind === 'semicolon' && depth.parentheses === 0 && depth.blocks === 0) {
      if (start !== -1) statements.push({ start, end: index })
      start = -1
      depth = newDepth()
    } else if (next.kind !== 'blank') {
      if (start === -1) start = index
      end = next.end
      if (next.kind === 'word') follow(depth, sql.slice(index, next.end).toLowerCase(), start === index)
      else if (next.kind === 'open') depth.parentheses++
      else if (next.kind === 'close') depth.parentheses = Math.max(0, depth.parentheses - 1)
    }
    index = next.end
  }
  if (start !== -1) statements.push({ start, end })
  return statements
}

/** The first words of a statement in lower case, comments left out: enough to tell which kind it is. */
export function leadingWords(sql: string, statement: Statement, count: number): readonly string[] {
  const words: string[] = []
  for (let index = statement.start; index < statement.end && words.length < count;) {
    const next = readToken(sql, index)
    if (next.kind === 'word') words.push(sql.slice(index, next.end).toLowerCase())
    else if (next.kind !== 'blank') break
    index = next.end
  }
  return words
}

interface Token {
  readonly kind: 'blank' | 'word' | 'semicolon' | 'open' | 'close' | 'other'
  readonly end: number
}

// Long runs are skipped with `indexOf`: a file may hold one string of many megabytes, which would exhaust a regular expression.
function readToken(sql: string, index: number): Token {
  const character = sql.charAt(index)
  switch (character) {
    case ';':
      return { kind: 'semicolon', end: index + 1 }
    case '(':
      return { kind: 'open', end: index + 1 }
    case ')':
      return { kind: 'close', end: index + 1 }
    // A doubled quote inside is read as two neighbouring strings, which ends in the same place.
    case "'":
    case '"':
      return { kind: 'other', end: after(sql, character, index + 1) }
    case '-':
      return sql.startsWith('--', index) ? { kind: 'blank', end: after(sql, '\n', index + 2) } : other(index)
    case '/':
      return sql.startsWith('/*', index) ? { kind: 'blank', end: endOfComment(sql, index) } : other(index)
    case '$':
      return dollarQuoted(sql, index)
    default:
      return (
        match(sql, index, /[\s\uFEFF]+/y, 'blank') ??
        wordOrString(sql, index) ??
        match(sql, index, /\d[\w$.]*/y, 'other') ??
        other(index)
      )
  }
}

function wordOrString(sql: string, index: number): Token | undefined {
  const word = match(sql, index, /[A-Za-z_\u0080-\uFFFF][A-Za-z0-9_$\u0080-\uFFFF]*/y, 'word')
  if (word === undefined || sql.charAt(word.end) !== "'" || !/^e$/i.test(sql.slice(index, word.end))) return word
  return { kind: 'other', end: endOfEscapedString(sql, word.end + 1) }
}

// Only in these strings does a backslash take the meaning from a quote.
function endOfEscapedString(sql: string, start: number): number {
  const stop = /['\\]/g
  stop.lastIndex = start
  for (let found = stop.exec(sql); found !== null; found = stop.exec(sql)) {
    if (found[0] === "'" && sql.charAt(stop.lastIndex) !== "'") return stop.lastIndex
    stop.lastIndex++
  }
  return sql.length
}

function dollarQuoted(sql: string, index: number): Token {
  const tag = match(sql, index, /\$(?:[A-Za-z_\u0080-\uFFFF][A-Za-z0-9_\u0080-\uFFFF]*)?\$/y, 'other')
  return tag === undefined ? other(index) : { kind: 'other', end: after(sql, sql.slice(index, tag.end), tag.end) }
}

function match(sql: string, index: number, pattern: RegExp, kind: Token['kind']): Token | undefined {
  pattern.lastIndex = index
  return pattern.test(sql) ? { kind, end: pattern.lastIndex } : undefined
}

function after(sql: string, text: string, from: number): number {
  const found = sql.indexOf(text, from)
  return found === -1 ? sql.length : found + text.length
}

function other(index: number): Token {
  return { kind: 'other', end: index + 1 }
}

// Comments nest: an inner one must not end the outer.
function endOfComment(sql: string, start: number): number {
  const mark = /\/\*|\*\//g
  mark.lastIndex = start
  let depth = 0
  for (let found = mark.exec(sql); found !== null; found = mark.exec(sql)) {
    depth += found[0] === '/*' ? 1 : -1
    if (depth === 0) return mark.lastIndex
  }
  return sql.length
}

function newDepth(): Depth {
  return { parentheses: 0, blocks: 0, creates: false, previousWord: '' }
}

function follow(depth: Depth, word: string, first: boolean): void {
  if (first) depth.creates = word === 'create'
  else if (depth.creates) {
    if (word === 'atomic' && depth.previousWord === 'begin') depth.blocks++
    else if (depth.blocks > 0 && word === 'case') depth.blocks++
    else if (depth.blocks > 0 && word === 'end') depth.blocks--
  }
  depth.previousWord = word
}
