/**
 * Writing down the schema: what the newest migration left behind, and beside it what the one recorded before it had left, so that a rollback
 * to that one can be held against it.
 */
import { judgeRollback, type RollbackJudgement } from '../snapshot/difference.ts'
import { readSnapshotWithin } from '../snapshot/read.ts'
import { packSnapshot, type Snapshot, unpackSnapshot } from '../snapshot/snapshot.ts'
import type { Queryable } from '../types.ts'
import { canonicalVersion, compareVersions } from '../version.ts'

/** The schema is not as it was recorded when the migration was applied, which is now the newest again. */
export interface NotAsRecorded {
  /** `"001 books"` */
  readonly label: string
  /** Undefined where nothing but the fingerprint is left of that record. */
  readonly judgement: RollbackJudgement | undefined
}

/**
 * Writes down the schema as it is now, as what migration `version` left behind; `undefined` for none at all. Inside the caller's
 * transaction, so that ledger and schema agree. A fingerprint that was taken when it was applied stays: a rollback of what came after it
 * that restores too little must not become what drift is told by. Only what no rollback can restore is taken as it is.
 */
export async function recordSchema(client: Queryable, version: string | undefined): Promise<NotAsRecorded | undefined> {
  if (version === undefined) {
    await client.query('DELETE FROM poststack.schema_snapshot')
    return undefined
  }
  const now = await readSnapshotWithin(client)
  const { earlier, fingerprint, label } = await readRecord(client, version)
  const older = earlier.find((one) => compareVersions(one.version, version) < 0)
  if (fingerprint === undefined || fingerprint === now.fingerprint) {
    await write(client, version, now, older)
    return undefined
  }
  const was = earlier.find((one) => compareVersions(one.version, version) === 0 && one.fingerprint === fingerprint)
  const judgement = was === undefined ? undefined : judgeRollback(was.snapshot, now)
  if (was === undefined) await client.query('DELETE FROM poststack.schema_snapshot')
  else await write(client, version, judgement?.verdict === 'not-restored' ? was.snapshot : now, older)
  return judgement?.verdict === 'exact' ? undefined : { label, judgement }
}

interface Recorded {
  readonly version: string
  readonly fingerprint: string
  readonly snapshot: Snapshot
}

interface OnRecord {
  readonly label: string
  /** Of the row; absent where it was taken by another major version of the server, which prints definitions in its own way. */
  readonly fingerprint: string | undefined
  /** What is recorded of schemas, the newest first. */
  readonly earlier: readonly Recorded[]
}

async function readRecord(client: Queryable, version: string): Promise<OnRecord> {
  const { rows } = await client.query(
    `WITH server AS (SELECT pg_catalog.current_setting('server_version_num')::pg_catalog.int4 / 10000 AS major)
SELECT m.version_text, m.name, s.version::pg_catalog.text AS version, s.fingerprint, s.objects,
  CASE WHEN pg_catalog.split_part(m.server_version, '.', 1) = server.major::pg_catalog.text THEN m.schema_fingerprint END AS own
FROM server JOIN poststack.schema_migrations m ON m.version = $1
LEFT JOIN poststack.schema_snapshot s ON s.server_version_num / 10000 = server.major`,
    [canonicalVersion(version)],
  )
  const row = rows[0] ?? {}
  const { fingerprint, name, objects, own, version_text: text } = row
  const facts = { label: `"${String(text)} ${String(name)}"`, fingerprint: typeof own === 'string' ? own : undefined }
  if (typeof objects !== 'string') return { ...facts, earlier: [] }
  return {
    ...facts,
    earlier: unpackRecord({ version: String(row['version']), fingerprint: String(fingerprint) }, objects),
  }
}

/** The record and the one kept beside it, as far as this Poststack writes them. */
function unpackRecord(newest: Pick<Recorded, 'version' | 'fingerprint'>, objects: string): readonly Recorded[] {
  const snapshot = unpackSnapshot(objects)
  if (snapshot === undefined) return []
  const { before } = JSON.parse(objects) as { readonly before?: { readonly version: string; readonly packed: object } }
  const kept = before === undefined ? undefined : unpackSnapshot(JSON.stringify(before.packed))
  const list = [{ ...newest, snapshot }]
  if (before === undefined || kept === undefined) return list
  return [...list, { version: before.version, fingerprint: kept.fingerprint, snapshot: kept }]
}

async function write(
  client: Queryable,
  version: string,
  snapshot: Snapshot,
  older: Recorded | undefined,
): Promise<void> {
  const packed = JSON.parse(packSnapshot(snapshot)) as object
  const before =
    older === undefined
      ? {}
      : { before: { version: older.version, packed: JSON.parse(packSnapshot(older.snapshot)) as object } }
  const values = [canonicalVersion(version), snapshot.fingerprint]
  await client.query(
    `INSERT INTO poststack.schema_snapshot (version, fingerprint, objects) VALUES ($1, $2, $3)
ON CONFLICT (only_row) DO UPDATE SET version = excluded.version, fingerprint = excluded.fingerprint, objects = excluded.objects,
  server_version_num = excluded.server_version_num, taken_at = pg_catalog.clock_timestamp()`,
    [...values, JSON.stringify({ ...packed, ...before })],
  )
  await client.query('UPDATE poststack.schema_migrations SET schema_fingerprint = $2 WHERE version = $1', values)
}
