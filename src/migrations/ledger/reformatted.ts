/**
 * Applied files that were edited since in nothing but comments and blanks. The database has all that they say, so they are no reason
 * to refuse a run; a person is told.
 */
import { equals } from '../own-path.ts'
import type { AppliedMigration, Migration, Queryable } from '../types.ts'
import { canonicalVersion } from '../version.ts'
import { readLedger } from './rows.ts'

/** The ledger as `readLedger` gives it, with such files marked. Their texts are read only where there is an edited one. */
export async function readLedgerBeside(
  files: readonly Migration[],
  client: Queryable,
): Promise<readonly AppliedMigration[]> {
  return await markBeside(files, await readLedger(client), client)
}

/** The same for rows that are read already. */
export async function markBeside<Row extends AppliedMigration>(
  files: readonly Migration[],
  rows: readonly Row[],
  client: Queryable,
): Promise<readonly Row[]> {
  // Nearly always every number is written as it was, and nothing was edited.
  const written = new Map(files.map((file) => [file.version, file.checksum]))
  if (rows.every(({ version, checksum }) => written.get(version) === checksum)) return rows
  const fileOf = new Map(files.map((file) => [canonicalVersion(file.version), file]))
  const marked: Row[] = []
  for (const row of rows) {
    const file = fileOf.get(canonicalVersion(row.version))
    // oxlint-disable-next-line no-await-in-loop -- one connection, and the parser works on one text at a time
    const same = file !== undefined && isEdited(file, row) && (await isSame(file, await textOf(row, client)))
    marked.push(same ? { ...row, reformatted: file.checksum } : row)
  }
  return marked
}

async function textOf({ version }: AppliedMigration, client: Queryable): Promise<string> {
  const select = `SELECT up_sql FROM poststack.schema_migrations WHERE version ${equals} $1`
  const { rows } = await client.query(select, [canonicalVersion(version)])
  return String(rows[0]?.['up_sql'])
}

/** What a person is told, in words that go on after the file's name. */
export const reformattedWords =
  'only comments or blanks changed since it was applied. The structure is the same, so nothing is refused; poststack database repair has the ledger take the new text'

// A file of another name under the number is another migration, and what is half-done goes on by what its statements do.
function isEdited(file: Migration, { name, checksum, unfinished }: AppliedMigration): boolean {
  return unfinished === undefined && name === file.name && checksum !== file.checksum
}

async function isSame({ sql }: Migration, applied: string): Promise<boolean> {
  const { compareStructure } = await import('../sql/structure.ts')
  return (await compareStructure(applied, sql)).same
}
