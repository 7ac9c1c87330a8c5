import { ExitCode, isPoststackError, PoststackError } from '../../../errors.ts'
import { previewRollback, type RollbackPreview } from '../../../migrations/run/preview.ts'
import { rollback as runRollback } from '../../../migrations/run/rollback.ts'
import type { MigrationFolder } from '../../../migrations/types.ts'
import type { Context } from '../../context.ts'
import { agree, runDatabase, type DatabaseSession } from '../../database-session.ts'
import type { DatabaseFlags, RunFlags } from '../../flags-database.ts'
import { counted, rollbackPreviewText, rollbackText } from '../../report/database-words.ts'

interface RollbackFlags extends DatabaseFlags, RunFlags {
  readonly targetVersion?: string
  readonly steps?: number
  readonly useFile: boolean
  readonly dryRun: boolean
  readonly yes: boolean
}

/** `poststack database rollback` */
export async function rollback(this: Context, flags: RollbackFlags): Promise<void> {
  await runDatabase(this, flags, async (session) => {
    const { facts, report, runOptions, signal, target } = session
    const { steps, targetVersion, useFile } = flags
    if (steps !== undefined && targetVersion !== undefined) {
      throw new PoststackError('USAGE', '--steps and --target-version both say how far to go back.', {
        hint: 'Give one of them.',
      })
    }
    const began = performance.now()
    const choice = { target: targetVersion, steps, useFile, folder: await folderFor(session, flags) }
    const { lockWaitMs, onEvent } = runOptions(flags)
    const wait = flags.dryRun ? {} : { wait: { lockWaitMs, onEvent } }
    const preview = await previewRollback({ connect: target.connect, signal, ...choice, ...wait })
    if (flags.dryRun) {
      const document = { type: 'rollback-preview', database: facts, ...preview } as const
      report.result(document, rollbackPreviewText(document))
      return ExitCode.ok
    }
    const agreed = await agreeTo(preview, session, flags.yes)
    const { left, rolledBack } = await runRollback({ ...runOptions(flags), ...choice, agreed })
    const document = {
      type: 'rollback-result',
      database: facts,
      rolledBack: rolledBack.map(({ version, ...one }) => ({ migration: version, ...one })),
      left,
      durationMs: Math.round(performance.now() - began),
    } as const
    report.result(document, rollbackText(document))
    return ExitCode.ok
  })
}

/**
 * The stored text needs no files, so a folder that is gone or wrong, as where two files have one number, stands in nobody's way; one that is
 * named must be there, and that of `--use-file` be right.
 */
async function folderFor(
  { readFolder }: DatabaseSession,
  { migrations, useFile }: RollbackFlags,
): Promise<MigrationFolder | undefined> {
  if (useFile) return await readFolder()
  try {
    return await readFolder()
  } catch (error) {
    if (migrations !== undefined && !(isPoststackError(error) && error.code === 'MIGRATION_INVALID')) throw error
    return undefined
  }
}

/** The newest one of a database of the stack's own is taken back without a question, as often as one works on it. */
async function agreeTo(
  { rollbacks }: RollbackPreview,
  session: DatabaseSession,
  given: boolean,
): Promise<readonly string[] | undefined> {
  if (rollbacks.length === 0 || (rollbacks.length === 1 && session.target.owned)) return undefined
  await agree(session, {
    given,
    deed: `roll back ${counted(rollbacks.length, 'migration')}`,
    lines: rollbacks.map(({ name, version }) => `${version}_${name}`),
    question: 'Roll back?',
  })
  return rollbacks.map(({ version }) => version)
}
