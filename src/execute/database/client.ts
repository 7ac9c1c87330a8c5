/**
 * Connections for whoever has a client of node-postgres already: further sessions like it, and that very one.
 */
import { Socket } from 'node:net'
import type { Client, ClientConfig, Connection as Wire, CustomTypesConfig } from 'pg'
import { PoststackError } from '../../errors.ts'
import type { Connect, Connection } from '../../migrations/connection.ts'
import { keptAlive, loadClient, openSession } from './database.ts'
import { createSession } from './session.ts'

/** A `Client` of node-postgres (or a `PoolClient`), of whatever copy and version from 8 on. */
export interface PgClient {
  readonly host: string
  readonly port: number
  query(text: string): unknown
}

/** A `Pool` of node-postgres. */
export interface PgPool {
  readonly options: object
  readonly totalCount: number
}

/** What a client is made with, and pg keeps on it. */
interface Settings {
  readonly host: string
  readonly port: number
  readonly user?: string | undefined
  readonly database?: string | undefined
  readonly password?: unknown
  readonly ssl?: ClientConfig['ssl']
  readonly sslNegotiation?: ClientConfig['sslnegotiation']
  readonly connectionParameters?: { readonly options?: string | undefined; readonly query_timeout?: unknown }
}

export interface ConnectLikeOptions {
  /** Another database of the same server. @default the client's */
  readonly database?: string
  /** For everything up to the first answer. @default 15 000 */
  readonly connectTimeoutMs?: number
}

/**
 * Opens sessions of their own with host, port, role, password, database, TLS and start-up options of a client or pool. The
 * client itself is not used, and need not be connected. Each call fails as `connect` does.
 */
export function connectLike(handed: PgClient | PgPool, options: ConnectLikeOptions = {}): Connect {
  const settings = settingsOf(handed)
  const { connectTimeoutMs = 15_000 } = options
  const { host, port, user = '' } = settings
  const database = options.database ?? settings.database ?? user
  return async ({ applicationName, signal }) => {
    const config = (): ClientConfig => ({
      ...configOf(settings),
      database,
      application_name: applicationName,
      connectionTimeoutMillis: connectTimeoutMs,
    })
    return await openSession(config, { host, port, user, database }, signal)
  }
}

/**
 * A connected client as a `Connection`. It stays the caller's: `close` only takes our listeners off it. Meanwhile nobody else may
 * use it. Fails with `USAGE` if it is not connected, is inside a transaction, or cannot do what migrations need.
 */
export async function borrowClient(handed: PgClient): Promise<Connection> {
  const client = usable(handed)
  const pg = await loadClient()
  // Types read by our own copy of pg: the caller may have taught his to read numbers or dates in another way.
  const types: CustomTypesConfig = { getTypeParser: pg.types.getTypeParser }
  const newWire = (): Wire => new pg.Connection({ ...configOf(client), stream: () => new Socket() })
  const session = createSession(client, { newWire, borrowed: { types } })
  // The answer to anything says whether a transaction is open, which not every version of pg remembers.
  const { inTransaction } = await session.script('SELECT 1')
  if (!inTransaction) return session
  await session.close()
  throw refused('is inside a transaction', 'Commit or roll back first: every migration has a transaction of its own.')
}

function settingsOf(handed: PgClient | PgPool): Settings {
  if ('host' in handed) return handed
  if (!isPool(handed)) throw refused('is neither a Client nor a Pool of node-postgres')
  // The pool's own class reads its options, a URL and defaults among them, as it does for the pool's clients.
  return new handed.Client(handed.options)
}

function isPool(handed: PgPool): handed is PgPool & { readonly Client: new (options: object) => Settings } {
  return 'Client' in handed && typeof handed.Client === 'function'
}

function configOf(settings: Settings): ClientConfig {
  const { host, port, user, database, ssl, sslNegotiation, connectionParameters } = settings
  return {
    host,
    port,
    user,
    database,
    // Asked for at the last moment: it may be a function that fetches a fresh one, and pg itself must not look for one that is missing.
    password: async () => await passwordOf(settings),
    ssl: ssl ?? false,
    ...(sslNegotiation === undefined ? {} : { sslnegotiation: sslNegotiation }),
    ...(connectionParameters?.options === undefined ? {} : { options: connectionParameters.options }),
    ...keptAlive,
  }
}

async function passwordOf({ password }: Settings): Promise<string> {
  const value: unknown = typeof password === 'function' ? await (password as () => unknown)() : password
  return typeof value === 'string' ? value : ''
}

function usable(handed: PgClient): Client {
  if (!isClient(handed)) throw refused('is not a Client of node-postgres with JavaScript bindings')
  const { connectionParameters, processID, pipeline } = handed
  if (processID === undefined || processID === null) throw refused('is not connected', 'Call its connect() first.')
  if (pipeline) throw refused('is in pipeline mode', 'Make it without `pipeline`.')
  if (typeof connectionParameters?.query_timeout === 'number' && connectionParameters.query_timeout > 0)
    throw refused('has a query_timeout', 'Make it without one: it would cut a long migration in two.')
  return handed
}

interface Handed extends Settings {
  readonly processID?: number | null
}

function isClient(handed: PgClient): handed is Client & Handed {
  return 'connection' in handed && typeof handed.connection === 'object' && handed.connection !== null
}

function refused(what: string, hint?: string): PoststackError {
  return new PoststackError('USAGE', `The client that was handed over ${what}.`, { hint })
}
