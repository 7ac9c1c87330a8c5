/** Finds the line of a mistake in the config's source, where there is no doubt about it. */
import type { ConfigIssue } from './issues.ts'

export interface SourceText {
  /** Absolute path. */
  readonly file: string
  readonly text: string
}

export type Position =
  | { readonly file: string; readonly line: number; readonly column: number }
  | { readonly line?: undefined }

/**
 * The position of `key: value` of an issue, if it stands exactly once in all sources. A wrong line is worse than none: a
 * value that is computed, repeated or masked has no position.
 */
export function locate(issue: ConfigIssue, sources: readonly SourceText[]): Position {
  const pattern = searchFor(issue)
  if (pattern === undefined) return {}
  const hits = sources.flatMap(({ file, text }) =>
    [...withoutComments(text).matchAll(pattern)].map((hit) => ({ file, text, hit })),
  )
  const [only] = hits
  if (only === undefined || hits.length > 1) return {}
  const before = only.text.slice(0, only.hit.index)
  return { file: only.file, line: before.split('\n').length, column: before.length - before.lastIndexOf('\n') }
}

function searchFor(issue: ConfigIssue): RegExp | undefined {
  const key = issue.path.at(-1)
  if (typeof key !== 'string') return undefined
  const quoted = `(?<![\\w$.'"-])(?:${escape(key)}|'${escape(key)}'|"${escape(key)}")\\s*:`
  // A key that nobody knows is rare enough by itself.
  if (issue.message.startsWith('unknown key')) return new RegExp(quoted, 'g')
  if (issue.value === undefined || issue.value.includes('***') || issue.value.includes('…')) return undefined
  const literal = /^"(.*)"$/s.exec(issue.value)?.[1]
  if (literal !== undefined) return new RegExp(`${quoted}\\s*(['"\`])${escape(literal)}\\1(?=\\s*[,}\\n])`, 'g')
  return /^(?:-?[\d.]+|true|false|null)$/.test(issue.value)
    ? new RegExp(`${quoted}\\s*${escape(issue.value)}(?=\\s*[,}\\n])`, 'g')
    : undefined
}

/** Comments become spaces, so that positions stay. Text that looks like a comment inside a string is lost too, which only loses a position. */
function withoutComments(text: string): string {
  return text.replaceAll(/\/\/.*|\/\*[\s\S]*?\*\//g, (comment) => comment.replaceAll(/[^\n]/g, ' '))
}

function escape(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\/-]/g, '\\$&')
}
