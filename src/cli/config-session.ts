/**
 * What the commands about the config itself share. They open no stack: a config that can be read is all that they need.
 */
import { setMaxListeners } from 'node:events'

import type { ExitCode } from '../errors.ts'
import { readConfig, type ReadConfig } from '../stack/read-config.ts'
import { configOptions } from './config-options.ts'
import type { Context, Io } from './context.ts'
import type { CommonFlags } from './flags.ts'
import { createReporter } from './report/create.ts'
import type { Reporter } from './report/reporter.ts'
import { fail } from './session.ts'

export interface ConfigSession {
  readonly flags: CommonFlags
  readonly io: Io
  readonly report: Reporter
}

export async function runConfig(
  context: Context,
  flags: CommonFlags,
  command: (session: ConfigSession) => Promise<ExitCode>,
): Promise<void> {
  const signal = AbortSignal.any([context.io.signal])
  setMaxListeners(0, signal)
  const io = { ...context.io, signal }
  const report = createReporter(io, flags)
  try {
    context.exitCode = await command({ flags, io, report })
  } catch (error) {
    context.exitCode = fail(error, signal, report)
  } finally {
    report.close()
  }
}

export function readDeclared({ flags, io, report }: ConfigSession): Promise<ReadConfig> {
  return readConfig(configOptions(flags, io), { emit: report.event, signal: io.signal })
}
