import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect, type ConnectTarget } from '../../../src/execute/database/database.ts'
import { probePostgres } from '../../../src/execute/database/look.ts'
import { certificate, certificateKey } from '../../support/certificate.ts'
import { failureOf, shown } from '../../support/migrations.ts'
import { startPostgres, type TestDatabase, type TestServer } from '../../support/postgres.ts'

let server: TestServer
let database: TestDatabase
let silent: Server
let silentPort: number
const forever = new AbortController().signal

beforeAll(async () => {
  server = await startPostgres()
  database = await server.createDatabase()
  silent = createServer(() => {}).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const address = silent.address()
  silentPort = typeof address === 'object' && address !== null ? address.port : 0
})
afterAll(async () => {
  silent.close()
  await server.stop()
})

async function told(overrides: Partial<ConnectTarget>): Promise<string> {
  const error = await failureOf(connect({ ...database.target, ...overrides }, forever))
  expect(JSON.stringify(error)).not.toContain(server.password)
  return shown(error).replaceAll(String(server.port), 'PORT').replaceAll(String(silentPort), 'PORT')
}

describe('a connection that fails must say why', () => {
  test('wrong password', async () => {
    expect(await told({ password: 'wrong' })).toMatchInlineSnapshot(`
      "PASSWORD_REJECTED
      The server at 127.0.0.1:PORT does not let role "postgres" in: password authentication failed for user "postgres".

      Check the role and its password. An existing data directory keeps the password it was made with."
    `)
  })

  test('no password, even if the environment has one', async () => {
    process.env['PGPASSWORD'] = server.password
    try {
      expect(await told({ password: undefined })).toMatchInlineSnapshot(`
        "PASSWORD_REJECTED
        The server at 127.0.0.1:PORT asks for the password of role "postgres", and none is known.

        Give the password in the config or in the URL."
      `)
    } finally {
      delete process.env['PGPASSWORD']
    }
  })

  test('no such database', async () => {
    expect(await told({ database: 'nope' })).toMatchInlineSnapshot(`
      "DATABASE_MISSING
      The server at 127.0.0.1:PORT has no database "nope".

      Create it (CREATE DATABASE "nope"), or correct the name."
    `)
  })

  test('nothing listens', async () => {
    expect(await told({ port: 1 })).toMatchInlineSnapshot(`
      "DATABASE_UNREACHABLE
      The server at 127.0.0.1:1 cannot be reached: nothing listens there.

      Start the server, or correct host and port."
    `)
  })

  test('unknown host', async () => {
    expect(await told({ host: 'no-such-host.invalid' })).toContain('DATABASE_UNREACHABLE')
  })

  test('no answer in time', async () => {
    const started = performance.now()
    expect(await told({ port: silentPort, connectTimeoutMs: 200 })).toMatchInlineSnapshot(`
      "DATABASE_UNREACHABLE
      The server at 127.0.0.1:PORT cannot be reached: no answer in time.

      Check host and port, the network, and firewalls between."
    `)
    expect(performance.now() - started).toBeLessThan(2000)
  })

  test('a role that has as many connections as it may', async () => {
    await database.rows(`CREATE ROLE few LOGIN PASSWORD 'test-password' CONNECTION LIMIT 0`)
    const error = await failureOf(connect({ ...database.target, user: 'few' }, forever))
    expect(error.hint).toContain('ALTER ROLE "few" CONNECTION LIMIT')
  })

  test('TLS asked of a server without it', async () => {
    expect(await told({ parameters: 'sslmode=require' })).toMatchInlineSnapshot(`
      "DATABASE_UNREACHABLE
      The server at 127.0.0.1:PORT cannot be reached: it does not offer TLS.

      Switch TLS on in the server, or leave sslmode out of the URL."
    `)
  })

  test('a certificate that is not there', async () => {
    expect(await told({ parameters: 'sslmode=verify-full&sslrootcert=/none.pem' })).toContain('/none.pem')
  })

  test('the caller stops', async () => {
    const stop = new AbortController()
    const opening = connect({ ...database.target, port: silentPort }, stop.signal)
    setTimeout(() => stop.abort(new Error('stop')), 50)
    expect(await failureOf(opening)).toMatchObject({ code: 'INTERRUPTED', cause: new Error('stop') })
  })
})

describe('a session', () => {
  test('keeps no parameters of the environment, and takes those of the URL', async () => {
    const select = `SELECT current_setting('work_mem') AS memory, current_setting('application_name') AS name, current_setting('client_encoding') AS encoding`
    const environment = {
      PGOPTIONS: '-c work_mem=6MB',
      PGREPLICATION: 'database',
      PGCLIENT_ENCODING: 'LATIN1',
      PGAPPNAME: 'somebody',
      PGSSLNEGOTIATION: 'direct',
      PGSSLMODE: 'require',
    }
    Object.assign(process.env, environment)
    try {
      const parameters = 'sslmode=disable&options=-c%20work_mem%3D5MB'
      const session = await database.session({ parameters, applicationName: 'it is me' })
      expect((await session.query(select)).rows).toEqual([{ memory: '5MB', name: 'it is me', encoding: 'UTF8' }])
      const plain = await database.session({ applicationName: 'it is me' })
      expect((await plain.query(select)).rows).toEqual([{ memory: '4MB', name: 'it is me', encoding: 'UTF8' }])
    } finally {
      for (const name of Object.keys(environment)) delete process.env[name]
    }
  })

  test('counts the statements before an error and goes on after it', async () => {
    const session = await database.session()
    expect(await session.script('SELECT 1; SELECT 2; SELECT 1/0; SELECT 3')).toMatchObject({
      completed: 2,
      error: { code: '22012' },
      inTransaction: false,
    })
    expect(await session.script('BEGIN; SELECT 1/0')).toMatchObject({ completed: 1, inTransaction: true })
    expect(await session.script('ROLLBACK; BEGIN')).toMatchObject({
      completed: 2,
      error: undefined,
      inTransaction: true,
    })
    expect(await session.script('')).toEqual({
      completed: 0,
      lastRows: 0,
      error: undefined,
      inTransaction: true,
    })
  })

  test('says how many rows the last statement of a script gave or changed', async () => {
    const session = await database.session()
    const rowsOf = async (text: string): Promise<number> => (await session.script(text)).lastRows
    await session.query('CREATE TEMPORARY TABLE counted (id int)')
    expect(await rowsOf('SELECT 1; INSERT INTO counted VALUES (1), (2), (3)')).toBe(3)
    expect(await rowsOf('SELECT * FROM counted; UPDATE counted SET id = 4 WHERE id > 1')).toBe(2)
    expect(await rowsOf('SELECT * FROM counted; UPDATE counted SET id = 4 WHERE id > 9')).toBe(0)
    expect(await rowsOf('SELECT * FROM counted; SET work_mem = 4096')).toBe(0)
  })

  test('cancel stops what runs, and only that', async () => {
    const session = await database.session()
    const running = session.script('SELECT pg_sleep(60)')
    setTimeout(() => void session.cancel(), 50)
    expect((await running).error?.code).toBe('57014')
    await session.cancel()
    expect((await session.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
  })

  test('a lost session is told once, and every later use says so', async () => {
    const session = await database.session()
    let lost = 0
    session.onLost(() => lost++)
    const { rows } = await session.query('SELECT pg_backend_pid() AS pid')
    const running = failureOf(session.script('SELECT pg_sleep(60)'))
    await database.rows('SELECT pg_terminate_backend($1)', [rows[0]?.['pid']])
    expect((await running).code).toBe('DATABASE_UNREACHABLE')
    expect((await failureOf(session.query('SELECT 1'))).message).toContain(
      'terminating connection due to administrator command',
    )
    expect(lost).toBe(1)
    await session.close()
  })

  test('closing is not a loss', async () => {
    const session = await database.session()
    let lost = 0
    session.onLost(() => lost++)
    await session.close()
    await session.close()
    expect(lost).toBe(0)
  })
})

describe('TLS', () => {
  let folder: string
  let secure: TestServer
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'poststack-tls-'))
    const key = join(folder, 'key.pem')
    const trusted = join(folder, 'certificate.pem')
    writeFileSync(key, certificateKey, { mode: 0o600 })
    writeFileSync(trusted, certificate)
    secure = await startPostgres({ ssl: 'on', ssl_key_file: key, ssl_cert_file: trusted })
  })
  afterAll(async () => {
    await secure.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  test.each(['sslmode=require', 'sslmode=verify-full&sslrootcert='])('%s: queries and cancels', async (parameters) => {
    const session = await (
      await secure.createDatabase()
    ).session({
      parameters: parameters.endsWith('=') ? `${parameters}${join(folder, 'certificate.pem')}` : parameters,
    })
    expect((await session.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()')).rows).toEqual([
      { ssl: true },
    ])
    const running = session.script('SELECT pg_sleep(60)')
    setTimeout(() => void session.cancel(), 50)
    expect((await running).error?.code).toBe('57014')
  })

  test('a certificate that nobody vouches for is refused where it is checked', async () => {
    const { target } = await secure.createDatabase()
    const error = await failureOf(connect({ ...target, parameters: 'sslmode=verify-full' }, forever))
    expect(error.message).toContain('nobody vouches for its certificate (self-signed certificate)')
    expect(error.hint).toContain('sslrootcert=')
  })

  test('prefer takes TLS where there is some, allow where there must be', async () => {
    const seen: unknown[] = []
    for (const [place, mode] of [
      [secure, 'prefer'],
      [secure, 'allow'],
      [server, 'prefer'],
      [server, 'allow'],
    ] as const) {
      // oxlint-disable-next-line no-await-in-loop
      const session = await (await place.createDatabase()).session({ parameters: `sslmode=${mode}` })
      // oxlint-disable-next-line no-await-in-loop
      const { rows } = await session.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()')
      seen.push(rows[0]?.['ssl'])
    }
    expect(seen).toEqual([true, false, false, false])
  })
})

describe('probePostgres', () => {
  test('looks once', async () => {
    expect(await probePostgres(database.target, forever)).toEqual({ ready: true })
    expect(await probePostgres({ ...database.target, database: 'nope' }, forever)).toMatchObject({
      ready: false,
      code: 'DATABASE_MISSING',
    })
    expect(await probePostgres({ ...database.target, password: 'x' }, forever)).toMatchObject({
      ready: false,
      code: 'PASSWORD_REJECTED',
    })
    expect(await probePostgres({ ...database.target, port: 1 }, forever)).toMatchObject({
      ready: false,
      code: 'DATABASE_UNREACHABLE',
    })
  })
})
