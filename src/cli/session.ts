/**
 * What all commands share: open the stack, report, turn what comes of it into an exit code.
 */
import { errorCodes, ExitCode, exitCodeOf, isPoststackError, recordError, type ErrorRecord } from '../errors.ts'
import type { Outcome } from '../events.ts'
import { openStack, type Stack } from '../stack.ts'
import { configOptions } from './config-options.ts'
import type { Context, Io } from './context.ts'
import type { CommonFlags } from './flags.ts'
import { createReporter } from './report/create.ts'
import { logPlace } from './report/logged.ts'
import type { Reporter } from './report/reporter.ts'
import { isInterruption } from './report/words.ts'

export interface Session {
  readonly stack: Stack
  readonly report: Reporter
}

/** Opens the stack, runs the command, reports whatever fails, and leaves the exit code in the context. */
export async function runSession(
  context: Context,
  flags: CommonFlags,
  command: (session: Session) => Promise<number>,
): Promise<void> {
  const { io } = context
  const report = createReporter(io, flags)
  let stack: Stack | undefined
  try {
    stack = await openDeclared(flags, io, report)
    context.exitCode = await command({ stack, report })
  } catch (error) {
    context.exitCode = fail(error, io.signal, report)
  } finally {
    await stack?.close()
    report.close()
  }
}

/** The stack that the flags lead to. */
export async function openDeclared(flags: CommonFlags, io: Io, report: Reporter): Promise<Stack> {
  const stack = await openStack({
    ...configOptions(flags, io),
    emit: report.event,
    signal: io.signal,
  })
  report.keepLog(logPlace(stack.config, flags.logLevel))
  return stack
}

/** Reports what a command failed with, and gives its exit code. */
export function fail(error: unknown, signal: AbortSignal, report: Reporter): ExitCode {
  // Whatever broke because everything was told to stop is the interruption, not an error of its own; one that says how far it came is it.
  const told = isPoststackError(error) && isInterruption(error.code)
  const cause: unknown = signal.aborted && !told ? signal.reason : error
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
  if (kind === 'wait')
    return {
      code: 'NOT_CONVERGED',
      message: `${subject} was ready, and is so no more: ${cause.text}`,
      hint: `see why: poststack container health ${subject.replace('service:', '')}`,
      details: { subject, kind, changes: cause.changes },
    }
  return {
    code: 'NOT_CONVERGED',
    message: `${subject} did not stay as declared; a second look would ${kind} again: ${cause.text}`,
    hint: 'run it again; if it says the same, and nothing else touches the stack, it is a bug of Poststack',
    details: { subject, kind, changes: cause.changes },
  }
}
