/**
 * Takes pieces out of a text without moving the rest: a place in the one is a place in the other.
 */
import type { Span } from './statements.ts'

/** The text with everything in the spans turned into blanks; line ends stay. The same string where there is nothing to blank. */
export function blankSpans(text: string, spans: readonly Span[]): string {
  const sorted = spans.toSorted((a, b) => a.start - b.start)
  const pieces: string[] = []
  let index = 0
  for (const { start, end } of sorted) {
    pieces.push(text.slice(index, start), text.slice(start, end).replace(/[^\n]/g, ' '))
    index = end
  }
  return pieces.length === 0 ? text : pieces.join('') + text.slice(index)
}
