/**
 * What stands in schema `poststack`: its tables, told from those of other tools, made and brought along. Every name is written
 * with its schema, because a migration may have changed `search_path`.
 */
import { PoststackError } from '../../errors.ts'
import { ledgerSchema } from '../schema-name.ts'
import type { Queryable } from '../types.ts'
import { equals, ownPath } from '../own-path.ts'
import { explainDenied, type LedgerWish } from './denied.ts'
import { ensureStackTables } from './stack-tables.ts'

/** The tables that Poststack makes in its schema, in an order in which they can be dropped. */
export const stackTables = [
  'seeded_files',
  'schema_snapshot',
  'migration_events',
  'schema_migrations',
  'ledger_version',
  'containers',
  'services',
  'system_info',
] as const

// Counted up when columns come or change; `upgrades` brings older ones along.
const layout = 3

const createMigrations = `
CREATE TABLE poststack.schema_migrations (
  version numeric PRIMARY KEY CHECK (version >= 0 AND pg_catalog.scale(version) = 0),
  version_text text NOT NULL,
  name text NOT NULL,
  checksum text NOT NULL,
  up_sql text NOT NULL,
  rollback_sql text,
  rollback_checksum text,
  state text NOT NULL CONSTRAINT schema_migrations_state CHECK (state IN ('running', 'applied', 'failed', 'rolling-back', 'unknown')),
  statements_total integer,
  statements_applied integer NOT NULL DEFAULT 0,
  statements_chain text,
  statement_running integer,
  statement_context jsonb,
  error jsonb,
  duration_ms double precision,
  started_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  applied_at timestamptz,
  applied_by text NOT NULL,
  database_role text NOT NULL DEFAULT session_user,
  host text NOT NULL,
  git_commit text,
  tool_version text NOT NULL,
  server_version text NOT NULL DEFAULT pg_catalog.current_setting('server_version'),
  schema_fingerprint text
);
COMMENT ON TABLE poststack.schema_migrations IS 'Migrations that this database has. Written by Poststack only.';`

// The version is numeric there, so that equal numbers collide whatever their zeros, and no length is too long; `version_text` is how the file had it.
const createRest = `
CREATE TABLE poststack.migration_events (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  event text NOT NULL,
  version numeric,
  version_text text,
  name text,
  checksum text,
  detail jsonb,
  done_by text NOT NULL,
  database_role text NOT NULL DEFAULT session_user,
  host text NOT NULL,
  git_commit text,
  tool_version text NOT NULL
);
COMMENT ON TABLE poststack.migration_events IS 'What was ever done to the migrations of this database, in its order. Rows are only added.';
CREATE TABLE poststack.schema_snapshot (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  version numeric NOT NULL,
  fingerprint text NOT NULL,
  objects text NOT NULL,
  server_version_num integer NOT NULL DEFAULT pg_catalog.current_setting('server_version_num')::pg_catalog.int4,
  taken_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
COMMENT ON TABLE poststack.schema_snapshot IS 'The schema as the newest migration left it, to tell later changes by others.';`

const createSeeds = `
CREATE TABLE poststack.seeded_files (
  checksum text PRIMARY KEY,
  file text NOT NULL,
  duration_ms double precision,
  seeded_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  seeded_by text NOT NULL,
  database_role text NOT NULL DEFAULT session_user,
  host text NOT NULL,
  git_commit text,
  tool_version text NOT NULL
);
COMMENT ON TABLE poststack.seeded_files IS 'Seeds that this database has, each content once. Written by Poststack only.';`

const recordLayout = `
INSERT INTO poststack.system_info (name, value) VALUES ('ledger_layout', $1), ('tool_version', $2)
ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = pg_catalog.clock_timestamp()`

/** From the layout with the key's number to the next. */
const upgrades: Readonly<Record<number, string>> = {
  1: `
ALTER TABLE poststack.schema_migrations
  ADD COLUMN statements_chain text, ADD COLUMN statement_running integer, ADD COLUMN statement_context jsonb,
  ADD COLUMN git_commit text, ADD COLUMN schema_fingerprint text, DROP CONSTRAINT schema_migrations_state_check,
  ADD CONSTRAINT schema_migrations_state CHECK (state IN ('running', 'applied', 'failed', 'rolling-back', 'unknown'));
UPDATE poststack.schema_migrations SET state = 'unknown' WHERE state <> 'applied';
DROP TABLE poststack.ledger_version;
${createRest}`,
  2: createSeeds,
}

// Those of layout 1, which every later one has.
const ourColumns =
  'version version_text name checksum up_sql rollback_sql rollback_checksum state statements_total statements_applied error ' +
  'duration_ms started_at applied_at applied_by database_role host tool_version server_version'

// The catalogs can be read by everybody, whatever rights they lack on the schema itself.
const selectColumns = `
SELECT c.relname::text AS relation, c.relkind::text AS kind, a.attname::text AS name
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid ${equals} c.relnamespace
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid ${equals} c.oid AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped
WHERE n.nspname ${equals} 'poststack' AND c.relname ${equals} ANY ('{schema_migrations,ledger_version,system_info}'::pg_catalog.name[])`

/**
 * The layout of the ledger that a database has; nothing when there is none. Fails with `LEDGER_FOREIGN` when a table of
 * that name is another tool's, or was made by a newer Poststack, and with `LEDGER_DENIED` when the role may not look.
 */
export async function ledgerLayout(client: Queryable): Promise<number | undefined> {
  try {
    return await findLayout(client)
  } catch (error) {
    throw await explainDenied(client, error, 'read')
  }
}

async function findLayout(client: Queryable): Promise<number | undefined> {
  const { rows } = await client.query(selectColumns)
  const columns = rows.filter((row) => row['relation'] === 'schema_migrations')
  if (columns.length === 0) return undefined
  const names = new Set(columns.map((row) => row['name']))
  const relations = new Set(rows.map((row) => row['relation']))
  const isTable = columns[0]?.['kind'] === 'r'
  const first = relations.has('ledger_version')
  if (!isTable || !(first || relations.has('system_info')) || ourColumns.split(' ').some((name) => !names.has(name))) {
    throw foreign(
      `poststack.schema_migrations in this database was not made by this tool: it has the columns ${[...names].join(', ')}${whose(names)}.`,
      'It is left as it is. Rename that table or its schema, then run again.',
    )
  }
  return await layoutNumber(client, first ? layoutOfFirst : layoutOfLater)
}

/** Whose table of this name has such columns, in words that go on after their list. */
function whose(columns: ReadonlySet<unknown>): string {
  const has = (...names: readonly string[]): boolean => names.every((name) => columns.has(name))
  if (has('version', 'dirty')) return ', as golang-migrate makes it'
  if (has('version', 'inserted_at')) return ', as Ecto makes it'
  if (has('version', 'description', 'checksum')) return ', as the first Poststack, in Python, made it'
  return has('version') && columns.size === 1 ? ', as dbmate and Rails make it' : ''
}

const layoutOfFirst = 'SELECT version::text AS layout, tool_version FROM poststack.ledger_version'
// Where somebody has emptied the table, the others tell: the third layout brought the seeds.
const layoutOfLater = `
SELECT coalesce(pg_catalog.max(value) FILTER (WHERE name ${equals} 'ledger_layout'),
    CASE WHEN pg_catalog.to_regclass('poststack.seeded_files') IS NULL THEN '2' ELSE '3' END) AS layout,
  pg_catalog.max(value) FILTER (WHERE name ${equals} 'tool_version') AS tool_version
FROM poststack.system_info`

async function layoutNumber(client: Queryable, select: string): Promise<number> {
  const { rows } = await client.query(select)
  const found = Number(rows[0]?.['layout'])
  if (Number.isInteger(found) && found >= 1 && found <= layout) return found
  const made =
    rows[0] === undefined
      ? 'says no version'
      : `has layout ${String(rows[0]['layout'])}, made by Poststack ${String(rows[0]['tool_version'])}`
  throw foreign(
    `The ledger of this database ${made}; this Poststack knows layouts up to ${layout}.`,
    'Use a newer Poststack.',
  )
}

/**
 * A stack's role is called `poststack` by default, as this schema is, and the server looks into the schema that is called like the
 * role first: a project that has a table `services` of its own would read ours. So that role gets a path of its own in this
 * database, once, where nobody has chosen one. Whatever stands in our schema is still found.
 */
const publicFirst = `
DO $$ BEGIN
  IF session_user = '${ledgerSchema}' AND EXISTS (
    SELECT FROM pg_catalog.pg_settings s WHERE s.name = 'search_path' AND s.reset_val = '"$user", public') THEN
    EXECUTE pg_catalog.format('ALTER ROLE %I IN DATABASE %I SET search_path = public, ${ledgerSchema}', session_user, pg_catalog.current_database());
  END IF;
END $$`

/**
 * Makes the ledger, or brings an older one along. Only to be called with the migration lock held: PostgreSQL's own
 * `CREATE … IF NOT EXISTS` fails when two sessions race.
 */
export async function ensureLedger(client: Queryable, toolVersion: string): Promise<void> {
  if (await beginLedger(client, toolVersion)) await client.query('COMMIT')
}

/** The same in a transaction that is left open. False: all of it was there, and there is none. */
export async function beginLedger(client: Queryable, toolVersion: string): Promise<boolean> {
  // A ledger that may not be looked at is there.
  let wish: LedgerWish = 'write'
  try {
    const found = await findLayout(client)
    if (found === layout) return false
    wish = found === undefined ? 'create' : 'upgrade'
    await inOpenTransaction(client, () => makeLayout(client, found, toolVersion))
    return true
  } catch (error) {
    throw await explainDenied(client, error, wish)
  }
}

async function makeLayout(client: Queryable, found: number | undefined, toolVersion: string): Promise<void> {
  if (found === undefined) {
    await client.query(`CREATE SCHEMA IF NOT EXISTS poststack; ${createMigrations} ${createRest} ${createSeeds}`)
  } else {
    for (let from = found; from < layout; from++) {
      // oxlint-disable-next-line no-await-in-loop -- each layout is made from the one before
      await client.query(upgrades[from] ?? '')
    }
  }
  if (!(await ensureStackTables(client))) {
    throw foreign(
      'Schema poststack of this database has tables system_info, services or containers that were not made by this tool.',
      'They are left as they are. Rename them or their schema, then run again.',
    )
  }
  await client.query(recordLayout, [String(layout), toolVersion])
  await client.query(publicFirst)
}

async function inOpenTransaction(client: Queryable, body: () => Promise<void>): Promise<void> {
  await client.query(`BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL ${ownPath}`)
  try {
    await body()
  } catch (error) {
    // On a lost connection the server has done so by itself, and the first error is the one to tell.
    await client.query('ROLLBACK').catch(() => undefined)
    throw error
  }
}

function foreign(message: string, hint: string): PoststackError {
  return new PoststackError('LEDGER_FOREIGN', message, { hint, details: { table: 'poststack.schema_migrations' } })
}
