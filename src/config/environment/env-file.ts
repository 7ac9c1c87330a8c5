/** Files of `NAME=value` lines. Node's own parser reads them; where each name stands, and what it would pass over, is found here. */
import { parseEnv } from 'node:util'
import { isCode } from '../../errors.ts'
import { readNamedFile, UnreadableFile } from '../read-file.ts'

export interface EnvFile {
  readonly values: Readonly<Record<string, string>>
  /** The line of each name, from 1: the last one, which counts. */
  readonly lines: ReadonlyMap<string, number>
  /** Lines, from 1, that are not `NAME=value`, with their text. Nothing of them is in `values`. */
  readonly wrong: ReadonlyMap<number, string>
}

/** The file, why it cannot be read, or undefined when there is none. Fails with the interruption only. */
export async function readEnvFile(file: string, signal?: AbortSignal): Promise<EnvFile | UnreadableFile | undefined> {
  try {
    return parseEnvFile(new TextDecoder('utf-8', { fatal: true }).decode(await readNamedFile(file, signal)))
  } catch (error) {
    if (isCode(error, 'ENOENT', 'ENOTDIR')) return undefined
    if (error instanceof UnreadableFile) return error
    if (error instanceof TypeError) return new UnreadableFile('is not valid UTF-8', 'Save the file as UTF-8.', error)
    throw error
  }
}

const assignment = /^\s*(?:export\s+)?(?<name>[A-Za-z_][\w.-]*)\s*=\s*(?<quote>["'`]?)/

export function parseEnvFile(text: string): EnvFile {
  const rows = text.replaceAll('\r\n', '\n').split('\n')
  const lines = new Map<string, number>()
  const wrong = new Map<number, string>()
  const kept: string[] = []
  for (let index = 0; index < rows.length; index = kept.length) {
    const row = rows[index] ?? ''
    const found = assignment.exec(row)
    if (found?.groups === undefined) {
      const isNothing = /^\s*(#|$)/.test(row)
      // The parser takes such a line for the beginning of the next one's name, which would be lost.
      if (!isNothing) wrong.set(index + 1, row)
      kept.push(isNothing ? row : '')
      continue
    }
    const { name = '', quote = '' } = found.groups
    lines.set(name, index + 1)
    const rest = row.slice(found[0].length)
    kept.push(...rows.slice(index, lastRow(rows, { index, rest, quote }) + 1))
  }
  return { values: parseEnv(kept.join('\n')) as Record<string, string>, lines, wrong }
}

/** A quoted value may go on over lines; one whose quote is never closed ends with its own. */
function lastRow(
  rows: readonly string[],
  { index, rest, quote }: { readonly index: number; readonly rest: string; readonly quote: string },
): number {
  if (quote === '' || rest.includes(quote)) return index
  const closed = rows.findIndex((row, other) => other > index && row.includes(quote))
  return closed === -1 ? index : closed
}
