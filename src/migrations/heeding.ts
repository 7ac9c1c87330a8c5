/**
 * Sessions that hear when they are to stop. A session alone hears the signal only until it is connected, and a question may wait for as long
 * as somebody holds a lock.
 */
import { interruption, onAbort, throwIfAborted } from '../abort.ts'
import type { Connection } from './connection.ts'

/**
 * A session for questions: the one that runs when the signal is given is cancelled, none is asked after that, and both fail with the
 * interruption. Not for one that has to clear something away at its end.
 */
export function heeding(session: Connection, signal: AbortSignal): Connection {
  const ask = async <T>(question: () => Promise<T>): Promise<T> => {
    throwIfAborted(signal)
    const forget = onAbort(signal, () => void session.cancel())
    try {
      return await question()
    } catch (error) {
      throw signal.aborted ? interruption(signal) : error
    } finally {
      forget()
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
