/** The reporter that was asked for. */
import type { Io } from '../context.ts'
import { createHumanReporter } from './human.ts'
import { createJsonReporter } from './json.ts'
import { withLog } from './logged.ts'
import type { Reporter, ReportFlags } from './reporter.ts'

export function createReporter(io: Io, flags: ReportFlags): Reporter {
  return withLog(flags.json ? createJsonReporter(io, flags) : createHumanReporter(io, flags), io)
}
