/**
 * How the migrations of one database stand, as `migration-status` and `report` tell it.
 */
import { isPooled } from '../migrations/lock/pooler.ts'
import { readStatus } from '../migrations/read-status.ts'
import { canonicalVersion } from '../migrations/version.ts'
import type { DatabaseSession } from './database-session.ts'
import type { MigrationStanding } from './report/migration-standing.ts'

/** `usable`: no file is wrong in itself, whatever the database says of it. */
export async function readMigrationStates({
  inspectFolder,
  look,
}: DatabaseSession): Promise<{ readonly standing: MigrationStanding; readonly usable: boolean }> {
  const folder = await inspectFolder()
  const { pooled, run, states, counts, ledger, valid } = await look(async (connection) => ({
    pooled: await isPooled(connection),
    ...(await readStatus(connection, folder.migrations, folder.unusable)),
  }))
  // Of a migration that is gone the table tells already.
  const gone = new Set(states.flatMap(({ state, version }) => (state === 'missing' ? canonicalVersion(version) : [])))
  const problems = folder.problems.filter(
    ({ missing }) => missing === undefined || !gone.has(canonicalVersion(missing)),
  )
  const standing = {
    folder: folder.path,
    ledger,
    pooled,
    ...(run === undefined ? {} : { run }),
    ...counts,
    wrong: counts.wrong + problems.length,
    migrations: states,
    problems: problems.map(({ file, message, hint }) => ({ file, message, hint })),
  }
  return { standing, usable: problems.length === 0 && valid }
}
