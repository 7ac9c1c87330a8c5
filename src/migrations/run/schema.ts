/**
 * Schema `poststack` as a whole: made ahead of the first migration, looked at, and dropped with all that the stack recorded.
 */
import { PoststackError } from '../../errors.ts'
import { isServerError } from '../connection.ts'
import { explainDenied } from '../ledger/denied.ts'
import { beginLedger, ledgerLayout, stackTables } from '../ledger/layout.ts'
import type { Queryable } from '../types.ts'
import { commit, guarded } from './guard.ts'
import { type RunOptions, withRun } from './run.ts'
import { identifier } from '../sql/quote.ts'

/** A table of schema `poststack`. */
export interface StackTable {
  readonly table: string
  readonly rows: number
  /** Made by Poststack, and dropped with the schema. */
  readonly ours: boolean
}

/** The tables and how many rows they hold; undefined when there is no such schema. Fails with `LEDGER_FOREIGN`, or with `LEDGER_DENIED` when the role may not look. */
export async function readStackSchema(client: Queryable): Promise<readonly StackTable[] | undefined> {
  const { rows } = await client.query(selectRelations)
  if (rows.length === 0) return undefined
  // A ledger of somebody else is found here, before anything of the schema is touched.
  await ledgerLayout(client)
  const names = rows.flatMap((row) => (typeof row['name'] === 'string' ? [row['name']] : []))
  const tables: StackTable[] = []
  for (const table of names) {
    const ours = (stackTables as readonly string[]).includes(table)
    // oxlint-disable-next-line no-await-in-loop -- one connection
    tables.push({ table, ours, rows: await countRows(client, table) })
  }
  return tables
}

async function countRows(client: Queryable, table: string): Promise<number> {
  try {
    const { rows } = await client.query(`SELECT pg_catalog.count(*) AS rows FROM poststack.${identifier(table)}`)
    return Number(rows[0]?.['rows'])
  } catch (error) {
    throw await explainDenied(client, error, 'read')
  }
}

/** Makes schema and tables, under the migration lock. False: all of it was there. Fails as `migrate` does. */
export async function createSchema(
  options: RunOptions,
): Promise<{ readonly created: boolean; readonly tables: readonly StackTable[] }> {
  return await withRun(options, async (run) => {
    const before = await guarded(run, undefined, () => ledgerLayout(run.work))
    const isOpen = await guarded(run, undefined, () => beginLedger(run.work, options.toolVersion))
    if (isOpen) await commit(run, undefined)
    // It is made by now, and no stop makes that untrue.
    const tables = await readStackSchema(run.work)
    return { created: before === undefined, tables: tables ?? [] }
  })
}

/**
 * Drops the stack's own tables and then the schema, all or nothing, under the migration lock. Never more than that: fails with `STEP_FAILED`
 * when the schema holds something else, or something else in the database needs one of the tables.
 */
export async function dropSchema(options: RunOptions): Promise<readonly StackTable[]> {
  return await withRun(options, async (run) => {
    const tables = (await guarded(run, undefined, () => readStackSchema(run.work))) ?? []
    refuseOthers(tables)
    await guarded(run, undefined, () => drop(run.work, tables))
    await commit(run, undefined)
    return tables
  })
}

/** Fails when there are tables in the schema that Poststack did not make. */
export function refuseOthers(tables: readonly StackTable[]): void {
  const others = tables.filter(({ ours }) => !ours).map(({ table }) => `poststack.${table}`)
  if (others.length === 0) return
  throw new PoststackError(
    'STEP_FAILED',
    `Schema poststack holds what Poststack did not make: ${others.join(', ')}. Nothing was dropped.`,
    { hint: 'Move it to another schema (ALTER TABLE … SET SCHEMA …), or drop it yourself; then run again.' },
  )
}

/** In a transaction that is left open. */
async function drop(client: Queryable, tables: readonly StackTable[]): Promise<void> {
  const present = stackTables.filter((name) => tables.some(({ table }) => table === name))
  await client.query('BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE')
  try {
    // Restricting, so that what others built on these tables keeps them, and not the other way round.
    if (present.length > 0) {
      const list = present.map((table) => `poststack.${table}`).join(', ')
      await client.query(`DROP TABLE ${list} RESTRICT`)
    }
    await client.query('DROP SCHEMA IF EXISTS poststack RESTRICT')
  } catch (error) {
    throw isServerError(error) ? refusedDrop(error) : error
  }
}

function refusedDrop(error: Error & { readonly code: string; readonly detail?: string }): PoststackError {
  const detail = error.detail === undefined ? '' : `\n${error.detail}`
  return new PoststackError(
    'STEP_FAILED',
    `Schema poststack cannot be dropped: ${error.message} (SQLSTATE ${error.code}).${detail}\nNothing was dropped.`,
    {
      hint:
        error.code === '42501'
          ? 'Connect as the role that owns the schema and its tables.'
          : 'Drop what depends on it yourself, if it may go; then run again.',
      details: { sqlstate: error.code },
      cause: error,
    },
  )
}

// One row without a name for a schema that is empty. Indexes and sequences belong to tables.
const selectRelations = `
SELECT c.relname::text AS name FROM pg_catalog.pg_namespace n
LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
WHERE n.nspname = 'poststack' ORDER BY c.relname`
