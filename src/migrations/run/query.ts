/**
 * SQL that a person wants run, apart from any migration.
 */
import { onAbort, throwIfAborted } from '../../abort.ts'
import { PoststackError } from '../../errors.ts'
import { cancelUntil } from '../heeding.ts'
import { type Answer, type Connection, isServerError, type ServerError } from '../connection.ts'
import { codeFrame, placeAt } from '../sql/frame.ts'
import { indexOfCharacter } from '../sql/locate.ts'

/**
 * Sends the whole text at once, so that several statements share a transaction unless they say otherwise. Fails with `QUERY_FAILED`, and
 * with the signal's reason after the server was asked to stop.
 */
export async function runQuery(connection: Connection, text: string, signal: AbortSignal): Promise<readonly Answer[]> {
  throwIfAborted(signal)
  const over = new AbortController()
  const forget = onAbort(signal, () => void cancelUntil(connection, over.signal))
  try {
    return await connection.answers(text)
  } catch (error) {
    throwIfAborted(signal)
    throw isServerError(error) ? queryFailed(text, error) : error
  } finally {
    forget()
    over.abort()
  }
}

/** What the server has against a text, with the place in it. */
export function queryFailed(text: string, error: ServerError): PoststackError {
  const { code, detail, hint, message } = error
  const position = Number(error.position)
  const place = position > 0 ? placeAt(text, indexOfCharacter(text, position)) : undefined
  const frame = place === undefined ? [] : ['', codeFrame(text, place)]
  const more = detail === undefined || detail === '' ? [] : [detail]
  return new PoststackError('QUERY_FAILED', [`${message} (SQLSTATE ${code})`, ...more, ...frame].join('\n'), {
    hint: hint === undefined || hint === '' ? undefined : hint,
    details: { sqlstate: code, ...(place === undefined ? {} : { line: place.line, column: place.column }) },
    cause: error,
  })
}
