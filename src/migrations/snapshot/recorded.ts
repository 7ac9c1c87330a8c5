/**
 * The schema as the newest migration left it, from the ledger.
 */
import { equals } from '../own-path.ts'
import type { Queryable } from '../types.ts'
import { type Snapshot, unpackSnapshot } from './snapshot.ts'

/**
 * Nothing where none is recorded, where it is that of another migration than the newest or of an earlier time that this one was applied, where a server of another major version
 * printed it, and where a Poststack wrote it that did so differently: a record must never be taken for more than it is.
 */
export async function recordedSnapshot(client: Queryable): Promise<Snapshot | undefined> {
  const known = await client.query(`SELECT pg_catalog.to_regclass('poststack.schema_snapshot') IS NOT NULL AS known`)
  if (known.rows[0]?.['known'] !== true) return undefined
  const { rows } = await client.query(`
SELECT s.objects FROM poststack.schema_snapshot s
JOIN poststack.schema_migrations n ON n.version ${equals} s.version AND n.schema_fingerprint ${equals} s.fingerprint
WHERE s.version ${equals} (SELECT pg_catalog.max(m.version) FROM poststack.schema_migrations m)
  AND s.server_version_num OPERATOR(pg_catalog./) 10000
    ${equals} (pg_catalog.current_setting('server_version_num')::pg_catalog.int4 OPERATOR(pg_catalog./) 10000)
  AND NOT EXISTS (SELECT FROM poststack.schema_migrations m WHERE m.state OPERATOR(pg_catalog.<>) 'applied')`)
  return rows[0] === undefined ? undefined : unpackSnapshot(String(rows[0]['objects']))
}

/** The major version of the server that printed what is recorded of the newest migration; nothing where it is this server's, or nothing is. */
export async function recordedMajor(client: Queryable): Promise<number | undefined> {
  const known = await client.query(`SELECT pg_catalog.to_regclass('poststack.schema_snapshot') IS NOT NULL AS known`)
  if (known.rows[0]?.['known'] !== true) return undefined
  const { rows } = await client.query(`
SELECT s.server_version_num AS recorded, pg_catalog.current_setting('server_version_num') AS now FROM poststack.schema_snapshot s
WHERE s.version ${equals} (SELECT pg_catalog.max(m.version) FROM poststack.schema_migrations m)`)
  const [recorded, now] = [rows[0]?.['recorded'], rows[0]?.['now']].map((number) => Math.floor(Number(number) / 10_000))
  return rows.length === 0 || recorded === now ? undefined : recorded
}
