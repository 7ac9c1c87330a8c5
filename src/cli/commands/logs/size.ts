import { ExitCode } from '../../../errors.ts'
import { findLogs } from '../../../execute/log/log-files.ts'
import type { Context } from '../../context.ts'
import type { CommonFlags } from '../../flags.ts'
import { runLogs } from '../../logs-session.ts'
import { logSizes, logSizeText } from '../../report/log-words.ts'

/** `poststack logs size` */
export async function size(this: Context, flags: CommonFlags): Promise<void> {
  await runLogs(this, flags, async ({ folder, report }) => {
    const document = { type: 'log-size', folder, ...logSizes(await findLogs(folder)) } as const
    report.result(document, logSizeText(document))
    return ExitCode.ok
  })
}
