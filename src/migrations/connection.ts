/**
 * What running migrations needs of a database connection. Whoever calls hands over a way to connect; nothing here opens
 * a socket or knows a driver.
 */
import type { Queryable } from './types.ts'

/** An error as the server sends it. Positions are texts and count characters (code points) from 1. */
export interface ServerError extends Error {
  /** SQLSTATE, five characters. */
  readonly code: string
  readonly severity: string
  readonly detail?: string
  readonly hint?: string
  readonly where?: string
  readonly position?: string
  readonly internalPosition?: string
  readonly internalQuery?: string
}

export interface ScriptResult {
  /** Statements that the server finished before it ended or failed. */
  readonly completed: number
  readonly error: ServerError | undefined
  /** Whether the connection is inside a transaction block now, a failed one included. */
  readonly inTransaction: boolean
}

export interface ServerNotice {
  readonly severity: string
  readonly message: string
}

/** One session of a PostgreSQL server. */
export interface Connection extends Queryable {
  /**
   * Sends a text of any number of statements as one simple query, exactly as it is. What the server refuses is part of
   * the result, because the count of statements before it is needed to say where. Like `query`, it rejects with
   * `DATABASE_UNREACHABLE` when the connection is lost.
   */
  script(text: string): Promise<ScriptResult>
  /**
   * Asks the server to stop what this connection runs, and returns when the server has taken the request. If what runs does
   * not end soon after, the connection is given up. Never rejects.
   */
  cancel(): Promise<void>
  /** Called once when the connection ends without `close`; at once if that has happened already. */
  onLost(listener: () => void): void
  onNotice(listener: (notice: ServerNotice) => void): void
  /** Ends the session. What runs in it is not waited for. */
  close(): Promise<void>
}

export interface ConnectOptions {
  /** Shown to whoever looks at the server's sessions, so that a waiting process can name this one. */
  readonly applicationName: string
  readonly signal: AbortSignal
}

/** Opens a session on the database to migrate. Fails with a `PoststackError` that says why it cannot. */
export type Connect = (options: ConnectOptions) => Promise<Connection>

/** Tells the server's own refusals from lost connections and our mistakes. */
export function isServerError(value: unknown): value is ServerError {
  return (
    value instanceof Error &&
    'severity' in value &&
    'code' in value &&
    typeof value.code === 'string' &&
    /^[0-9A-Z]{5}$/.test(value.code)
  )
}
