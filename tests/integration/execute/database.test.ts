/**
 * What looks at a database, scripts and cancelled statements do where the server does not answer as it should.
 */
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, connect as connectSocket, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { swapIn } from '../../../src/execute/backup/swap.ts'
import { connect } from '../../../src/execute/database/database.ts'
import { lookAt, probePostgres } from '../../../src/execute/database/look.ts'
import { createSql } from '../../../src/execute/database/sql.ts'
import type { Connect } from '../../../src/migrations/connection.ts'
import { certificate } from '../../support/certificate.ts'
import { failureOf } from '../../support/migrations.ts'
import { startPostgres, type TestDatabase, type TestServer } from '../../support/postgres.ts'

const forever = new AbortController().signal
let server: TestServer
let database: TestDatabase

beforeAll(async () => {
  server = await startPostgres({ autovacuum_naptime: '1' })
  database = await server.createDatabase()
})
afterEach(() => {
  vi.useRealTimers()
})
afterAll(async () => {
  await server.stop()
})

interface Way {
  readonly port: number
  /** How many connections are open on it. */
  open(): number
}

/** A way to the server on which nothing comes through any more once a client has said this, as if the server had been stopped. */
async function wayUntil(said: string): Promise<Way> {
  const sockets = new Set<Socket>()
  let isStalled = false
  const way = createServer((socket) => {
    const onward = connectSocket(server.port, '127.0.0.1')
    sockets.add(socket)
    socket
      .on('error', () => undefined)
      .on('close', () => {
        sockets.delete(socket)
        onward.destroy()
      })
    socket.on('data', (bytes) => {
      isStalled ||= bytes.includes(said)
      if (!isStalled) onward.write(bytes)
    })
    onward.on('error', () => undefined).on('data', (bytes) => isStalled || socket.write(bytes))
  })
  way.listen(0, '127.0.0.1')
  await once(way, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    way.close()
  })
  return { port: (way.address() as AddressInfo).port, open: () => sockets.size }
}

describe('a look', () => {
  test('ends when somebody holds what it asks for, and leaves no session that waits', async () => {
    await database.rows('CREATE TABLE held (id int)')
    const holder = await database.session()
    await holder.script('BEGIN; LOCK TABLE held')
    const found = await lookAt(
      { ...database.target, applicationName: 'looking' },
      { signal: forever, answerMs: 300 },
      (session) => session.query('SELECT * FROM held'),
    )
    expect(found).toMatchObject({ code: 'DATABASE_UNREACHABLE' })
    expect(JSON.stringify(found)).toContain('has not answered within 0.3 s')
    await expect
      .poll(() => database.rows(`SELECT FROM pg_stat_activity WHERE application_name = 'looking'`))
      .toHaveLength(0)
    await holder.query('ROLLBACK')
  })

  test('ends with the signal', async () => {
    const stop = new AbortController()
    const looking = lookAt(database.target, { signal: stop.signal, answerMs: 60_000 }, (session) => {
      setTimeout(() => stop.abort(), 50)
      return session.query('SELECT pg_sleep(60)')
    })
    expect((await failureOf(looking)).code).toBe('INTERRUPTED')
  })

  test('what the server refuses is why there is none', async () => {
    const found = await lookAt(database.target, { signal: forever, answerMs: 60_000 }, async (session) => {
      await session.query('SET statement_timeout = 20')
      return await session.query('SELECT pg_sleep(60)')
    })
    expect(found).toEqual({
      code: 'DATABASE_UNREACHABLE',
      reason: 'canceling statement due to statement timeout',
    })
  })

  test('a server that lets us in and then says nothing is not ready', async () => {
    const { port } = await wayUntil('SELECT 1')
    expect(await probePostgres({ ...database.target, port, connectTimeoutMs: 400 }, forever)).toMatchObject({
      ready: false,
      code: 'DATABASE_UNREACHABLE',
    })
  })
})

describe('a cancelled session', () => {
  test('that was doing nothing is still good when the time to give it up is over', async () => {
    const session = await database.session()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    await session.cancel()
    vi.advanceTimersByTime(60_000)
    expect((await session.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
  })

  test('whose server says nothing is given up, and the request as well', async () => {
    const way = await wayUntil('pg_sleep')
    const session = await connect({ ...database.target, port: way.port }, forever)
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const running = failureOf(session.query('SELECT pg_sleep(60)'))
    const cancelled = session.cancel()
    await expect.poll(() => way.open()).toBe(2)
    vi.advanceTimersByTime(10_000)
    await cancelled
    expect((await running).code).toBe('DATABASE_UNREACHABLE')
    await expect.poll(() => way.open()).toBe(0)
  })
})

describe('sql for scripts', () => {
  test('begin fails when a statement failed and its error was caught: nothing is in the database', async () => {
    const sql = createSql(database.target)
    await sql`CREATE TABLE kept (id int PRIMARY KEY)`
    const beginning = sql.begin(async (inside) => {
      await inside`INSERT INTO kept VALUES (1)`
      await inside`INSERT INTO kept VALUES (1)`.catch(() => undefined)
    })
    await expect(beginning).rejects.toMatchObject({
      message: 'the transaction was rolled back, because a statement in it had failed',
      cause: { code: '23505' },
    })
    expect(await sql`SELECT FROM kept`).toHaveLength(0)
    await sql.end()
  })

  test('that cannot even be prepared says why, and tries again with the next statement', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'poststack-sql-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    const file = join(folder, 'root.pem')
    const sql = createSql({ ...database.target, parameters: `sslmode=verify-full&sslrootcert=${file}` })
    expect((await failureOf(sql`SELECT 1`)).message).toContain('root.pem')
    await writeFile(file, certificate)
    expect((await failureOf(sql`SELECT 1`)).message).toContain('it does not offer TLS')
    await sql.end()
  })
})

describe('a restored database', () => {
  test('takes its name from one that autovacuum works in, also for a role that is no superuser', async () => {
    const owner = { user: 'owner', password: 'x' }
    await database.rows(`CREATE ROLE owner LOGIN CREATEDB PASSWORD 'x'`)
    await database.rows('CREATE DATABASE shop OWNER owner')
    await database.rows('CREATE DATABASE shop_copy OWNER owner')
    const inside = await database.session({ ...owner, database: 'shop' })
    // As slow as can be, so that it is at work for minutes.
    await inside.query(
      'CREATE TABLE t WITH (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1) AS SELECT repeat($$x$$, 1000) FROM generate_series(1, 5000)',
    )
    await inside.query('DELETE FROM t')
    await inside.close()
    const worker = await vi.waitUntil(() => autovacuumIn('shop'), { timeout: 30_000 })
    // The server ends it, too. Stopped, it is there for long enough to be met by the rest.
    process.kill(worker, 'SIGSTOP')
    setTimeout(() => process.kill(worker, 'SIGCONT'), 500)
    const connectAside: Connect = ({ applicationName, signal }) =>
      connect({ ...database.target, ...owner, database: 'postgres', applicationName }, signal)
    const kept = await swapIn({
      connect: connectAside,
      scratch: 'shop_copy',
      name: 'shop',
      around: undefined,
      signal: forever,
      now: new Date(0),
    })
    expect(kept).toContain('shop_before_')
  })
})

async function autovacuumIn(name: string): Promise<number | undefined> {
  const select = `SELECT pid FROM pg_stat_activity WHERE datname = $1 AND backend_type = 'autovacuum worker'`
  const [row] = await database.rows(select, [name])
  return row === undefined ? undefined : Number(row['pid'])
}
