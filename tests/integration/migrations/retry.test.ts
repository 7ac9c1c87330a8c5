import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Connection } from '../../../src/migrations/connection.ts'
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
  tablesOf,
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
  await database.rows('CREATE TABLE t (a int); CREATE TABLE u (a int)')
  events = []
})

/** A session that holds the table until it is told to let go. */
async function holding(table: string, sql = `SELECT * FROM ${table}`): Promise<Connection> {
  const session = await database.session({ applicationName: 'the reader' })
  await session.script(`BEGIN; ${sql}`)
  return session
}

const add = { '1_a.sql': 'CREATE TABLE first (); ALTER TABLE t ADD b int; CREATE TABLE v ();' }
const quick = { lockTimeoutMs: 150, retry: { attempts: 3, totalMs: 60_000 } }
const types = (): readonly string[] => [...new Set(events.map(({ type }) => type))]

describe('a table that somebody reads for a long time', () => {
  test(
    'nobody who comes later waits longer than the lock time-out, and the file succeeds',
    { timeout: 60_000 },
    async () => {
      const reader = await holding('t')
      const started = performance.now()
      const migrated = apply(database, add, { onEvent, lockTimeoutMs: 500 })
      let [longest, reads] = [0, 0]
      const other = await database.session()
      while (performance.now() - started < 5000) {
        const asked = performance.now()
        // oxlint-disable-next-line no-await-in-loop
        await other.query('SELECT * FROM t')
        longest = Math.max(longest, performance.now() - asked)
        reads++
        // oxlint-disable-next-line no-await-in-loop
        await sleep(20)
      }
      await reader.query('COMMIT')
      expect((await migrated).applied).toHaveLength(1)
      expect(reads).toBeGreaterThan(5)
      // It did wait, so that the limit was put to the test.
      expect(longest).toBeGreaterThan(100)
      expect(longest).toBeLessThan(1000)
      expect(types()).toEqual(['migration-started', 'migration-blocked', 'migration-retrying', 'migration-applied'])
      expect(await tablesOf(database)).toEqual(['public.first', 'public.t', 'public.u', 'public.v'])
      expect(await ledgerRow(database, 1)).toMatchObject({ state: 'applied', error: null })
    },
  )

  test('when the limits are reached, the error names who was in the way, and nothing stays', async () => {
    const reader = await holding('t')
    const error = await failApply(database, add, { onEvent, ...quick })
    expect(error.details).toMatchObject({ sqlstate: '55P03', attempts: 3 })
    expect(error.message).toContain('It was tried 3 times.\nIn the way:\n')
    expect(error.message).toMatch(new RegExp(`pid ${reader.backendPid}, user postgres, application "the reader"`))
    expect(error.hint).toContain('--lock-timeout')
    expect(events.filter(({ type }) => type === 'migration-retrying')).toHaveLength(2)
    await reader.query('ROLLBACK')
    expect(await tablesOf(database)).toEqual(['public.t', 'public.u'])
    expect(await ledgerOf(database)).toEqual([])
  })

  test('each retry names who was in the way, however short the time-out is', async () => {
    const reader = await holding('t')
    const files = { '1_a.sql': 'SELECT pg_sleep(0.13); ALTER TABLE t ADD b int' }
    await failApply(database, files, { onEvent, lockTimeoutMs: 100, retry: { attempts: 4, totalMs: 60_000 } })
    const retries = events.flatMap((event) => (event.type === 'migration-retrying' ? [event.blockers] : []))
    expect(retries.map(([first]) => first?.slice(0, `pid ${reader.backendPid}`.length))).toEqual(
      Array.from({ length: 3 }, () => `pid ${reader.backendPid}`),
    )
    await reader.query('ROLLBACK')
  })

  test('a limit in time ends it as well', async () => {
    const reader = await holding('t')
    const error = await failApply(database, add, { lockTimeoutMs: 150, retry: { attempts: 100, totalMs: 100 } })
    expect(error.message).toContain('It was tried once.')
    await reader.query('ROLLBACK')
  })

  test('without a time-out it waits, tells who blocks, and tries once', async () => {
    const reader = await holding('t')
    const migrated = apply(database, add, { onEvent, lockTimeoutMs: 0 })
    await sleep(1300)
    await reader.query('ROLLBACK')
    await migrated
    const blocked = events.filter((event) => event.type === 'migration-blocked')
    expect(blocked.length).toBeGreaterThan(1)
    expect(blocked[0]?.blockers[0]).toContain(`pid ${reader.backendPid}`)
    expect(types()).not.toContain('migration-retrying')
  })

  test('the header of a file has the last word', async () => {
    const reader = await holding('t')
    const error = await failApply(
      database,
      { '1_a.sql': `-- poststack: lock-timeout 120ms\n${add['1_a.sql']}` },
      { lockTimeoutMs: 0, retry: { attempts: 1, totalMs: 0 } },
    )
    expect(error.details).toMatchObject({ sqlstate: '55P03', attempts: 1 })
    const slow = await failApply(database, { '1_a.sql': '-- poststack: statement-timeout 80ms\nSELECT pg_sleep(5)' })
    expect(slow.details).toMatchObject({ sqlstate: '57014' })
    expect(slow.hint).toContain('--statement-timeout')
    await reader.query('ROLLBACK')
  })
})

describe('a file in parts', () => {
  const files = {
    '1_a.sql': 'CREATE INDEX CONCURRENTLY i ON u (a); ALTER TABLE t ADD b int; VACUUM u; ALTER TABLE t ADD c int',
  }

  test('tries the part that did not get its lock again, and no other', async () => {
    const reader = await holding('t')
    const migrated = apply(database, files, { onEvent, lockTimeoutMs: 150 })
    await until(
      database,
      `SELECT FROM poststack.schema_migrations WHERE state = 'failed' AND error ->> 'sqlstate' = '55P03'`,
    )
    await reader.query('ROLLBACK')
    await migrated
    expect(await ledgerRow(database, 1)).toMatchObject({ state: 'applied', error: null, statements_applied: 4 })
    expect(await indexesOf(database)).toEqual(['i valid'])
  })

  test('gives up with what is done, and goes on later', async () => {
    const reader = await holding('t')
    const error = await failApply(database, files, quick)
    expect(error.details).toMatchObject({ sqlstate: '55P03', attempts: 3, statementsApplied: 1, statementsTotal: 4 })
    expect(error.message).toContain(`pid ${reader.backendPid}`)
    await reader.query('ROLLBACK')
    await apply(database, files)
    expect(await ledgerOf(database)).toEqual(['1 applied'])
  })

  test('a build waits for writers without an end, and says for whom', async () => {
    const writer = await holding('u', 'INSERT INTO u VALUES (1)')
    const migrated = apply(database, files, { onEvent, lockTimeoutMs: 100, statementTimeoutMs: 100 })
    await sleep(1300)
    const other = await database.session()
    await other.query('INSERT INTO u VALUES (2)')
    await writer.query('COMMIT')
    await migrated
    expect(types()).toContain('migration-blocked')
    expect(types()).not.toContain('migration-retrying')
    expect(await indexesOf(database)).toEqual(['i valid'])
  })

  test('the limits that a build lifts are back for the rest, also when clearing up before it was tried twice', async () => {
    await database.rows('INSERT INTO u VALUES (1), (1); CREATE TABLE seen (lock text)')
    await database.rows('CREATE UNIQUE INDEX CONCURRENTLY i ON u (a)').catch(() => undefined)
    await database.rows('DELETE FROM u')
    const other = await holding('u')
    const sql = `SET deadlock_timeout = '3s'; CREATE UNIQUE INDEX CONCURRENTLY i ON u (a);
      INSERT INTO seen VALUES (current_setting('lock_timeout'))`
    const migrated = apply(database, { '1_a.sql': sql }, { onEvent, lockTimeoutMs: 1234 })
    await until(
      database,
      `SELECT FROM pg_stat_activity WHERE query LIKE 'DROP INDEX CONC%' AND wait_event_type = 'Lock'`,
    )
    await other.script(`SET deadlock_timeout = '30s'; LOCK TABLE u IN SHARE UPDATE EXCLUSIVE MODE; COMMIT`)
    await migrated
    expect(types()).toContain('migration-retrying')
    expect(await database.rows('SELECT lock FROM seen')).toEqual([{ lock: '1234ms' }])
  })

  test('what may commit by itself is not tried again', async () => {
    const reader = await holding('t')
    const sql = `-- poststack: no-transaction\nCREATE TABLE n (v int);
      DO $$ BEGIN INSERT INTO n VALUES (1); COMMIT; LOCK TABLE t IN ACCESS EXCLUSIVE MODE; END $$`
    const error = await failApply(database, { '1_a.sql': sql }, quick)
    expect(error.details).toMatchObject({ sqlstate: '55P03', attempts: 1 })
    expect(await database.rows('SELECT v FROM n')).toEqual([{ v: 1 }])
    await reader.query('ROLLBACK')
  })

  test('a build that long looks for blockers must not be blocked by the look', async () => {
    await database.rows(`INSERT INTO u VALUES (1), (2), (3);
      CREATE FUNCTION slow(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM pg_sleep(0.3); RETURN $1; END'`)
    const sql = 'CREATE INDEX CONCURRENTLY i ON u (slow(a)); CREATE INDEX CONCURRENTLY j ON u (slow(a))'
    await apply(database, { '1_a.sql': sql })
    expect(await indexesOf(database)).toEqual(['i valid', 'j valid'])
  })
})

// The server looks for a deadlock once, so long after a wait began: the circle is closed before the migration's look, and ours is far off.
test('a deadlock is tried again', async () => {
  const other = await holding('u', 'LOCK TABLE u')
  const migrated = apply(
    database,
    { '1_a.sql': `SET deadlock_timeout = '3s'; LOCK TABLE t; INSERT INTO t VALUES (1); LOCK TABLE u;` },
    { onEvent, lockTimeoutMs: 0 },
  )
  await until(database, `SELECT FROM pg_locks WHERE relation = 'u'::regclass AND NOT granted`)
  await other.script(`SET deadlock_timeout = '30s'; LOCK TABLE t; COMMIT`)
  await migrated
  const retrying = events.find(({ type }) => type === 'migration-retrying')
  expect(retrying).toMatchObject({ deadlock: true, blockers: [expect.stringContaining(`pid ${other.backendPid}`)] })
  expect(await database.rows('SELECT a FROM t')).toEqual([{ a: 1 }])
})

async function stopped(files: Record<string, string>, when: string, done: readonly string[]): Promise<void> {
  const stop = new AbortController()
  const running = failureOf(apply(database, files, { onEvent, signal: stop.signal, lockTimeoutMs: 300 }))
  await until(database, when)
  const asked = performance.now()
  stop.abort()
  expect((await running).code).toBe('INTERRUPTED')
  expect(performance.now() - asked).toBeLessThan(2000)
  expect(await ledgerOf(database)).toEqual(done)
  expect(
    await database.rows(
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'poststack %:%'`,
    ),
  ).toEqual([])
}

const active = (text: string): string =>
  `SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%${text}%' AND state = 'active'`

describe('stopping leaves ledger and catalog agreeing', () => {
  test('in a statement', async () => {
    await stopped(
      { '1_a.sql': 'CREATE TABLE v ()', '2_b.sql': 'CREATE TABLE w (); SELECT pg_sleep(60)' },
      active('pg_sleep(60)'),
      ['1 applied'],
    )
    expect(await tablesOf(database)).toEqual(['public.t', 'public.u', 'public.v'])
    expect(await database.rows('SELECT version FROM poststack.schema_snapshot')).toEqual([{ version: '1' }])
  })

  test('while it waits for a table', async () => {
    const reader = await holding('t')
    await stopped(add, active('ALTER TABLE t'), [])
    await reader.query('ROLLBACK')
    expect(await tablesOf(database)).toEqual(['public.t', 'public.u'])
  })

  test('in a pause between two tries', async () => {
    const reader = await holding('t')
    const stop = new AbortController()
    const error = await failApply(database, add, {
      ...quick,
      signal: stop.signal,
      onEvent: (event) => event.type === 'migration-retrying' && stop.abort(),
    })
    expect(error.code).toBe('INTERRUPTED')
    expect(await ledgerOf(database)).toEqual([])
    await reader.query('ROLLBACK')
  })

  test('in a build that waits: the clean-up does not wait as well, and the next run does it', async () => {
    const writer = await holding('u', 'INSERT INTO u VALUES (1)')
    const files = { '1_a.sql': 'CREATE INDEX CONCURRENTLY i ON u (a); CREATE TABLE w ()' }
    await stopped(files, `SELECT FROM pg_index WHERE NOT indisvalid`, ['1 failed'])
    expect(noticesOf(events)).toEqual([expect.stringContaining('INVALID and used by no query; the next run drops it')])
    await writer.query('COMMIT')
    await apply(database, files, { onEvent })
    expect(noticesOf(events)).toContain('dropped public.i, an INVALID index that an unfinished build had left')
    expect(await indexesOf(database)).toEqual(['i valid'])
  })

  test('in the clean-up after a build that failed', async () => {
    await database.rows('INSERT INTO u VALUES (1), (1)')
    const reader = await holding('u')
    const files = { '1_a.sql': 'CREATE UNIQUE INDEX CONCURRENTLY i ON u (a); CREATE TABLE w ()' }
    await stopped(files, active('DROP INDEX'), ['1 failed'])
    await reader.query('ROLLBACK')
    await database.rows('DELETE FROM u')
    await apply(database, files)
    expect(await indexesOf(database)).toEqual(['i valid'])
  })

  test('between two files', async () => {
    const stop = new AbortController()
    const error = await failApply(
      database,
      { '1_a.sql': 'CREATE TABLE v ()', '2_b.sql': 'CREATE TABLE w ()' },
      {
        signal: stop.signal,
        onEvent: (event) => {
          onEvent(event)
          if (event.type === 'migration-applied') stop.abort()
        },
      },
    )
    expect(error.code).toBe('INTERRUPTED')
    expect(error.message).toBe('Stopped on request: 1 of 2 pending migrations applied; the next was not begun.')
    expect(types()).toEqual(['migration-started', 'migration-applied'])
    expect(events).toHaveLength(2)
    expect(await historyOf(database)).toEqual(['applied 1'])
    expect(await ledgerOf(database)).toEqual(['1 applied'])
    expect(await database.rows('SELECT version FROM poststack.schema_snapshot')).toEqual([{ version: '1' }])
    expect(await tablesOf(database)).toEqual(['public.t', 'public.u', 'public.v'])
  })
})

describe('losing the lock stops the run before anything more is committed', () => {
  const loseLock = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'poststack lock %'`

  test('in a group of a file in parts', async () => {
    const files = { '1_a.sql': `VACUUM t; CREATE TABLE w (); ${loseLock}; SELECT pg_sleep(5); CREATE TABLE x ()` }
    const error = await failApply(database, files)
    expect(error.code).toBe('LOCK_LOST')
    expect(await tablesOf(database)).toEqual(['public.t', 'public.u'])
    expect(await ledgerRow(database, 1)).toMatchObject({ state: 'running', statements_applied: 1 })
  })

  test('in a build', async () => {
    const writer = await holding('u', 'INSERT INTO u VALUES (1)')
    const files = { '1_a.sql': 'CREATE TABLE v (); CREATE INDEX CONCURRENTLY i ON u (a); CREATE TABLE w ()' }
    const running = failureOf(apply(database, files))
    await until(database, `SELECT FROM pg_index WHERE NOT indisvalid`)
    await database.rows(loseLock)
    const error = await running
    expect(error.code).toBe('LOCK_LOST')
    expect(await ledgerRow(database, 1)).toMatchObject({
      state: 'running',
      statements_applied: 1,
      statement_running: 2,
    })
    await writer.query('COMMIT')
    await apply(database, files)
    expect(await indexesOf(database)).toEqual(['i valid'])
    expect(await tablesOf(database)).toEqual(['public.t', 'public.u', 'public.v', 'public.w'])
  })
})

describe('waiting for the disk', () => {
  test('only the last file of a run does, and so does the record of a failure', async () => {
    const seen = `INSERT INTO seen VALUES (current_setting('synchronous_commit'))`
    await apply(database, { '1_a.sql': `CREATE TABLE seen (how text); ${seen}`, '2_b.sql': seen, '3_c.sql': seen })
    expect(await database.rows('SELECT how FROM seen')).toEqual([{ how: 'off' }, { how: 'off' }, { how: 'on' }])
    await database.rows(`CREATE TABLE events (event text, how text);
      CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN INSERT INTO public.events VALUES (NEW.event, current_setting(''synchronous_commit'')); RETURN NULL; END';
      CREATE TRIGGER note AFTER INSERT ON poststack.migration_events FOR EACH ROW EXECUTE FUNCTION note()`)
    const rest = Object.fromEntries(
      [1, 2, 3].map((n) => [
        `${n}_${'abc'.charAt(n - 1)}.sql`,
        n === 1 ? `CREATE TABLE seen (how text); ${seen}` : seen,
      ]),
    )
    await failApply(database, { ...rest, '4_d.sql': 'SELECT 1', '5_e.sql': 'SELECT 1/0' })
    expect(await database.rows('SELECT event, how FROM events')).toEqual([
      { event: 'applied', how: 'off' },
      { event: 'failed', how: 'on' },
    ])
    expect(await database.rows('SELECT version FROM poststack.schema_snapshot')).toEqual([{ version: '4' }])
  })
})
