import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { borrowClient, connectLike } from '../../../src/execute/database/client.ts'
import type { Connection } from '../../../src/migrations/connection.ts'
import { type Blocker, describeBlocker, findBlockers } from '../../../src/migrations/lock/blockers.ts'
import { acquireLock, describeHolder, findHolder, type MigrationLock } from '../../../src/migrations/lock/lock.ts'
import { resetSession, sessionRules } from '../../../src/migrations/run/session.ts'
import { terminateHolder } from '../../../src/migrations/lock/unlock.ts'
import { describeServer } from '../../../src/migrations/server.ts'
import { apply, failureOf, shown, tablesOf } from '../../support/migrations.ts'
import { startPostgres, type TestDatabase, type TestServer } from '../../support/postgres.ts'

let server: TestServer
let database: TestDatabase
const forever = new AbortController().signal

beforeAll(async () => {
  server = await startPostgres({ max_prepared_transactions: '2' })
})
afterAll(async () => {
  await server.stop()
})
beforeEach(async () => {
  database = await server.createDatabase()
})

async function lock(connect = database.connect): Promise<MigrationLock> {
  const applicationName = 'poststack lock test'
  return await acquireLock({ connect, applicationName, signal: forever, timeoutMs: 0, onWaiting: () => {} })
}

/** Waits until a look has the answer, which it must have soon. */
async function until<T>(look: () => Promise<T>, good: (value: T) => boolean): Promise<T> {
  for (let tries = 0; tries < 200; tries++) {
    // oxlint-disable-next-line no-await-in-loop
    const value = await look()
    if (good(value)) return value
    // oxlint-disable-next-line no-await-in-loop
    await sleep(20)
  }
  throw new Error('it never came')
}

async function blocked(observer: Connection, waiter: Connection): Promise<readonly Blocker[]> {
  return await until(
    () => findBlockers(observer, waiter.backendPid),
    (found) => found.length > 0,
  )
}

describe('who keeps a statement waiting', () => {
  test('is told with what it runs or ran, for each one, the oldest first', async () => {
    await database.rows('CREATE TABLE t (id int)')
    const watcher = await database.session()
    await watcher.query('BEGIN')
    const [idle, busy, waiter] = [
      await database.session({ applicationName: 'idle one' }),
      await database.session({ applicationName: 'busy one' }),
      await database.session(),
    ]
    expect(await findBlockers(watcher, waiter.backendPid)).toEqual([])
    await idle.script('BEGIN; SELECT *\n  FROM t')
    const running = busy.script(`BEGIN; SELECT count(*) FROM t, pg_sleep(60) -- ${'x'.repeat(200)}`)
    await until(
      () => database.rows(`SELECT FROM pg_stat_activity WHERE application_name = 'busy one' AND state = 'active'`),
      (rows) => rows.length > 0,
    )
    const waiting = waiter.script('DROP TABLE t')
    const found = await blocked(watcher, waiter)
    expect(found).toMatchObject([
      {
        pid: idle.backendPid,
        user: 'postgres',
        application: 'idle one',
        client: '127.0.0.1',
        state: 'idle in transaction',
      },
      { pid: busy.backendPid, application: 'busy one', state: 'active' },
    ])
    expect(found.every((one) => one.ageMs !== undefined && one.ageMs >= 0 && one.ageMs < 60_000)).toBe(true)
    expect(found[1]?.statement).toHaveLength(120)
    expect(describeBlocker(found[0] as Blocker)).toMatch(
      /^pid \d+, user postgres, application "idle one", from 127\.0\.0\.1, transaction open for \d+ s, idle in transaction, last ran: BEGIN; SELECT \* FROM t$/,
    )
    expect(describeBlocker(found[1] as Blocker)).toMatch(/application "busy one", .*s, running: BEGIN; SELECT count/)
    await busy.cancel()
    await running
    await busy.query('ROLLBACK')
    // The same connection, in the same transaction, sees that one of them is gone.
    const left = await until(
      () => findBlockers(watcher, waiter.backendPid),
      (now) => now.length === 1,
    )
    expect(left[0]?.pid).toBe(idle.backendPid)
    await idle.query('SELECT 2')
    expect((await findBlockers(watcher, waiter.backendPid))[0]?.statement).toBe('SELECT 2')
    await idle.query('ROLLBACK')
    expect((await waiting).error).toBeUndefined()
    await watcher.query('ROLLBACK')
  })

  test('a transaction prepared for two-phase commit belongs to no session', async () => {
    await database.rows('CREATE TABLE t (id int)')
    const session = await database.session()
    await session.script('BEGIN; LOCK TABLE t')
    await session.script(`PREPARE TRANSACTION 'left behind'`)
    const waiter = await database.session()
    const waiting = waiter.script('SELECT * FROM t')
    const found = await blocked(session, waiter)
    expect(found).toMatchObject([{ pid: 0, user: undefined, ageMs: undefined, statement: undefined }])
    expect(describeBlocker(found[0] as Blocker)).toContain('pg_prepared_xacts')
    await session.script(`ROLLBACK PREPARED 'left behind'`)
    expect((await waiting).error).toBeUndefined()
  })

  test('a role that may see nothing of others still gets the numbers', async () => {
    await database.rows('CREATE TABLE t (id int)')
    await database.rows(`DROP ROLE IF EXISTS ann`)
    await database.rows(`CREATE ROLE ann LOGIN PASSWORD 'x'`)
    const [blocker, waiter, ann] = [
      await database.session(),
      await database.session(),
      await database.session({ user: 'ann', password: 'x' }),
    ]
    await blocker.script('BEGIN; LOCK TABLE t')
    const waiting = waiter.script('SELECT * FROM t')
    const found = await blocked(ann, waiter)
    expect(found).toMatchObject([{ pid: blocker.backendPid, state: undefined }])
    expect(describeBlocker(found[0] as Blocker)).toBe(
      `pid ${blocker.backendPid}, user postgres, application "poststack tests"`,
    )
    await blocker.query('ROLLBACK')
    await waiting
  })
})

describe('the holder of the lock', () => {
  test('is looked up afresh inside a transaction too', async () => {
    const observer = await database.session()
    await observer.query('BEGIN')
    const first = await lock()
    expect((await findHolder(observer))?.application).toBe('poststack lock test')
    await first.release()
    await until(
      () => findHolder(observer),
      (holder) => holder === undefined,
    )
    const second = await lock(async (options) => await database.connect({ ...options, applicationName: 'another' }))
    const holder = await findHolder(observer)
    expect(holder).toMatchObject({ pid: second.pid, application: 'another' })
    expect(describeHolder(holder)).toContain('application "another"')
    await second.release()
    await observer.query('ROLLBACK')
  })

  test('looking takes no lock and makes nothing', async () => {
    const session = await database.session()
    expect(await findHolder(session)).toBeUndefined()
    await describeServer(session)
    await findBlockers(session, session.backendPid)
    expect(await database.rows(`SELECT FROM pg_locks WHERE locktype = 'advisory'`)).toEqual([])
    expect(await database.rows(`SELECT FROM pg_namespace WHERE nspname = 'poststack'`)).toEqual([])
  })

  test('is ended when asked, and its run commits nothing more', async () => {
    const running = failureOf(
      apply(database, { '1_a.sql': 'CREATE TABLE a ()', '2_b.sql': 'CREATE TABLE b (); SELECT pg_sleep(60)' }),
    )
    const admin = await database.session()
    const holder = await until(
      () => findHolder(admin),
      (one) => one?.statement !== undefined && one.statement.includes('pg_sleep'),
    )
    expect(await terminateHolder(admin, holder?.pid ?? 0)).toBe(true)
    // Free at once: nobody has to wait for what was ended.
    const next = await lock()
    await next.release()
    expect((await running).code).toBe('LOCK_LOST')
    expect(await tablesOf(database)).toEqual(['public.a'])
  })

  test('a session that does not hold it any more is left alone', async () => {
    const [admin, other] = [await database.session(), await database.session()]
    expect(await terminateHolder(admin, other.backendPid)).toBe(false)
    const elsewhere = await server.createDatabase()
    const held = await lock(elsewhere.connect)
    expect(await terminateHolder(admin, held.pid)).toBe(false)
    expect((await other.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    expect(held.lost.aborted).toBe(false)
    await held.release()
  })

  test('a role that may not end it is told which one may', async () => {
    await database.rows(`DROP ROLE IF EXISTS bob`)
    await database.rows(`CREATE ROLE bob LOGIN PASSWORD 'x'`)
    const held = await lock()
    const error = await failureOf(terminateHolder(await database.session({ user: 'bob', password: 'x' }), held.pid))
    expect(error.code).toBe('STEP_FAILED')
    expect(shown(error)).toContain(`may not end the session with pid ${held.pid}`)
    expect(held.lost.aborted).toBe(false)
    await held.release()
  })
})

describe('describeServer', () => {
  test('says what the connection leads to', async () => {
    const { target } = database
    const session = await database.session()
    const described = await describeServer(session)
    const [row] = await database.rows(`SELECT current_setting('server_version_num')::int AS number`)
    expect(described).toEqual({
      version: expect.stringMatching(/^\d+\.\d+/) as string,
      versionNumber: row?.['number'],
      database: target.database,
      user: 'postgres',
      tls: undefined,
      clientAddress: '127.0.0.1',
      serverAddress: '127.0.0.1',
      serverPort: server.port,
      latencyMs: expect.any(Number) as number,
      pooled: false,
      standby: false,
      readOnly: false,
    })
    expect(described.latencyMs).toBeGreaterThan(0)
    expect(described.latencyMs).toBeLessThan(1000)
  })

  test('says that a database takes no writes', async () => {
    await database.rows(`ALTER DATABASE ${database.target.database} SET default_transaction_read_only = on`)
    expect(await describeServer(await database.session())).toMatchObject({ readOnly: true, standby: false })
  })
})

function settings(): pg.ClientConfig {
  const { host, port, user, password, database: name } = database.target
  return { host, port, user, password, database: name, options: '-c work_mem=5MB' }
}

describe("a caller's own client", () => {
  test('sessions like it lead to the same database, with the same options', async () => {
    const client = new pg.Client(settings())
    const pool = new pg.Pool({
      connectionString: `postgresql://postgres:${server.password}@127.0.0.1:${server.port}/${database.target.database}`,
      options: '-c work_mem=5MB',
    })
    const lazy = new pg.Client({ ...settings(), password: async () => await Promise.resolve(server.password) })
    for (const handed of [client, pool, lazy]) {
      // oxlint-disable-next-line no-await-in-loop
      const session = await connectLike(handed)({ applicationName: 'like it', signal: forever })
      // oxlint-disable-next-line no-await-in-loop
      const { rows } = await session.query(
        `SELECT current_database()::text AS database, current_setting('work_mem') AS memory, current_setting('application_name') AS name`,
      )
      expect(rows).toEqual([{ database: database.target.database, memory: '5MB', name: 'like it' }])
      // oxlint-disable-next-line no-await-in-loop
      await session.close()
    }
    expect(pool.totalCount).toBe(0)
    const wrong = connectLike(new pg.Client({ ...settings(), password: 'wrong' }))
    expect((await failureOf(wrong({ applicationName: 'x', signal: forever }))).code).toBe('PASSWORD_REJECTED')
  })

  test('does the work, and is given back as it was: open, its settings and listeners its own', async () => {
    const client = new pg.Client(settings())
    await client.connect()
    client.setTypeParser(pg.types.builtins.INT4, () => 'mine')
    await client.query(
      `CREATE TEMP TABLE mine (id int); SET DateStyle = 'German, DMY'; SET work_mem = '6MB'; LISTEN news`,
    )
    const listeners = (): readonly number[] =>
      ['error', 'end', 'notice', 'drain'].map((event) => client.listenerCount(event))
    const before = listeners()
    const work = await borrowClient(client)
    expect(work.borrowed).toBe(true)
    const notices: string[] = []
    work.onNotice(({ message }) => notices.push(message))
    const rules = await sessionRules(work, { lockTimeoutMs: 0, statementTimeoutMs: undefined })
    const noDirectives = { noTransaction: false, lockTimeoutMs: undefined, statementTimeoutMs: undefined }
    await work.script(rules.begin(noDirectives, true))
    expect(
      await work.script(
        `CREATE TABLE t (); SET search_path = pg_catalog; SET work_mem = '7MB'; DO $$ BEGIN RAISE NOTICE 'hello'; END $$; ${rules.takeBack}`,
      ),
    ).toMatchObject({ error: undefined, inTransaction: true })
    await work.query('COMMIT')
    await resetSession(work)
    expect(notices).toEqual(['hello'])
    expect((await work.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    await work.close()
    expect(listeners()).toEqual(before)
    const mine =
      await client.query(`SELECT 1 AS one, current_setting('search_path') AS path, current_setting('DateStyle') AS dates,
      current_setting('work_mem') AS memory, pg_listening_channels() AS listens FROM (SELECT count(*) FROM mine) m`)
    expect(mine.rows).toEqual([
      { one: 'mine', path: '"$user", public', dates: 'German, DMY', memory: '6MB', listens: 'news' },
    ])
    await client.end()
    expect(await tablesOf(database)).toContain('public.t')
  })

  test('a client that cannot be worked with is refused before anything is done', async () => {
    const client = new pg.Client(settings())
    expect((await failureOf(borrowClient(client))).message).toContain('is not connected')
    await client.connect()
    await client.query('BEGIN')
    expect(shown(await failureOf(borrowClient(client)))).toContain('is inside a transaction')
    await client.query('ROLLBACK')
    await client.end()
    const hasty = new pg.Client({ ...settings(), query_timeout: 1000 })
    await hasty.connect()
    expect((await failureOf(borrowClient(hasty))).message).toContain('query_timeout')
    await hasty.end()
  })

  test('that breaks while it is used is told as a lost connection', async () => {
    const client = new pg.Client(settings())
    await client.connect()
    const work = await borrowClient(client)
    let lost = 0
    work.onLost(() => lost++)
    const running = failureOf(work.script('SELECT pg_sleep(60)'))
    await database.rows('SELECT pg_terminate_backend($1)', [work.backendPid])
    expect((await running).code).toBe('DATABASE_UNREACHABLE')
    await until(
      async () => await Promise.resolve(lost),
      (times) => times === 1,
    )
    await work.close()
  })
})
