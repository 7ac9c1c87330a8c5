import { ExitCode } from '../../../errors.ts'
import { deleteLog, findLogs, oldLogs } from '../../../execute/log/log-files.ts'
import type { Context } from '../../context.ts'
import type { CommonFlags } from '../../flags.ts'
import { runLogs } from '../../logs-session.ts'
import { logCleanText } from '../../report/log-words.ts'

interface CleanFlags extends CommonFlags {
  readonly days?: number
  readonly dryRun: boolean
}

const usualDays = 7

/** `poststack logs clean` */
export async function clean(this: Context, flags: CleanFlags): Promise<void> {
  await runLogs(this, flags, async ({ folder, report }) => {
    const { days = usualDays, dryRun } = flags
    const files = oldLogs(await findLogs(folder), days, new Date())
    if (!dryRun) for (const file of files) await deleteLog(file)
    const bytes = files.reduce((total, file) => total + file.bytes, 0)
    const document = { type: 'log-clean', folder, files, dryRun, bytes } as const
    report.result(document, logCleanText(document))
    return ExitCode.ok
  })
}
