/**
 * Takes the snapshot of a database: one query over the catalogs, in a transaction of its own or within the caller's.
 */
import type { Queryable } from '../types.ts'
import { otherBranches } from './others.ts'
import { relationBranches } from './relations.ts'
import { routineBranches } from './routines.ts'
import { sources } from './sql.ts'
import { createSnapshot, type SchemaObject, type Snapshot } from './snapshot.ts'

/**
 * The schema of the database as this session sees it, in a read-only transaction of its own; never within one. Nobody else should change the
 * schema meanwhile, because PostgreSQL prints definitions as they are at that moment. Fails with the server's error.
 */
export async function readSnapshot(client: Queryable): Promise<Snapshot> {
  const text = snapshotQuery(await versionOf(client))
  return await inTransaction(client, async () => await ask(client, text))
}

/** The same within the caller's transaction, with what that has changed. It goes on afterwards, also when this fails. */
export async function readSnapshotWithin(client: Queryable): Promise<Snapshot> {
  const text = snapshotQuery(await versionOf(client))
  await client.query('SAVEPOINT poststack_snapshot')
  try {
    return await ask(client, text)
  } finally {
    // Takes the settings back with it.
    await client.query('ROLLBACK TO SAVEPOINT poststack_snapshot')
    await client.query('RELEASE SAVEPOINT poststack_snapshot')
  }
}

/**
 * The same for many snapshots in a session that nobody else works in meanwhile: of a small schema the server takes several times longer
 * to plan the query than to run it, so it does that once. Never within a transaction.
 */
export async function prepareSnapshots(client: Queryable): Promise<() => Promise<Snapshot>> {
  const text = snapshotQuery(await versionOf(client))
  await inTransaction(client, async () => {
    await client.query(settle)
    // Outlives the transaction.
    await client.query(`PREPARE poststack_snapshot AS ${text}`)
  })
  let planned = smallSchema
  return async () => {
    const snapshot = await inTransaction(client, async () => await ask(client, 'EXECUTE poststack_snapshot'))
    // What is best for few objects is slow for many.
    if (snapshot.objects.length > 2 * planned) {
      planned = snapshot.objects.length
      await client.query('DISCARD PLANS')
    }
    return snapshot
  }
}

const smallSchema = 250

async function ask(client: Queryable, text: string): Promise<Snapshot> {
  await client.query(settle)
  const { rows } = await client.query(text)
  return createSnapshot(rows.map(schemaObject))
}

// Reading is short for us and may be long for the time-out that is set for others.
// What the printing of names and constants depends on, so that a session's habits do not look like a changed schema. pg_temp is named, and last,
// because else it would come first. A query of this size would be compiled for a second before it runs for a twentieth of one.
const settings: Readonly<Record<string, string>> = {
  search_path: 'pg_catalog, pg_temp',
  quote_all_identifiers: 'off',
  standard_conforming_strings: 'on',
  datestyle: 'ISO, YMD',
  intervalstyle: 'postgres',
  timezone: 'UTC',
  extra_float_digits: '1',
  bytea_output: 'hex',
  lc_monetary: 'C',
  jit: 'off',
  statement_timeout: '0',
}

const settle = `SELECT ${Object.entries(settings)
  .map(([name, value]) => `pg_catalog.set_config('${name}', '${value}', true)`)
  .join(', ')}`

async function inTransaction<T>(client: Queryable, body: () => Promise<T>): Promise<T> {
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
  try {
    return await body()
  } finally {
    await client.query('ROLLBACK')
  }
}

async function versionOf(client: Queryable): Promise<number> {
  const { rows } = await client.query(`SELECT pg_catalog.current_setting('server_version_num') AS version`)
  return Number(rows[0]?.['version'])
}

function snapshotQuery(version: number): string {
  const branches = [...relationBranches(version), ...routineBranches(), ...otherBranches(version)]

  return `WITH ${sources}\n, objects (class, name, parent, attributes) AS (${branches.join('\nUNION ALL ')})\nSELECT * FROM objects`
}

function schemaObject(row: Readonly<Record<string, unknown>>): SchemaObject {
  const attributes = JSON.parse(String(row['attributes'])) as Readonly<Record<string, string | number>>
  const definition = Object.entries(attributes)
    .map(([name, value]) => `${name}: ${String(value).replaceAll('\n', '\n\t')}`)
    .join('\n')
  const object = { class: String(row['class']), name: String(row['name']), definition }
  const parent = row['parent']
  return typeof parent === 'string' ? { ...object, parent } : object
}
