import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { readLedgerFacts } from '../../../src/migrations/ledger/facts.ts'
import { baseline } from '../../../src/migrations/run/baseline.ts'
import { migrationStates } from '../../../src/migrations/status.ts'
import {
  apply,
  failApply,
  failureOf,
  folderOf,
  historyOf,
  ledgerOf,
  ledgerRow,
  type SqlFiles,
  tablesOf,
  takeBack,
} from '../../support/migrations.ts'
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

const files = {
  '1_a.sql': 'CREATE TABLE a ()',
  '1_a.rollback.sql': 'DROP TABLE a',
  '2_b.sql': 'CREATE TABLE b ()',
  '2_b.rollback.sql': 'DROP TABLE b',
  '3_c.sql': 'CREATE TABLE c ()',
}

async function take(version: string, from: SqlFiles = files): Promise<readonly string[]> {
  const chosen = await baseline({
    connect: database.connect,
    folder: folderOf(from),
    version,
    signal: new AbortController().signal,
    toolVersion: '1.2.3',
  })
  return chosen.map((migration) => migration.version)
}

test('everything up to the version is recorded and not run; the rest is applied later', async () => {
  await database.rows('CREATE TABLE a (); CREATE TABLE b ()')
  expect(await take('2')).toEqual(['1', '2'])
  expect(await ledgerOf(database)).toEqual(['1 applied', '2 applied'])
  expect(await historyOf(database)).toEqual(['baselined 1', 'baselined 2'])
  expect(await ledgerRow(database, 2)).toMatchObject({
    up_sql: 'CREATE TABLE b ()',
    rollback_sql: 'DROP TABLE b',
    duration_ms: 0,
  })
  expect(await database.rows('SELECT version FROM poststack.schema_snapshot')).toEqual([{ version: '2' }])
  expect((await apply(database, files)).applied.map(({ version }) => version)).toEqual(['3'])
  await database.rows('DELETE FROM poststack.schema_migrations WHERE version = 3')
  await takeBack(database, { target: '1' })
  expect(await tablesOf(database)).toEqual(['public.a', 'public.c'])
})

test('a second time it records what is new only, and nothing when there is nothing', async () => {
  expect(await take('1')).toEqual(['1'])
  expect(await take('3')).toEqual(['2', '3'])
  expect(await take('3')).toEqual([])
  expect(await historyOf(database)).toEqual(['baselined 1', 'baselined 2', 'baselined 3'])
})

test('a version that is no file, or behind what is applied, is refused and nothing recorded', async () => {
  expect((await failureOf(take('7'))).code).toBe('MIGRATION_UNKNOWN')
  expect(await ledgerOf(database)).toEqual([])
  await apply(database, files)
  const behind = await failureOf(take('1'))
  expect(behind.code).toBe('MIGRATION_UNKNOWN')
  expect(behind.message).toMatch(/Nothing was recorded\.$/)
  expect(behind.hint).not.toContain('rollback')
})

test('a file edited since, or one half-applied, is refused', async () => {
  await apply(database, { '1_a.sql': 'CREATE TABLE a (v int)' })
  expect((await failureOf(take('3'))).code).toBe('MIGRATION_CHANGED')
  await failApply(database, { '1_a.sql': 'CREATE TABLE a (v int)', '2_b.sql': 'VACUUM a; SELECT 1/0' })
  const half = { '1_a.sql': 'CREATE TABLE a (v int)', '2_b.sql': 'VACUUM a; SELECT 1/0', '3_c.sql': '' }
  expect((await failureOf(take('3', half))).code).toBe('MIGRATION_UNFINISHED')
  expect(await ledgerOf(database)).toEqual(['1 applied', '2 failed'])
})

test('a way back that could not be carried out is refused, and nothing recorded; the text itself is not looked at, as it is not run', async () => {
  const from = { ...files, '1_a.sql': '\\connect other', '2_b.rollback.sql': 'DROP TABEL b' }
  const error = await failureOf(take('2', from))
  expect(error.code).toBe('MIGRATION_INVALID')
  expect(error.message).toMatch(/^2_b\.rollback\.sql, line 1, column 6: syntax error/)
  expect(error.message).toMatch(/\nNothing was recorded\.$/)
  expect(await ledgerOf(database)).toEqual([])
  expect(await take('1', from)).toEqual(['1'])
})

test('the status tells what was recorded from what was run, also after it was taken back and applied', async () => {
  await database.rows('CREATE TABLE a (); CREATE TABLE b ()')
  await take('2')
  await apply(database, files)
  const states = async (): Promise<readonly string[]> => {
    const rows = await readLedgerFacts(await database.session(), [])
    return migrationStates(folderOf(files).migrations, rows ?? []).map(
      ({ version, state, durationMs }) => `${version} ${state} ${durationMs === undefined ? 'untimed' : 'timed'}`,
    )
  }
  expect(await states()).toEqual(['1 baselined untimed', '2 baselined untimed', '3 applied timed'])
  await database.rows('DELETE FROM poststack.schema_migrations WHERE version = 3; DROP TABLE c')
  await takeBack(database, { target: '1' })
  await apply(database, files)
  expect(await states()).toEqual(['1 baselined untimed', '2 applied timed', '3 applied timed'])
})
