import { resolve } from 'node:path'

import { PoststackError } from '../../errors.ts'
import type { Context } from '../context.ts'
import type { CommonFlags } from '../flags.ts'
import { exitCodeOfReport, gatherReport } from '../page/gather.ts'
import { reportPage } from '../page/page.ts'
import { refuseOthers, writePage } from '../page/write.ts'
import { logPlace } from '../report/logged.ts'
import { gapsText, reportText } from '../report/report-words.ts'
import { runSession } from '../session.ts'

interface ReportFlags extends CommonFlags {
  readonly html?: string
}

/** `poststack report` */
export async function report(this: Context, flags: ReportFlags): Promise<void> {
  const { io } = this
  await runSession(this, flags, async ({ report: reporter, stack }) => {
    const toStdout = flags.html === '-'
    if (toStdout && flags.json) {
      throw new PoststackError('USAGE', '--html - and --json both want stdout.', {
        hint: 'Write the page into a file, or leave --json out.',
      })
    }
    const file = toStdout || flags.html === undefined ? undefined : resolve(io.cwd, flags.html)
    if (file !== undefined) await refuseOthers(file)
    const { folder: logs } = logPlace(stack.config, flags.logLevel)
    const found = await gatherReport(stack, { flags, io, report: reporter, logs, now: new Date() })
    const page = flags.html === undefined ? undefined : reportPage(found)
    if (page !== undefined && file !== undefined) await writePage(file, page)
    const document = { type: 'report', ...found, ...(file === undefined ? {} : { file }) } as const
    if (toStdout && page !== undefined) {
      io.stdout.write(page)
      const gaps = gapsText(found).trim()
      if (gaps !== '') reporter.say(gaps)
    } else reporter.result(document, reportText(document, page))
    return exitCodeOfReport(found)
  })
}
