import { ExitCode } from '../../../errors.ts'
import type { LogLevel } from '../../../config/choices.ts'
import type { LogEntry } from '../../../execute/log/lines.ts'
import { type LogCategory, logCategories } from '../../../execute/log/log-files.ts'
import { followLog, readLog } from '../../../execute/log/read-log.ts'
import type { Context } from '../../context.ts'
import type { CommonFlags } from '../../flags.ts'
import { runLogs } from '../../logs-session.ts'
import { logEntryText } from '../../report/log-words.ts'

interface ShowFlags extends CommonFlags {
  readonly category?: LogCategory
  readonly run?: string
  readonly level?: LogLevel
  readonly tail?: number
  readonly follow: boolean
}

const shownLines = 100

/** `poststack logs show` */
export async function show(this: Context, flags: ShowFlags): Promise<void> {
  await runLogs(this, flags, async ({ folder, io, report }) => {
    const { category, follow, level, run, tail = run === undefined ? shownLines : Number.MAX_SAFE_INTEGER } = flags
    let isSilent = true
    const request = {
      folder,
      categories: category === undefined ? logCategories : [category],
      filter: { level, run },
      tail,
      onEntry: (entry: LogEntry) => {
        isSilent = false
        report.result({ type: 'log-entry', entry }, `${logEntryText(entry)}\n`)
      },
    }
    // Ctrl-C is how one stops to follow, and nothing that went wrong.
    if (follow) await followLog(request, AbortSignal.any([io.signal, io.unread]))
    else await readLog(request)
    if (isSilent) report.event({ type: 'notice', message: noLines(flags, folder) })
    return ExitCode.ok
  })
}

function noLines({ category, level, run }: ShowFlags, folder: string): string {
  const asked = [
    ...(run === undefined ? [] : [`of run ${run}`]),
    ...(level === undefined ? [] : [`of level ${level} or above`]),
    ...(category === undefined ? [] : [`of category ${category}`]),
  ]
  return `no lines ${[...asked, `in ${folder}`].join(' ')}`
}
