/**
 * How the migrations of one database stand, as `migration-status` and `report` tell it.
 */
import { readLedgerFacts } from '../migrations/ledger/facts.ts'
import { findHolder } from '../migrations/lock/lock.ts'
import { isPooled } from '../migrations/lock/pooler.ts'
import { resolveMigrations } from '../migrations/resolve.ts'
import { tellInvalid } from '../migrations/run/prepare.ts'
import { countStates, migrationStates } from '../migrations/status.ts'
import { canonicalVersion } from '../migrations/version.ts'
import type { DatabaseSession } from './database-session.ts'
import type { MigrationStanding } from './report/migration-standing.ts'

/** `usable`: no file is wrong in itself, whatever the database says of it. */
export async function readMigrationStates({
  inspectFolder,
  look,
}: DatabaseSession): Promise<{ readonly standing: MigrationStanding; readonly usable: boolean }> {
  const folder = await inspectFolder()
  const found = await look(async (connection) => {
    const pooled = await isPooled(connection)
    // Before the rows: a run that ends meanwhile has then left them as they are.
    const run = await findHolder(connection)
    const rows = await readLedgerFacts(connection, folder.migrations)
    const { pending } = resolveMigrations(folder.migrations, rows ?? [])
    return { pooled, run, rows, invalid: await tellInvalid({ work: connection }, pending) }
  })
  const busy = found.run !== undefined
  const { invalid } = found
  const migrations = migrationStates(folder.migrations, found.rows ?? [], {
    busy,
    unusable: folder.unusable,
    invalid,
  })
  // Of a migration that is gone the table tells already.
  const gone = new Set(
    migrations.flatMap(({ state, version }) => (state === 'missing' ? canonicalVersion(version) : [])),
  )
  const problems = folder.problems.filter(
    ({ missing }) => missing === undefined || !gone.has(canonicalVersion(missing)),
  )
  const counts = countStates(migrations, { busy })
  const standing = {
    folder: folder.path,
    ledger: found.rows !== undefined,
    pooled: found.pooled,
    ...(found.run === undefined ? {} : { run: found.run }),
    ...counts,
    wrong: counts.wrong + problems.length,
    migrations,
    problems: problems.map(({ file, message, hint }) => ({ file, message, hint })),
  }
  return { standing, usable: problems.length === 0 && invalid.size === 0 }
}
