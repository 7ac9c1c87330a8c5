/**
 * What a server's answers tell about its session, heard beside pg: whether a transaction is open, and whether an error was the
 * session's end.
 */
import type { Client } from 'pg'
import type { ServerError } from '../../migrations/connection.ts'
import type { SessionState } from './query.ts'

export interface Answers extends SessionState {
  /** In a transaction that has not failed. */
  readonly inOpenTransaction: () => boolean
  readonly forget: () => void
}

/**
 * By its code nobody can tell an error that ends the session: a statement that speaks to another server fails with the same
 * ones, and any function may raise them. The server says it by its severity, in its language; and by what comes next, which is
 * that it is ready again, or that it hangs up.
 */
export function watchAnswers(client: Client): Answers {
  const wire = client.connection
  let status = 'I'
  let failed = false
  let ended = false
  let waiting: (() => void)[] = []
  const tell = (): void => {
    const told = waiting
    waiting = []
    for (const one of told) one()
  }
  const onError = (): void => {
    failed = true
  }
  const onReady = (message: { readonly status: string }): void => {
    status = message.status
    failed = false
    tell()
  }
  const onEnd = (): void => {
    ended = true
    tell()
  }
  // First in the row of listeners: pg tells its query from its own, and that one already asks.
  wire.prependListener('errorMessage', onError)
  wire.prependListener('readyForQuery', onReady)
  wire.prependListener('end', onEnd)
  return {
    inTransaction: () => status !== 'I',
    inOpenTransaction: () => status === 'T',
    survives: async ({ severity }: ServerError) => {
      if (severity === 'FATAL' || severity === 'PANIC') return false
      if (failed && !ended) await new Promise<void>((resolve) => waiting.push(resolve))
      return !ended
    },
    forget: () => {
      wire.removeListener('errorMessage', onError)
      wire.removeListener('readyForQuery', onReady)
      wire.removeListener('end', onEnd)
    },
  }
}
