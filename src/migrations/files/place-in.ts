/**
 * From an index in a migration's text to the file it came from.
 */
import { type Place, placeAt } from '../sql/frame.ts'
import type { Origin } from '../types.ts'

/** A migration's or a rollback's text, as `Migration` holds it. */
export interface MigrationText {
  readonly file: string
  readonly sql: string
  readonly origins?: readonly Origin[]
}

export interface FilePlace {
  /** The migration's own file, or the included one by its path from the project's root. */
  readonly file: string
  /** Line and column are the file's; the index is one into `text`. */
  readonly place: Place
  /** The piece of that file around the place, for `codeFrame`: whole where nothing is included. */
  readonly text: string
}

/** Leads an index in the text back to file, line and column. */
export function placeIn({ file, sql, origins = [] }: MigrationText, index: number): FilePlace {
  const number = origins.findLastIndex(({ start }) => start <= index)
  const origin = origins[number]
  if (origin === undefined) return { file, place: placeAt(sql, index), text: sql }
  const text = sql.slice(origin.start, origins[number + 1]?.start)
  const { line, column } = placeAt(text, index - origin.start)
  return {
    file: origin.file,
    place: {
      line: origin.line + line - 1,
      column: line === 1 ? origin.column + column - 1 : column,
      index: index - origin.start,
    },
    text,
  }
}
