/**
 * What a call of a runtime fails with when it is told to stop.
 */
import { isPoststackError, PoststackError } from '../errors.ts'

/** The caller's own error when it gave one as the reason of the abort, so that SIGTERM does not end up as SIGINT. */
export function interruption(signal: AbortSignal): PoststackError {
  const reason: unknown = signal.reason
  return isPoststackError(reason) ? reason : new PoststackError('INTERRUPTED', 'Stopped on request.', { cause: reason })
}

export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw interruption(signal)
}

/** Waits, but not longer than the signal allows. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(interruption(signal))
      return
    }
    const stop = () => {
      clearTimeout(timer)
      reject(interruption(signal))
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop)
      resolve()
    }, milliseconds)
    signal.addEventListener('abort', stop, { once: true })
  })
}
