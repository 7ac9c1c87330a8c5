import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ensureLedger, readLedger } from '../../src/migrations/ledger.ts'
import { apply, failApply, failureOf, folderOf, ledgerOf, shown, tablesOf } from '../support/migrations.ts'
import { startPostgres, type TestDatabase, type TestServer } from '../support/postgres.ts'

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
      { version: '009', name: 'a', checksum: first?.checksum, state: 'applied' },
      { version: '10', name: 'b', checksum: second?.checksum, state: 'applied' },
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
      "DATABASE_UNREACHABLE
      Role onlooker may not read the ledger of database DB: permission denied for schema poststack.

      As the ledger's owner run: GRANT USAGE ON SCHEMA poststack TO onlooker; GRANT SELECT ON ALL TABLES IN SCHEMA poststack TO onlooker;"
    `)
    await database.rows(
      'GRANT USAGE ON SCHEMA poststack TO "onlooker"; GRANT SELECT ON ALL TABLES IN SCHEMA poststack TO "onlooker"',
    )
    expect(await readLedger(session)).toEqual([])
  })
})

describe('making the ledger', () => {
  test('a role that may not must be told, and nothing be left open', async () => {
    await database.rows(`CREATE ROLE guest LOGIN PASSWORD 'x'`)
    const connect = async (options: { applicationName: string }) =>
      await database.session({ ...options, user: 'guest', password: 'x' })
    const error = await failApply(database, { '1_a.sql': '' }, { connect })
    expect(shown(error).replaceAll(database.target.database, 'DB')).toMatchInlineSnapshot(`
      "MIGRATION_FAILED
      Role guest may not create the ledger in database DB: permission denied for database DB. Nothing was applied.

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
    ['golang-migrate', 'version bigint NOT NULL PRIMARY KEY, dirty boolean NOT NULL'],
    ['Rails', 'version varchar NOT NULL PRIMARY KEY'],
    [
      'another tool with a long table',
      'version varchar(255) PRIMARY KEY, description text, checksum varchar(64), sql_up text, sql_down text',
    ],
  ])('%s in our schema must be refused and left alone', async (_name, columns) => {
    await database.rows(`CREATE SCHEMA poststack; CREATE TABLE poststack.schema_migrations (${columns})`)
    const before = await everything()
    const error = await failApply(database, { '1_a.sql': 'CREATE TABLE a ()' })
    expect(error.code).toBe('LEDGER_FOREIGN')
    expect(error.message).toContain('it has the columns version')
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
    expect((await failApply(database, {})).code).toBe('LEDGER_FOREIGN')
  })

  test('a ledger of a later Poststack must be refused', async () => {
    await apply(database, { '1_a.sql': '' })
    await database.rows(`UPDATE poststack.ledger_version SET version = 9, tool_version = '7.0.0'`)
    expect(shown(await failApply(database, { '1_a.sql': '', '2_b.sql': '' }))).toMatchInlineSnapshot(`
      "LEDGER_FOREIGN
      The ledger of this database has layout 9, made by Poststack 7.0.0; this Poststack knows layouts up to 1.

      Use a newer Poststack."
    `)
  })
})
