/**
 * Migrations for tests: a folder from texts, and a run that fails the test or gives the error back.
 */
import { isPoststackError, type PoststackError } from '../../src/errors.ts'
import { migrate, type MigrateOptions, type MigrateResult } from '../../src/migrations/apply.ts'
import { parseMigrations } from '../../src/migrations/parse.ts'
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
