/**
 * What a database has at one moment, for the manifest of a backup and for the copy that is made from it.
 */
import { createHash } from 'node:crypto'
import { isPoststackError } from '../../errors.ts'
import { readLedgerFacts } from '../../migrations/ledger/facts.ts'
import { ownPath } from '../../migrations/own-path.ts'
import type { Queryable } from '../../migrations/types.ts'
import { readSnapshotWithin } from '../../migrations/snapshot/read.ts'
import { packSnapshot } from '../../migrations/snapshot/snapshot.ts'
import type { DatabaseSetting, DatabaseState } from './manifest.ts'

/**
 * Begins a transaction that sees one moment and is in nobody's way, however long it takes: what the server would end because it rests, or
 * takes long, goes on.
 */
export async function beginReading(client: Queryable): Promise<void> {
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
  await client.query(`SET LOCAL ${ownPath}`)
  // Some of these came with later versions.
  await client.query(`SELECT pg_catalog.set_config(s.name, '0', true) FROM pg_catalog.pg_settings s
WHERE s.name IN ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout')`)
  // Rows that a policy hides are an error and not left out, as pg_dump has it.
  await client.query('SET LOCAL row_security = off')
}

export interface StateOptions {
  /** Only the rows of Poststack's own schema count, as nothing else was dumped. */
  readonly schemaOnly: boolean
}

/** Within a transaction of `beginReading`. */
export async function readState(client: Queryable, { schemaOnly }: StateOptions): Promise<DatabaseState> {
  const { fingerprint, ...snapshot } = await readSnapshotWithin(client)
  const ledger = await readLedger(client)
  const { rows } = await client.query(`SELECT pg_catalog.current_setting('server_version_num')::int AS number,
  pg_catalog.shobj_description(d.oid, 'pg_database') AS comment FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()`)
  const comment = rows[0]?.['comment']
  return {
    serverVersion: Number(rows[0]?.['number']),
    ...(ledger === undefined ? {} : { ledger }),
    schema: { fingerprint, snapshot: JSON.parse(packSnapshot({ fingerprint, ...snapshot })) as unknown },
    rows: await countRows(client, schemaOnly),
    settings: await readSettings(client),
    ...(typeof comment === 'string' ? { comment } : {}),
  }
}

/** Schemas that are not the server's own. */
export async function readSchemas(client: Queryable): Promise<readonly string[]> {
  const { rows } = await client.query(`SELECT n.nspname::text AS name FROM pg_catalog.pg_namespace n
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 1`)
  return rows.map(({ name }) => String(name))
}

async function readLedger(client: Queryable): Promise<DatabaseState['ledger']> {
  const facts = await readLedgerFacts(client, []).catch((error: unknown) => {
    // That of another tool is a table like any other.
    if (isPoststackError(error) && error.code === 'LEDGER_FOREIGN') return undefined
    throw error
  })
  if (facts === undefined) return undefined
  const hash = createHash('sha256')
  for (const { checksum, name, unfinished, version } of facts)
    hash.update(`${version} ${name} ${checksum} ${unfinished?.state ?? 'applied'}\n`)
  const newest = facts.at(-1)?.version
  return { ...(newest === undefined ? {} : { version: newest }), migrations: facts.length, digest: hash.digest('hex') }
}

// Without what belongs to an extension, which makes it by itself, and without what is gone with its session.
const selectTables = `
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS name FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND ($1::bool IS FALSE OR n.nspname = 'poststack')
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1`

async function countRows(client: Queryable, schemaOnly: boolean): Promise<DatabaseState['rows']> {
  const { rows: tables } = await client.query(selectTables, [schemaOnly])
  const counts: Record<string, number> = {}
  for (const table of tables) {
    const name = String(table['name'])
    const { rows } = await client.query(`SELECT pg_catalog.count(*) AS rows FROM ONLY ${name}`)
    counts[name] = Number(rows[0]?.['rows'])
  }
  return counts
}

/** What a database has as settings of its own; the one of the session without a name. */
export async function readSettings(client: Queryable, database?: string): Promise<readonly DatabaseSetting[]> {
  const { rows } = await client.query(
    `SELECT r.rolname::text AS role, pg_catalog.split_part(c.setting, '=', 1) AS name,
  pg_catalog.substr(c.setting, pg_catalog.strpos(c.setting, '=') + 1) AS value
FROM pg_catalog.pg_db_role_setting s JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
  AND d.datname = COALESCE($1::pg_catalog.name, pg_catalog.current_database())
LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS c(setting)
ORDER BY 1 NULLS FIRST, 2`,
    [database ?? null],
  )
  return rows.map(({ name, role, value }) => ({
    ...(typeof role === 'string' ? { role } : {}),
    name: String(name),
    value: String(value),
  }))
}
