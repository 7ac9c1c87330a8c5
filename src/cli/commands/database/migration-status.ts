import { ExitCode } from '../../../errors.ts'
import { isDone } from '../../../migrations/status.ts'
import type { Context } from '../../context.ts'
import { runDatabase } from '../../database-session.ts'
import type { DatabaseFlags } from '../../flags-database.ts'
import { readMigrationStates } from '../../migration-states.ts'
import { migrationStatusText } from '../../report/status-words.ts'

interface StatusFlags extends DatabaseFlags {
  readonly check: boolean
}

/** `poststack database migration-status` */
export async function migrationStatus(this: Context, flags: StatusFlags): Promise<void> {
  await runDatabase(this, flags, async (session) => {
    const { facts, io, report } = session
    const { standing, usable } = await readMigrationStates(session)
    const document = { type: 'migration-status', database: facts, ...standing } as const
    report.result(document, migrationStatusText(document, io.stdout.isTTY === true ? io.stdout.columns : undefined))
    // As every command that needs the files.
    if (!usable) return ExitCode.wrongRequest
    return flags.check && !document.migrations.every(isDone) ? ExitCode.notAsDeclared : ExitCode.ok
  })
}
