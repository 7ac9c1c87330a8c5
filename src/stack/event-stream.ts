/**
 * Events for whoever asks for them one after the other, beside the one who is called with each.
 */
import { onAbort } from '../abort.ts'
import type { Emit, StackEvent } from '../events.ts'

export interface EventStreams {
  /** Tells the one who is called, and everybody who listens. */
  readonly emit: Emit
  /** Hears what is said from now on; what is not asked for yet is kept. Ends with the first of the signals, and when all end. */
  listen(...signals: readonly (AbortSignal | undefined)[]): AsyncIterableIterator<StackEvent>
  /** Whoever listens gets what is left, and then the end. */
  endAll(): void
}

interface Listener {
  readonly hear: Emit
  readonly end: () => void
}

export function createEventStreams(emit: Emit): EventStreams {
  const listeners = new Set<Listener>()
  return {
    emit: (event) => {
      try {
        emit(event)
      } finally {
        for (const { hear } of listeners) hear(event)
      }
    },
    listen: (...signals) => {
      const given = signals.filter((signal) => signal !== undefined)
      const { listener, stream } = createStream(() => {
        listeners.delete(listener)
        for (const each of forget) each()
      })
      const forget = given.map((signal) => onAbort(signal, listener.end))
      listeners.add(listener)
      if (given.some(({ aborted }) => aborted)) listener.end()
      return stream
    },
    endAll: () => {
      for (const { end } of listeners) end()
    },
  }
}

type Answer = IteratorResult<StackEvent, undefined>

/** `onEnd` is called once. */
function createStream(onEnd: () => void): {
  readonly listener: Listener
  readonly stream: AsyncIterableIterator<StackEvent>
} {
  const kept: StackEvent[] = []
  const waiting: ((answer: Answer) => void)[] = []
  let hasEnded = false
  const ended: Answer = { done: true, value: undefined }
  const end = (): void => {
    if (hasEnded) return
    hasEnded = true
    for (const answer of waiting.splice(0)) answer(ended)
    onEnd()
  }
  const stream: AsyncIterableIterator<StackEvent> = {
    next: () => {
      const value = kept.shift()
      if (value !== undefined) return Promise.resolve({ done: false, value })
      return hasEnded ? Promise.resolve(ended) : new Promise((resolve) => waiting.push(resolve))
    },
    return: () => {
      kept.length = 0
      end()
      return Promise.resolve(ended)
    },
    [Symbol.asyncIterator]: () => stream,
  }
  const hear = (value: StackEvent): void => {
    const answer = waiting.shift()
    if (answer === undefined) kept.push(value)
    else answer({ done: false, value })
  }
  return { listener: { hear, end }, stream }
}
