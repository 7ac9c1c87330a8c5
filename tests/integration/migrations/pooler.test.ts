import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Connection } from '../../../src/migrations/connection.ts'
import { findBlockers } from '../../../src/migrations/lock/blockers.ts'
import { acquireLock, findHolder, type MigrationLock } from '../../../src/migrations/lock/lock.ts'
import { isPooled, serverPid } from '../../../src/migrations/lock/pooler.ts'
import { sessionRules } from '../../../src/migrations/run/session.ts'
import { describeServer } from '../../../src/migrations/server.ts'
import { compiled } from '../../support/compiled.ts'
import { apply, failApply, failureOf, ledgerOf, tablesOf } from '../../support/migrations.ts'
import { pgbouncerMissing, startPgBouncer, type TestPooler } from '../../support/pgbouncer.ts'
import { startPostgres, type TestDatabase, type TestServer } from '../../support/postgres.ts'
import type { WorkerOrder } from './worker.ts'

const missing = pgbouncerMissing()
const forever = new AbortController().signal
const limits = { lockTimeoutMs: 3000, statementTimeoutMs: undefined }
const noDirectives = { noTransaction: false, lockTimeoutMs: undefined, statementTimeoutMs: undefined }

let server: TestServer
let pooler: TestPooler
let direct: TestDatabase
/** The same database through the pooler. */
let pooled: TestDatabase
const opened: Connection[] = []
const workers: ChildProcess[] = []

beforeAll(async () => {
  if (missing !== undefined) return
  server = await startPostgres()
  pooler = await startPgBouncer(server)
})
afterAll(async () => {
  if (missing !== undefined) return
  for (const worker of workers) worker.kill('SIGKILL')
  await Promise.all(opened.map((connection) => connection.close()))
  await pooler.stop()
  await server.stop()
})
beforeEach(async (context) => {
  if (missing !== undefined) return context.skip(missing)
  direct = await server.createDatabase()
  pooled = { ...direct, ...pooler.through(direct) }
})

async function open(database: TestDatabase = pooled): Promise<Connection> {
  const connection = await database.connect({ applicationName: 'pooler tests', signal: forever })
  opened.push(connection)
  return connection
}

async function lock(timeoutMs = 0): Promise<MigrationLock> {
  const applicationName = 'poststack lock test'
  return await acquireLock({
    connect: pooled.connect,
    applicationName,
    signal: forever,
    timeoutMs,
    onWaiting: () => {},
  })
}

const lockRows = `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`

/** Waits until a query on a direct session has no rows, which it must have soon. */
async function untilNone(text: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    // oxlint-disable-next-line no-await-in-loop
    if ((await direct.rows(text)).length === 0) return
    // oxlint-disable-next-line no-await-in-loop
    await sleep(25)
  }
  throw new Error(`it never went: ${text}`)
}

describe('a pooler', () => {
  test('is told from a server, without knowing anything about it', async () => {
    const [through, straight] = [await open(), await open(direct)]
    expect(await isPooled(through)).toBe(true)
    expect(await isPooled(straight)).toBe(false)
    expect(straight.backendPid).toBe(await serverPid(straight))
    expect(await describeServer(through)).toMatchObject({ pooled: true, database: direct.target.database })
    expect(await describeServer(straight)).toMatchObject({ pooled: false })
  })

  test('in session mode is one too: what it keeps for whom is not ours to know', async () => {
    const other = await startPgBouncer(server, { mode: 'session' })
    try {
      const connection = await open({ ...direct, ...other.through(direct) })
      expect(await isPooled(connection)).toBe(true)
      await connection.close()
      expect(
        (await apply({ ...direct, ...other.through(direct) }, { '1_a.sql': 'CREATE TABLE a ()' })).applied,
      ).toHaveLength(1)
    } finally {
      await other.stop()
    }
  })

  test('a set of files is applied through it, and nothing is left of the lock', async () => {
    const files = { '1_a.sql': 'CREATE TABLE a ()', '2_b.sql': 'CREATE TABLE b ()' }
    expect((await apply(pooled, files)).applied).toHaveLength(2)
    expect(await apply(pooled, files)).toEqual({ applied: [], already: 2 })
    expect(await ledgerOf(direct)).toEqual(['1 applied', '2 applied'])
    await untilNone(lockRows)
  })

  test('a file that fails is rolled back through it', async () => {
    const error = await failApply(pooled, {
      '1_a.sql': 'CREATE TABLE a ()',
      '2_b.sql': 'CREATE TABLE b (); SELECT 1/0',
    })
    expect(error.code).toBe('MIGRATION_FAILED')
    expect(await tablesOf(direct)).toEqual(['public.a'])
    expect(await ledgerOf(direct)).toEqual(['1 applied'])
    await untilNone(lockRows)
  })

  test('a second run is refused while the first one has the lock, through it or not', async () => {
    const held = await lock()
    const [through, straight] = [
      await failApply(pooled, { '1_a.sql': '' }, { lockWaitMs: 100 }),
      await failApply(direct, { '1_a.sql': '' }, { lockWaitMs: 100 }),
    ]
    expect([through.code, straight.code]).toEqual(['LOCK_TIMEOUT', 'LOCK_TIMEOUT'])
    expect(through.details['holder']).toMatchObject({ pid: held.pid, application: 'poststack lock test' })
    await held.release()
    expect((await apply(pooled, { '1_a.sql': '' })).applied).toHaveLength(1)
  })

  test('the fence asks for the right backend: the one that the lock is pinned to', async () => {
    const held = await lock()
    // Others use the pool meanwhile; none of them gets this server session.
    for (let n = 0; n < 5; n++) {
      // oxlint-disable-next-line no-await-in-loop
      expect(await serverPid(await open())).not.toBe(held.pid)
    }
    expect(await direct.rows(lockRows)).toEqual([{ pid: held.pid }])
    await held.release()
  })

  test('the lock is free the moment its client is gone, and does not stay behind in the pool', async () => {
    const file = fileURLToPath(new URL('worker.ts', import.meta.url))
    const worker = fork(await compiled(file))
    workers.push(worker)
    await once(worker, 'message')
    worker.send({
      target: pooled.target,
      files: { '1_a.sql': 'CREATE TABLE a (); SELECT pg_sleep(60)' },
    } satisfies WorkerOrder)
    while ((await findHolder(await open(direct))) === undefined) await sleep(20)
    worker.kill('SIGKILL')
    await untilNone(lockRows)
    expect((await apply(pooled, { '1_a.sql': 'CREATE TABLE a ()' }, { lockWaitMs: 5000 })).applied).toHaveLength(1)
    await untilNone(lockRows)
  })

  test('a lock session that the server ends stops the run before its next commit', async () => {
    const kill = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'poststack lock %'`
    const error = await failApply(pooled, {
      '1_a.sql': `CREATE TABLE a (); ${kill}; SELECT pg_sleep(0.2)`,
      '2_b.sql': '',
    })
    expect(error.code).toBe('LOCK_LOST')
    expect(await ledgerOf(direct)).toEqual([])
    expect(await tablesOf(direct)).toEqual([])
  })

  test('CREATE INDEX CONCURRENTLY elsewhere does not wait for the lock held through it', async () => {
    await direct.rows('CREATE TABLE t (id int)')
    const held = await lock()
    const started = performance.now()
    await direct.rows('CREATE INDEX CONCURRENTLY i ON t (id)')
    expect(performance.now() - started).toBeLessThan(1000)
    await held.release()
  })

  test('what keeps a statement waiting is seen through it', async () => {
    await direct.rows('CREATE TABLE t (id int)')
    const [blocker, work, watcher] = [await open(direct), await open(), await open()]
    await blocker.script('BEGIN; LOCK TABLE t')
    await work.query('BEGIN')
    const pid = await serverPid(work)
    expect(await findBlockers(watcher, pid)).toEqual([])
    const waiting = work.script('SELECT * FROM t')
    let seen = await findBlockers(watcher, pid)
    while (seen.length === 0) {
      // oxlint-disable-next-line no-await-in-loop
      await sleep(20)
      // oxlint-disable-next-line no-await-in-loop
      seen = await findBlockers(watcher, pid)
    }
    expect(seen.map((one) => one.pid)).toEqual([blocker.backendPid])
    await blocker.query('ROLLBACK')
    expect((await waiting).error).toBeUndefined()
    await work.query('ROLLBACK')
  })
})

describe('through a pooler nothing stays in a server session', () => {
  test('what a file sets for its session is gone with its transaction', async () => {
    // One server session, so that whoever comes next gets the very same.
    const narrow = await startPgBouncer(server, { size: 1 })
    try {
      const through = { ...direct, ...narrow.through(direct) }
      const [work, next] = [await open(through), await open(through)]
      const before = await next.query(state)
      const rules = await sessionRules(work, limits)
      const begin = rules.begin(noDirectives, true)
      const { takeBack } = rules
      expect(await work.script(begin)).toMatchObject({ error: undefined, inTransaction: true })
      const pid = await serverPid(work)
      const file = `SET search_path = pg_catalog; SET lock_timeout = '7s'; SET ROLE pg_monitor; RESET ROLE; CREATE TEMP TABLE scratch ();
        LISTEN news; SELECT pg_advisory_lock(5); SELECT set_config('app.tenant', 'x', false)`
      expect((await work.script(`${file}; ${takeBack}`)).error).toBeUndefined()
      await work.query('COMMIT')
      expect(await serverPid(next)).toBe(pid)
      expect((await next.query(state)).rows).toEqual(before.rows)
      await next.close()
      await work.close()
    } finally {
      await narrow.stop()
    }
  })

  const state = `SELECT current_setting('search_path') AS path, current_setting('lock_timeout') AS timeout, current_user::text AS "user",
    coalesce(current_setting('app.tenant', true), '') AS tenant, current_setting('client_encoding') AS encoding,
    current_setting('client_connection_check_interval', true) AS checks,
    (SELECT count(*)::int FROM pg_class WHERE relname = 'scratch') AS tables, (SELECT count(*)::int FROM pg_listening_channels()) AS listens,
    (SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS locks`
})

/** What the session that the pool hands out next still has. */
async function left(): Promise<readonly string[]> {
  const session = await open()
  // The pool has one session, or hands out the one that was used last.
  const { rows } = await session.query(
    'SELECT name FROM pg_prepared_statements WHERE from_sql UNION ALL SELECT name FROM pg_cursors WHERE is_holdable',
  )
  return rows.map(({ name }) => String(name))
}

describe('what outlives its transaction', () => {
  const keeps = 'PREPARE "My plan" AS SELECT 1; DECLARE mine CURSOR WITH HOLD FOR SELECT 1;'

  test.each([
    ['after a file', async () => void (await apply(pooled, { '1_a.sql': keeps }))],
    ['after one that fails', async () => void (await failApply(pooled, { '1_a.sql': `${keeps} SELECT 1/0;` }))],
  ])('must be gone %s', async (_, run) => {
    await run()
    expect(await left()).toEqual([])
  })
})

describe('the grammar through a pooler', () => {
  test('is asked outside and inside of a transaction, and leaves both as they were', async () => {
    const connection = await open()
    expect(await connection.syntaxError('SELECT 1; SELEC 2')).toMatchObject({ code: '42601', position: '11' })
    expect(await connection.syntaxError('SELECT 1; SELECT 2')).toBeUndefined()
    await connection.query('BEGIN')
    await connection.query('CREATE TABLE t ()')
    expect(await connection.syntaxError('SELEC 1')).toMatchObject({ position: '1' })
    expect(await connection.syntaxError('SELECT 1; SELECT 2')).toBeUndefined()
    await connection.query('COMMIT')
    expect(await tablesOf(direct)).toEqual(['public.t'])
  })

  test('a statement is cancelled through it', async () => {
    const connection = await open()
    const running = connection.script('SELECT pg_sleep(60)')
    setTimeout(() => void connection.cancel(), 100)
    expect((await running).error?.code).toBe('57014')
    expect((await failureOf(connection.close().then(() => connection.query('SELECT 1')))).code).toBe(
      'DATABASE_UNREACHABLE',
    )
  })
})
