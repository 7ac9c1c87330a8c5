import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  migrate,
  type MigrationEvent,
  type MigrationSourceFile,
  PoststackError,
  rollback,
  status,
  verify,
} from '../../../src/database.ts'
import { failureOf, ledgerOf, tablesOf, until } from '../../support/migrations.ts'
import { startPostgres, type TestDatabase, type TestServer } from '../../support/postgres.ts'

let server: TestServer
let database: TestDatabase
let url = ''
let sockets = ''

beforeAll(async () => {
  sockets = await mkdtemp(join(tmpdir(), 'ps-'))
  server = await startPostgres({ unix_socket_directories: sockets })
})
afterAll(async () => {
  await server.stop()
  await rm(sockets, { recursive: true, force: true })
})
beforeEach(async () => {
  database = await server.createDatabase()
  url = `postgresql://postgres:${server.password}@127.0.0.1:${server.port}/${database.target.database}`
})

const migrations: readonly MigrationSourceFile[] = [
  { file: '001_users.sql', sql: 'CREATE TABLE users (id int);' },
  { file: '001_users.rollback.sql', sql: 'DROP TABLE users;' },
  { file: '002_orders.sql', sql: 'CREATE TABLE orders (id int);' },
  { file: '002_orders.rollback.sql', sql: 'DROP TABLE orders;' },
]

async function connected(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, application_name: 'the caller' })
  await client.connect()
  return client
}

test('a look that waits for a lock ends when it is told to', async () => {
  await migrate({ url, migrations })
  const holder = await connected()
  await holder.query('BEGIN; LOCK TABLE poststack.schema_migrations')
  const waiting = `SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE NOT l.granted AND d.datname = current_database()`
  for (const look of [status, verify]) {
    const stop = new AbortController()
    const running = failureOf(look({ url, migrations, signal: stop.signal }))
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await until(database, waiting)
    stop.abort()
    // oxlint-disable-next-line no-await-in-loop
    expect((await running).code).toBe('INTERRUPTED')
    // oxlint-disable-next-line no-await-in-loop
    expect(await database.rows(waiting)).toEqual([])
  }
  await holder.end()
})

describe('by url', () => {
  test('migrate, status, verify and rollback', async () => {
    const events: MigrationEvent[] = []
    const { applied, already } = await migrate({ url, migrations, onEvent: (event) => events.push(event) })
    expect(applied.map(({ version, name }) => `${version} ${name}`)).toEqual(['001 users', '002 orders'])
    expect(already).toBe(0)
    expect(events.map(({ type }) => type)).toEqual([
      'migration-started',
      'migration-applied',
      'migration-started',
      'migration-applied',
    ])
    expect(await status({ url, migrations })).toMatchObject({ applied: 2, pending: 0, upToDate: true })
    const proofs: string[] = []
    const options = { rollbacks: true, drift: true, onProof: ({ name }: { name: string }) => proofs.push(name) }
    expect(await verify({ url, migrations, ...options })).toMatchObject({ ok: true, findings: [], applied: 2 })
    expect(proofs).toEqual(['users', 'orders'])
    expect(await rollback({ url })).toMatchObject({ rolledBack: [{ version: '002' }], left: 1 })
    expect(await rollback({ url, target: '0' })).toMatchObject({ rolledBack: [{ version: '001' }], left: 0 })
    expect(await tablesOf(database)).toEqual([])
  })

  test('a folder on disk and a target', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'poststack-library-'))
    for (const { file, sql } of migrations) await writeFile(join(dir, file), sql)
    await migrate({ url, dir, target: '1' })
    expect(await status({ url, dir })).toMatchObject({ applied: 1, pending: 1, upToDate: false })
    await rm(dir, { recursive: true })
  })

  test('sslmode is heard, and a unix socket is a host', async () => {
    const error = await failureOf(migrate({ url: `${url}?sslmode=require`, migrations }))
    expect(error.code).toBe('DATABASE_UNREACHABLE')
    expect(error.message).toContain('TLS')
    const name = database.target.database
    const socket = `postgresql://postgres:${server.password}@/${name}?host=${sockets}&port=${server.port}`
    expect((await migrate({ url: socket, migrations })).applied).toHaveLength(2)
  })

  test('status makes nothing in a database that has no ledger', async () => {
    expect(await status({ url, migrations })).toMatchObject({ applied: 0, pending: 2, upToDate: false })
    expect(await database.rows(`SELECT FROM pg_namespace WHERE nspname = 'poststack'`)).toEqual([])
  })

  test('two promises at once apply each file once', async () => {
    const results = await Promise.all([
      migrate({ url, migrations }),
      migrate({ url, migrations }),
      migrate({ url, migrations }),
    ])
    expect(results.flatMap(({ applied }) => applied)).toHaveLength(2)
    expect(await ledgerOf(database)).toEqual(['001 applied', '002 applied'])
  })
})

describe('by a client', () => {
  test('it does the work itself and is given back as it was', async () => {
    const client = await connected()
    await client.query(`SET work_mem = '5MB'`)
    await client.query('CREATE TEMPORARY TABLE mine (id int)')
    const { rows: own } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    const listeners = client.listenerCount('end') + client.listenerCount('error') + client.listenerCount('notice')
    const witness = {
      file: '003_who.sql',
      sql: 'CREATE TABLE who AS SELECT pg_backend_pid() AS pid; SET search_path = nowhere',
    }
    await migrate({ client, migrations: [...migrations, witness] })
    expect(await database.rows('SELECT pid FROM who')).toEqual(own)
    expect((await client.query('SELECT * FROM mine')).rows).toEqual([])
    expect((await client.query('SHOW search_path')).rows).toEqual([{ search_path: '"$user", public' }])
    expect(client.listenerCount('end') + client.listenerCount('error') + client.listenerCount('notice')).toBe(listeners)
    expect(await status({ client, migrations: [...migrations, witness] })).toMatchObject({ upToDate: true })
    expect(await verify({ client, migrations: [...migrations, witness], rollbacks: true })).toMatchObject({ ok: true })
    await rollback({ client, steps: 1 }).catch(() => undefined)
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    await client.end()
  })

  test('it is usable after a failed migration, and outside of a transaction', async () => {
    const client = await connected()
    const error = await failureOf(migrate({ client, migrations: [{ file: '1_x.sql', sql: 'SELECT 1/0' }] }))
    expect(error).toBeInstanceOf(PoststackError)
    expect(error.code).toBe('MIGRATION_FAILED')
    expect((await client.query('SELECT pg_current_xact_id_if_assigned() AS open')).rows).toEqual([{ open: null }])
    await client.end()
  })

  test('two promises at once with one client take turns', async () => {
    const client = await connected()
    const results = await Promise.all([migrate({ client, migrations }), migrate({ client, migrations })])
    expect(results.map(({ applied }) => applied.length).toSorted((a, b) => a - b)).toEqual([0, 2])
    await client.end()
  })

  test('a pool keeps all its clients for its own', async () => {
    const pool = new pg.Pool({ connectionString: url, max: 1 })
    const held = await pool.connect()
    expect((await migrate({ client: pool, migrations })).applied).toHaveLength(2)
    expect(await status({ client: pool, migrations })).toMatchObject({ upToDate: true })
    held.release()
    await pool.end()
  })
})

describe('what fails is typed', () => {
  test('a file without the form of a name', async () => {
    const error = await failureOf(migrate({ url, migrations: [{ file: 'users.sql', sql: '' }] }))
    expect(error.code).toBe('MIGRATION_INVALID')
  })

  test('a wrong password, never with the password in it', async () => {
    const error = await failureOf(migrate({ url: url.replace(server.password, 'hush-hush'), migrations }))
    expect(error.code).toBe('PASSWORD_REJECTED')
    expect(JSON.stringify([error.message, error.hint, error.details])).not.toContain('hush-hush')
  })

  test('a folder that is not there', async () => {
    const error = await failureOf(status({ url, dir: join(tmpdir(), 'poststack-no-such-folder') }))
    expect(error.code).toBe('MIGRATION_MISSING')
  })

  test('a call without a database or without migrations says so', async () => {
    expect(await failureOf(migrate({ migrations } as never))).toMatchObject({ code: 'USAGE' })
    expect(await failureOf(migrate({ url } as never))).toMatchObject({ code: 'USAGE' })
    expect(await failureOf(migrate({ client: {}, migrations } as never))).toMatchObject({ code: 'USAGE' })
    for (const call of [migrate, status])
      expect(await failureOf(call({ url, client: {}, migrations } as never))).toMatchObject({
        code: 'USAGE',
        message: 'The call does not say which of the databases it means.',
      })
  })

  test.each([
    ['a folder and files', { dir: '/tmp', migrations }],
    ['names instead of files', { migrations: ['1_a.sql'] }],
    ['files without a text', { migrations: [{ file: '1_a.sql' }] }],
    ['nothing in place of a file', { migrations: [null] }],
    ['a folder that is no text', { dir: 7 }],
    ['a number as target', { migrations, target: 1 }],
    ['a wait that is no number', { migrations, lockWaitMs: Number.NaN }],
    ['a limit below zero', { migrations, lockTimeoutMs: -1 }],
    ['a limit in words', { migrations, statementTimeoutMs: '5s' }],
    ['a limit that the server cannot keep', { migrations, lockTimeoutMs: 2 ** 31 }],
    ['tries without their time', { migrations, retry: { attempts: 3 } }],
  ])('%s', async (_what, request) => {
    expect(await failureOf(migrate({ url, ...request } as never))).toMatchObject({ code: 'USAGE' })
  })

  test.each([undefined, new Error('too late')])(
    'a signal that was given before, with %s as its reason',
    async (reason) => {
      const request = { url, migrations, signal: AbortSignal.abort(reason) }
      for (const call of [migrate, status, verify, rollback])
        // oxlint-disable-next-line no-await-in-loop
        expect(await failureOf(call(request))).toMatchObject({ code: 'INTERRUPTED' })
      expect(await database.rows(`SELECT FROM pg_namespace WHERE nspname = 'poststack'`)).toEqual([])
    },
  )

  test('a signal stops it, and what ran is rolled back', async () => {
    const stop = new AbortController()
    const slow = [...migrations, { file: '003_slow.sql', sql: 'CREATE TABLE slow (id int); SELECT pg_sleep(60)' }]
    const running = migrate({
      url,
      migrations: slow,
      signal: stop.signal,
      onEvent: (event) => {
        if (event.type === 'migration-started' && event.version === '003') setTimeout(() => stop.abort(), 200)
      },
    })
    expect(await failureOf(running)).toMatchObject({ code: 'INTERRUPTED' })
    expect(await ledgerOf(database)).toEqual(['001 applied', '002 applied'])
    expect(await tablesOf(database)).toEqual(['public.orders', 'public.users'])
  })
})
