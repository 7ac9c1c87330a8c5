/** Finds the line of a mistake in the config's source, where there is no doubt about it. */
import { followPath } from './path.ts'
import { bareCode, escapePattern, keyPattern, matchesInCode, placeAt } from './source-text.ts'
import type { ConfigIssue } from '../schema/issues.ts'
import type { Place, SourceText } from './source-text.ts'

/**
 * The position of a mistake: where its path leads in the text, else the one place in all sources that says `key: value`, else the innermost part of the
 * path that stands there. A wrong line is worse than none: what is computed or repeated has no position of its own.
 */
export function locate(issue: ConfigIssue, sources: readonly SourceText[]): Place | undefined {
  const spot = followPath(issue.path, sources)
  const found = spot?.isExact === true ? spot : (findValue(issue, sources) ?? spot)
  return found === undefined ? undefined : placeAt(found.source, found.index)
}

/** Where a file exports its default. */
export function locateExport(source: SourceText): Place | undefined {
  const pattern = /\bexport\s+default\b|\bmodule\.exports\s*=|\bexport\s*=/g
  const [only, another] = matchesInCode(source.text, bareCode(source.text), pattern)
  return only === undefined || another !== undefined ? undefined : placeAt(source, only.index)
}

/** Where something that is no error is thrown: the only such place, or the only one that says what was thrown. */
export function locateThrow(thrown: string, sources: readonly SourceText[]): Place | undefined {
  const all = sources.flatMap((source) =>
    matchesInCode(source.text, bareCode(source.text), /\b(?:throw\s+(?!new\b)|reject\(\s*)/g).map((match) => ({
      source,
      match,
    })),
  )
  const saying = all.filter(({ source, match }) =>
    source.text.startsWith(thrown.slice(1, -1), match.index + match[0].length + 1),
  )
  const [only, another] = all.length > 1 ? saying : all
  return only === undefined || another !== undefined ? undefined : placeAt(only.source, only.match.index)
}

function findValue(
  issue: ConfigIssue,
  sources: readonly SourceText[],
): { readonly source: SourceText; readonly index: number } | undefined {
  const pattern = searchFor(issue)
  if (pattern === undefined) return undefined
  const hits = sources.flatMap((source) =>
    matchesInCode(source.text, bareCode(source.text), pattern).map(({ index }) => ({ source, index })),
  )
  return hits.length === 1 ? hits[0] : undefined
}

function searchFor(issue: ConfigIssue): RegExp | undefined {
  const key = issue.path.at(-1)
  if (typeof key !== 'string') return undefined
  const quoted = keyPattern(key)
  // A key that nobody knows is rare enough by itself.
  if (issue.message.startsWith('unknown key')) return new RegExp(quoted, 'g')
  if (issue.value === undefined || issue.value.includes('***') || issue.value.includes('…')) return undefined
  const literal = /^"(.*)"$/s.exec(issue.value)?.[1]
  if (literal !== undefined) return new RegExp(`${quoted}(['"\`])${escapePattern(literal)}\\1(?=\\s*[,}\\n])`, 'g')
  return /^(?:-?[\d.]+|true|false|null)$/.test(issue.value)
    ? new RegExp(`${quoted}${escapePattern(issue.value)}(?=\\s*[,}\\n])`, 'g')
    : undefined
}
