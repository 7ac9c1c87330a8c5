/**
 * Migrations for tests: a folder from texts, and a run that fails the test or gives the error back.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { isPoststackError, type PoststackError } from '../../src/errors.ts'
import type { MigrationEvent } from '../../src/migrations/events.ts'
import { migrate, type MigrateOptions, type MigrateResult } from '../../src/migrations/run/migrate.ts'
import { rollback, type RollbackOptions, type RollbackResult } from '../../src/migrations/run/rollback.ts'
import { parseMigrations } from '../../src/migrations/files/parse.ts'
import type { MigrationFolder } from '../../src/migrations/types.ts'
import type { TestDatabase } from './postgres.ts'

export type SqlFiles = Readonly<Record<string, string>>

export function folderOf(files: SqlFiles): MigrationFolder {
  const list = Object.entries(files).map(([file, sql]) => ({ file, bytes: Buffer.from(sql) }))
  return { path: '/migrations', migrations: parseMigrations(list) }
}

export async function apply(
  database: TestDatabase,
  files: SqlFiles,
  options: Partial<MigrateOptions> = {},
): Promise<MigrateResult> {
  return await migrate({
    connect: database.connect,
    folder: folderOf(files),
    signal: new AbortController().signal,
    toolVersion: '1.2.3',
    ...options,
  })
}

/** The error of a run that must fail. */
export async function failApply(
  database: TestDatabase,
  files: SqlFiles,
  options: Partial<MigrateOptions> = {},
): Promise<PoststackError> {
  return await failureOf(apply(database, files, options))
}

/** The error of a promise that must be rejected with one of ours. */
export async function failureOf(promise: Promise<unknown>): Promise<PoststackError> {
  try {
    await promise
  } catch (error) {
    if (isPoststackError(error)) return error
    throw error
  }
  throw new Error('it did not fail')
}

/** What a person sees of an error. */
export function shown(error: PoststackError): string {
  return `${error.code}\n${error.message}\n\n${error.hint ?? ''}`
}

/** Rows of the ledger as `version state`. */
export async function ledgerOf(database: TestDatabase): Promise<readonly string[]> {
  const rows = await database.rows('SELECT version_text, state FROM poststack.schema_migrations ORDER BY version')
  return rows.map((row) => `${String(row['version_text'])} ${String(row['state'])}`)
}

/** Names of the tables that migrations made. */
export async function tablesOf(database: TestDatabase): Promise<readonly string[]> {
  const rows = await database.rows(
    `SELECT schemaname || '.' || tablename AS name FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema', 'poststack') ORDER BY 1`,
  )
  return rows.map((row) => String(row['name']))
}

/** Takes back as `poststack database rollback` does. */
export async function takeBack(
  database: TestDatabase,
  options: Partial<RollbackOptions> & { readonly files?: SqlFiles } = {},
): Promise<RollbackResult> {
  const { files, ...rest } = options
  return await rollback({
    connect: database.connect,
    folder: files === undefined ? undefined : folderOf(files),
    signal: new AbortController().signal,
    toolVersion: '1.2.3',
    ...rest,
  })
}

/** One row of the ledger. */
export async function ledgerRow(database: TestDatabase, version: number): Promise<Record<string, unknown>> {
  const [row] = await database.rows('SELECT * FROM poststack.schema_migrations WHERE version = $1', [version])
  if (row === undefined) throw new Error(`no row of ${version}`)
  return row
}

/** The history as `event version`. */
export async function historyOf(database: TestDatabase): Promise<readonly string[]> {
  const rows = await database.rows('SELECT event, version_text FROM poststack.migration_events ORDER BY id')
  return rows.map((row) => `${String(row['event'])} ${String(row['version_text'])}`)
}

/** Indexes of the project with `valid` or `INVALID`. */
export async function indexesOf(database: TestDatabase): Promise<readonly string[]> {
  const rows = await database.rows(
    `SELECT i.indexrelid::regclass::text AS name, i.indisvalid AS valid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('poststack', 'information_schema') ORDER BY 1`,
  )
  return rows.map((row) => `${String(row['name'])} ${row['valid'] === true ? 'valid' : 'INVALID'}`)
}

/** What a run said as notices of its own. */
export function noticesOf(events: readonly MigrationEvent[]): readonly string[] {
  return events.flatMap((event) => (event.type === 'notice' ? [event.message] : []))
}

/** Waits until a query has rows, which must be soon; that what it asks about is not there yet is no answer. */
export async function until(database: TestDatabase, text: string): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    // oxlint-disable-next-line no-await-in-loop
    if ((await database.rows(text).catch(() => [])).length > 0) return
    // oxlint-disable-next-line no-await-in-loop
    await sleep(25)
  }
  throw new Error(`it never came: ${text}`)
}

/** Leaves in the ledger what a run that was killed in this statement (from 1) leaves, of one that failed there; the context as that run had written it. */
export async function cutIn(database: TestDatabase, statement: number): Promise<void> {
  await database.rows(
    `UPDATE poststack.schema_migrations SET state = 'running', error = NULL, statement_running = $1, statement_context = statement_context - 'refused'
WHERE state = 'failed'`,
    [statement],
  )
}
