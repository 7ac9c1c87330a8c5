/**
 * Whether a pooler stands between us and the server. One such as PgBouncer may give every transaction another server
 * session, so nothing that belongs to a session may be used through it: no SET, no session lock, no temporary table.
 */
import type { Connection } from '../connection.ts'
import type { Queryable } from '../types.ts'

const known = new WeakMap<Connection, boolean>()

/**
 * True if the server's session is not the one that was promised when the connection began. Certain, without knowing
 * the pooler and before anything is touched. Asks the server once for each connection, which must not be in a failed transaction.
 */
export async function isPooled(connection: Connection): Promise<boolean> {
  const before = known.get(connection)
  if (before !== undefined) return before
  const pooled = (await serverPid(connection)) !== connection.backendPid
  known.set(connection, pooled)
  return pooled
}

/** The answer that `isPooled` gave before, for where nothing can be asked, as in a failed transaction. */
export function isKnownPooled(connection: Connection): boolean {
  return known.get(connection) === true
}

/** The server's process that works for this connection now; through a pooler only until the transaction ends. */
export async function serverPid(client: Queryable): Promise<number> {
  const { rows } = await client.query('SELECT pg_catalog.pg_backend_pid() AS pid')
  return Number(rows[0]?.['pid'])
}
