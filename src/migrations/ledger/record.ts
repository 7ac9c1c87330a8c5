/**
 * Writing the ledger: what a run does is told here, in the same transaction as the thing itself wherever there is one.
 */
import type { Migration, Queryable } from '../types.ts'
import { canonicalVersion } from '../version.ts'
import { ownPath } from '../own-path.ts'
import { literal } from '../sql/quote.ts'

/** Who does it, for the record. */
export interface LedgerAuthor {
  /** Operating-system user. */
  readonly appliedBy: string
  readonly host: string
  readonly toolVersion: string
  /** Of the checkout that the files came from. */
  readonly gitCommit: string | undefined
}

/** What the append-only `poststack.migration_events` tells apart. */
export type LedgerEvent =
  | 'applied'
  | 'failed'
  | 'rolled-back'
  | 'rollback-failed'
  | 'baselined'
  | 'repaired'
  | 'text-accepted'

/** A migration as far as the ledger needs it. */
export type RecordedMigration = Pick<Migration, 'version' | 'name' | 'checksum' | 'sql'> & {
  readonly rollback: { readonly sql: string; readonly checksum: string } | undefined
}

/** Writes the row of a migration that is about to run. */
export async function recordStart(
  client: Queryable,
  migration: RecordedMigration,
  author: LedgerAuthor,
): Promise<void> {
  await client.query(insertStart(migration, author))
}

/**
 * SQL that writes the row of a migration that is about to run. Gives one row: the transaction's id as `transaction`, the backend it
 * runs in as `pid`. The values stand in it, so that it can be sent together with the statement that begins the transaction.
 */
export function insertStart(migration: RecordedMigration, author: LedgerAuthor): string {
  const { version, name, checksum, sql, rollback } = migration
  const texts = [version, name, checksum, sql, rollback?.sql, rollback?.checksum].map(literal).join(', ')
  const by = [author.appliedBy, author.host, author.gitCommit, author.toolVersion].map(literal).join(', ')
  return `INSERT INTO poststack.schema_migrations
  (version, version_text, name, checksum, up_sql, rollback_sql, rollback_checksum, state, applied_by, host, git_commit, tool_version)
VALUES (${canonicalVersion(version)}, ${texts}, 'running', ${by})
RETURNING pg_catalog.txid_current()::pg_catalog.text AS transaction, pg_catalog.pg_backend_pid() AS pid`
}

/**
 * Records that a text ended its own transaction: nobody can tell what of it is in the database. The row keeps later runs from going
 * on until a person has looked.
 */
export async function recordEscape(
  client: Queryable,
  migration: RecordedMigration,
  author: LedgerAuthor,
  message: string,
): Promise<void> {
  await client.query(`BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL ${ownPath}`)
  // Its own COMMIT kept the row, its own ROLLBACK took it away.
  const version = canonicalVersion(migration.version)
  const found = await client.query('SELECT FROM poststack.schema_migrations WHERE version = $1', [version])
  if (found.rows.length === 0) await recordStart(client, migration, author)
  const text = `UPDATE poststack.schema_migrations SET state = 'unknown', error = pg_catalog.jsonb_build_object('message', $2::text) WHERE version = $1`
  await client.query(text, [version, message])
  await client.query('COMMIT')
}

/** A line of the history. */
export interface EventRecord {
  readonly event: LedgerEvent
  readonly migration: Pick<Migration, 'version' | 'name' | 'checksum'>
  readonly author: LedgerAuthor
  /** Whatever else is worth keeping, as JSON. */
  readonly detail?: Readonly<Record<string, unknown>>
}

/** Adds a line to the history. */
export async function recordEvent(client: Queryable, record: EventRecord): Promise<void> {
  const { event, migration, author, detail = {} } = record
  const insert = `
INSERT INTO poststack.migration_events (event, version, version_text, name, checksum, detail, done_by, host, git_commit, tool_version)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`
  await client.query(insert, [
    event,
    canonicalVersion(migration.version),
    migration.version,
    migration.name,
    migration.checksum,
    JSON.stringify(detail),
    author.appliedBy,
    author.host,
    author.gitCommit ?? null,
    author.toolVersion,
  ])
}
