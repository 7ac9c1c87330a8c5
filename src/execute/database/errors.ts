/**
 * Why a database does not let us in, in words a person can act on. Nothing of a password gets into them.
 */
import { PoststackError } from '../../errors.ts'
import { isServerError, type ServerError } from '../../migrations/connection.ts'

/** The way in, as far as messages may tell it. */
export interface ConnectPlace {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
}

/** Sorts what went wrong while connecting: password, database, or no way to the server. */
export function connectFailed(error: unknown, place: ConnectPlace): PoststackError {
  const details = { host: place.host, port: place.port, user: place.user, database: place.database }
  const at = `${place.host}:${place.port}`
  if (isServerError(error)) return serverSaysNo(error, at, details)
  if (error instanceof Error && error.message.includes('client password must be a')) {
    const message = `The server at ${at} asks for the password of role "${place.user}", and none is known.`
    return new PoststackError('PASSWORD_REJECTED', message, {
      hint: 'Give the password in the config or in the URL.',
      details,
      cause: error,
    })
  }
  const { reason, hint } = unreachable(error)
  return new PoststackError('DATABASE_UNREACHABLE', `The server at ${at} cannot be reached: ${reason}.`, {
    hint,
    details: { ...details, reason: codeOf(error) },
    cause: error,
  })
}

/** A server that let us in and then says nothing. */
export function answersTooLate({ host, port, user, database }: ConnectPlace, ms: number): PoststackError {
  const message = `The server at ${host}:${port} has not answered within ${String(ms / 1000)} s: it is stalled, or somebody holds a lock on what was asked for.`
  return new PoststackError('DATABASE_UNREACHABLE', message, {
    hint: 'See in pg_stat_activity who waits and who holds a lock.',
    details: { host, port, user, database },
  })
}

/** A session that ended while it was used. */
export function connectionEnded(cause: unknown): PoststackError {
  const reason = cause instanceof Error && cause.message !== '' ? cause.message.replace(/\.$/, '') : 'it was closed'
  return new PoststackError('DATABASE_UNREACHABLE', `The connection to the database was lost: ${reason}.`, {
    hint: 'See why the server or the network went away, then run again.',
    cause,
  })
}

function serverSaysNo(
  error: ServerError,
  at: string,
  place: { readonly user: string; readonly database: string },
): PoststackError {
  const options = { details: { ...place, sqlstate: error.code }, cause: error }
  switch (error.code) {
    case '28P01':
    case '28000':
      return new PoststackError(
        'PASSWORD_REJECTED',
        `The server at ${at} does not let role "${place.user}" in: ${error.message}.`,
        {
          ...options,
          hint: 'Check the role and its password. An existing data directory keeps the password it was made with.',
        },
      )
    case '3D000':
      return new PoststackError('DATABASE_MISSING', `The server at ${at} has no database "${place.database}".`, {
        ...options,
        hint: `Create it (CREATE DATABASE "${place.database}"), or correct the name.`,
      })
    case '57P03':
      return new PoststackError(
        'DATABASE_UNREACHABLE',
        `The server at ${at} does not take connections yet: ${error.message}.`,
        { ...options, hint: 'Wait a moment and try again.' },
      )
    case '53300':
      return new PoststackError(
        'DATABASE_UNREACHABLE',
        `The server at ${at} has no connection left: ${error.message}.`,
        {
          ...options,
          hint: `Close connections that are not needed, or ${raiseLimit(error, place)}.`,
        },
      )
    default:
      return new PoststackError(
        'DATABASE_UNREACHABLE',
        `The server at ${at} refused the connection: ${error.message} (SQLSTATE ${error.code}).`,
        {
          ...options,
          hint: 'Check the settings of the connection.',
        },
      )
  }
}

/** Which of the three limits it was, by the place in the server's source: its words are in its own language. */
function raiseLimit(
  { routine }: ServerError,
  { database, user }: { readonly user: string; readonly database: string },
): string {
  if (routine === 'InitializeSessionUserId') return `allow the role more (ALTER ROLE "${user}" CONNECTION LIMIT …)`
  if (routine === 'CheckMyDatabase') return `allow the database more (ALTER DATABASE "${database}" CONNECTION LIMIT …)`
  return 'raise max_connections'
}

function unreachable(error: unknown): { readonly reason: string; readonly hint: string } {
  switch (codeOf(error) ?? '') {
    case 'ECONNREFUSED':
      return { reason: 'nothing listens there', hint: 'Start the server, or correct host and port.' }
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return { reason: 'the name of the host is not known', hint: 'Correct the host, or check the name service.' }
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return { reason: 'no answer', hint: 'Check host and port, the network, and firewalls between.' }
    case 'ECONNRESET':
      return {
        reason: 'it closed the connection',
        hint: 'It may just be starting or stopping: try again. Else see its log.',
      }
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
      return {
        // Newer Nodes go on with a flag of theirs.
        reason: `nobody vouches for its certificate (${messageOf(error).replace(/;.*/s, '')})`,
        hint: "Name the certificate of the authority that signed it, or the server's own where it signed itself: sslrootcert=/path/of/root.crt in the URL. With sslmode=require it is not checked.",
      }
    case 'ENOENT':
      return { reason: messageOf(error), hint: 'Correct the path of the socket or of the certificate.' }
    default:
      return otherReason(messageOf(error))
  }
}

function otherReason(message: string): { readonly reason: string; readonly hint: string } {
  if (message === 'timeout expired')
    return { reason: 'no answer in time', hint: 'Check host and port, the network, and firewalls between.' }
  if (message.startsWith('Connection terminated'))
    return {
      reason: 'it closed the connection',
      hint: 'It may just be starting or stopping: try again. Else see its log.',
    }
  if (message.includes('does not support SSL'))
    return { reason: 'it does not offer TLS', hint: 'Switch TLS on in the server, or leave sslmode out of the URL.' }
  return { reason: message.replace(/\.$/, ''), hint: 'Check host, port and the parameters of the connection.' }
}

// A name with several addresses fails with the errors of all of them.
function codeOf(error: unknown): string | undefined {
  if (error instanceof AggregateError && !('code' in error)) return codeOf(error.errors[0])
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
