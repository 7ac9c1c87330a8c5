/**
 * What a backslash in a plain string says: nothing but itself, unless a server has the old `standard_conforming_strings = off`. Then strings end
 * in other places, for statements that come in one message as for those after it, so files are run with it on, always.
 */
import type { SqlNotice, SqlProblem } from './program.ts'
import type { Span } from './statements.ts'
import { isBlank, readToken } from './tokens.ts'

const setting = 'standard_conforming_strings'
// As the server reads a Boolean.
const off = String.raw`'?(?:off?|f|fa|fal|fals|false|no?|0)'?`
const turnsOff = new RegExp(
  String.raw`^(?:set (?:session |local )?"?${setting}"? (?:=|to) ${off}$|select (?:pg_catalog \. )?set_config \( '${setting}' , ${off} )`,
)
const instead =
  "Delete the statement, and write E'…' for the strings in which a backslash begins an escape, as in E'tab\\there'; a quote inside a string is doubled: 'it''s'."

/** The problem with statements that turn the old meaning on: what stands behind them would be read in one way by us, and in another by the server. */
export function conformingProblems(sql: string, statements: readonly Span[]): readonly SqlProblem[] {
  if (!sql.toLowerCase().includes(setting)) return []
  const message = `migrations and seeds are run with ${setting} = on, so that a string is the same in every place, and this turns it off.`
  return statements
    .filter((statement) => turnsOff.test(beginningOf(sql, statement)))
    .map(({ start: index }) => ({ index, message, hint: instead }))
}

/** The first backslash of a text in a plain string, with what to tell of it where the server has the setting off. */
export function backslashNotice(sql: string, statements: readonly Span[]): SqlNotice | undefined {
  const index = sql.includes('\\') ? firstBackslash(sql, statements) : undefined
  if (index === undefined) return undefined
  const message = `this backslash stands for itself: the server has ${setting} = off, but files are run with it on. Where it begins an escape write E'…'.`
  return { index, message }
}

/** What to do where the server stumbles behind a quote that a backslash was to take the meaning from. Nothing where there is none. */
export function backslashHint(sql: string, from: number, index: number): string | undefined {
  for (let at = from; at <= index && at < sql.length;) {
    const { end } = readToken(sql, at)
    if (sql.charAt(at) === "'" && sql.charAt(end - 2) === '\\' && sql.charAt(end - 1) === "'")
      return "A backslash does not take the meaning from the quote behind it: double the quote ('it''s'), or write E'…' (E'it\\'s'). Then run again."
    at = end
  }
  return undefined
}

function firstBackslash(sql: string, statements: readonly Span[]): number | undefined {
  for (const { start, end } of statements) {
    for (let at = start; at < end;) {
      const next = readToken(sql, at)
      const found = sql.charAt(at) === "'" ? sql.slice(at, next.end).indexOf('\\') : -1
      if (found !== -1) return at + found
      at = next.end
    }
  }
  return undefined
}

// Enough words for either way, in lower case with single blanks.
function beginningOf(sql: string, { start, end }: Span): string {
  const words: string[] = []
  for (let at = start; at < end && words.length < 10;) {
    const next = readToken(sql, at)
    if (!isBlank(next)) words.push(sql.slice(at, next.end).toLowerCase())
    at = next.end
  }
  return words.join(' ')
}
