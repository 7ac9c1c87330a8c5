/**
 * The door to PostgreSQL: sessions for migrations, probes and the ledger's reader. The only importer of `pg`, which is loaded
 * when the first connection is made, so that commands without a database do not pay for it.
 */
import { Socket } from 'node:net'
import type { Client, ClientConfig } from 'pg'
import { throwIfAborted } from '../../abort.ts'
import type { Connection } from '../../migrations/connection.ts'
import { connectFailed, type ConnectPlace } from './errors.ts'
import { createSession } from './session.ts'

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

/** Loads the PostgreSQL client; may be called ahead of time. */
export function loadClient() {
  return import('pg')
}

/**
 * Opens a session. Fails with `PASSWORD_REJECTED`, `DATABASE_MISSING` or `DATABASE_UNREACHABLE`, which say what to do, or
 * with the signal's reason.
 */
export async function connect(target: ConnectTarget, signal: AbortSignal): Promise<Connection> {
  const [first, second] = waysIn(target)
  try {
    return await openSession(() => clientConfig(first), target, signal)
  } catch (error) {
    if (second === undefined || !isAboutTls(error)) throw error
    return await openSession(() => clientConfig(second), target, signal)
  }
}

/** With and without TLS, in the order of libpq: `prefer` begins with it and `allow` without. Any other mode is one way. */
function waysIn(target: ConnectTarget): readonly [ConnectTarget, ConnectTarget?] {
  const { host, parameters = '' } = target
  const mode = /(?:^|&)sslmode=(allow|prefer)(?:&|$)/.exec(parameters)?.[1]
  if (mode === undefined || host.startsWith('/')) return [target]
  const withMode = (other: string): ConnectTarget => ({
    ...target,
    parameters: parameters.replaceAll(/(^|&)sslmode=\w+/g, `$1sslmode=${other}`),
  })
  const [secure, plain] = [withMode('prefer'), withMode('disable')]
  return mode === 'prefer' ? [secure, plain] : [plain, secure]
}

/** The server has no TLS, or lets the role in only with or only without it. */
function isAboutTls(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { cause } = error
  return (
    cause instanceof Error &&
    (cause.message.includes('does not support SSL') || ('code' in cause && cause.code === '28000'))
  )
}

/** Opens a session as a finished configuration of pg says; fails as `connect` does. */
export async function openSession(
  configure: () => ClientConfig | Promise<ClientConfig>,
  place: ConnectPlace,
  signal: AbortSignal,
): Promise<Connection> {
  throwIfAborted(signal)
  const pg = await loadClient()
  const socket = new Socket()
  const abandon = (): void => {
    socket.destroy()
  }
  signal.addEventListener('abort', abandon)
  try {
    const config = await configure()
    const client = createClient(pg, { ...config, stream: () => socket })
    const newWire = () => new pg.Connection({ ...config, stream: () => new Socket() })
    const session = createSession(client, { newWire })
    await client.connect()
    return session
  } catch (error) {
    socket.destroy()
    throwIfAborted(signal)
    throw connectFailed(error, place)
  } finally {
    signal.removeEventListener('abort', abandon)
  }
}

/**
 * What a configuration leaves out or empty pg looks for in PGOPTIONS, PGREPLICATION and so on; a session must be the same whatever stands
 * there. For some of these no value says "none", so they are taken out afterwards.
 */
export function createClient(
  { Client: PgClient }: Pick<Awaited<ReturnType<typeof loadClient>>, 'Client'>,
  config: ClientConfig,
): Client {
  const client = new PgClient({ sslnegotiation: 'postgres', client_encoding: 'utf8', ...config })
  const { connectionParameters } = client as Client & { readonly connectionParameters: object }
  Object.assign(connectionParameters, { options: config.options, replication: undefined })
  return client
}

/** What pg is given for a target. */
export async function clientConfig(target: ConnectTarget): Promise<ClientConfig> {
  const { host, port, user, database, password } = target
  const { ssl, sslnegotiation, options } = await parseParameters(target.parameters, host)
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
    ...keptAlive,
  }
}

/** Firewalls forget idle connections, and the one with the migration lock is idle for as long as a run takes. */
export const keptAlive = { keepAlive: true, keepAliveInitialDelayMillis: 10_000 } as const

type UrlParameters = Pick<ClientConfig, 'sslnegotiation' | 'options'> & {
  readonly ssl: NonNullable<ClientConfig['ssl']>
}

async function parseParameters(parameters: string | undefined, host: string): Promise<UrlParameters> {
  if (parameters === undefined || parameters === '') return { ssl: false }
  const { parse, toClientConfig } = await import('pg-connection-string')
  // Without the flag `sslmode=require` would mean what libpq calls `verify-full`.
  const given = parameters.replaceAll(/(^|&)sslmode=allow(?=&|$)/g, '$1sslmode=disable')
  const compatible = /(^|&)uselibpqcompat=/.test(given) ? given : `${given}&uselibpqcompat=true`
  const { ssl, sslnegotiation, options } = toClientConfig(parse(`postgresql://host/?${compatible}`))
  // Nobody listens in on a socket of the machine itself, and the server offers no TLS there.
  return { ssl: host.startsWith('/') ? false : (ssl ?? false), sslnegotiation, options }
}
