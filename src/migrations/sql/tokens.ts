/**
 * The lexical rules of PostgreSQL and of psql, one token at a time. Only as fine as the bounds of statements need: a string, a
 * quoted name and an operator are all `other`.
 */

export interface Token {
  /**
   * `stray` is a blank for people but not for the server, such as a no-break space. `command` is a backslash outside of everything,
   * which only psql understands, with the rest of its line.
   */
  readonly kind: 'space' | 'stray' | 'comment' | 'command' | 'word' | 'semicolon' | 'open' | 'close' | 'other'
  /** Index after its last character. */
  readonly end: number
  /** It goes on to the end of the text without being closed: nothing of that is what it looks like. */
  readonly open?: true
}

/** Whether a token stands between words without being one. */
export function isBlank({ kind }: Token): boolean {
  return kind === 'space' || kind === 'stray' || kind === 'comment' || kind === 'command'
}

// Long runs are skipped with `indexOf`: a file may hold one string of many megabytes, which would exhaust a regular expression.
/** The token that begins at the index. */
export function readToken(sql: string, index: number): Token {
  switch (sql.charCodeAt(index)) {
    case 0x3b: // ;
      return { kind: 'semicolon', end: index + 1 }
    case 0x28: // (
      return { kind: 'open', end: index + 1 }
    case 0x29: // )
      return { kind: 'close', end: index + 1 }
    case 0x27: // '
      return { kind: 'other', ...afterQuote(sql, "'", index + 1) }
    case 0x22: // "
      return { kind: 'other', ...afterQuote(sql, '"', index + 1) }
    case 0x2d: // -
      return sql.startsWith('--', index) ? { kind: 'comment', end: endOfLine(sql, index) } : other(index)
    case 0x2f: // /
      return sql.startsWith('/*', index) ? { kind: 'comment', ...afterComment(sql, index) } : other(index)
    case 0x5c: // \
      return { kind: 'command', end: endOfLine(sql, index) }
    case 0x24: // $
      return dollarQuoted(sql, index)
    default:
      return (
        match(sql, index, space, 'space') ??
        match(sql, index, stray, 'stray') ??
        wordOrString(sql, index) ??
        match(sql, index, number, 'other') ??
        other(index)
      )
  }
}

/** Index of the line end that follows, or of the text's end. */
export function endOfLine(sql: string, index: number): number {
  const found = sql.indexOf('\n', index)
  return found === -1 ? sql.length : found
}

const space = /[ \t\n\r\f]+/y
// JavaScript's blanks that are none to the server (a vertical tab became one with version 16), and characters without width.
const stray = /[\v\u0085\u00A0\u1680\u180E\u2000-\u200D\u2028\u2029\u202F\u205F\u2060\u3000\uFEFF]+/y
const word = /[A-Za-z_\u0080-\uFFFF][A-Za-z0-9_$\u0080-\uFFFF]*/y
const number = /\d[\w$.]*/y
const dollarTag = /\$(?:[A-Za-z_\u0080-\uFFFF][A-Za-z0-9_\u0080-\uFFFF]*)?\$/y
// A string goes on after a line end, with the same rules for its backslashes.
const continued = /(?:[ \t\r\f\v]|--[^\n]*(?=\n))*\n(?:[ \t\r\n\f\v]|--[^\n]*\n)*'/y

type Bounds = Pick<Token, 'end' | 'open'>

function wordOrString(sql: string, index: number): Token | undefined {
  const found = match(sql, index, word, 'word')
  const escaped = found?.end === index + 1 && sql.charCodeAt(found.end) === 0x27 && /e/i.test(sql.charAt(index))
  return escaped ? { kind: 'other', ...afterEscapedString(sql, found.end + 1) } : found
}

// Only in these strings does a backslash take the meaning from a quote.
function afterEscapedString(sql: string, start: number): Bounds {
  const stop = /['\\]/g
  stop.lastIndex = start
  for (let found = stop.exec(sql); found !== null; found = stop.exec(sql)) {
    if (found[0] === "'" && sql.charAt(stop.lastIndex) !== "'") {
      continued.lastIndex = stop.lastIndex
      if (!continued.test(sql)) return { end: stop.lastIndex }
      stop.lastIndex = continued.lastIndex
    } else stop.lastIndex++
  }
  return { end: sql.length, open: true }
}

function dollarQuoted(sql: string, index: number): Token {
  const tag = match(sql, index, dollarTag, 'other')
  return tag === undefined ? other(index) : { kind: 'other', ...after(sql, sql.slice(index, tag.end), tag.end) }
}

function match(sql: string, index: number, pattern: RegExp, kind: Token['kind']): Token | undefined {
  pattern.lastIndex = index
  return pattern.test(sql) ? { kind, end: pattern.lastIndex } : undefined
}

function after(sql: string, text: string, from: number): Bounds {
  const found = sql.indexOf(text, from)
  return found === -1 ? { end: sql.length, open: true } : { end: found + text.length }
}

// A doubled quote stands for itself.
function afterQuote(sql: string, quote: string, from: number): Bounds {
  let found = sql.indexOf(quote, from)
  while (found !== -1 && sql.charAt(found + 1) === quote) found = sql.indexOf(quote, found + 2)
  return found === -1 ? { end: sql.length, open: true } : { end: found + 1 }
}

function other(index: number): Token {
  return { kind: 'other', end: index + 1 }
}

// Comments nest: an inner one must not end the outer.
function afterComment(sql: string, start: number): Bounds {
  const mark = /\/\*|\*\//g
  mark.lastIndex = start
  let depth = 0
  for (let found = mark.exec(sql); found !== null; found = mark.exec(sql)) {
    depth += found[0] === '/*' ? 1 : -1
    if (depth === 0) return { end: mark.lastIndex }
  }
  return { end: sql.length, open: true }
}
