import { ExitCode } from '../../../errors.ts'
import { findLogs, type LogCategory } from '../../../execute/log/log-files.ts'
import type { Context } from '../../context.ts'
import type { CommonFlags } from '../../flags.ts'
import { runLogs } from '../../logs-session.ts'
import { logListText } from '../../report/log-words.ts'

interface ListFlags extends CommonFlags {
  readonly category?: LogCategory
}

/** `poststack logs list` */
export async function list(this: Context, flags: ListFlags): Promise<void> {
  await runLogs(this, flags, async ({ folder, report }) => {
    const files = await findLogs(folder)
    const wanted = files.filter(({ category }) => flags.category === undefined || category === flags.category)
    const document = { type: 'log-list', folder, files: wanted } as const
    report.result(document, logListText(document))
    return ExitCode.ok
  })
}
