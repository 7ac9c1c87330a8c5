/**
 * What the commands of group `logs` share: the folder, also where the config is what is broken.
 */
import { resolve } from 'node:path'

import { filledVariable, readEnvironment } from '../config/environment/environment.ts'
import { logsOf } from '../config/logs.ts'
import { type ExitCode, isPoststackError } from '../errors.ts'
import { readConfig } from '../stack/read-config.ts'
import { configOptions } from './config-options.ts'
import type { Context, Io } from './context.ts'
import type { CommonFlags } from './flags.ts'
import { createReporter } from './report/create.ts'
import type { Reporter } from './report/reporter.ts'
import { isInterruption } from './report/words.ts'
import { fail } from './session.ts'

export interface LogsSession {
  /** Absolute path; it need not be there. */
  readonly folder: string
  readonly report: Reporter
  readonly io: Io
}

export async function runLogs(
  context: Context,
  flags: CommonFlags,
  command: (session: LogsSession) => Promise<ExitCode>,
): Promise<void> {
  const { io } = context
  const report = createReporter(io, flags)
  try {
    context.exitCode = await command({ folder: await folderOf(flags, io, report), report, io })
  } catch (error) {
    context.exitCode = fail(error, io.signal, report)
  } finally {
    report.close()
  }
}

/** A variable wins over the config, which then need not be read. */
async function folderOf(flags: CommonFlags, io: Io, report: Reporter): Promise<string> {
  const { cwd, env, signal } = io
  const { root, variables } = await readEnvironment({ cwd, env, signal, configFile: flags.config })
  const said = filledVariable(variables, 'LOG_DIR')
  if (said !== undefined) return resolve(root, said.value)
  const usual = logsOf({}, root)
  try {
    // What it says of itself belongs to commands that are about it.
    const read = await readConfig(configOptions(flags, io), { emit: () => undefined, signal: io.signal })
    return (read.parsed.config.logs ?? usual).folder
  } catch (error) {
    if (!isPoststackError(error) || isInterruption(error.code)) throw error
    const [first = ''] = error.message.split('\n')
    report.event({
      type: 'warning',
      message: `the config cannot be read, so this is about the usual folder for logs (${error.code}: ${first})`,
    })
    return usual.folder
  }
}
