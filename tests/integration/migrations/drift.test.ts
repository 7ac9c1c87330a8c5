import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Connect, Connection } from '../../../src/migrations/connection.ts'
import { baseline } from '../../../src/migrations/run/baseline.ts'
import { rollback } from '../../../src/migrations/run/rollback.ts'
import type { Finding } from '../../../src/migrations/verify/files.ts'
import { verify } from '../../../src/migrations/verify/verify.ts'
import { apply, folderOf, type SqlFiles } from '../../support/migrations.ts'
import { startPostgres, type TestDatabase, type TestServer } from '../../support/postgres.ts'

let server: TestServer
let database: TestDatabase
const signal = new AbortController().signal

beforeAll(async () => {
  server = await startPostgres()
})
afterAll(async () => {
  await server.stop()
})
beforeEach(async () => {
  database = await server.createDatabase()
})

const files: SqlFiles = {
  '001_users.sql': `CREATE TABLE users (id int PRIMARY KEY, email text NOT NULL DEFAULT 'none');
CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE VIEW mails AS SELECT email FROM users;`,
  '002_orders.sql': 'CREATE TABLE orders (id int)',
  '002_orders.rollback.sql': 'DROP TABLE orders',
}

const connectTo = (): never => {
  throw new Error('no other database is needed')
}

async function drift(): Promise<readonly Finding[]> {
  const { connect } = database
  const report = await verify({ connect, connectTo, folder: folderOf(files), signal, toolVersion: '1', drift: true })
  expect(report.ok).toBe(report.findings.every(({ severity }) => severity !== 'error'))
  return report.findings
}

describe('there is none', () => {
  test('after a run', async () => {
    await apply(database, files)
    expect(await drift()).toEqual([])
  })

  test('after a rollback, and after the run that follows', async () => {
    await apply(database, files)
    const options = { connect: database.connect, signal, toolVersion: '1' }
    await rollback(options)
    expect(await drift()).toEqual([])
    await apply(database, files)
    expect(await drift()).toEqual([])
  })

  test('after a baseline', async () => {
    await database.rows('CREATE TABLE by_hand (id int)')
    await baseline({ connect: database.connect, folder: folderOf(files), signal, toolVersion: '1', version: '002' })
    expect(await drift()).toEqual([])
  })

  test('in data, statistics, temporary tables and what the ledger holds', async () => {
    await apply(database, files)
    await database.rows(`INSERT INTO users SELECT n FROM generate_series(1, 100) n`)
    await database.rows('ANALYZE')
    const session = await database.session()
    await session.query('CREATE TEMPORARY TABLE mine (id int)')
    expect(await drift()).toEqual([])
    await session.close()
  })
})

test.each([
  ['a table', 'CREATE TABLE extra (id int)', 'public.extra'],
  ['a column', 'ALTER TABLE users ADD COLUMN phone text', 'public.users.phone'],
  ['a default', `ALTER TABLE users ALTER email SET DEFAULT 'x'`, 'public.users.email'],
  ['an index', 'CREATE INDEX by_hand ON users (email)', 'public.by_hand'],
  ['a function', `CREATE OR REPLACE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 2'`, 'public.one()'],
  ['a view', `CREATE OR REPLACE VIEW mails AS SELECT email FROM users WHERE id > 1`, 'public.mails'],
  ['a comment', `COMMENT ON TABLE users IS 'x'`, 'public.users'],
  ['a right', 'GRANT SELECT ON users TO PUBLIC', 'public.users'],
  ['a table that is gone', 'DROP TABLE orders', 'public.orders'],
])('%s changed by hand is named', async (_, sql, name) => {
  await apply(database, files)
  await database.rows(sql)
  const found = await drift()
  expect(found).toMatchObject([{ severity: 'error', rule: 'drift', version: '002' }])
  expect(found[0]?.lines).toHaveLength(1)
  expect(found[0]?.lines[0]).toContain(name)
  expect(found[0]?.message).toBe('The schema is not as "002 orders" left it: 1 object differs.')
})

test('several are named one by one, and a next migration takes them in', async () => {
  await apply(database, files)
  await database.rows('CREATE TABLE x1 (id int)')
  await database.rows('DROP VIEW mails')
  const found = await drift()
  expect(found[0]?.lines.join('\n')).toMatch(/public\.mails[^]*public\.x1|public\.x1[^]*public\.mails/)
  expect(found[0]?.message).toContain('2 objects differ')
  await apply(database, { ...files, '003_c.sql': 'SELECT 1' })
  expect((await drift()).filter(({ rule }) => rule === 'drift')).toEqual([])
})

test.each([
  ['none', 'DELETE FROM poststack.schema_snapshot'],
  [
    'that of another major of the server',
    'UPDATE poststack.schema_snapshot SET server_version_num = server_version_num - 10000',
  ],
  ['that of another migration', 'UPDATE poststack.schema_snapshot SET version = 1'],
  ['one of another form', `UPDATE poststack.schema_snapshot SET objects = '{"format":0,"objects":[]}'`],
])('where %s is recorded, that is a warning', async (_, sql) => {
  await apply(database, files)
  await database.rows(sql)
  await database.rows('CREATE TABLE x1 (id int)')
  expect(await drift()).toMatchObject([{ severity: 'warning', rule: 'drift-unknown', version: '002', lines: [] }])
})

test('it is read when nobody waits for the file any more, and one that a cut run could not write is taken for no other', async () => {
  await apply(database, files)
  const seen: unknown[] = []
  /** Sessions of a run with something that happens when it begins to write the schema down. */
  const atRecord =
    (happens: (pid: number) => Promise<unknown>): Connect =>
    async (options) => {
      const session = await database.connect(options)
      const query: Connection['query'] = async (text, values) => {
        if (text.startsWith('SAVEPOINT poststack_schema')) seen.push(await happens(session.backendPid))
        return await session.query(text, values)
      }
      return { ...session, query }
    }
  const more = {
    ...files,
    '003_c.sql': 'ALTER TABLE users ADD c int',
    '003_c.rollback.sql': 'ALTER TABLE users DROP c',
  }
  const reading = await database.session()
  await reading.query(`SET lock_timeout = '500ms'`)
  await apply(database, more, { connect: atRecord(async () => (await reading.query('SELECT FROM users')).rows) })
  expect(seen).toEqual([[]])

  const cut = atRecord(async (pid) => await database.rows('SELECT pg_terminate_backend($1, 5000)', [pid]))
  await rollback({ connect: cut, signal, toolVersion: '1' })
  expect(await drift()).toMatchObject([{ rule: 'drift-unknown' }])
  // Another text under the number that the record is of.
  await apply(database, { ...files, '003_c.sql': 'ALTER TABLE users ADD d int' }, { connect: cut })
  expect((await drift()).map(({ rule }) => rule)).toContain('drift-unknown')
  await apply(database, { ...files, '003_c.sql': 'ALTER TABLE users ADD d int', '004_d.sql': 'SELECT 1' })
  expect((await drift()).filter(({ rule }) => rule.startsWith('drift'))).toEqual([])
  expect(seen).toHaveLength(3)
})
