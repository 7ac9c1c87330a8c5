/**
 * Interruptions that leave a moment to finish. A call of an engine that is cut off goes on inside the engine, and what takes
 * it back would meet an object that is only half there; so short calls are let come to their end first.
 */

/** A signal that aborts `ms` after the other one does, with the same reason. */
export function linger(signal: AbortSignal, ms: number): AbortSignal {
  const late = new AbortController()
  const abortLater = (): void => {
    // Unreferenced: when the call is over, the program need not wait for this.
    setTimeout(() => {
      late.abort(signal.reason)
    }, ms).unref()
  }
  if (signal.aborted) abortLater()
  else signal.addEventListener('abort', abortLater, { once: true })
  return late.signal
}
