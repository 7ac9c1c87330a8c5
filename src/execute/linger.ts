/**
 * Interruptions that leave a moment to finish. A call of an engine that is cut off goes on inside the engine, and what takes
 * it back would meet an object that is only half there; so short calls are let come to their end first.
 */

export interface Linger {
  /** Aborted so long after the other one, with the same reason. */
  readonly signal: AbortSignal
  /** Lets go of the other signal, which may outlive many runs. */
  readonly end: () => void
}

export function linger(signal: AbortSignal, ms: number): Linger {
  const late = new AbortController()
  const abortLater = (): void => {
    // Unreferenced: when the call is over, the program need not wait for this.
    setTimeout(() => {
      late.abort(signal.reason)
    }, ms).unref()
  }
  if (signal.aborted) abortLater()
  else signal.addEventListener('abort', abortLater, { once: true })
  return {
    signal: late.signal,
    end: () => {
      signal.removeEventListener('abort', abortLater)
    },
  }
}
