import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { connect } from '../../../src/execute/database/database.ts'
import type { Connect, Connection } from '../../../src/migrations/connection.ts'
import { replay, type ReplayOptions } from '../../../src/migrations/verify/replay.ts'
import { apply, failureOf, folderOf, ledgerOf, type SqlFiles } from '../../support/migrations.ts'
import { startPostgres, type TestDatabase, type TestServer } from '../../support/postgres.ts'

let server: TestServer

beforeAll(async () => {
  server = await startPostgres()
})
afterAll(async () => {
  await server.stop()
})

const before: SqlFiles = {
  '001_a.sql': 'CREATE TABLE a (id int); INSERT INTO a VALUES (1);\n',
  '002_b.sql': 'CREATE TABLE b (id int);\n',
}
const after: SqlFiles = { ...before, '002_b.sql': 'CREATE TABLE b (id int, name text);\n' }

const connectTo =
  ({ target }: TestDatabase) =>
  (name: string): Connect =>
  async ({ applicationName, signal }) =>
    await connect({ ...target, database: name, applicationName }, signal)

function optionsFor(database: TestDatabase, files: SqlFiles, more: Partial<ReplayOptions> = {}): ReplayOptions {
  return {
    connectTo: connectTo(database),
    database: database.target.database,
    folder: folderOf(files),
    silentUpTo: '001',
    onSessions: () => undefined,
    signal: new AbortController().signal,
    toolVersion: '1',
    ...more,
  }
}

/** A database with both migrations and a row that is in none of them. */
async function made(): Promise<TestDatabase> {
  const database = await server.createDatabase()
  await apply(database, before)
  await database.rows('INSERT INTO a VALUES (2)')
  return database
}

const columnsOf = async (database: TestDatabase): Promise<unknown> =>
  (
    await database.rows(
      "SELECT count(*)::int AS columns FROM pg_attribute WHERE attrelid = 'b'::regclass AND attnum > 0",
    )
  )[0]
const rowsOf = async (database: TestDatabase): Promise<unknown> =>
  (await database.rows('SELECT count(*)::int AS rows FROM a'))[0]

async function others(database: TestDatabase): Promise<unknown> {
  return await database.rows("SELECT datname FROM pg_database WHERE datname LIKE 'poststack%'")
}

test('the new database must have the name, the settings and the migrations of the old one, and none of its rows', async () => {
  const database = await made()
  const { database: name } = database.target
  await database.rows(`ALTER DATABASE "${name}" SET search_path TO "$user", public, 'odd schema'`)
  await database.rows(`ALTER DATABASE "${name}" SET work_mem TO '5MB'`)
  await database.rows(`ALTER DATABASE "${name}" SET default_transaction_read_only TO off`)
  await database.rows(`ALTER DATABASE "${name}" SET shop.colour TO 'it''s red'`)
  await database.rows(`ALTER ROLE CURRENT_USER IN DATABASE "${name}" SET lock_timeout TO '7s'`)
  await database.rows(`ALTER DATABASE "${name}" CONNECTION LIMIT 50`)
  const facts = `SELECT d.datconnlimit, d.datcollate, pg_encoding_to_char(d.encoding) AS encoding, d.datdba,
    (SELECT jsonb_agg(jsonb_build_array(s.setrole, s.setconfig) ORDER BY s.setrole) FROM pg_db_role_setting s WHERE s.setdatabase = d.oid) AS settings
    FROM pg_database d WHERE d.datname = current_database()`
  const old = await database.rows(facts)
  const other = await connectTo(database)(name)({ applicationName: 'shop app', signal: new AbortController().signal })
  onTestFinished(() => other.close())
  const told: unknown[] = []
  const onEvent: ReplayOptions['onEvent'] = (event) => {
    if (event.type === 'migration-applied') told.push(event.file)
  }
  await replay(optionsFor(database, after, { onEvent, onSessions: (list) => told.push(list) }))
  expect(await columnsOf(database)).toEqual({ columns: 2 })
  expect(await rowsOf(database)).toEqual({ rows: 1 })
  expect(await ledgerOf(database)).toEqual(['001 applied', '002 applied'])
  expect(await database.rows(facts)).toEqual(old)
  expect(told).toEqual(['002_b.sql', expect.arrayContaining(['shop app'])])
  await expect(other.query('SELECT 1')).rejects.toThrow()
  expect(await others(database)).toEqual([])
  // What it recorded is what the next run finds.
  expect((await apply(database, after)).applied).toEqual([])
})

test('where a migration fails, or a new database would lack something, the old one must stay as it is', async () => {
  const database = await made()
  const broken = { ...before, '002_b.sql': 'CREATE TABLE b (id inte);\n' }
  const failure = await failureOf(replay(optionsFor(database, broken)))
  expect(failure.code).toBe('MIGRATION_FAILED')
  expect(failure.message).toMatch(new RegExp(`throw-away database; ${database.target.database} is as it was\\.$`))
  const role = { ...before, '002_b.sql': 'CREATE ROLE somebody;\n' }
  expect((await failureOf(replay(optionsFor(database, role)))).message).toMatch(/002_b.sql reaches beyond its database/)
  await database.rows(`COMMENT ON DATABASE "${database.target.database}" IS 'mine'`)
  expect((await failureOf(replay(optionsFor(database, after)))).message).toContain('it has a comment')
  expect(await columnsOf(database)).toEqual({ columns: 1 })
  expect(await rowsOf(database)).toEqual({ rows: 2 })
  expect(await others(database)).toEqual([])
})

test('wherever it is cut, the name must lead to the old database or to the new one, whole', async () => {
  const database = await made()
  const seen = new Set<string>()
  for (let cut = 1; ; cut += 1) {
    // From some query on nothing reaches the server any more, as if the process were gone: every session ends there. Those of the migrations
    // in the new database are not counted: nobody sees that one yet.
    let left = cut
    const sessions: Connection[] = []
    const dying =
      (name: string): Connect =>
      async (options) => {
        if (left <= 0) throw new Error('gone')
        const session = await connectTo(database)(name)(options)
        sessions.push(session)
        const query: Connection['query'] = async (...words) => {
          left -= name === 'postgres' ? 1 : 0
          if (left > 0) return await session.query(...words)
          await Promise.all(sessions.map((one) => one.close().catch(() => undefined)))
          throw new Error('gone')
        }
        return new Proxy(session, {
          get: (_, key) => {
            if (key === 'query') return query
            const value: unknown = Reflect.get(session, key, session)
            return typeof value === 'function' ? (value.bind(session) as unknown) : value
          },
        })
      }
    const ended = await replay(optionsFor(database, after, { connectTo: dying })).then(
      () => 'done',
      () => 'cut',
    )
    const state = `${JSON.stringify(await columnsOf(database))} ${JSON.stringify(await rowsOf(database))}`
    seen.add(state)
    expect(['{"columns":1} {"rows":2}', '{"columns":2} {"rows":1}']).toContain(state)
    expect(await ledgerOf(database)).toEqual(['001 applied', '002 applied'])
    if (ended === 'done') break
    expect(cut).toBeLessThan(200)
  }
  expect(seen.size).toBe(2)
  await replay(optionsFor(database, before))
  expect(await rowsOf(database)).toEqual({ rows: 1 })
  expect(await others(database)).toEqual([])
})
