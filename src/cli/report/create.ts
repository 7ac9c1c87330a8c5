/** The reporter that was asked for. */
import type { Io } from '../context.ts'
import type { CommonFlags } from '../flags.ts'
import { createHumanReporter } from './human.ts'
import { createJsonReporter } from './json.ts'
import { withLog } from './logged.ts'
import type { Reporter } from './reporter.ts'

export function createReporter(io: Io, flags: Pick<CommonFlags, 'json' | 'color' | 'verbose' | 'quiet'>): Reporter {
  return withLog(flags.json ? createJsonReporter(io, flags.verbose) : createHumanReporter(io, flags), io)
}
