/**
 * What the commands of group `logs` share: the folder, without a look into the config, which may be what is broken.
 */
import { readEnvironment } from '../config/environment/environment.ts'
import type { ExitCode } from '../errors.ts'
import type { Context, Io } from './context.ts'
import type { CommonFlags } from './flags.ts'
import { createReporter } from './report/create.ts'
import { logPlace } from './report/logged.ts'
import type { Reporter } from './report/reporter.ts'
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
    const environment = await readEnvironment({ cwd: io.cwd, env: io.env, configFile: flags.config })
    context.exitCode = await command({ folder: logPlace(environment).folder, report, io })
  } catch (error) {
    context.exitCode = fail(error, io.signal, report)
  } finally {
    report.close()
  }
}
