/**
 * The tables in schema `poststack` that say what is declared and what runs: `system_info`, `services`, `containers`. They are for
 * people and programs that have the database and not the project. Of the stack Poststack itself decides nothing by them, so wrong rows
 * are put right by the next `up`; the ledger keeps the number of its layout in `system_info`.
 */
import { compareText } from '../../config/text-order.ts'
import { isServerError } from '../connection.ts'
import { equals, ownPath } from '../own-path.ts'
import type { Queryable } from '../types.ts'
import { createStackTables, type StackTableName, stackTableNames } from './create-stack-tables.ts'

/** A declared service, and how it was found. */
export interface ServiceRow {
  readonly name: string
  readonly stack: string
  /** `postgres`, `container`, `external`. */
  readonly kind: string
  /** What runs it; absent for an external database. */
  readonly runtime: string | undefined
  /** The declared one; absent for an external database. */
  readonly image: string | undefined
  /** SHA-256 in hex of the declared specification, in which secrets are keyed digests. */
  readonly specDigest: string | undefined
  /** Where the host reaches it; no password in it. */
  readonly addresses: readonly string[]
  /** `running`, `completed`, `stopped`, `failed`, `absent`; `external` where it is not ours to run. */
  readonly state: string
}

/** A container, or a server of the native runtime. */
export interface ContainerRow {
  /** The engine's. */
  readonly id: string
  readonly service: string
  readonly name: string
  readonly image: string | undefined
  readonly imageId: string | undefined
  readonly runtime: string
  /** The engine's word: `running`, `exited` … */
  readonly state: string
  readonly exitCode: number | undefined
  /** Host ports that it holds, as `127.0.0.1:8080`. */
  readonly ports: readonly string[]
}

/** What the three tables say. Equal worlds give equal records. */
export interface StackRecord {
  /** Facts of the stack, by name: `stack`, `root`, `runtime`. */
  readonly system: Readonly<Record<string, string>>
  /** Sorted by name. */
  readonly services: readonly ServiceRow[]
  /** Sorted by service and name. */
  readonly containers: readonly ContainerRow[]
  /** It is of the whole stack: what is not in it is no longer declared. Else it is of the services in it only. */
  readonly whole: boolean
}

const ourColumns: Readonly<Record<StackTableName, string>> = {
  system_info: 'name value updated_at',
  services: 'name stack kind runtime image spec_digest addresses state updated_at',
  containers: 'id service name image image_id runtime state exit_code ports updated_at',
}

// The catalogs can be read by everybody, whatever rights they lack on the schema itself.
const selectTables = `
SELECT c.relname::text AS relation, c.relkind::text AS kind,
  (SELECT pg_catalog.array_agg(a.attname::text) FROM pg_catalog.pg_attribute a
   WHERE a.attrelid ${equals} c.oid AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped) AS columns,
  pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'SELECT') AS readable
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid ${equals} c.relnamespace
WHERE n.nspname ${equals} 'poststack' AND c.relname ${equals} ANY ('{system_info,services,containers}'::pg_catalog.name[])`

// One answer for the three, so that they are of one moment.
const selectAll = `
SELECT
  (SELECT pg_catalog.jsonb_object_agg(i.name, i.value) FROM poststack.system_info i WHERE i.name ${equals} ANY ('{stack,root,runtime}'::text[])) AS system,
  (SELECT pg_catalog.jsonb_agg(pg_catalog.to_jsonb(s)) FROM poststack.services s) AS services,
  (SELECT pg_catalog.jsonb_agg(pg_catalog.to_jsonb(c)) FROM poststack.containers c) AS containers`

/**
 * What the tables say; nothing when they are not there, or the role may not read them. `foreign`: one of the names is taken
 * by a table that Poststack did not make. Creates nothing and takes no lock of its own.
 */
export async function readStackTables(client: Queryable): Promise<StackRecord | 'foreign' | undefined> {
  const { foreign, missing, readable } = await stackLayout(client)
  if (foreign) return 'foreign'
  if (missing.length > 0 || !readable) return undefined
  try {
    const { rows } = await client.query(selectAll)
    return recordOf(rows[0] ?? {})
  } catch (error) {
    // Somebody took the tables, or the right to them, away between the two questions.
    if (isServerError(error) && (error.code === '42P01' || error.code === '42501')) return undefined
    throw error
  }
}

/**
 * Makes those of the tables that are missing, and says whether they are ours to write. Only to be called with the migration lock
 * held, as for `ensureLedger`; inside a transaction it is part of it.
 */
export async function ensureStackTables(client: Queryable): Promise<boolean> {
  const { foreign, missing } = await stackLayout(client)
  if (foreign) return false
  if (missing.length > 0) await client.query(missing.map((table) => createStackTables[table]).join(''))
  return true
}

/**
 * Brings the tables to what the record says, in one transaction. A row that is right already is not written, so its
 * `updated_at` says when it last changed. `toolVersion` is noted when anything was written.
 */
export async function writeStackTables(client: Queryable, record: StackRecord, toolVersion: string): Promise<void> {
  const { containers, services, system, whole } = record
  const names = services.map(({ name }) => name)
  const ids = containers.map(({ id }) => id)
  try {
    await client.query(`BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL ${ownPath}`)
    await client.query(`SET LOCAL lock_timeout = '${String(lockTimeoutMs)}'`)
    const written = [
      await client.query(upsert('system_info', 'name'), [JSON.stringify(systemRows(system))]),
      await client.query(upsert('services', 'name'), [JSON.stringify(services.map(serviceColumns))]),
      await client.query(`DELETE FROM poststack.services WHERE $1 AND name <> ALL ($2::text[]) RETURNING 1`, [
        whole,
        names,
      ]),
      await client.query(
        `DELETE FROM poststack.containers WHERE service = ANY ($1::text[]) AND id <> ALL ($2::text[]) RETURNING 1`,
        [names, ids],
      ),
      await client.query(upsert('containers', 'id'), [JSON.stringify(containers.map(containerColumns))]),
    ]
    if (written.some(({ rows }) => rows.length > 0))
      await client.query(upsert('system_info', 'name'), [JSON.stringify(systemRows({ tool_version: toolVersion }))])
    await client.query('COMMIT')
  } catch (error) {
    if (isServerError(error)) await client.query('ROLLBACK')
    throw error
  }
}

/** Nobody holds these tables for long; whoever does must not hang an `up`. */
const lockTimeoutMs = 10_000

interface StackLayout {
  /** A table of one of the names was not made by Poststack. */
  readonly foreign: boolean
  readonly missing: readonly StackTableName[]
  /** The role may read those that are there. */
  readonly readable: boolean
}

async function stackLayout(client: Queryable): Promise<StackLayout> {
  const { rows } = await client.query(selectTables)
  const find = (table: StackTableName): (typeof rows)[number] | undefined =>
    rows.find((row) => row['relation'] === table)
  return {
    foreign: stackTableNames.some((table) => {
      const found = find(table)
      return found !== undefined && !isOurs(table, found)
    }),
    missing: stackTableNames.filter((table) => find(table) === undefined),
    readable: rows.every((row) => row['readable'] === true),
  }
}

function isOurs(table: StackTableName, found: Readonly<Record<string, unknown>>): boolean {
  const names: unknown = found['columns']
  const wanted = ourColumns[table].split(' ')
  return found['kind'] === 'r' && Array.isArray(names) && wanted.every((name) => names.includes(name))
}

/** Inserts the rows of a JSON list, and changes those that differ; gives one row back for each that was written. */
function upsert(table: StackTableName, key: string): string {
  const columns = ourColumns[table].split(' ').filter((column) => column !== 'updated_at')
  const values = columns.filter((column) => column !== key)
  return `
INSERT INTO poststack.${table} AS had (${columns.join(', ')})
SELECT ${prefixed('given', columns)} FROM pg_catalog.jsonb_populate_recordset(NULL::poststack.${table}, $1::jsonb) given
ORDER BY given.${key}
ON CONFLICT (${key}) DO UPDATE SET ${values.map((name) => `${name} = EXCLUDED.${name}`).join(', ')}, updated_at = pg_catalog.now()
WHERE ROW(${prefixed('had', values)}) IS DISTINCT FROM ROW(${prefixed('EXCLUDED', values)})
RETURNING 1`
}

function prefixed(row: string, columns: readonly string[]): string {
  return columns.map((column) => `${row}.${column}`).join(', ')
}

function systemRows(system: StackRecord['system']): readonly object[] {
  return Object.entries(system).map(([name, value]) => ({ name, value }))
}

// What is absent is left out of the JSON, which makes it NULL.
function serviceColumns({ specDigest, ...row }: ServiceRow): object {
  return { ...row, spec_digest: specDigest }
}

function containerColumns({ imageId, exitCode, ...row }: ContainerRow): object {
  return { ...row, image_id: imageId, exit_code: exitCode }
}

type Json = Readonly<Record<string, unknown>>

function recordOf(row: Json): StackRecord {
  return {
    system: (row['system'] ?? {}) as StackRecord['system'],
    services: ((row['services'] ?? []) as readonly Json[])
      .map(serviceOf)
      .toSorted((a, b) => compareText(a.name, b.name)),
    containers: ((row['containers'] ?? []) as readonly Json[]).map(containerOf).toSorted(compareContainers),
    whole: true,
  }
}

/** The order of a record's containers. */
export function compareContainers(a: ContainerRow, b: ContainerRow): number {
  return compareText(a.service, b.service) || compareText(a.name, b.name) || compareText(a.id, b.id)
}

function serviceOf(row: Json): ServiceRow {
  return {
    name: String(row['name']),
    stack: String(row['stack']),
    kind: String(row['kind']),
    runtime: textOf(row['runtime']),
    image: textOf(row['image']),
    specDigest: textOf(row['spec_digest']),
    addresses: textsOf(row['addresses']),
    state: String(row['state']),
  }
}

function containerOf(row: Json): ContainerRow {
  const exitCode = row['exit_code']
  return {
    id: String(row['id']),
    service: String(row['service']),
    name: String(row['name']),
    image: textOf(row['image']),
    imageId: textOf(row['image_id']),
    runtime: String(row['runtime']),
    state: String(row['state']),
    exitCode: typeof exitCode === 'number' ? exitCode : undefined,
    ports: textsOf(row['ports']),
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : []
}
