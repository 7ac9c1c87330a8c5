/**
 * The name of a file that is gone, by what the ledger has of it.
 */
import type { Migration } from '../types.ts'
import { parseName } from './parse.ts'

/** What the file of a row is called among these, which are sorted; nothing where the recorded name cannot be one. */
export function fileNameOf(
  { version, name }: Pick<Migration, 'version' | 'name'>,
  files: readonly Pick<Migration, 'version' | 'file'>[],
): string | undefined {
  const newest = files.at(-1)
  const file = `${version}${newest?.file.charAt(newest.version.length) ?? '_'}${name}.sql`
  // It comes from a database, and must not lead out of the folder.
  const parsed = /[/\\\0]/.test(file) ? undefined : parseName(file)
  return parsed?.version === version && parsed.name === name ? file : undefined
}
