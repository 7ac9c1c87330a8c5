import { ExitCode } from '../../../errors.ts'
import { readLedgerFacts } from '../../../migrations/ledger/facts.ts'
import { findHolder } from '../../../migrations/lock/lock.ts'
import { isPooled } from '../../../migrations/lock/pooler.ts'
import { resolveMigrations } from '../../../migrations/resolve.ts'
import { tellInvalid } from '../../../migrations/run/prepare.ts'
import { countStates, isDone, migrationStates } from '../../../migrations/status.ts'
import { canonicalVersion } from '../../../migrations/version.ts'
import type { Context } from '../../context.ts'
import { runDatabase } from '../../database-session.ts'
import type { DatabaseFlags } from '../../flags-database.ts'
import { migrationStatusText } from '../../report/status-words.ts'

interface StatusFlags extends DatabaseFlags {
  readonly check: boolean
}

/** `poststack database migration-status` */
export async function migrationStatus(this: Context, flags: StatusFlags): Promise<void> {
  await runDatabase(this, flags, async ({ facts, inspectFolder, io, look, report }) => {
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
    const document = {
      type: 'migration-status',
      database: facts,
      folder: folder.path,
      ledger: found.rows !== undefined,
      pooled: found.pooled,
      ...(found.run === undefined ? {} : { run: found.run }),
      ...counts,
      wrong: counts.wrong + problems.length,
      migrations,
      problems: problems.map(({ file, message, hint }) => ({ file, message, hint })),
    } as const
    report.result(document, migrationStatusText(document, io.stdout.isTTY === true ? io.stdout.columns : undefined))
    // As every command that needs the files.
    if (problems.length > 0 || invalid.size > 0) return ExitCode.wrongRequest
    return flags.check && !migrations.every(isDone) ? ExitCode.notAsDeclared : ExitCode.ok
  })
}
