/**
 * How long a call may go on. One of an engine that is cut off goes on inside the engine, and what takes it back would meet an object that
 * is only half there; so after an interruption a call is let come to its end first.
 */
import { onAbort } from '../abort.ts'
import { PoststackError } from '../errors.ts'

export interface Linger {
  readonly signal: AbortSignal
  /** Lets go of what would abort it, which may outlive many runs. */
  readonly end: () => void
}

/** Aborted so long after the other one, with the same reason. */
export function linger(signal: AbortSignal, ms: number): Linger {
  const late = new AbortController()
  const abortLater = (): void => {
    // Unreferenced: when the call is over, the program need not wait for this.
    setTimeout(() => {
      late.abort(signal.reason)
    }, ms).unref()
  }
  const forget = onAbort(signal, abortLater)
  if (signal.aborted) abortLater()
  return { signal: late.signal, end: forget }
}

/** Aborted so long from now, whatever is interrupted. */
export function deadline(ms: number): Linger {
  const over = new AbortController()
  const timer = setTimeout(() => {
    over.abort(
      new PoststackError('STEP_FAILED', `It was not done after ${String(ms / 1000)} seconds.`, {
        hint: 'See what is there with poststack status, and run the command again: it goes on from there.',
      }),
    )
  }, ms)
  return {
    signal: over.signal,
    end: () => {
      clearTimeout(timer)
    },
  }
}
