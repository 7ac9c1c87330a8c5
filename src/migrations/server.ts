/**
 * What a connection leads to: the answer of `test-connection`.
 */
import type { Connection } from './connection.ts'
import { isPooled } from './lock/pooler.ts'

export interface ServerDescription {
  /** As the server writes it: `17.5`, with a packager's addition if there is one. */
  readonly version: string
  /** 170005 for 17.5. */
  readonly versionNumber: number
  readonly database: string
  /** The role that logged in. */
  readonly user: string
  /** Absent without TLS. Through a pooler this is the way between pooler and server. */
  readonly tls: { readonly version: string; readonly cipher: string } | undefined
  /** Where the server sees us come from, and where it listens; absent for a local socket. */
  readonly clientAddress: string | undefined
  readonly serverAddress: string | undefined
  readonly serverPort: number | undefined
  /** One question and its answer: the median of five, in milliseconds with two decimals. */
  readonly latencyMs: number
  /** A pooler stands between. */
  readonly pooled: boolean
  /** The server is a standby, which takes no writes at all. */
  readonly standby: boolean
  /** Transactions are read-only unless they ask for more; always so on a standby. */
  readonly readOnly: boolean
}

/** Looks and changes nothing. Outside of a transaction. */
export async function describeServer(connection: Connection): Promise<ServerDescription> {
  const pooled = await isPooled(connection)
  const { rows } = await connection.query(selectServer)
  const row = rows[0] ?? {}
  const standby = row['standby'] === true
  return {
    version: String(row['version']),
    versionNumber: Number(row['number']),
    database: String(row['database']),
    user: String(row['user']),
    tls: row['tls'] === true ? { version: String(row['tls_version']), cipher: String(row['tls_cipher']) } : undefined,
    clientAddress: textOf(row['client_address']),
    serverAddress: textOf(row['server_address']),
    serverPort: row['server_port'] === null ? undefined : Number(row['server_port']),
    latencyMs: await measureLatency(connection),
    pooled,
    standby,
    readOnly: standby || row['read_only'] === 'on',
  }
}

// The row of pg_stat_ssl is missing for nobody but a role that may not see it.
const selectServer = `
SELECT pg_catalog.current_setting('server_version') AS version, pg_catalog.current_setting('server_version_num')::int AS number,
  pg_catalog.current_database()::text AS database, session_user::text AS "user",
  s.ssl AS tls, s.version AS tls_version, s.cipher AS tls_cipher,
  pg_catalog.host(pg_catalog.inet_client_addr()) AS client_address,
  pg_catalog.host(pg_catalog.inet_server_addr()) AS server_address, pg_catalog.inet_server_port() AS server_port,
  pg_catalog.pg_is_in_recovery() AS standby, pg_catalog.current_setting('default_transaction_read_only') AS read_only
FROM (SELECT pg_catalog.pg_backend_pid() AS pid) me LEFT JOIN pg_catalog.pg_stat_ssl s ON s.pid = me.pid`

async function measureLatency(connection: Connection): Promise<number> {
  const times: number[] = []
  for (let round = 0; round < 5; round++) {
    const started = performance.now()
    // oxlint-disable-next-line no-await-in-loop -- one after the other is what is measured
    await connection.query('SELECT 1')
    times.push(performance.now() - started)
  }
  const median = times.toSorted((a, b) => a - b)[2] ?? 0
  return Math.round(median * 100) / 100
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
