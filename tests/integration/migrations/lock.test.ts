import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { PoststackError } from '../../../src/errors.ts'
import type { MigrationEvent } from '../../../src/migrations/events.ts'
import { acquireLock, describeHolder, findHolder } from '../../../src/migrations/lock/lock.ts'
import { compiled } from '../../support/compiled.ts'
import { apply, failApply, failureOf, ledgerOf, shown, tablesOf, type SqlFiles } from '../../support/migrations.ts'
import { startPostgres, type TestDatabase, type TestServer } from '../../support/postgres.ts'
import type { WorkerOrder, WorkerReport } from './worker.ts'

let server: TestServer
let database: TestDatabase
const workers: ChildProcess[] = []
const forever = new AbortController().signal

beforeAll(async () => {
  server = await startPostgres()
})
afterAll(async () => {
  for (const worker of workers) worker.kill('SIGKILL')
  await server.stop()
})
beforeEach(async () => {
  database = await server.createDatabase()
})

async function startWorker(): Promise<ChildProcess> {
  const file = fileURLToPath(new URL('worker.ts', import.meta.url))
  const worker = fork(await compiled(file))
  workers.push(worker)
  await once(worker, 'message')
  return worker
}

// Listens all the time: what a process says in one breath would be lost between one `once` and the next.
async function order(worker: ChildProcess, target: WorkerOrder['target'], files: SqlFiles): Promise<WorkerReport> {
  return await new Promise((resolve) => {
    const listen = (report: WorkerReport): void => {
      if (report.event !== undefined) return
      worker.off('message', listen)
      resolve(report)
    }
    worker.on('message', listen)
    worker.send({ target, files } satisfies WorkerOrder)
  })
}

/** Waits until a query of the test has the answer, which it must have soon. */
async function until(text: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    // oxlint-disable-next-line no-await-in-loop
    const rows = await database.rows(text)
    if (rows.length > 0) return
    // oxlint-disable-next-line no-await-in-loop
    await sleep(25)
  }
  throw new Error(`it never came: ${text}`)
}

const sleeping = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_sleep%' AND state = 'active' AND pid <> pg_backend_pid()`
const noMigrator = `SELECT WHERE NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'poststack %:%')`

describe('processes at once', () => {
  test(
    'four that start on an empty database, thirty times: each file once, no error',
    { timeout: 120_000 },
    async () => {
      const four = await Promise.all([startWorker(), startWorker(), startWorker(), startWorker()])
      const files = Object.fromEntries(
        [1, 2, 3, 4, 5].map((n) => [`${n}_t.sql`, `CREATE TABLE t${n} (); INSERT INTO runs VALUES (${n})`]),
      )
      const all = { '0_runs.sql': 'CREATE TABLE runs (n int)', ...files }
      for (let round = 0; round < 30; round++) {
        // oxlint-disable-next-line no-await-in-loop
        const fresh = await server.createDatabase()
        // oxlint-disable-next-line no-await-in-loop
        const reports = await Promise.all(four.map(async (worker) => await order(worker, fresh.target, all)))
        expect(reports.filter((report) => report.error !== undefined)).toEqual([])
        expect(reports.flatMap((report) => report.applied ?? []).toSorted()).toEqual(['0', '1', '2', '3', '4', '5'])
        // oxlint-disable-next-line no-await-in-loop
        expect(await fresh.rows('SELECT n FROM runs ORDER BY n')).toEqual([1, 2, 3, 4, 5].map((n) => ({ n })))
      }
    },
  )

  test('the one that waits must name the one that works, at once and then every second', async () => {
    const events: MigrationEvent[] = []
    const first = apply(database, { '1_a.sql': 'SELECT pg_sleep(1.6)' })
    await until(sleeping)
    const second = apply(database, { '1_a.sql': 'SELECT pg_sleep(1.6)' }, { onEvent: (event) => events.push(event) })
    expect((await first).applied).toHaveLength(1)
    expect(await second).toEqual({ applied: [], already: 1 })
    const waits = events.filter((event) => event.type === 'lock-waiting')
    expect(waits).toHaveLength(2)
    expect(waits[0]?.waitedMs).toBeLessThan(200)
    expect(waits[0]?.description).toMatch(
      /^pid \d+, user postgres, application "poststack lock [^"]+:\d+", from 127\.0\.0\.1, for \d s, running: SELECT pg_sleep\(1\.6\)$/,
    )
  })

  test('waiting must end, naming the holder', async () => {
    const lock = await acquireLock({
      connect: database.connect,
      applicationName: 'poststack lock test',
      signal: forever,
      timeoutMs: 0,
      onWaiting: () => {},
    })
    const started = performance.now()
    const error = await failApply(database, { '1_a.sql': '' }, { lockWaitMs: 300 })
    expect(performance.now() - started).toBeGreaterThan(290)
    expect(performance.now() - started).toBeLessThan(2000)
    expect(
      shown(error)
        .replaceAll(String(lock.pid), 'PID')
        .replace(/after 0\.\d s/, 'after 0.3 s')
        .replace(/for \d s/, 'for 0 s'),
    ).toMatchInlineSnapshot(`
      "LOCK_TIMEOUT
      Another run is migrating this database: its lock was not free after 0.3 s. It is held by pid PID, user postgres, application "poststack lock test", from 127.0.0.1, for 0 s.

      Wait for it and run again, or wait longer with --lock-wait (lockWaitMs in a call). If it hangs, end it: poststack database unlock-migrations"
    `)
    expect(error.details['holder']).toMatchObject({ pid: lock.pid, user: 'postgres', client: '127.0.0.1' })
    await lock.release()
    expect((await apply(database, { '1_a.sql': '' })).applied).toHaveLength(1)
  })

  test('waiting must end when the caller says so', async () => {
    const lock = await acquireLock({
      connect: database.connect,
      applicationName: 'poststack lock test',
      signal: forever,
      timeoutMs: 0,
      onWaiting: () => {},
    })
    const stop = new AbortController()
    const reason = new PoststackError('INTERRUPTED', 'stop')
    const waiting = apply(database, {}, { signal: stop.signal, onEvent: () => stop.abort(reason) })
    expect(await failureOf(waiting)).toMatchObject({ message: 'stop: nothing was begun.', cause: reason })
    await lock.release()
  })

  test('databases of one server must not wait for each other', async () => {
    const lock = await acquireLock({
      connect: database.connect,
      applicationName: 'poststack lock test',
      signal: forever,
      timeoutMs: 0,
      onWaiting: () => {},
    })
    const other = await server.createDatabase()
    expect((await apply(other, { '1_a.sql': '' }, { lockWaitMs: 0 })).applied).toHaveLength(1)
    await lock.release()
  })

  test('the lock must not stand in the way of CREATE INDEX CONCURRENTLY, held or waited for', async () => {
    await database.rows('CREATE TABLE t (id int)')
    const held = apply(database, { '1_a.sql': 'SELECT 1' })
    await held
    const lock = await acquireLock({
      connect: database.connect,
      applicationName: 'poststack lock test',
      signal: forever,
      timeoutMs: 0,
      onWaiting: () => {},
    })
    const waiter = failureOf(
      acquireLock({
        connect: database.connect,
        applicationName: 'w',
        signal: forever,
        timeoutMs: 1500,
        onWaiting: () => {},
      }),
    )
    const started = performance.now()
    await database.rows('CREATE INDEX CONCURRENTLY i ON t (id)')
    expect(performance.now() - started).toBeLessThan(1000)
    expect((await waiter).code).toBe('LOCK_TIMEOUT')
    await lock.release()
  })

  test('nobody holds the lock: nobody is named', async () => {
    const session = await database.session()
    expect(await findHolder(session)).toBeUndefined()
    expect(describeHolder(undefined)).toBe('a session that has just ended')
  })
})

describe('runs that are cut off', () => {
  test('kill -9: the server rolls back and frees the lock, and the next run goes on', async () => {
    const worker = await startWorker()
    const slow = `CREATE TABLE b (); SELECT pg_sleep(60) WHERE to_regclass('public.go') IS NULL`
    const files = { '1_a.sql': 'CREATE TABLE a ()', '2_b.sql': slow }
    worker.send({ target: database.target, files } satisfies WorkerOrder)
    await until(sleeping)
    worker.kill('SIGKILL')
    await database.rows('CREATE TABLE public.go ()')
    const started = performance.now()
    expect((await apply(database, files)).applied.map((one) => one.version)).toEqual(['2'])
    // The statement of the dead process would have run for a minute, and this run waited for it.
    expect(performance.now() - started).toBeLessThan(10_000)
    expect(await ledgerOf(database)).toEqual(['1 applied', '2 applied'])
  })

  test('kill -9 at random moments: files, ledger and tables must agree every time', { timeout: 60_000 }, async () => {
    const files = Object.fromEntries(
      Array.from({ length: 60 }, (_, n) => [`${n + 1}_t.sql`, `CREATE TABLE t${n + 1} (); SELECT pg_sleep(0.004)`]),
    )
    for (let round = 0; round < 8; round++) {
      // oxlint-disable-next-line no-await-in-loop
      const worker = await startWorker()
      worker.send({ target: database.target, files } satisfies WorkerOrder)
      // oxlint-disable-next-line no-await-in-loop
      await sleep(20 + Math.random() * 150)
      worker.kill('SIGKILL')
      // oxlint-disable-next-line no-await-in-loop
      await until(noMigrator)
      // oxlint-disable-next-line no-await-in-loop
      const made = await tablesOf(database)
      // oxlint-disable-next-line no-await-in-loop
      if ((await database.rows(`SELECT WHERE to_regclass('poststack.schema_migrations') IS NOT NULL`)).length > 0)
        expect(await ledgerOf(database)).toHaveLength(made.length)
    }
    await apply(database, files)
    expect(await tablesOf(database)).toHaveLength(60)
    expect((await ledgerOf(database)).every((row) => row.endsWith(' applied'))).toBe(true)
  })

  test('an abort in the middle of a statement: cancelled, rolled back, and the reason comes out', async () => {
    const stop = new AbortController()
    const reason = new PoststackError('INTERRUPTED', 'Ctrl-C')
    const running = apply(
      database,
      { '1_a.sql': 'CREATE TABLE a ()', '2_b.sql': 'CREATE TABLE b (); SELECT pg_sleep(60)' },
      { signal: stop.signal },
    )
    await until(sleeping)
    const started = performance.now()
    stop.abort(reason)
    expect(shown(await failureOf(running))).toMatchInlineSnapshot(`
      "INTERRUPTED
      Ctrl-C: 1 of 2 pending migrations applied; 2_b.sql was rolled back, so the database is as after 1_a.sql.

      Run again: it goes on where this one stopped."
    `)
    expect(performance.now() - started).toBeLessThan(2000)
    expect(await ledgerOf(database)).toEqual(['1 applied'])
    expect(await tablesOf(database)).toEqual(['public.a'])
    await until(noMigrator)
  })

  test('an abort before and between files', async () => {
    const reason = new PoststackError('INTERRUPTED', 'stop')
    const before = await failApply(database, { '1_a.sql': '' }, { signal: AbortSignal.abort(reason) })
    expect(before).toMatchObject({ code: 'INTERRUPTED', message: 'stop: nothing was begun.', cause: reason })
    const stop = new AbortController()
    const onEvent = (event: MigrationEvent): void => {
      if (event.type === 'migration-applied') stop.abort(reason)
    }
    const failed = await failApply(database, { '1_a.sql': '', '2_b.sql': '' }, { signal: stop.signal, onEvent })
    expect(failed).toMatchObject({ code: 'INTERRUPTED', cause: reason, details: { applied: ['1'], pending: ['2'] } })
    expect(await ledgerOf(database)).toEqual(['1 applied'])
  })

  test('an abort while the ledger is out of reach', async () => {
    await apply(database, {})
    const session = await database.session()
    await session.query('BEGIN')
    await session.query('LOCK TABLE poststack.schema_migrations')
    const stop = new AbortController()
    const running = apply(database, { '1_a.sql': '' }, { signal: stop.signal })
    await until(
      `SELECT FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    )
    stop.abort(new PoststackError('INTERRUPTED', 'stop'))
    await expect(running).rejects.toThrow('stop: nothing was begun.')
    await session.query('ROLLBACK')
  })

  test('the lock connection ends while a file runs: nothing more is committed', async () => {
    const running = failApply(database, {
      '1_a.sql': 'CREATE TABLE a ()',
      '2_b.sql': 'CREATE TABLE b (); SELECT pg_sleep(60)',
      '3_c.sql': '',
    })
    await until(sleeping)
    const started = performance.now()
    await database.rows(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'poststack lock %'`,
    )
    const error = await running
    expect(performance.now() - started).toBeLessThan(2000)
    expect(shown(error)).toMatchInlineSnapshot(`
      "LOCK_LOST
      The connection that holds the migration lock was lost, so the run was stopped before anything else was committed. 1 of 3 pending migrations applied; 2_b.sql was rolled back, so the database is as after 1_a.sql.

      Find out who or what ended the connection (a restart of the server, an administrator, the network), then run again: it goes on where this one stopped."
    `)
    expect(error.details).toEqual({ file: '2_b.sql', version: '2', applied: ['1'], pending: ['2', '3'] })
    expect(await ledgerOf(database)).toEqual(['1 applied'])
    expect(await tablesOf(database)).toEqual(['public.a'])
  })

  test('a lock that is gone, of which nobody told us, is noticed by the commit itself', async () => {
    // As behind a broken network: the server has freed the lock, and this side still believes to have it.
    const deaf: TestDatabase['connect'] = async (options) => ({
      ...(await database.connect(options)),
      onLost: () => {},
    })
    const kill = `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'poststack lock %'`
    const error = await failApply(database, { '1_a.sql': `CREATE TABLE a (); ${kill}` }, { connect: deaf })
    expect(error.code).toBe('LOCK_LOST')
    expect(await ledgerOf(database)).toEqual([])
    expect(await tablesOf(database)).toEqual([])
  })

  test('a row that another run wrote meanwhile is never written twice', async () => {
    const other = await database.session()
    await apply(database, {})
    await other.query('BEGIN')
    await other.query(
      `INSERT INTO poststack.schema_migrations (version, version_text, name, checksum, up_sql, state, applied_by, host, tool_version) VALUES (1, '1', 'a', '', '', 'applied', '', '', '')`,
    )
    const running = failApply(database, { '1_a.sql': 'CREATE TABLE a ()' })
    await until(`SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`)
    await other.query('COMMIT')
    expect((await running).code).toBe('LOCK_LOST')
    expect(await tablesOf(database)).toEqual([])
  })

  test('the working connection ends: what is known is told', async () => {
    const running = failApply(database, { '1_a.sql': '', '2_b.sql': 'SELECT pg_sleep(60)' })
    await until(sleeping)
    await database.rows(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'poststack migrate %'`,
    )
    expect(shown(await running)).toMatchInlineSnapshot(`
      "DATABASE_UNREACHABLE
      While 2_b.sql was applied: The connection to the database was lost: terminating connection due to administrator command. 1 of 2 pending migrations applied; 2_b.sql was rolled back, so the database is as after 1_a.sql.

      See why the server or the network went away, then run again: it goes on where this one stopped."
    `)
    expect(await ledgerOf(database)).toEqual(['1 applied'])
  })
})
