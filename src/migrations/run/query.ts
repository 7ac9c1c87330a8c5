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
    throw isServerError(error) ? (meantForPsql(text, error) ?? queryFailed(text, error)) : error
  } finally {
    forget()
    over.abort()
  }
}

/** What psql alone does: its own commands, and rows that come from a file. */
function meantForPsql(text: string, error: ServerError): PoststackError | undefined {
  const options = { details: { sqlstate: error.code }, cause: error }
  // The client's own words, which the server repeats in any language.
  if (error.message.includes('No source stream defined'))
    return new PoststackError('QUERY_FAILED', 'COPY … FROM stdin waits for rows, and a query brings none.', {
      ...options,
      hint: String.raw`Have psql read them: poststack psql -- -c '\copy <table> from rows.csv csv'`,
    })
  const failed = queryFailed(text, error)
  const position = Number(error.position)
  if (error.code !== '42601' || text[indexOfCharacter(text, position)] !== '\\') return undefined
  return new PoststackError('QUERY_FAILED', failed.message, {
    ...options,
    details: failed.details,
    hint: String.raw`What begins with \ is a command of psql, which this is not: poststack psql -- -c '\d'`,
  })
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
