import { ExitCode } from '../../../errors.ts'
import { migrate as runMigrate } from '../../../migrations/run/migrate.ts'
import { previewMigrate } from '../../../migrations/run/preview.ts'
import type { Context } from '../../context.ts'
import { runDatabase, warnOfUndeclared } from '../../database-session.ts'
import type { DatabaseFlags, RunFlags } from '../../flags-database.ts'
import { migratePreviewText, migrateText } from '../../report/database-words.ts'

interface MigrateFlags extends DatabaseFlags, RunFlags {
  readonly targetVersion?: string
  readonly dryRun: boolean
}

/** `poststack database migrate` */
export async function migrate(this: Context, flags: MigrateFlags): Promise<void> {
  await runDatabase(this, flags, async ({ facts, readFolder, report, runOptions, signal, target }) => {
    const began = performance.now()
    const folder = await readFolder()
    warnOfUndeclared(target, report)
    const { targetVersion } = flags
    if (flags.dryRun) {
      const preview = await previewMigrate({ connect: target.connect, signal, folder, target: targetVersion })
      const document = { type: 'migrate-preview', database: facts, ...preview } as const
      report.result(document, migratePreviewText(document))
      return ExitCode.ok
    }
    const { already, applied } = await runMigrate({ ...runOptions(flags), folder, target: targetVersion })
    const document = {
      type: 'migrate-result',
      database: facts,
      applied: applied.map(({ version, ...one }) => ({ migration: version, ...one })),
      already,
      durationMs: Math.round(performance.now() - began),
    } as const
    report.result(document, migrateText(document))
    return ExitCode.ok
  })
}
