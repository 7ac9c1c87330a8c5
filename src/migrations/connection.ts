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
  /** Of the table that it is about, where the server says so. */
  readonly schema?: string
  /** The function of the server's source that raised it. Some services leave it out. */
  readonly routine?: string
}

export interface ScriptResult {
  /** Statements that the server finished before it ended or failed. */
  readonly completed: number
  /** Rows that the last of these gave or changed. */
  readonly lastRows: number
  readonly error: ServerError | undefined
  /** Whether the connection is inside a transaction block now, a failed one included. */
  readonly inTransaction: boolean
}

/** What one statement gave, each value as the server writes it. */
export interface Answer {
  /** The server's word for it: `SELECT`, `INSERT`. */
  readonly command: string
  /** Rows that it gave or changed; absent for statements that do neither. */
  readonly count: number | undefined
  /** Empty for statements that give no rows. `type` is the object id of the type. */
  readonly columns: readonly { readonly name: string; readonly type: number }[]
  readonly rows: readonly (readonly (string | null)[])[]
}

export interface ServerNotice {
  readonly severity: string
  readonly message: string
}

/** One session of a PostgreSQL server. */
export interface Connection extends Queryable {
  /**
   * The process id that was told when the session began; 0 if none was. A pooler tells a number of its own: `isPooled`
   * knows, and `serverPid` asks for the real one.
   */
  readonly backendPid: number
  /** True for a session that belongs to the caller: what it has set, its temporary tables and its listens must outlive our work. */
  readonly borrowed: boolean
  /**
   * Sends a text of any number of statements as one simple query, exactly as it is. What the server refuses is part of
   * the result, because the count of statements before it is needed to say where. Like `query`, it rejects with
   * `DATABASE_UNREACHABLE` when the connection is lost.
   *
   * Each `COPY … FROM STDIN` in it takes the next text of `copies` as its data; one for which none is left fails.
   */
  script(text: string, copies?: readonly string[]): Promise<ScriptResult>
  /** Sends a text of any number of statements as one simple query, and keeps what each of them gave. Rejects as `query` does. */
  answers(text: string): Promise<readonly Answer[]>
  /**
   * Asks the server's own grammar, and runs nothing: the first syntax error of a text of any number of statements, with
   * its position, or nothing if the whole can be parsed. Whether names exist is not looked at. The session is afterwards as
   * it was, an open transaction included. Rejects with `DATABASE_UNREACHABLE` when the connection is lost, and with
   * the server's error when it is not about the text, such as a cancelled request.
   */
  syntaxError(text: string): Promise<ServerError | undefined>
  /**
   * Asks the server to stop what this connection runs, and returns when the server has taken the request. If what runs does
   * not end soon after, the connection is given up. Never rejects.
   */
  cancel(): Promise<void>
  /** Called once when the connection ends without `close`; at once if that has happened already. */
  onLost(listener: () => void): void
  onNotice(listener: (notice: ServerNotice) => void): void
  /** Ends the session; a borrowed one is given back as it is. What runs in it is not waited for. */
  close(): Promise<void>
}

export interface ConnectOptions {
  /** Shown to whoever looks at the server's sessions, so that a waiting process can name this one. */
  readonly applicationName: string
  readonly signal: AbortSignal
}

/** Opens a session on the database to migrate. Fails with a `PoststackError` that says why it cannot. */
export type Connect = (options: ConnectOptions) => Promise<Connection>

/** Whether PL/pgSQL code chose the error and its code by itself, with RAISE: then the code need not mean what the server means by it. */
export function isRaised({ routine }: ServerError): boolean {
  return routine === 'exec_stmt_raise'
}

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

/** Rolls back what is open. Asks first, because of a ROLLBACK where nothing is open the server's log would warn. */
export async function rollBackOpen(connection: Connection): Promise<void> {
  // An empty query tells, also within a failed transaction.
  const { inTransaction } = await connection.script('')
  if (inTransaction) await connection.query('ROLLBACK')
}
