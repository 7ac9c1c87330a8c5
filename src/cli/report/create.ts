/** The reporter that was asked for. */
import type { Io } from '../context.ts'
import type { CommonFlags } from '../flags.ts'
import { createHumanReporter } from './human.ts'
import { createJsonReporter } from './json.ts'
import type { Reporter } from './reporter.ts'

export function createReporter(io: Io, flags: Pick<CommonFlags, 'json' | 'color' | 'verbose'>): Reporter {
  return flags.json ? createJsonReporter(io) : createHumanReporter(io, flags)
}
