/**
 * The ledger: the table `poststack.schema_migrations`, one row for each migration that the database has. Every name is
 * written with its schema, because a migration may have changed `search_path`.
 */
import { PoststackError } from '../errors.ts'
import { isServerError, type ServerError } from './connection.ts'
import type { AppliedMigration, Migration, Queryable } from './types.ts'
import { canonicalVersion } from './version.ts'

/** A row as the runner needs it; the contract with planning is the `AppliedMigration` in it. */
export interface LedgerRow extends AppliedMigration {
  readonly state: 'running' | 'applied' | 'failed'
}

/** Who applies, for the record. */
export interface LedgerAuthor {
  /** Operating-system user. */
  readonly appliedBy: string
  readonly host: string
  readonly toolVersion: string
}

// Of the table's layout. A later Poststack that adds columns counts it up and brings older ledgers along.
const ledgerVersion = 1

// `version` is numeric, so that equal numbers collide whatever their zeros, and no length is too long; `version_text` is how the file had it.
const createLedger = `
CREATE SCHEMA IF NOT EXISTS poststack;
CREATE TABLE poststack.ledger_version (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  version integer NOT NULL,
  tool_version text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
CREATE TABLE poststack.schema_migrations (
  version numeric PRIMARY KEY CHECK (version >= 0 AND pg_catalog.scale(version) = 0),
  version_text text NOT NULL,
  name text NOT NULL,
  checksum text NOT NULL,
  up_sql text NOT NULL,
  rollback_sql text,
  rollback_checksum text,
  state text NOT NULL CHECK (state IN ('running', 'applied', 'failed')),
  statements_total integer,
  statements_applied integer NOT NULL DEFAULT 0,
  error jsonb,
  duration_ms double precision,
  started_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  applied_at timestamptz,
  applied_by text NOT NULL,
  database_role text NOT NULL DEFAULT session_user,
  host text NOT NULL,
  tool_version text NOT NULL,
  server_version text NOT NULL DEFAULT pg_catalog.current_setting('server_version')
);
COMMENT ON TABLE poststack.schema_migrations IS 'Migrations applied by Poststack. Written by Poststack only.';
`

const ourColumns =
  'version version_text name checksum up_sql rollback_sql rollback_checksum state statements_total statements_applied error ' +
  'duration_ms started_at applied_at applied_by database_role host tool_version server_version'

// The catalogs can be read by everybody, whatever rights they lack on the schema itself.
const selectColumns = `
SELECT c.relname::text AS relation, c.relkind::text AS kind, a.attname::text AS name
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE n.nspname = 'poststack' AND c.relname IN ('schema_migrations', 'ledger_version')`

const selectRows = `
SELECT version_text AS version, name, checksum, state FROM poststack.schema_migrations ORDER BY poststack.schema_migrations.version`

/**
 * The ledger's rows sorted by version; none when there is no ledger. Creates nothing and takes no lock of its own, so it is
 * what every read-only look uses. Fails with `LEDGER_FOREIGN` when a table of that name is not ours.
 */
export async function readLedger(client: Queryable): Promise<readonly LedgerRow[]> {
  try {
    if ((await ledgerLayout(client)) === 'none') return []
    const { rows } = await client.query(selectRows)
    return rows.map(ledgerRow)
  } catch (error) {
    throw await explainDenied(client, error, 'read')
  }
}

/**
 * Makes the ledger if the database has none. Only to be called with the migration lock held: PostgreSQL's own
 * `CREATE … IF NOT EXISTS` fails when two sessions race.
 */
export async function ensureLedger(client: Queryable, toolVersion: string): Promise<void> {
  try {
    if ((await ledgerLayout(client)) === 'ours') return
    await client.query('BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE')
    await client.query(createLedger)
    const record = 'INSERT INTO poststack.ledger_version (version, tool_version) VALUES ($1, $2)'
    await client.query(record, [ledgerVersion, toolVersion])
    await client.query('COMMIT')
  } catch (error) {
    if (isServerError(error)) await client.query('ROLLBACK')
    throw await explainDenied(client, error, 'create')
  }
}

/** Writes the row of a migration that is about to run, in the transaction it will run in. Gives that transaction's id. */
export async function recordStart(client: Queryable, migration: Migration, author: LedgerAuthor): Promise<string> {
  const text = `
INSERT INTO poststack.schema_migrations
  (version, version_text, name, checksum, up_sql, rollback_sql, rollback_checksum, state, applied_by, host, tool_version)
VALUES ($1, $2, $3, $4, $5, $6, $7, 'running', $8, $9, $10)
RETURNING pg_catalog.txid_current()::text AS transaction`
  const { version, name, checksum, sql, rollback } = migration
  const values = [
    canonicalVersion(version),
    version,
    name,
    checksum,
    sql,
    rollback?.sql ?? null,
    rollback?.checksum ?? null,
  ]
  const { rows } = await client.query(text, [...values, author.appliedBy, author.host, author.toolVersion])
  return String(rows[0]?.['transaction'])
}

/**
 * Records that a migration ended its own transaction: part of it may be in the database for good. The row keeps later
 * runs from going on until a person has looked.
 */
export async function recordEscape(
  client: Queryable,
  migration: Migration,
  author: LedgerAuthor,
  message: string,
): Promise<void> {
  await client.query('BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE')
  // Its own COMMIT kept the row, its own ROLLBACK took it away.
  const version = canonicalVersion(migration.version)
  const found = await client.query('SELECT FROM poststack.schema_migrations WHERE version = $1', [version])
  if (found.rows.length === 0) await recordStart(client, migration, author)
  const text = `UPDATE poststack.schema_migrations SET state = 'failed', error = pg_catalog.jsonb_build_object('message', $2::text) WHERE version = $1`
  await client.query(text, [version, message])
  await client.query('COMMIT')
}

async function ledgerLayout(client: Queryable): Promise<'none' | 'ours'> {
  const { rows } = await client.query(selectColumns)
  const columns = rows.filter((row) => row['relation'] === 'schema_migrations')
  if (columns.length === 0) return 'none'
  const names = new Set(columns.map((row) => row['name']))
  const isTable = columns[0]?.['kind'] === 'r'
  if (
    !isTable ||
    !rows.some((row) => row['relation'] === 'ledger_version') ||
    ourColumns.split(' ').some((name) => !names.has(name))
  ) {
    throw foreign(
      `poststack.schema_migrations in this database was not made by this tool: it has the columns ${[...names].join(', ')}.`,
      ['It is left as it is. Rename that table or its schema, then run again.'],
    )
  }
  await checkVersion(client)
  return 'ours'
}

async function checkVersion(client: Queryable): Promise<void> {
  const { rows } = await client.query('SELECT version, tool_version FROM poststack.ledger_version')
  const found = rows[0]
  if (found !== undefined && Number(found['version']) <= ledgerVersion) return
  const made =
    found === undefined
      ? 'says no version'
      : `has layout ${String(found['version'])}, made by Poststack ${String(found['tool_version'])}`
  throw foreign(`The ledger of this database ${made}; this Poststack knows layouts up to ${ledgerVersion}.`, [
    'Use a newer Poststack.',
  ])
}

function foreign(message: string, ways: readonly string[]): PoststackError {
  return new PoststackError('LEDGER_FOREIGN', message, {
    hint: ways.join('\n'),
    details: { table: 'poststack.schema_migrations' },
  })
}

function ledgerRow(row: Readonly<Record<string, unknown>>): LedgerRow {
  const state = row['state'] === 'applied' ? 'applied' : row['state'] === 'failed' ? 'failed' : 'running'
  return {
    version: String(row['version']),
    name: String(row['name']),
    checksum: String(row['checksum']),
    state,
    ...(state === 'applied' ? {} : { unfinished: true as const }),
  }
}

function unreadable(error: ServerError): PoststackError {
  return new PoststackError(
    'DATABASE_UNREACHABLE',
    `The ledger cannot be read: ${error.message} (SQLSTATE ${error.code}).`,
    {
      hint: 'Mend what the server complains about, then try again.',
      details: { sqlstate: error.code },
      cause: error,
    },
  )
}

async function explainDenied(client: Queryable, error: unknown, wish: 'read' | 'create'): Promise<unknown> {
  if (!isServerError(error)) return error
  if (error.code !== '42501') return wish === 'create' ? error : unreadable(error)
  const { rows } = await client.query(
    'SELECT pg_catalog.quote_ident(current_user) AS role, pg_catalog.quote_ident(pg_catalog.current_database()) AS database',
  )
  const role = String(rows[0]?.['role'])
  const database = String(rows[0]?.['database'])
  const options = { details: { role, database, sqlstate: error.code }, cause: error }
  if (wish === 'read') {
    const hint = `As the ledger's owner run: GRANT USAGE ON SCHEMA poststack TO ${role}; GRANT SELECT ON ALL TABLES IN SCHEMA poststack TO ${role};`
    return new PoststackError(
      'DATABASE_UNREACHABLE',
      `Role ${role} may not read the ledger of database ${database}: ${error.message}.`,
      { ...options, hint },
    )
  }
  const hint = `As the database's owner run: GRANT CREATE ON DATABASE ${database} TO ${role};`
  return new PoststackError(
    'MIGRATION_FAILED',
    `Role ${role} may not create the ledger in database ${database}: ${error.message}. Nothing was applied.`,
    { ...options, hint },
  )
}
