/**
 * Characters that people take for a blank, a quote or a sign of SQL, or do not see at all, and that the server takes for a letter: it
 * then speaks of a name that looks right.
 */
import type { Place } from './frame.ts'
import type { SqlNotice } from './program.ts'
import type { Span } from './statements.ts'
import { readToken } from './tokens.ts'

const blank = 'a blank'
const quote = "an apostrophe (')"
const quotes = 'a double quote (")'
const minus = 'a hyphen (-)'

// The character, its name in Unicode, and what was meant by it.
const known: readonly (readonly [number, string, string])[] = [
  [0x85, 'NEXT LINE', blank],
  [0xa0, 'NO-BREAK SPACE', blank],
  [0xab, 'LEFT-POINTING DOUBLE ANGLE QUOTATION MARK', quotes],
  [0xad, 'SOFT HYPHEN', 'nothing'],
  [0xb4, 'ACUTE ACCENT', quote],
  [0xbb, 'RIGHT-POINTING DOUBLE ANGLE QUOTATION MARK', quotes],
  [0x37e, 'GREEK QUESTION MARK', 'a semicolon (;)'],
  [0x1680, 'OGHAM SPACE MARK', blank],
  [0x180e, 'MONGOLIAN VOWEL SEPARATOR', 'nothing'],
  [0x2000, 'EN QUAD', blank],
  [0x2001, 'EM QUAD', blank],
  [0x2002, 'EN SPACE', blank],
  [0x2003, 'EM SPACE', blank],
  [0x2004, 'THREE-PER-EM SPACE', blank],
  [0x2005, 'FOUR-PER-EM SPACE', blank],
  [0x2006, 'SIX-PER-EM SPACE', blank],
  [0x2007, 'FIGURE SPACE', blank],
  [0x2008, 'PUNCTUATION SPACE', blank],
  [0x2009, 'THIN SPACE', blank],
  [0x200a, 'HAIR SPACE', blank],
  [0x200b, 'ZERO WIDTH SPACE', 'nothing'],
  [0x200c, 'ZERO WIDTH NON-JOINER', 'nothing'],
  [0x200d, 'ZERO WIDTH JOINER', 'nothing'],
  [0x200e, 'LEFT-TO-RIGHT MARK', 'nothing'],
  [0x200f, 'RIGHT-TO-LEFT MARK', 'nothing'],
  [0x2010, 'HYPHEN', minus],
  [0x2011, 'NON-BREAKING HYPHEN', minus],
  [0x2012, 'FIGURE DASH', minus],
  [0x2013, 'EN DASH', minus],
  [0x2014, 'EM DASH', minus],
  [0x2018, 'LEFT SINGLE QUOTATION MARK', quote],
  [0x2019, 'RIGHT SINGLE QUOTATION MARK', quote],
  [0x201a, 'SINGLE LOW-9 QUOTATION MARK', quote],
  [0x201b, 'SINGLE HIGH-REVERSED-9 QUOTATION MARK', quote],
  [0x201c, 'LEFT DOUBLE QUOTATION MARK', quotes],
  [0x201d, 'RIGHT DOUBLE QUOTATION MARK', quotes],
  [0x201e, 'DOUBLE LOW-9 QUOTATION MARK', quotes],
  [0x2028, 'LINE SEPARATOR', blank],
  [0x2029, 'PARAGRAPH SEPARATOR', blank],
  [0x202a, 'LEFT-TO-RIGHT EMBEDDING', 'nothing'],
  [0x202b, 'RIGHT-TO-LEFT EMBEDDING', 'nothing'],
  [0x202c, 'POP DIRECTIONAL FORMATTING', 'nothing'],
  [0x202d, 'LEFT-TO-RIGHT OVERRIDE', 'nothing'],
  [0x202e, 'RIGHT-TO-LEFT OVERRIDE', 'nothing'],
  [0x202f, 'NARROW NO-BREAK SPACE', blank],
  [0x2032, 'PRIME', quote],
  [0x205f, 'MEDIUM MATHEMATICAL SPACE', blank],
  [0x2060, 'WORD JOINER', 'nothing'],
  [0x2066, 'LEFT-TO-RIGHT ISOLATE', 'nothing'],
  [0x2067, 'RIGHT-TO-LEFT ISOLATE', 'nothing'],
  [0x2068, 'FIRST STRONG ISOLATE', 'nothing'],
  [0x2069, 'POP DIRECTIONAL ISOLATE', 'nothing'],
  [0x2212, 'MINUS SIGN', minus],
  [0x3000, 'IDEOGRAPHIC SPACE', blank],
  [0xfeff, 'ZERO WIDTH NO-BREAK SPACE', 'nothing'],
  [0xff08, 'FULLWIDTH LEFT PARENTHESIS', 'a parenthesis'],
  [0xff09, 'FULLWIDTH RIGHT PARENTHESIS', 'a parenthesis'],
  [0xff0c, 'FULLWIDTH COMMA', 'a comma'],
  [0xff1b, 'FULLWIDTH SEMICOLON', 'a semicolon (;)'],
  [0xff1d, 'FULLWIDTH EQUALS SIGN', 'an equals sign (=)'],
]

const lookalikes = new Map(known.map(([code, name, meant]) => [code, { name, meant }]))

const any = new RegExp(`[${String.fromCharCode(...lookalikes.keys())}]`)

/** Where in the statement that failed to look for one. */
export interface Stumble {
  /** Where the statement begins. */
  readonly from: number
  /** Where the server points to. */
  readonly index: number
  /** Leads from an index in the text to its line and column in the file. */
  readonly placeOf: (index: number) => Pick<Place, 'line' | 'column'>
}

/**
 * What to do about the last such character that stands in a name or keyword up to where the server stumbled, in the same statement.
 * Nothing where there is none.
 */
export function lookalikeHint(sql: string, { from, index, placeOf }: Stumble): string | undefined {
  const found = findBefore(sql, from, index)
  if (found === undefined) return undefined
  const { what, meant } = describe(sql, found)
  const { line, column } = placeOf(found)
  return `Line ${line}, column ${column} holds ${what}, which PostgreSQL takes for a letter of a name. Put ${meant} in its place; then run again.`
}

/** What a person should know about the first one in a text that the server may well accept. */
export function lookalikeNotice(sql: string, statements: readonly Span[]): SqlNotice | undefined {
  if (!any.test(sql)) return undefined
  for (const { start, end: stop } of statements) {
    for (let at = start; at < stop;) {
      const { kind, end } = readToken(sql, at)
      const found = kind === 'word' ? lastIn(sql, at, end) : undefined
      if (found !== undefined)
        return {
          index: found,
          message: `${describe(sql, found).what} is to PostgreSQL a letter of the name it stands in.`,
        }
      at = end
    }
  }
  return undefined
}

function describe(sql: string, index: number): { readonly what: string; readonly meant: string } {
  const code = sql.charCodeAt(index)
  const { name = '', meant = '' } = lookalikes.get(code) ?? {}
  const point = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`
  return { what: `the character ${name} (${point})`, meant }
}

function findBefore(sql: string, from: number, index: number): number | undefined {
  let found: number | undefined
  for (let at = from; at <= index && at < sql.length;) {
    const { kind, end } = readToken(sql, at)
    if (kind === 'semicolon') found = undefined
    if (kind === 'word') found = lastIn(sql, at, end) ?? found
    // The body of a function is one token, and a text of SQL of its own.
    const [tag = ''] = /^\$[^$\s]*\$/.exec(sql.slice(at, Math.min(end, at + 64))) ?? []
    if (tag !== '' && index > at && index < end) return findBefore(sql, at + tag.length, index)
    at = end
  }
  return found
}

function lastIn(sql: string, start: number, end: number): number | undefined {
  for (let at = end - 1; at >= start; at--) if (lookalikes.has(sql.charCodeAt(at))) return at
  return undefined
}
