/**
 * What all commands share: open the stack, report, turn what comes of it into an exit code.
 */
import { errorCodes, ExitCode, exitCodeOf, isPoststackError, recordError, type ErrorRecord } from '../errors.ts'
import type { Outcome } from '../events.ts'
import { openStack, type Stack } from '../stack.ts'
import type { Context } from './context.ts'
import type { CommonFlags } from './flags.ts'
import { createReporter } from './report/create.ts'
import type { Reporter } from './report/reporter.ts'

export interface Session {
  readonly stack: Stack
  readonly report: Reporter
}

/** Opens the stack, runs the command, reports whatever fails, and leaves the exit code in the context. */
export async function runSession(
  context: Context,
  flags: CommonFlags,
  command: (session: Session) => Promise<ExitCode>,
): Promise<void> {
  const { io } = context
  const report = createReporter(io, flags)
  let stack: Stack | undefined
  try {
    stack = await openStack({
      cwd: io.cwd,
      configFile: flags.config,
      mode: flags.mode,
      env: io.env,
      allowAll: flags.allowAll,
      runtime: flags.runtime,
      emit: report.event,
      signal: io.signal,
    })
    context.exitCode = await command({ stack, report })
  } catch (error) {
    context.exitCode = fail(error, io.signal, report)
  } finally {
    await stack?.close()
    report.close()
  }
}

function fail(error: unknown, signal: AbortSignal, report: Reporter): ExitCode {
  // Whatever broke because everything was told to stop is the interruption, not an error of its own.
  const cause: unknown = signal.aborted ? signal.reason : error
  if (isPoststackError(cause)) report.error(recordError(cause))
  else report.bug(cause)
  return exitCodeOf(cause)
}

/** Reports an outcome and gives its exit code: that of the interruption, or of the first step that failed. */
export function finish(outcome: Outcome, { report }: Session, signal: AbortSignal): ExitCode {
  for (const left of outcome.remaining) report.error(notConverged(left))
  report.outcome(outcome)
  if (outcome.ok) return ExitCode.ok
  const reason: unknown = signal.reason
  if (signal.aborted) return exitCodeOf(reason)
  const failed: ErrorRecord | undefined = outcome.results.find(({ error }) => error !== undefined)?.error
  return failed === undefined ? ExitCode.stepFailed : errorCodes[failed.code]
}

/** Everything was done, and yet a second look finds a difference: something outside changed it, or Poststack has a bug. */
function notConverged({ subject, kind, cause }: Outcome['remaining'][number]): ErrorRecord {
  return {
    code: 'NOT_CONVERGED',
    message: `${subject} did not stay as declared; a second look would ${kind} again: ${cause.text}`,
    hint: 'run it again; if it says the same, and nothing else touches the stack, it is a bug of Poststack',
    details: { subject, kind, changes: cause.changes },
  }
}
