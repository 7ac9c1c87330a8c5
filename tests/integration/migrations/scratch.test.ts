import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { connect } from '../../../src/execute/database/database.ts'
import type { Connect } from '../../../src/migrations/connection.ts'
import { withinDatabase } from '../../../src/migrations/verify/beyond.ts'
import { withScratch } from '../../../src/migrations/verify/scratch.ts'
import { verify, type VerifyReport } from '../../../src/migrations/verify/verify.ts'
import { compiled } from '../../support/compiled.ts'
import { apply, failureOf, folderOf, type SqlFiles, until } from '../../support/migrations.ts'
import { startPostgres, type TestDatabase, type TestServer } from '../../support/postgres.ts'
import type { VerifyOrder } from './verify-worker.ts'

let server: TestServer
const workers: ChildProcess[] = []

beforeAll(async () => {
  server = await startPostgres()
})
afterEach(() => {
  for (const worker of workers.splice(0)) worker.kill('SIGKILL')
})
afterAll(async () => {
  await server.stop()
})

const connectTo =
  ({ target }: TestDatabase, user = 'postgres') =>
  (name: string): Connect =>
  async ({ applicationName, signal }) =>
    await connect({ ...target, database: name, user, applicationName }, signal)

async function prove(
  database: TestDatabase,
  files: SqlFiles,
  more: { user?: string; signal?: AbortSignal } = {},
): Promise<VerifyReport> {
  const to = connectTo(database, more.user)
  const signal = more.signal ?? new AbortController().signal
  const folder = folderOf(files)
  return await verify({
    connect: to(database.target.database),
    connectTo: to,
    folder,
    signal,
    toolVersion: '1',
    rollbacks: true,
  })
}

async function scratchNames(database: TestDatabase): Promise<readonly string[]> {
  const rows = await database.rows(
    `SELECT datname::text AS name FROM pg_database WHERE datname LIKE 'poststack%' ORDER BY 1`,
  )
  return rows.map(({ name }) => String(name))
}

const small: SqlFiles = { '001_a.sql': 'CREATE TABLE a (id int)', '001_a.rollback.sql': 'DROP TABLE a' }

test('sessions last for as long as a try-out takes, and one that was lost at rest is not handed out', async () => {
  const database = await server.createDatabase()
  await database.rows(`ALTER DATABASE ${database.target.database} SET idle_session_timeout = '1s'`)
  const signal = new AbortController().signal
  await withScratch({ connect: database.connect, connectTo: connectTo(database) }, signal, async (make) => {
    const scratch = await make()
    const first = await scratch.connect({ applicationName: 'one', signal })
    await first.close()
    await database.rows('SELECT pg_terminate_backend($1, 5000)', [first.backendPid])
    await database.session({ applicationName: 'beside' })
    await until(database, `SELECT WHERE NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'beside')`)
    const second = await scratch.connect({ applicationName: 'one', signal })
    expect((await second.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    await second.close()
  })
  expect(await scratchNames(database)).toEqual([])
})

/** A process that is in the middle of a try-out, in a database of its own. */
async function sleeper(): Promise<{ readonly worker: ChildProcess; readonly database: TestDatabase }> {
  const database = await server.createDatabase()
  const worker = fork(await compiled(fileURLToPath(new URL('verify-worker.ts', import.meta.url))))
  workers.push(worker)
  await once(worker, 'message')
  const files = {
    '001_a.sql': 'CREATE TABLE a (id int)',
    '001_a.rollback.sql': 'SELECT 1',
    '002_b.sql': 'SELECT pg_sleep(300)',
  }
  const order: VerifyOrder = { target: database.target, files }
  worker.send(order)
  await once(worker, 'message')
  return { worker, database }
}

test('what a killed check left is cleared by the next, and what a live one uses is left alone', async () => {
  const database = await server.createDatabase()
  const [dead, alive] = await Promise.all([sleeper(), sleeper()])
  // Each has made all of its databases by then.
  await until(
    database,
    "SELECT WHERE 2 = (SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(300)' AND state = 'active')",
  )
  const before = await scratchNames(database)
  expect(before.length).toBeGreaterThanOrEqual(2)
  dead.worker.kill('SIGKILL')
  await once(dead.worker, 'exit')
  // The server ends the sessions of the dead in its own time.
  for (let tries = 0; tries < 400; tries++) {
    const [row] = await database.rows(`SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = $1`, [
      dead.database.target.database,
    ])
    if (row?.['n'] === 0) break
    await sleep(50)
  }
  // Looked at from another database than the live one is run from.
  await prove(database, small)
  const after = await scratchNames(database)
  expect(after.length).toBeGreaterThan(0)
  expect(after.length).toBeLessThan(before.length)
  alive.worker.kill('SIGKILL')
  await once(alive.worker, 'exit')
  await sleep(1500)
  await prove(database, small)
  expect(await scratchNames(database)).toEqual([])
})

test('a database of somebody else with such a name is left alone', async () => {
  const database = await server.createDatabase()
  await database.rows('CREATE DATABASE poststack_verify_0123456789ab')
  await prove(database, small)
  expect(await scratchNames(database)).toEqual(['poststack_verify_0123456789ab'])
  await database.rows('DROP DATABASE poststack_verify_0123456789ab')
})

test('a role that may not create databases is told so, and what else was found', async () => {
  const database = await server.createDatabase()
  await database.rows(`CREATE ROLE poor LOGIN PASSWORD 'test-password'`)
  const report = await prove(database, { ...small, '9_broken.sql': 'COMMIT' }, { user: 'poor' })
  expect([report.ok, report.proofs]).toEqual([false, []])
  expect(report.findings.map(({ rule, file }) => [rule, file])).toEqual([
    ['invalid', '9_broken.sql'],
    ['rollback-not-tried', undefined],
  ])
  expect(report.findings[1]).toMatchObject({
    message:
      'No rollback was proved. A database to try the migrations in could not be made: permission denied to create database.',
    hint: 'Give the role the right (ALTER ROLE … CREATEDB), or verify with another --url whose server may be used for it.',
  })
})

test('stopping it leaves nothing behind', async () => {
  const database = await server.createDatabase()
  const stop = new AbortController()
  const files = { ...small, '002_b.sql': 'SELECT pg_sleep(300)' }
  setTimeout(() => stop.abort(), 1500)
  const error = await failureOf(prove(database, files, { signal: stop.signal }))
  expect(error.code).toBe('INTERRUPTED')
  expect(await scratchNames(database)).toEqual([])
})

test('encoding and locale are those of the database that is checked', async () => {
  const database = await server.createDatabase()
  await database.rows(
    `CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' LOCALE_PROVIDER libc`,
  )
  const to = connectTo(database)
  const files = {
    '001_a.sql': `CREATE TABLE a (b text); DO $$ BEGIN IF current_setting('server_encoding') <> 'LATIN1' THEN RAISE 'wrong'; END IF; END $$`,
  }
  const signal = new AbortController().signal
  const report = await verify({
    connect: to('latin'),
    connectTo: to,
    folder: folderOf(files),
    signal,
    toolVersion: '1',
    rollbacks: true,
  })
  expect(report.proofs).toMatchObject([{ verdict: 'missing' }])
})

test('a migration that fails ends the try-out, with its error', async () => {
  const database = await server.createDatabase()
  await apply(database, small)
  const report = await prove(database, { ...small, '002_b.sql': 'CREATE TABLE a (id int)', '003_c.sql': 'SELECT 1' })
  expect(report.proofs.map(({ file, verdict }) => `${file} ${verdict}`)).toEqual([
    '001_a.sql exact',
    '002_b.sql apply-fails',
  ])
  expect(report.findings).toMatchObject([{ rule: 'apply-fails', severity: 'error', file: '002_b.sql' }])
  expect(report.findings[0]?.lines.join('\n')).toContain('relation "a" already exists')
})

test.each([
  ['CREATE ROLE a', 'CREATE ROLE'],
  ['create  user a', 'CREATE USER'],
  ['ALTER SYSTEM SET work_mem = 1', 'ALTER SYSTEM'],
  ['GRANT a TO b', 'GRANT A'],
  ['REVOKE CONNECT ON DATABASE shop FROM PUBLIC', 'REVOKE CONNECT'],
  ["COMMENT ON DATABASE shop IS 'x'", 'COMMENT ON'],
  ['DROP OWNED BY a', 'DROP OWNED'],
  ["COPY t TO '/tmp/x'", 'COPY T'],
  ["COPY t FROM PROGRAM 'ls'", 'COPY T'],
  ["DO $$ BEGIN EXECUTE 'create role a'; END $$", 'CREATE ROLE'],
  ["SELECT make('CREATE ROLE a')", 'CREATE ROLE'],
  ["SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'shop'", 'pg_terminate_backend'],
  ['DO $$ BEGIN PERFORM pg_catalog.Pg_Reload_Conf (); END $$', 'pg_reload_conf'],
  ["SELECT pg_create_logical_replication_slot('s', 'pgoutput')", 'pg_create_logical_replication_slot'],
  ["CREATE TABLE t AS SELECT * FROM dblink('dbname=shop', 'SELECT 1') AS d (a int)", 'dblink'],
  ['CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $x$ ALTER ROLE a SET work_mem = 1 $x$', 'ALTER ROLE'],
])('%s reaches beyond the database', (sql, taken) => {
  expect(withinDatabase(`SELECT 1; ${sql}; SELECT 2`)).toEqual({
    sql: `SELECT 1; ${' '.repeat(sql.length)}; SELECT 2`,
    taken: [taken],
  })
})

test.each([
  '-- create role a\nSELECT 1',
  "INSERT INTO t VALUES ('create user account')",
  "COMMENT ON TABLE t IS 'drop database'",
  "SELECT 'lo_export'; SELECT my_dblink(1)",
  'GRANT EXECUTE ON FUNCTION pg_terminate_backend(int, bigint) TO a',
  'CREATE FUNCTION f() RETURNS bool LANGUAGE sql AS $x$ SELECT pg_cancel_backend(1) $x$',
  'CREATE USER MAPPING FOR a SERVER b',
  'GRANT SELECT ON t TO a',
  'ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO a',
  "COPY t FROM '/tmp/x'",
  'COPY t (a) FROM stdin;\ncreate role x\n\\.\n',
  'DO $$ BEGIN /* create role a */ PERFORM 1; -- drop user b\nEND $$',
  'CREATE TABLE "create role" (id int)',
])('%s does not', (sql) => {
  expect(withinDatabase(sql)).toEqual({ sql, taken: [] })
})

test('settings of the database hold in the try-out, also after it was made anew, as far as the role may set them', async () => {
  const database = await server.createDatabase()
  const name = database.target.database
  await database.rows(`ALTER DATABASE ${name} SET search_path = 'app', public`)
  await database.rows(`ALTER DATABASE ${name} SET log_statement = 'all'`)
  await database.rows(`CREATE ROLE maker LOGIN CREATEDB PASSWORD 'test-password'`)
  await database.rows(`ALTER ROLE maker IN DATABASE ${name} SET extra_float_digits = '0'`)
  const files: SqlFiles = {
    '001_a.sql': `CREATE SCHEMA app; DO $$BEGIN ASSERT current_setting('extra_float_digits') = '0'; END$$`,
    '001_a.rollback.sql': 'DROP SCHEMA app',
    '002_b.sql': 'CREATE TABLE b (id int); CREATE INDEX ON app.b (id)',
    '002_b.rollback.sql': 'SELECT 1',
    '003_c.sql': 'CREATE TABLE c (id int); CREATE INDEX ON app.c (id)',
    '003_c.rollback.sql': 'DROP TABLE app.c',
  }
  const { proofs } = await prove(database, files, { user: 'maker' })
  expect(proofs.map(({ verdict }) => verdict)).toEqual(['exact', 'not-restored', 'exact'])
})

test('tables in template1 are not in the try-out', async () => {
  const database = await server.createDatabase()
  const template = await connectTo(database)('template1')({
    applicationName: 'x',
    signal: new AbortController().signal,
  })
  await template.query('CREATE TABLE a (id int)')
  await template.close()
  try {
    expect((await prove(database, small)).proofs.map(({ verdict }) => verdict)).toEqual(['exact'])
  } finally {
    const again = await connectTo(database)('template1')({ applicationName: 'x', signal: new AbortController().signal })
    await again.query('DROP TABLE a')
    await again.close()
  }
})
