/** Searches the text of a program without reading it as one: what stands in strings and comments is not code. */

export interface SourceText {
  /** Absolute path. */
  readonly file: string
  readonly text: string
}

export interface Place {
  /** Absolute path. */
  readonly file: string
  /** From 1. */
  readonly line: number
  /** From 1. */
  readonly column: number
}

const quotedOrComment =
  /\/\/.*|\/\*[\s\S]*?\*\/|'(?:[^'\\\n]|\\[\s\S])*'|"(?:[^"\\\n]|\\[\s\S])*"|`(?:[^`\\]|\\[\s\S])*`/g

/**
 * The text with blanks inside of strings and in place of comments, so that every bracket, key and comma in it is one. Nested template strings and
 * quotes in regular expressions are taken wrongly, which only loses a position.
 */
export function bareCode(text: string): string {
  return text.replaceAll(quotedOrComment, (part) => {
    const blank = part.replaceAll(/[^\n]/g, ' ')
    const quote = part.at(0) ?? ''
    return quote === '/' ? blank : quote + blank.slice(1, -1) + quote
  })
}

/** What matches and begins in code. `bare` is `bareCode` of the text. */
export function matchesInCode(text: string, bare: string, pattern: RegExp): readonly RegExpExecArray[] {
  return [...text.matchAll(pattern)].filter(({ index }) => bare[index] === text[index])
}

export function placeAt({ file, text }: SourceText, index: number): Place {
  const before = text.slice(0, index)
  return { file, line: before.split('\n').length, column: index - before.lastIndexOf('\n') }
}

/** `key:` as it is written in an object, and the blanks behind it; a source of a regular expression. */
export function keyPattern(key: string): string {
  const text = escapePattern(key)
  return `(?<![\\w$.'"-])(?:${text}|'${text}'|"${text}")\\s*:\\s*`
}

/** More than this no name has; V8 ends the process over a pattern that is too large. */
const longestPattern = 2000

/** A source of a regular expression that matches this text only, and nothing where the text is beyond all names. */
export function escapePattern(text: string): string {
  if (text.length > longestPattern) return '(?!)'
  return text.replaceAll(/[.*+?^${}()|[\]\\/-]/g, '\\$&')
}
