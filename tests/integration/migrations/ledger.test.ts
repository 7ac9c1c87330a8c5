import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Connection } from '../../../src/migrations/connection.ts'
import { readLedgerFacts } from '../../../src/migrations/ledger/facts.ts'
import { ensureLedger, ledgerLayout } from '../../../src/migrations/ledger/layout.ts'
import { readSeeded } from '../../../src/migrations/ledger/seeded.ts'
import { readLedger, readLedgerRows } from '../../../src/migrations/ledger/rows.ts'
import { readStackSchema } from '../../../src/migrations/run/schema.ts'
import { apply, failApply, failureOf, folderOf, ledgerOf, shown, tablesOf } from '../../support/migrations.ts'
import { startPostgres, type TestDatabase, type TestServer } from '../../support/postgres.ts'

let server: TestServer
let database: TestDatabase

beforeAll(async () => {
  server = await startPostgres()
})
afterAll(async () => await server.stop())
beforeEach(async () => {
  database = await server.createDatabase()
})

async function everything(): Promise<unknown> {
  return await database.rows(`SELECT relname, relkind, xmin::text FROM pg_class ORDER BY 1, 2`)
}

describe('looking', () => {
  test('must create nothing where there is no ledger', async () => {
    const session = await database.session()
    const before = await everything()
    expect(await readLedger(session)).toEqual([])
    expect(await everything()).toEqual(before)
    await session.query('CREATE SCHEMA poststack')
    expect(await readLedger(session)).toEqual([])
    expect(await database.rows(`SELECT relname FROM pg_class WHERE relnamespace = 'poststack'::regnamespace`)).toEqual(
      [],
    )
  })

  test('must give the rows in the order of numbers, with the text of the version as the file has it', async () => {
    const files = { '10_b.sql': '', '009_a.sql': 'SELECT 1' }
    await apply(database, files)
    const [first, second] = folderOf(files).migrations
    expect(await readLedger(await database.session())).toEqual([
      { version: '009', name: 'a', checksum: first?.checksum },
      { version: '10', name: 'b', checksum: second?.checksum },
    ])
  })

  test('must work in a read-only session, and while a run holds the lock', async () => {
    await apply(database, { '1_a.sql': '' })
    const session = await database.session()
    await session.query('SET default_transaction_read_only = on')
    let seen = 0
    await apply(
      database,
      { '1_a.sql': '', '2_b.sql': `DO $$ BEGIN RAISE NOTICE 'now'; PERFORM pg_sleep(0.2); END $$` },
      {
        onEvent: (event) =>
          void (event.type === 'server-notice' && readLedger(session).then((rows) => (seen = rows.length))),
      },
    )
    expect(seen).toBe(1)
  })

  test('a role without rights must be told what it lacks', async () => {
    await apply(database, {})
    await database.rows(`CREATE ROLE onlooker LOGIN PASSWORD 'x'`)
    const session = await database.session({ user: 'onlooker', password: 'x' })
    const error = await failureOf(readLedger(session))
    expect(shown(error).replaceAll(database.target.database, 'DB')).toMatchInlineSnapshot(`
      "LEDGER_DENIED
      Role onlooker may not read the ledger of database DB: permission denied for schema poststack.

      As the ledger's owner run: GRANT USAGE ON SCHEMA poststack TO onlooker; GRANT SELECT ON ALL TABLES IN SCHEMA poststack TO onlooker;"
    `)
    await database.rows(
      'GRANT USAGE ON SCHEMA poststack TO "onlooker"; GRANT SELECT ON ALL TABLES IN SCHEMA poststack TO "onlooker"',
    )
    expect(await readLedger(session)).toEqual([])
  })
})

const as = async (): Promise<Connection> => await database.session({ user: 'bystander', password: 'x' })

describe('a role without rights on a ledger that is there', () => {
  beforeEach(async () => {
    await apply(database, { '1_a.sql': '' })
    await database.rows(`DROP ROLE IF EXISTS bystander; CREATE ROLE bystander LOGIN PASSWORD 'x'`)
  })
  afterEach(async () => {
    await database.rows('DROP OWNED BY bystander')
  })

  test.each([
    ['to look', async () => await readLedgerFacts(await as(), [])],
    ['to see the schema', async () => await readStackSchema(await as())],
    ['to learn the layout', async () => await ledgerLayout(await as())],
  ])('%s must be told so', async (_, act) => {
    const error = await failureOf(act())
    expect(error.code).toBe('LEDGER_DENIED')
    expect(error.hint).toContain('GRANT SELECT ON ALL TABLES IN SCHEMA poststack TO bystander;')
  })

  test('to migrate must be told the right to write, not to create', async () => {
    const error = await failApply(database, { '1_a.sql': '', '2_b.sql': '' }, { connect: as })
    expect(error.code).toBe('LEDGER_DENIED')
    expect(error.hint).toContain('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES')
    await database.rows(
      'GRANT USAGE ON SCHEMA poststack TO bystander; GRANT SELECT ON ALL TABLES IN SCHEMA poststack TO bystander',
    )
    const reading = await failApply(database, { '1_a.sql': '', '2_b.sql': '' }, { connect: as })
    expect(reading.code).toBe('LEDGER_DENIED')
    expect(await readLedger(await database.session())).toHaveLength(1)
    // Nothing to write.
    expect((await apply(database, { '1_a.sql': '' }, { connect: as })).applied).toEqual([])
  })

  test('needs none on the texts of migrations to see how they stand', async () => {
    await database.rows(`GRANT USAGE ON SCHEMA poststack TO bystander; GRANT SELECT ON ALL TABLES IN SCHEMA poststack TO bystander;
      REVOKE SELECT ON poststack.schema_migrations FROM bystander; GRANT SELECT (version, version_text, name, checksum, state, statements_applied,
        statements_total, rollback_checksum, duration_ms, applied_by, applied_at, host, git_commit) ON poststack.schema_migrations TO bystander`)
    expect(await readLedgerFacts(await as(), [])).toMatchObject([{ version: '1', name: 'a', reversible: false }])
  })

  test('that may make schemas must be told what it lacks in this one', async () => {
    await database.rows(`DROP SCHEMA poststack CASCADE; CREATE SCHEMA poststack;
      GRANT CREATE ON DATABASE ${database.target.database} TO bystander`)
    const error = await failApply(database, { '1_a.sql': '' }, { connect: as })
    expect(error.hint).toContain('GRANT USAGE, CREATE ON SCHEMA poststack TO bystander;')
  })
})

describe('making the ledger', () => {
  test('a role that may not must be told, and nothing be left open', async () => {
    await database.rows(`CREATE ROLE guest LOGIN PASSWORD 'x'`)
    const connect = async (options: { applicationName: string }) =>
      await database.session({ ...options, user: 'guest', password: 'x' })
    const error = await failApply(database, { '1_a.sql': '' }, { connect })
    expect(shown(error).replaceAll(database.target.database, 'DB')).toMatchInlineSnapshot(`
      "LEDGER_DENIED
      Role guest may not create the ledger in database DB: permission denied for database DB. Nothing was done.

      As the database's owner run: GRANT CREATE ON DATABASE DB TO guest;"
    `)
  })

  test('an ordinary role with the right to create may migrate', async () => {
    await database.rows(
      `CREATE ROLE app LOGIN PASSWORD 'x'; GRANT CREATE ON DATABASE ${database.target.database} TO app; GRANT CREATE ON SCHEMA public TO app`,
    )
    const connect = async (options: { applicationName: string }) =>
      await database.session({ ...options, user: 'app', password: 'x' })
    expect(
      (await apply(database, { '1_a.sql': 'CREATE TABLE a ()', '2_b.sql': 'DROP TABLE a' }, { connect })).applied,
    ).toHaveLength(2)
  })

  test('a server that only reads must say so', async () => {
    await database.rows(`ALTER DATABASE ${database.target.database} SET default_transaction_read_only = on`)
    expect((await apply(database, { '1_a.sql': 'CREATE TABLE a ()' })).applied).toHaveLength(1)
  })

  test('a second time it is left as it is', async () => {
    const session = await database.session()
    await ensureLedger(session, '1')
    const before = await everything()
    await ensureLedger(session, '2')
    expect(await everything()).toEqual(before)
  })
})

describe('tables of others', () => {
  test.each([
    ['golang-migrate', 'version bigint NOT NULL PRIMARY KEY, dirty boolean NOT NULL', ', as golang-migrate makes it.'],
    ['Rails or dbmate', 'version varchar NOT NULL PRIMARY KEY', ', as dbmate and Rails make it.'],
    ['Ecto', 'version bigint PRIMARY KEY, inserted_at timestamp(0)', ', as Ecto makes it.'],
    [
      'the first Poststack',
      'version varchar(255) PRIMARY KEY, description text, checksum varchar(64), sql_up text, sql_down text',
      ', as the first Poststack, in Python, made it.',
    ],
    ['another tool', 'version int, name text', 'version, name.'],
  ])('%s in our schema must be refused, named and left alone', async (_name, columns, told) => {
    await database.rows(`CREATE SCHEMA poststack; CREATE TABLE poststack.schema_migrations (${columns})`)
    const before = await everything()
    const error = await failApply(database, { '1_a.sql': 'CREATE TABLE a ()' })
    expect(error.code).toBe('LEDGER_FOREIGN')
    expect(error.message).toContain('it has the columns version')
    expect(error.message.endsWith(told)).toBe(true)
    expect(error.hint).toBe('It is left as it is. Rename that table or its schema, then run again.')
    expect((await failureOf(readLedger(await database.session()))).code).toBe('LEDGER_FOREIGN')
    expect(await everything()).toEqual(before)
  })

  test('in schema public they are none of our business', async () => {
    await database.rows(
      `CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL); INSERT INTO schema_migrations VALUES (7, true)`,
    )
    await apply(database, { '1_a.sql': 'CREATE TABLE a ()' })
    expect(await database.rows('SELECT * FROM public.schema_migrations')).toEqual([{ version: '7', dirty: true }])
    expect(await tablesOf(database)).toEqual(['public.a', 'public.schema_migrations'])
    expect(await ledgerOf(database)).toEqual(['1 applied'])
  })

  test('a view of that name is not our table', async () => {
    await database.rows(`CREATE SCHEMA poststack; CREATE VIEW poststack.schema_migrations AS SELECT 1 AS version`)
    const warnings: string[] = []
    const connect: TestDatabase['connect'] = async (options) => {
      const session = await database.connect(options)
      session.onNotice(({ message }) => warnings.push(message))
      return session
    }
    expect((await failApply(database, {}, { connect })).code).toBe('LEDGER_FOREIGN')
    // Nothing is rolled back where nothing was begun.
    expect(warnings).toEqual([])
  })

  test('a ledger of a later Poststack must be refused', async () => {
    await apply(database, { '1_a.sql': '' })
    await database.rows(`UPDATE poststack.system_info SET value = '9' WHERE name = 'ledger_layout'`)
    await database.rows(`UPDATE poststack.system_info SET value = '7.0.0' WHERE name = 'tool_version'`)
    expect(shown(await failApply(database, { '1_a.sql': '', '2_b.sql': '' }))).toMatchInlineSnapshot(`
      "LEDGER_FOREIGN
      The ledger of this database has layout 9, made by Poststack 7.0.0; this Poststack knows layouts up to 3.

      Use a newer Poststack."
    `)
  })

  test('tables of others beside the ledger are left alone, and said', async () => {
    await database.rows(`CREATE SCHEMA poststack; CREATE TABLE poststack.services (id int)`)
    const before = await everything()
    const error = await failApply(database, { '1_a.sql': 'CREATE TABLE a ()' })
    expect(error.code).toBe('LEDGER_FOREIGN')
    expect(error.message).toContain('services')
    expect(await everything()).toEqual(before)
  })
})

describe('a ledger of the first layout', () => {
  // As Poststack 0.1.0 made it.
  const firstLayout = `
CREATE SCHEMA poststack;
CREATE TABLE poststack.ledger_version (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  version integer NOT NULL,
  tool_version text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
INSERT INTO poststack.ledger_version (version, tool_version) VALUES (1, '0.1.0');
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
);`
  const insert = `INSERT INTO poststack.schema_migrations (version, version_text, name, checksum, up_sql, state, applied_by, host, tool_version)
VALUES ($1::text::numeric, $1, 'a', $2, $3, $4, 'ann', 'here', '0.1.0')`

  test('must be read as it is, and brought along by the next run, with its rows', async () => {
    const files = { '1_a.sql': 'CREATE TABLE a ();', '2_b.sql': 'CREATE TABLE b ();' }
    const [first] = folderOf(files).migrations
    await database.rows(`${firstLayout} CREATE TABLE a ();`)
    await database.rows(insert, ['1', first?.checksum, first?.sql, 'applied'])
    expect(await readLedger(await database.session())).toEqual([{ version: '1', name: 'a', checksum: first?.checksum }])
    expect((await apply(database, files)).applied.map(({ version }) => version)).toEqual(['2'])
    expect(await ledgerOf(database)).toEqual(['1 applied', '2 applied'])
    const rows = await readLedgerRows(await database.session())
    expect(rows.map(({ appliedBy, upSql }) => [appliedBy === 'ann', upSql])).toEqual([
      [true, files['1_a.sql']],
      [false, files['2_b.sql']],
    ])
    expect(await database.rows(`SELECT value FROM poststack.system_info WHERE name = 'ledger_layout'`)).toEqual([
      { value: '3' },
    ])
    expect(await database.rows(`SELECT to_regclass('poststack.ledger_version') AS gone`)).toEqual([{ gone: null }])
  })

  test.each([
    ['its number', `UPDATE poststack.system_info SET value = '2' WHERE name = 'ledger_layout'`],
    ['its tables, where the number is gone', 'TRUNCATE poststack.system_info'],
  ])('the second layout, which knew no seeds, must be brought along by the next run: told by %s', async (_, told) => {
    await apply(database, { '1_a.sql': 'CREATE TABLE a ();' })
    await database.rows(`DROP TABLE poststack.seeded_files; ${told}`)
    expect(await readSeeded(await database.session())).toEqual([])
    await apply(database, { '1_a.sql': 'CREATE TABLE a ();' })
    expect(await database.rows('SELECT count(*)::int AS rows FROM poststack.seeded_files')).toEqual([{ rows: 0 }])
    expect(await ledgerLayout(await database.session())).toBe(3)
    await database.rows('TRUNCATE poststack.system_info')
    expect(await ledgerLayout(await database.session())).toBe(3)
  })

  test('what it had as failed had ended its own transaction', async () => {
    const [file] = folderOf({ '1_a.sql': '' }).migrations
    await database.rows(firstLayout)
    await database.rows(insert, ['1', file?.checksum, file?.sql, 'failed'])
    const error = await failApply(database, { '1_a.sql': '' })
    expect(error.code).toBe('MIGRATION_UNFINISHED')
    expect(error.hint).toContain('repair')
  })
})
