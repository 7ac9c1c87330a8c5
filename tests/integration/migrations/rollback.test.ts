import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { previewRollback } from '../../../src/migrations/run/preview.ts'
import type { MigrationEvent } from '../../../src/migrations/events.ts'
import {
  apply,
  failApply,
  failureOf,
  historyOf,
  indexesOf,
  ledgerOf,
  ledgerRow,
  noticesOf,
  shown,
  tablesOf,
  takeBack,
  until,
} from '../../support/migrations.ts'
import { startPostgres, type TestDatabase, type TestServer } from '../../support/postgres.ts'

let server: TestServer
let database: TestDatabase
let events: MigrationEvent[]
const onEvent = (event: MigrationEvent): void => void events.push(event)

beforeAll(async () => {
  server = await startPostgres()
})
afterAll(async () => await server.stop())
beforeEach(async () => {
  database = await server.createDatabase()
  events = []
})

const three = {
  '1_a.sql': 'CREATE TABLE a ()',
  '1_a.rollback.sql': 'DROP TABLE a',
  '2_b.sql': 'CREATE TABLE b ()',
  '2_b.rollback.sql': 'DROP TABLE b',
  '3_c.sql': 'CREATE TABLE c ()',
  '3_c.rollback.sql': 'DROP TABLE c',
}

async function snapshotVersion(): Promise<unknown> {
  const [row] = await database.rows('SELECT version FROM poststack.schema_snapshot')
  return row?.['version']
}

test('what another run is at is waited for before it is called half-applied', async () => {
  const running = apply(database, {
    '1_a.sql': 'SELECT 1; VACUUM pg_class; SELECT pg_sleep(0.7)',
    '1_a.rollback.sql': '',
  })
  await until(database, `SELECT FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND wait_event = 'PgSleep'`)
  const { connect } = database
  const options = { connect, signal: new AbortController().signal }
  expect((await failureOf(previewRollback(options))).code).toBe('MIGRATION_UNFINISHED')
  expect((await previewRollback({ ...options, wait: { onEvent } })).rollbacks).toMatchObject([{ version: '1' }])
  expect(events.map(({ type }) => type)).toContain('lock-waiting')
  await running
})

test('the history has how long the rollback took, in one transaction and in parts', async () => {
  await apply(database, {
    ...three,
    '2_b.rollback.sql': 'DROP TABLE b; SELECT pg_sleep(0.2)',
    '3_c.rollback.sql': 'DROP TABLE c; VACUUM a; SELECT pg_sleep(0.2)',
  })
  await database.rows('UPDATE poststack.schema_migrations SET duration_ms = 100000')
  await takeBack(database, { steps: 2 })
  const rows = await database.rows(
    "SELECT (detail->>'duration_ms')::float8 AS ms FROM poststack.migration_events WHERE event = 'rolled-back'",
  )
  const times = rows.map(({ ms }) => Number(ms))
  expect(times).toHaveLength(2)
  for (const ms of times) expect(ms).toBeGreaterThan(190)
  for (const ms of times) expect(ms).toBeLessThan(50_000)
})

describe('which are taken back', () => {
  test('the newest only, when nothing else is asked for', async () => {
    await apply(database, three)
    const result = await takeBack(database, { onEvent })
    expect(result).toMatchObject({ rolledBack: [{ version: '3', name: 'c' }], left: 2 })
    expect(await ledgerOf(database)).toEqual(['1 applied', '2 applied'])
    expect(await tablesOf(database)).toEqual(['public.a', 'public.b'])
    expect(await historyOf(database)).toEqual(['applied 1', 'applied 2', 'applied 3', 'rolled-back 3'])
    expect(await snapshotVersion()).toBe('2')
    expect((await ledgerRow(database, 2))['schema_fingerprint']).toMatch(/^[0-9a-f]{64}$/)
    expect(events.map(({ type }) => type)).toEqual(['migration-started', 'migration-rolled-back'])
    await apply(database, three)
    expect(await tablesOf(database)).toEqual(['public.a', 'public.b', 'public.c'])
  })

  test.each([
    ['an empty target', { target: '' }],
    ['a target that is no number', { target: 'x' }],
    ['a target of another type', { target: 0 as unknown as string }],
    ['steps below one', { steps: -1 }],
    ['no whole steps', { steps: 1.5 }],
    ['steps that are no number', { steps: Number.NaN }],
    ['both at once', { steps: 1, target: '1' }],
  ])('nothing for %s', async (_name, wanted) => {
    await apply(database, three)
    expect((await failureOf(takeBack(database, wanted))).code).toBe('USAGE')
    expect(await ledgerOf(database)).toEqual(['1 applied', '2 applied', '3 applied'])
  })

  test('as many as asked for, all above a target, or everything', async () => {
    await apply(database, three)
    expect((await takeBack(database, { steps: 2 })).rolledBack.map(({ version }) => version)).toEqual(['3', '2'])
    await apply(database, three)
    expect((await takeBack(database, { target: '001' })).rolledBack.map(({ version }) => version)).toEqual(['3', '2'])
    expect(await takeBack(database, { target: '1' })).toEqual({ rolledBack: [], left: 1 })
    await apply(database, three)
    expect(await takeBack(database, { target: '0' })).toMatchObject({ left: 0 })
    expect(await tablesOf(database)).toEqual([])
    expect(await ledgerOf(database)).toEqual([])
    expect(await snapshotVersion()).toBeUndefined()
    expect(await takeBack(database)).toEqual({ rolledBack: [], left: 0 })
  })

  test('a target that is not applied, or a database without a ledger', async () => {
    expect(await takeBack(database)).toEqual({ rolledBack: [], left: 0 })
    expect(await database.rows(`SELECT FROM pg_namespace WHERE nspname = 'poststack'`)).toEqual([])
    await apply(database, three)
    expect((await failureOf(takeBack(database, { target: '7' }))).code).toBe('MIGRATION_UNKNOWN')
    expect(await ledgerOf(database)).toHaveLength(3)
  })

  test('a rollback that is missing is told before the first step of the chain', async () => {
    const { '2_b.rollback.sql': _, ...files } = three
    await apply(database, files)
    const error = await failureOf(takeBack(database, { target: '0' }))
    expect(error.code).toBe('MIGRATION_IRREVERSIBLE')
    expect(error.message).toContain('Migration "2 b" has no stored rollback')
    expect(await tablesOf(database)).toHaveLength(3)
    const both = { '1_a.sql': '', '2_b.sql': '', '3_c.sql': '' }
    const told = (await failureOf(takeBack(database, { target: '0', files: both, useFile: true }))).message
    expect(told).toBe('Migrations "3 c", "2 b", "1 a" have no rollback file. Nothing was rolled back.')
    await takeBack(database, { target: '0', files: three, useFile: true })
    expect(await ledgerOf(database)).toEqual([])
  })

  test('one that cannot be carried out is refused before its migration is applied', async () => {
    await apply(database, { '1_a.sql': 'CREATE TABLE a ()' })
    const files = {
      '1_a.sql': 'CREATE TABLE a ()',
      '1_a.rollback.sql': 'DROP TABEL a',
      '2_b.sql': 'CREATE TABLE b ()',
      '2_b.rollback.sql': '-- back\nDROP TABEL b;\n',
      '3_c.sql': 'COMMIT',
    }
    const error = await failApply(database, files)
    expect(shown(error)).toMatchInlineSnapshot(`
      "MIGRATION_INVALID
      3_c.sql, line 1, column 1: a migration cannot begin or end a transaction, because every file runs in one of its own.

      > 1 | COMMIT
          | ^

      And:
      - 2_b.rollback.sql, line 2: syntax error at or near "TABEL" (SQLSTATE 42601)

      Nothing was applied.

      Delete these statements (BEGIN, COMMIT, ROLLBACK and their like); the file is applied as a whole or not at all without them. One BEGIN as the first and one COMMIT as the last statement may stay, and so may SAVEPOINT and ROLLBACK TO.
      Correct it and run again."
    `)
    expect(error.details).toMatchObject({
      problems: [
        { file: '3_c.sql', line: 1 },
        { file: '2_b.rollback.sql', line: 2, column: 6 },
      ],
    })
    expect(await ledgerOf(database)).toEqual(['1 applied'])
  })

  test('one that could not be carried out is told before the first step as well', async () => {
    await apply(database, three)
    // As an earlier version of Poststack stored it, which did not look.
    await database.rows(`UPDATE poststack.schema_migrations SET rollback_sql = 'DROP TABEL a' WHERE version = '1'`)
    const error = await failureOf(takeBack(database, { target: '0' }))
    expect(error.code).toBe('MIGRATION_INVALID')
    expect(error.message).toMatch(/Nothing was rolled back\.$/)
    expect(await tablesOf(database)).toHaveLength(3)
  })
})

describe('which text is used', () => {
  test('the stored one, after the file is gone, or is another, which is said', async () => {
    await apply(database, three)
    await takeBack(database, { files: {} })
    const edited = { ...three, '2_b.rollback.sql': 'DROP TABLE IF EXISTS b; CREATE TABLE wrong ()' }
    await takeBack(database, { files: edited, onEvent })
    expect(noticesOf(events)).toEqual([
      'the text stored when it was applied is used; 2_b.rollback.sql was edited since (--use-file takes the file)',
    ])
    expect(await tablesOf(database)).toEqual(['public.a'])
  })

  test("the file's, when asked for", async () => {
    await apply(database, three)
    const files = { ...three, '3_c.rollback.sql': 'DROP TABLE c; CREATE TABLE other ()' }
    await takeBack(database, { files, useFile: true })
    expect(await tablesOf(database)).toEqual(['public.a', 'public.b', 'public.other'])
  })
})

describe('a rollback that fails', () => {
  test('leaves what was taken back before it, and a true ledger', async () => {
    await apply(database, { ...three, '2_b.rollback.sql': 'DROP TABLE b;\nDROP TABLE nowhere' })
    const error = await failureOf(takeBack(database, { target: '0' }))
    expect(error.code).toBe('MIGRATION_FAILED')
    expect(error.message).toContain('rollback of "2 b" (as stored), in the statement at line 2')
    expect(error.message).toContain('1 of 3 migrations rolled back; this one was undone, so "2 b" is still applied.')
    expect(error.details).toMatchObject({ rolledBack: ['3'], pending: ['2', '1'] })
    expect(await ledgerOf(database)).toEqual(['1 applied', '2 applied'])
    expect(await tablesOf(database)).toEqual(['public.a', 'public.b'])
    expect((await historyOf(database)).slice(3)).toEqual(['rolled-back 3', 'rollback-failed 2'])
    expect(await snapshotVersion()).toBe('2')
  })

  test('is undone as a whole', async () => {
    await apply(database, { '1_a.sql': 'CREATE TABLE a ()', '1_a.rollback.sql': 'DROP TABLE a; SELECT 1/0' })
    const error = await failureOf(takeBack(database))
    expect(error.details).toMatchObject({ sqlstate: '22012' })
    expect(await ledgerOf(database)).toEqual(['1 applied'])
    expect(await tablesOf(database)).toEqual(['public.a'])
  })
})

describe('a rollback in parts', () => {
  const files = {
    '1_t.sql': 'CREATE TABLE t (a int); CREATE TABLE log (n int);',
    '2_i.sql': 'CREATE INDEX CONCURRENTLY i ON t (a); CREATE INDEX CONCURRENTLY j ON t (a);',
    '2_i.rollback.sql':
      'INSERT INTO log VALUES (1); DROP INDEX CONCURRENTLY i; DROP INDEX CONCURRENTLY j; INSERT INTO log VALUES (2);',
  }

  test('takes all back and its row with it', async () => {
    await apply(database, files)
    await takeBack(database)
    expect(await indexesOf(database)).toEqual([])
    expect(await database.rows('SELECT n FROM log ORDER BY n')).toEqual([{ n: 1 }, { n: 2 }])
    expect(await ledgerOf(database)).toEqual(['1 applied'])
    expect(await historyOf(database)).toEqual(['applied 1', 'applied 2', 'rolled-back 2'])
    expect(await snapshotVersion()).toBe('1')
  })

  test('that is stopped goes on where it was; nothing else runs before', async () => {
    await apply(database, files)
    const writer = await database.session()
    await writer.script('BEGIN; SELECT * FROM t')
    const stop = new AbortController()
    const running = failureOf(takeBack(database, { signal: stop.signal }))
    await until(database, `SELECT FROM pg_index WHERE NOT indisvalid`)
    stop.abort()
    expect((await running).code).toBe('INTERRUPTED')
    await writer.query('ROLLBACK')
    expect(await ledgerRow(database, 2)).toMatchObject({
      state: 'rolling-back',
      statements_applied: 1,
      statements_total: 4,
    })
    expect((await failApply(database, files)).code).toBe('MIGRATION_UNFINISHED')
    // As another version of the parser would have it: the texts decide then.
    await database.rows(`UPDATE poststack.schema_migrations SET statements_chain = 'other' WHERE version = 2`)
    await takeBack(database)
    expect(await indexesOf(database)).toEqual([])
    expect(await database.rows('SELECT n FROM log ORDER BY n')).toEqual([{ n: 1 }, { n: 2 }])
    expect(await ledgerOf(database)).toEqual(['1 applied'])
  })

  test('that was begun with the text of the file goes on with that, after the file is gone', async () => {
    await apply(database, files)
    const edited = { ...files, '2_i.rollback.sql': 'INSERT INTO log VALUES (7); DROP INDEX CONCURRENTLY nowhere;' }
    const error = await failureOf(takeBack(database, { files: edited, useFile: true }))
    expect(error.details).toMatchObject({ sqlstate: '42704', statementsApplied: 1 })
    await database.rows('CREATE INDEX nowhere ON t (a)')
    await takeBack(database)
    expect(await database.rows('SELECT n FROM log')).toEqual([{ n: 7 }])
    expect(await ledgerOf(database)).toEqual(['1 applied'])
  })

  test('that fails is corrected in the file from there on, and not in what is done', async () => {
    const broken = {
      ...files,
      '2_i.rollback.sql': 'INSERT INTO log VALUES (1); DROP INDEX CONCURRENTLY i; DROP INDEX CONCURRENTLY nowhere;',
    }
    await apply(database, broken)
    const error = await failureOf(takeBack(database))
    expect(error.details).toMatchObject({ sqlstate: '42704', statementsApplied: 2, statementsTotal: 3 })
    expect(await ledgerRow(database, 2)).toMatchObject({
      state: 'rolling-back',
      statements_applied: 2,
      error: { statement: 3 },
    })
    expect((await historyOf(database)).at(-1)).toBe('rollback-failed 2')
    const edited = { ...files, '2_i.rollback.sql': 'INSERT INTO log VALUES (9); DROP INDEX CONCURRENTLY i;' }
    const refused = await failureOf(takeBack(database, { files: edited, useFile: true }))
    expect(refused.code).toBe('MIGRATION_CHANGED')
    await takeBack(database, { files, useFile: true })
    expect(await database.rows('SELECT n FROM log ORDER BY n')).toEqual([{ n: 1 }, { n: 2 }])
    expect(await indexesOf(database)).toEqual([])
    expect(await ledgerOf(database)).toEqual(['1 applied'])
  })

  test('is not begun for a migration that is half-applied', async () => {
    await failApply(database, { ...files, '2_i.sql': 'CREATE INDEX CONCURRENTLY i ON t (a); SELECT 1/0' })
    const error = await failureOf(takeBack(database))
    expect(error.code).toBe('MIGRATION_UNFINISHED')
    expect(error.message).toContain('1 of 2 statements are done')
    expect(await indexesOf(database)).toEqual(['i valid'])
  })

  test('losing the lock stops it', async () => {
    const lose = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'poststack lock %'`
    await apply(database, {
      ...files,
      '2_i.rollback.sql': `DROP INDEX CONCURRENTLY i; ${lose}; SELECT pg_sleep(5); DROP TABLE log;`,
      '3_z.sql': 'CREATE TABLE z ()',
      '3_z.rollback.sql': `DROP TABLE z; ${lose}; SELECT pg_sleep(5);`,
    })
    const lost = await failureOf(takeBack(database))
    expect(lost.code).toBe('LOCK_LOST')
    expect(lost.hint).toContain('rollback of "3 z" (as stored) calls pg_terminate_backend')
    expect(await tablesOf(database)).toContain('public.z')
    expect(await ledgerRow(database, 3)).toMatchObject({ state: 'applied' })
    await database.rows('DELETE FROM poststack.schema_migrations WHERE version = 3')
    expect((await failureOf(takeBack(database))).code).toBe('LOCK_LOST')
    expect(await ledgerRow(database, 2)).toMatchObject({ state: 'rolling-back', statements_applied: 1 })
    expect(await tablesOf(database)).toContain('public.log')
  })

  test('works for a role whose transactions are read-only by default', async () => {
    const role = `${database.target.database}_ro`
    await database.rows(
      `CREATE ROLE ${role} SUPERUSER LOGIN PASSWORD 'x'; ALTER ROLE ${role} SET default_transaction_read_only = on`,
    )
    const connect = async (options: { applicationName: string }) =>
      await database.session({ ...options, user: role, password: 'x' })
    await apply(database, files, { connect })
    await takeBack(database, { connect })
    expect(await ledgerOf(database)).toEqual(['1 applied'])
  })
})
