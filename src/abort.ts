/**
 * Stopping: what a call fails with when it is told to, and waits that end with it.
 */
import { isPoststackError, PoststackError, type PoststackErrorOptions } from './errors.ts'

/** The caller's own error when it gave one as the reason of the abort, so that SIGTERM does not end up as SIGINT. */
export function interruption(signal: AbortSignal): PoststackError {
  const reason: unknown = signal.reason
  return isPoststackError(reason) ? reason : new PoststackError('INTERRUPTED', 'Stopped on request.', { cause: reason })
}

/** The same with what state things are in, as half a sentence, and where to go on from it. */
export function interruptionWith(
  signal: AbortSignal,
  state: string,
  { hint, details = {} }: Pick<PoststackErrorOptions, 'hint' | 'details'>,
): PoststackError {
  const reason = interruption(signal)
  return new PoststackError(reason.code, `${reason.message.replace(/\.$/, '')}: ${state}`, {
    hint: reason.hint ?? hint,
    details: { ...reason.details, ...details },
    cause: reason,
  })
}

export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw interruption(signal)
}

const waiting = new WeakMap<AbortSignal, Set<() => void>>()

/**
 * Calls `stop` when the signal is given; the result takes it back. All calls of a run share one signal, and Node prints a warning when
 * one signal has more than ten listeners, so there is one listener that tells the others.
 */
export function onAbort(signal: AbortSignal, stop: () => void): () => void {
  const stops = waiting.get(signal) ?? new Set()
  if (!waiting.has(signal)) {
    waiting.set(signal, stops)
    const tellAll = () => {
      for (const one of stops) one()
    }
    signal.addEventListener('abort', tellAll, { once: true })
  }
  stops.add(stop)
  return () => {
    stops.delete(stop)
  }
}

/** What `look` says in the very moment of the signal; at once if that was given before. */
export function given<Seen>(signal: AbortSignal, look: () => Seen): Promise<Seen> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(look())
    else onAbort(signal, () => resolve(look()))
  })
}

/** What the work comes to, or the interruption when the signal is given before; the work itself goes on. */
export function orInterrupted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(interruption(signal))
    const forget = onAbort(signal, stop)
    work.then(resolve, reject).finally(forget)
    if (signal.aborted) stop()
  })
}

/** Waits, but not longer than the signal allows. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(interruption(signal))
      return
    }
    const forget = onAbort(signal, () => {
      forget()
      clearTimeout(timer)
      reject(interruption(signal))
    })
    const timer = setTimeout(() => {
      forget()
      resolve()
    }, milliseconds)
  })
}
