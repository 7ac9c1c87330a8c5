/**
 * Sessions that hear when they are to stop. A session alone hears the signal only until it is connected, and a question may wait for as long
 * as somebody holds a lock.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { interruption, onAbort, throwIfAborted } from '../abort.ts'
import type { Connection } from './connection.ts'

const askAgainMs = 100

/**
 * Asks the server to stop until the work is over: a request that comes between two statements, or before the server has begun with one,
 * stops nothing. Once it has returned, no request is on its way that could hit what comes next.
 */
export async function cancelUntil(session: Pick<Connection, 'cancel'>, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    // oxlint-disable-next-line no-await-in-loop -- one request after the other
    await session.cancel()
    // oxlint-disable-next-line no-await-in-loop
    await sleep(askAgainMs, undefined, { signal: over }).catch(() => undefined)
  }
}

/**
 * A session for questions: the one that runs when the signal is given is cancelled, none is asked after that, and both fail with the
 * interruption. Not for one that has to clear something away at its end.
 */
export function heeding(session: Connection, signal: AbortSignal): Connection {
  const ask = async <T>(question: () => Promise<T>): Promise<T> => {
    throwIfAborted(signal)
    const over = new AbortController()
    const forget = onAbort(signal, () => void cancelUntil(session, over.signal))
    try {
      return await question()
    } catch (error) {
      throw signal.aborted ? interruption(signal) : error
    } finally {
      forget()
      over.abort()
    }
  }
  return {
    ...session,
    query: async (text, values) => await ask(() => session.query(text, values)),
    script: async (text, copies) => await ask(() => session.script(text, copies)),
    answers: async (text) => await ask(() => session.answers(text)),
    syntaxError: async (text) => await ask(() => session.syntaxError(text)),
  }
}
