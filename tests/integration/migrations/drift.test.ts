import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Connect, Connection } from '../../../src/migrations/connection.ts'
import { baseline } from '../../../src/migrations/run/baseline.ts'
import { rollback } from '../../../src/migrations/run/rollback.ts'
import type { Finding } from '../../../src/migrations/verify/files.ts'
import { verify } from '../../../src/migrations/verify/verify.ts'
import { apply, folderOf, type SqlFiles, takeBack } from '../../support/migrations.ts'
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

  test('where the server would end statements that take as long as the reading of a schema', async () => {
    await database.rows(`ALTER DATABASE ${database.target.database} SET statement_timeout = '1h'`)
    const seen = new Set<unknown>()
    const connect: Connect = async (options) => {
      const session = await database.connect(options)
      const query: Connection['query'] = async (text, values) => {
        if (text.startsWith('WITH'))
          seen.add((await session.query('SHOW statement_timeout')).rows[0]?.['statement_timeout'])
        return await session.query(text, values)
      }
      return { ...session, query }
    }
    await apply(database, files, { connect })
    expect([...seen]).toEqual(['0'])
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

/** Of drift alone: the files may be others than those that are asked about. */
async function onlyDrift(): Promise<readonly Finding[]> {
  return (await drift()).filter(({ rule }) => rule.startsWith('drift'))
}

async function fingerprint(): Promise<unknown> {
  const rows = await database.rows('SELECT schema_fingerprint AS f FROM poststack.schema_migrations WHERE version = 1')
  return rows[0]?.['f']
}

describe('a rollback that restores too little', () => {
  const column: SqlFiles = { '002_c.sql': 'ALTER TABLE a ADD c int', '002_c.rollback.sql': 'SELECT 1' }
  const one: SqlFiles = { '001_a.sql': 'CREATE TABLE a ()', '001_a.rollback.sql': 'DROP TABLE a' }

  test('must leave the fingerprint of what was applied before, be told by name, and stay drift', async () => {
    await apply(database, one)
    const before = await fingerprint()
    for (const round of [1, 2]) {
      // oxlint-disable-next-line no-await-in-loop
      await apply(database, { ...one, ...column, '002_c.sql': `ALTER TABLE a ADD c${round} int` })
      const told: string[] = []
      // oxlint-disable-next-line no-await-in-loop
      await takeBack(database, { onEvent: (event) => event.type === 'notice' && told.push(event.message) })
      expect(told).toHaveLength(1)
      expect(told[0]).toContain('the schema is not as "001 a" left it when it was applied: + column public.a.c1')
      // oxlint-disable-next-line no-await-in-loop
      expect(await fingerprint()).toBe(before)
      // oxlint-disable-next-line no-await-in-loop
      expect(await onlyDrift()).toMatchObject([{ rule: 'drift', version: '001' }])
    }
    await database.rows('ALTER TABLE a DROP c1, DROP c2')
    expect(await onlyDrift()).toEqual([])
  })

  test('where nothing is left to compare with must be told, and drift be unknown', async () => {
    await apply(database, one)
    const before = await fingerprint()
    await apply(database, { ...one, ...column })
    await database.rows('DELETE FROM poststack.schema_snapshot')
    await takeBack(database)
    expect(await fingerprint()).toBe(before)
    expect((await onlyDrift()).map(({ rule }) => rule)).toEqual(['drift-unknown'])
  })

  test('to one without a fingerprint is what drift is told by from then on; what is older is known still', async () => {
    await apply(database, one)
    await apply(database, { ...one, ...column, '003_d.sql': 'CREATE TABLE d ()', '003_d.rollback.sql': 'DROP TABLE d' })
    await takeBack(database)
    expect(await onlyDrift()).toEqual([])
    await takeBack(database)
    expect((await onlyDrift())[0]?.lines).toEqual(['+ column public.a.c'])
  })

  test('in nothing but the order of columns is taken as it is', async () => {
    await apply(database, { '001_a.sql': 'CREATE TABLE a (x int, y int)' })
    const drop = { '002_b.sql': 'ALTER TABLE a DROP x', '002_b.rollback.sql': 'ALTER TABLE a ADD x int' }
    await apply(database, { '001_a.sql': 'CREATE TABLE a (x int, y int)', ...drop })
    await takeBack(database)
    expect(await onlyDrift()).toEqual([])
  })
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
  const found = await drift()
  expect(found).toMatchObject([{ severity: 'warning', rule: 'drift-unknown', version: '002', lines: [] }])
  expect(found[0]?.message.includes('was recorded on PostgreSQL')).toBe(sql.includes('server_version_num'))
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
