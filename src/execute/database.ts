/**
 * The door to PostgreSQL: sessions for migrations, probes and the ledger's reader. The only importer of `pg`, which is loaded
 * when the first connection is made, so that commands without a database do not pay for it.
 */
import { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client, ClientConfig, Connection as Wire, Submittable } from 'pg'
import { type ErrorCode, isPoststackError } from '../errors.ts'
import { type Connection, isServerError, type ScriptResult, type ServerError } from '../migrations/connection.ts'
import { connectFailed, connectionEnded } from './database-errors.ts'

/** A database and the way in. */
export interface ConnectTarget {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
  readonly password: string | undefined
  /** Query part of a URL, such as `sslmode=require`, with the meaning that libpq gives it. */
  readonly parameters?: string | undefined
  readonly applicationName: string
  /** For everything up to the first answer: name lookup, TCP, TLS, password. */
  readonly connectTimeoutMs: number
}

export type ProbeResult =
  | { readonly ready: true }
  | { readonly ready: false; readonly code: ErrorCode; readonly reason: string }

// How long a cancelled statement may take to end before its connection is given up.
const cancelGraceMs = 10_000
// How long to wait for the server to close a connection that we closed.
const closeGraceMs = 1_000

/** Loads the PostgreSQL client; may be called ahead of time. */
export function loadClient() {
  return import('pg')
}

/**
 * Opens a session. Fails with `PASSWORD_REJECTED`, `DATABASE_MISSING` or `DATABASE_UNREACHABLE`, which say what to do, or
 * with the signal's reason.
 */
export async function connect(target: ConnectTarget, signal: AbortSignal): Promise<Connection> {
  signal.throwIfAborted()
  const pg = await loadClient()
  const socket = new Socket()
  const abandon = (): void => {
    socket.destroy()
  }
  signal.addEventListener('abort', abandon)
  try {
    const config = await clientConfig(target)
    const client = new pg.Client({ ...config, stream: () => socket })
    const session = createSession(client, () => new pg.Connection({ ...config, stream: () => new Socket() }))
    await client.connect()
    return session
  } catch (error) {
    socket.destroy()
    signal.throwIfAborted()
    throw connectFailed(error, target)
  } finally {
    signal.removeEventListener('abort', abandon)
  }
}

/** Looks once whether the database answers a query as this role. Only the signal makes it fail. */
export async function probePostgres(target: ConnectTarget, signal: AbortSignal): Promise<ProbeResult> {
  try {
    const connection = await connect(target, signal)
    try {
      await connection.query('SELECT 1')
      return { ready: true }
    } finally {
      await connection.close()
    }
  } catch (error) {
    signal.throwIfAborted()
    if (isPoststackError(error)) return { ready: false, code: error.code, reason: error.message }
    if (isServerError(error)) return { ready: false, code: 'DATABASE_UNREACHABLE', reason: error.message }
    throw error
  }
}

async function clientConfig(target: ConnectTarget): Promise<ClientConfig> {
  const { host, port, user, database, password } = target
  const { ssl, sslnegotiation, options } = await parseParameters(target.parameters)
  return {
    host,
    port,
    user,
    database,
    // Given as a function, because pg would look into the environment and ~/.pgpass for one that is missing.
    password: () => password ?? '',
    ssl,
    ...(sslnegotiation === undefined ? {} : { sslnegotiation }),
    ...(options === undefined ? {} : { options }),
    application_name: target.applicationName,
    connectionTimeoutMillis: target.connectTimeoutMs,
    // Firewalls forget idle connections, and the one with the migration lock is idle for as long as a run takes.
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  }
}

type UrlParameters = Pick<ClientConfig, 'sslnegotiation' | 'options'> & {
  readonly ssl: NonNullable<ClientConfig['ssl']>
}

async function parseParameters(parameters: string | undefined): Promise<UrlParameters> {
  if (parameters === undefined || parameters === '') return { ssl: false }
  const { parse, toClientConfig } = await import('pg-connection-string')
  // Without the flag `sslmode=require` would mean what libpq calls `verify-full`.
  const compatible = /(^|&)uselibpqcompat=/.test(parameters) ? parameters : `${parameters}&uselibpqcompat=true`
  const { ssl, sslnegotiation, options } = toClientConfig(parse(`postgresql://host/?${compatible}`))
  return { ssl: ssl ?? false, sslnegotiation, options }
}

/** The wire of a cancel request, which pg has but its types do not say. */
interface CancelWire {
  connect(portOrSocket: number | string, host?: string): void
  requestSsl(): void
  cancel(processId: number, secretKey: number): void
}

interface BackendKey {
  readonly processID: number
  readonly secretKey: number
}

function createSession(client: Client, newWire: () => Wire): Connection {
  const lostListeners: (() => void)[] = []
  let reason: Error | undefined
  let lost = false
  let closing: Promise<void> | undefined
  client.on('error', (error) => {
    reason ??= error
  })
  client.on('end', () => {
    lost = true
    if (closing === undefined) for (const listener of lostListeners) listener()
  })
  const explained = (error: unknown): unknown => {
    if (isServerError(error) && !endsSession(error)) return error
    // What the server said when it hung up explains more than that it did.
    if (isServerError(error)) reason ??= error
    return connectionEnded(reason ?? error)
  }
  const close = async (): Promise<void> => {
    closing ??= endClient(client)
    await closing
  }
  return {
    query: async (text, values) => {
      try {
        const results: unknown = await client.query(text, values === undefined ? undefined : [...values])
        return { rows: lastRows(results) }
      } catch (error) {
        throw explained(error)
      }
    },
    script: async (text) => {
      return await new Promise<ScriptResult>((resolve, reject) => {
        client.query(createScript(text, client, { resolve, reject: (error) => reject(explained(error) as Error) }))
      })
    },
    cancel: async () => {
      await sendCancel(newWire(), client)
      // A server that does not answer must not keep a person who pressed Ctrl-C.
      const giveUp = setTimeout(() => client.connection.stream.destroy(), cancelGraceMs)
      giveUp.unref()
      client.once('drain', () => clearTimeout(giveUp))
      client.once('end', () => clearTimeout(giveUp))
    },
    onLost: (listener) => {
      if (lost) listener()
      else lostListeners.push(listener)
    },
    onNotice: (listener) => {
      client.on('notice', (notice) =>
        listener({ severity: notice.severity ?? 'NOTICE', message: notice.message ?? '' }),
      )
    },
    close,
  }
}

// A simple query with several statements gives a list of results; what counts is the last one's rows.
function lastRows(results: unknown): readonly Record<string, unknown>[] {
  const result: unknown = Array.isArray(results) ? results.at(-1) : results
  if (typeof result !== 'object' || result === null || !('rows' in result)) return []
  return result.rows as readonly Record<string, unknown>[]
}

// Classes 57P and 08, and time-outs that close the session: the server says it and hangs up.
function endsSession(error: ServerError): boolean {
  return /^(57P0|08|25P0[34])/.test(error.code)
}

async function endClient(client: Client): Promise<void> {
  const ended = client.end()
  const timeout = new AbortController()
  await Promise.race([ended, sleep(closeGraceMs, undefined, { signal: timeout.signal, ref: false }).catch(() => {})])
  timeout.abort()
  client.connection.stream.destroy()
}

interface Settle {
  readonly resolve: (result: ScriptResult) => void
  readonly reject: (error: unknown) => void
}

/**
 * A simple query that counts finished statements and throws rows away: a file may select millions of them. The methods are
 * those that pg calls on the query it is busy with.
 */
function createScript(text: string, client: Client, settle: Settle): Submittable {
  let completed = 0
  const inTransaction = (): boolean => client.getTransactionStatus() !== 'I'
  const query = {
    submit: (wire: Wire): void => wire.query(text),
    handleRowDescription: (): void => {},
    handleDataRow: (): void => {},
    handlePortalSuspended: (): void => {},
    handleEmptyQuery: (): void => {},
    handleCommandComplete: (): void => {
      completed++
    },
    handleCopyInResponse: (wire: Wire & { sendCopyFail(message: string): void }): void =>
      wire.sendCopyFail('COPY FROM STDIN has no data here: put the rows into INSERT statements'),
    handleCopyData: (): void => {},
    handleError: (error: unknown, wire: Wire): void => {
      if (!isServerError(error) || endsSession(error)) return settle.reject(error)
      // Only what comes after the error says whether the transaction is still open.
      const done = (): void => {
        wire.removeListener('readyForQuery', done)
        wire.removeListener('end', done)
        settle.resolve({ completed, error, inTransaction: inTransaction() })
      }
      wire.once('readyForQuery', done)
      wire.once('end', done)
    },
    handleReadyForQuery: (): void => settle.resolve({ completed, error: undefined, inTransaction: inTransaction() }),
  }
  return query
}

// The protocol's own way: a second connection that says nothing but "stop that one" and needs no password and no free slot.
async function sendCancel(wire: Wire, client: Client): Promise<void> {
  const { processID, secretKey } = client as Client & BackendKey
  const requests = wire as Wire & CancelWire
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, cancelGraceMs)
    const done = (): void => {
      clearTimeout(timer)
      wire.stream.destroy()
      resolve()
    }
    const plain = !client.ssl
    wire.once('connect', () => (plain ? requests.cancel(processID, secretKey) : requests.requestSsl()))
    wire.once('sslconnect', () => requests.cancel(processID, secretKey))
    // The server hangs up once it has taken the request.
    wire.once('end', done)
    wire.on('error', done)
    if (client.host.startsWith('/')) requests.connect(`${client.host}/.s.PGSQL.${client.port}`)
    else requests.connect(client.port, client.host)
  })
}
