/**
 * One look at a database, which always ends: with the signal, and when the server leaves a question unanswered.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { orInterrupted, throwIfAborted } from '../../abort.ts'
import { type ErrorCode, isPoststackError } from '../../errors.ts'
import { type Connection, isServerError } from '../../migrations/connection.ts'
import { connect, type ConnectTarget } from './database.ts'
import { answersTooLate } from './errors.ts'

/** How long a server may take to be told that nobody waits for its answer any more. */
const askToStopMs = 500

/** Why a look came to nothing. */
export interface NoLook {
  readonly code: ErrorCode
  readonly reason: string
}

export interface LookOptions {
  readonly signal: AbortSignal
  /** For each answer. */
  readonly answerMs: number
}

/** What a look gives, or why it cannot be had. Only the signal makes it fail. */
export async function lookAt<Result>(
  target: ConnectTarget,
  options: LookOptions,
  look: (session: Connection) => Promise<Result>,
): Promise<Result | NoLook> {
  let session: Connection | undefined
  try {
    session = await connect(target, options.signal)
    return await look(impatient(session, target, options))
  } catch (error) {
    throwIfAborted(options.signal)
    if (isPoststackError(error)) return { code: error.code, reason: error.message }
    if (isServerError(error)) return { code: 'DATABASE_UNREACHABLE', reason: error.message }
    throw error
  } finally {
    await session?.close()
  }
}

export type ProbeResult = { readonly ready: true } | ({ readonly ready: false } & NoLook)

/** Looks once whether the database answers a query as this role. Only the signal makes it fail. */
export async function probePostgres(target: ConnectTarget, signal: AbortSignal): Promise<ProbeResult> {
  const answer = await lookAt(target, { signal, answerMs: target.connectTimeoutMs }, (session) =>
    session.query('SELECT 1'),
  )
  return 'code' in answer ? { ready: false, ...answer } : { ready: true }
}

/** By a limit of our own, not by the server's settings: a server that is stalled heeds none, and a pooler would hand them on to others. */
function impatient(session: Connection, target: ConnectTarget, { answerMs, signal }: LookOptions): Connection {
  const within = async <Answer>(asked: Promise<Answer>): Promise<Answer> => {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(answerMs)])
    try {
      return await orInterrupted(asked, limited)
    } catch (error) {
      if (!limited.aborted) throw error
      // It would go on waiting for a lock there when nobody listens any more.
      await Promise.race([session.cancel(), sleep(askToStopMs)])
      throwIfAborted(signal)
      throw answersTooLate(target, answerMs)
    }
  }
  return {
    ...session,
    query: (text, values) => within(session.query(text, values)),
    script: (text, copies) => within(session.script(text, copies)),
    answers: (text) => within(session.answers(text)),
    syntaxError: (text) => within(session.syntaxError(text)),
  }
}
