import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { MigrationEvent } from '../../../src/migrations/events.ts'
import { apply, failApply, folderOf, ledgerOf, noticesOf, shown, tablesOf } from '../../support/migrations.ts'
import { startPostgres, type TestDatabase, type TestServer } from '../../support/postgres.ts'

let server: TestServer
let database: TestDatabase

beforeAll(async () => {
  server = await startPostgres({ max_locks_per_transaction: '1024' })
})
afterAll(async () => await server.stop())
beforeEach(async () => {
  database = await server.createDatabase()
})

test('pending files must be applied once, in the order of numbers, and recorded', async () => {
  const files = {
    '10_c.sql': 'INSERT INTO a VALUES (10);',
    '002_b.sql': 'INSERT INTO a VALUES (2); INSERT INTO a VALUES (3)',
    '1_a.sql': 'CREATE TABLE a (id int, at serial);\r\n',
    '1_a.rollback.sql': 'DROP TABLE a;',
  }
  const events: MigrationEvent[] = []
  const first = await apply(database, files, { onEvent: (event) => events.push(event) })
  expect(first.applied.map((one) => `${one.version} ${one.name}`)).toEqual(['1 a', '002 b', '10 c'])
  expect(first.already).toBe(0)
  expect(
    events.map((event) =>
      event.type.startsWith('migration') && 'file' in event ? `${event.type} ${event.file}` : event.type,
    ),
  ).toEqual([
    'migration-started 1_a.sql',
    'migration-applied 1_a.sql',
    'migration-started 002_b.sql',
    'migration-applied 002_b.sql',
    'migration-started 10_c.sql',
    'migration-applied 10_c.sql',
  ])
  expect(await database.rows('SELECT id FROM a ORDER BY at')).toEqual([{ id: 2 }, { id: 3 }, { id: 10 }])
  const [row, second] = await database.rows('SELECT * FROM poststack.schema_migrations ORDER BY version')
  expect(row).toMatchObject({
    version: '1',
    version_text: '1',
    name: 'a',
    up_sql: 'CREATE TABLE a (id int, at serial);\n',
    rollback_sql: 'DROP TABLE a;',
    state: 'applied',
    statements_total: 1,
    statements_applied: 1,
    error: null,
    database_role: 'postgres',
    tool_version: '1.2.3',
    server_version: expect.stringMatching(/^\d+\./) as string,
  })
  expect(row?.['duration_ms']).toBeGreaterThan(0)
  expect(second).toMatchObject({ version: '2', version_text: '002', statements_total: 2 })
  expect(await apply(database, files)).toEqual({ applied: [], already: 3 })
})

test('what waits for the end of the transaction counts in how long a file took', async () => {
  const sql = `CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.3); RETURN NULL; END';
CREATE TABLE a (id int);
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON a DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slow();
INSERT INTO a VALUES (1);`
  await apply(database, { '1_a.sql': sql })
  const [row] = await database.rows('SELECT duration_ms FROM poststack.schema_migrations')
  expect(row?.['duration_ms']).toBeGreaterThan(300)
})

test('an empty file and one of comments only are applied and recorded', async () => {
  await apply(database, { '1_a.sql': '', '2_b.sql': '-- nothing yet\n/* ; */\n', '3_c.sql': ';;\n' })
  expect(await ledgerOf(database)).toEqual(['1 applied', '2 applied', '3 applied'])
})

test('files that are passed over are told', async () => {
  const events: MigrationEvent[] = []
  const folder = { ...folderOf({ '1_a.sql': '' }), passedOver: ['2024/2_b.sql'] }
  await apply(database, {}, { folder, onEvent: (event) => events.push(event) })
  expect(events[0]).toEqual({
    type: 'notice',
    file: '2024/2_b.sql',
    message: expect.stringMatching(/^is passed over/),
  })
})

test('a folder without files makes the ledger and nothing else', async () => {
  expect(await apply(database, {})).toEqual({ applied: [], already: 0 })
  expect(await ledgerOf(database)).toEqual([])
})

test('versions of any length are told apart and collide only with their equals', async () => {
  const long = '9'.repeat(200)
  await apply(database, { [`${long}_a.sql`]: '', '20240101120000_b.sql': '' })
  const error = await failApply(database, {
    [`${long}_a.sql`]: '',
    '20240101120000_b.sql': '',
    [`${'9'.repeat(199)}8_c.sql`]: '',
  })
  expect(error.code).toBe('MIGRATION_LATE')
})

test('what a file sets for its session must not reach the next one', async () => {
  await database.rows(`CREATE ROLE low NOLOGIN; GRANT low TO postgres; CREATE SCHEMA low AUTHORIZATION low`)
  await apply(database, {
    '1_a.sql': `
      CREATE SCHEMA other;
      SET search_path = other;
      SET lock_timeout = '7s';
      DO $$ BEGIN PERFORM set_config('standard_conforming_strings', 'off', false); END $$;
      CREATE TEMPORARY TABLE scratch (id int);
      PREPARE p AS SELECT 1;
      LISTEN something;
      SELECT pg_advisory_lock(1);`,
    '2_b.sql': `CREATE TABLE b AS SELECT current_setting('lock_timeout') AS timeout, to_regclass('scratch') AS scratch,
      (SELECT count(*) FROM pg_prepared_statements) AS prepared, (SELECT count(*) FROM pg_listening_channels()) AS listens,
      (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS locks, E'\\\\' = '\\' AS strings;
      SET ROLE low; SET LOCAL search_path = ''; CREATE TABLE low.l ();`,
    '3_c.sql': `CREATE TABLE c AS SELECT current_user::text AS who; SET SESSION AUTHORIZATION low`,
    '4_d.sql': `CREATE TABLE d AS SELECT current_user::text AS who; SET search_path = ''`,
  })
  expect(await tablesOf(database)).toEqual(['low.l', 'public.b', 'public.c', 'public.d'])
  expect(await database.rows('SELECT * FROM b')).toEqual([
    { timeout: '3s', scratch: null, prepared: '0', listens: '0', locks: '0', strings: true },
  ])
  expect(await database.rows('SELECT who FROM c UNION ALL SELECT who FROM d')).toEqual([
    { who: 'postgres' },
    { who: 'postgres' },
  ])
  expect(await ledgerOf(database)).toHaveLength(4)
})

test('a value whose carriage return is lost is told', async () => {
  const events: MigrationEvent[] = []
  const files = { '1_a.sql': "SELECT 1;\r\nSELECT 'x\r\ny';\r\n" }
  await apply(database, files, { onEvent: (event) => events.push(event) })
  expect(noticesOf(events)).toEqual([
    expect.stringMatching(/^line 2, column 10: the line end in this value has a carriage return .* write E'\\r\\n'$/),
  ])
})

test('a backslash in a string means the same whatever the database says, which is told', async () => {
  await database.rows(`ALTER DATABASE ${database.target.database} SET standard_conforming_strings = off`)
  const events: MigrationEvent[] = []
  const files = {
    '1_a.sql': `CREATE TABLE a AS SELECT 'tab\\there' AS b;`,
    '2_b.sql': `VACUUM a;\nINSERT INTO a VALUES ('tab\\there')`,
  }
  await apply(database, files, { onEvent: (event) => events.push(event) })
  expect(await database.rows('SELECT DISTINCT length(b) AS length FROM a')).toEqual([{ length: 9 }])
  const message = 'this backslash stands for itself: the server has standard_conforming_strings = off'
  expect(noticesOf(events)).toEqual([
    expect.stringContaining(`line 1, column 30: ${message}`),
    expect.stringContaining(`line 2, column 27: ${message}`),
  ])
  const error = await failApply(database, { ...files, '3_c.sql': `INSERT INTO a VALUES ('it\\'s');` })
  expect(error.code).toBe('MIGRATION_INVALID')
  expect(shown(error)).toContain("double the quote ('it''s')")
})

test('a search_path with its own ideas of functions and operators must not fool the ledger', async () => {
  await apply(database, {
    '1_a.sql': `CREATE SCHEMA evil; CREATE FUNCTION evil.never(bigint, bigint) RETURNS boolean LANGUAGE sql AS 'SELECT false';
      CREATE OPERATOR evil.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = evil.never);
      CREATE TABLE evil.schema_migrations (version text); SET search_path = evil, pg_catalog;`,
  })
  expect(await ledgerOf(database)).toEqual(['1 applied'])
})

test('triggers put off to the end must run as the file left the session', async () => {
  await apply(database, {
    '1_a.sql': `CREATE SCHEMA s; SET search_path = s; CREATE TABLE t (id int); CREATE TABLE seen (who text);
      CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO seen VALUES (current_user); RETURN NULL; END';
      CREATE CONSTRAINT TRIGGER late AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note();
      INSERT INTO t VALUES (1);`,
  })
  expect(await database.rows('SELECT * FROM s.seen')).toEqual([{ who: 'postgres' }])
})

test('settings of the role and database must not stand in the way', async () => {
  await database.rows(`CREATE ROLE strict SUPERUSER LOGIN PASSWORD 'x'`)
  const [version] = await database.rows(`SELECT current_setting('server_version_num') AS number`)
  for (const setting of [
    'default_transaction_read_only = on',
    `default_transaction_isolation = 'serializable'`,
    `idle_in_transaction_session_timeout = '300ms'`,
    ...(Number(version?.['number']) >= 170_000 ? [`transaction_timeout = '700ms'`] : []),
    `search_path = ''`,
  ]) {
    // oxlint-disable-next-line no-await-in-loop
    await database.rows(`ALTER ROLE strict SET ${setting}`)
  }
  const connect = async (options: { applicationName: string }) =>
    await database.session({ ...options, user: 'strict', password: 'x' })
  // Each file is quick enough for the time-outs, the run as a whole is not: the lock's transaction must outlive them.
  const files = Object.fromEntries([1, 2, 3, 4].map((n) => [`${n}_a.sql`, 'SELECT pg_sleep(0.4)']))
  expect((await apply(database, files, { connect })).applied).toHaveLength(4)
})

test('what the server says on the way is passed on with the file', async () => {
  const events: MigrationEvent[] = []
  await apply(
    database,
    { '1_a.sql': '', '2_b.sql': `DO $$ BEGIN RAISE WARNING 'look %', 'here'; END $$` },
    { onEvent: (event) => events.push(event) },
  )
  expect(events.filter((event) => event.type === 'server-notice')).toEqual([
    { type: 'server-notice', file: '2_b.sql', severity: 'WARNING', message: 'look here' },
  ])
})

test('what the server says about our own statements is not passed on, nor kept from triggers at the end', async () => {
  const events: MigrationEvent[] = []
  const onEvent = (event: MigrationEvent): void => void events.push(event)
  const trigger = `CREATE TABLE t (id int);
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE NOTICE ''late''; RETURN NULL; END';
    CREATE CONSTRAINT TRIGGER late AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note();
    INSERT INTO t VALUES (1);`
  await failApply(database, { '1_a.sql': trigger, '2_b.sql': 'SELECT 1/0' }, { onEvent })
  expect(events.filter((event) => event.type === 'server-notice')).toEqual([
    { type: 'server-notice', file: '1_a.sql', severity: 'NOTICE', message: 'late' },
  ])
})

test('text beyond ASCII arrives and is kept as it is', async () => {
  const sql = `CREATE TABLE "größe 日本" (v text DEFAULT '😀 é'); INSERT INTO "größe 日本" DEFAULT VALUES;`
  await apply(database, { '1_größe_日本.sql': sql })
  expect(await database.rows('SELECT v FROM "größe 日本"')).toEqual([{ v: '😀 é' }])
  expect(await database.rows('SELECT name, up_sql FROM poststack.schema_migrations')).toEqual([
    { name: 'größe_日本', up_sql: sql },
  ])
})

test('a thousand files must not take long', { timeout: 60_000 }, async () => {
  const files = Object.fromEntries(
    Array.from({ length: 1000 }, (_, n) => [`${n + 1}_t.sql`, `CREATE TABLE t${n + 1} (id int PRIMARY KEY);`]),
  )
  const started = performance.now()
  expect((await apply(database, files)).applied).toHaveLength(1000)
  const took = performance.now() - started
  const again = performance.now()
  expect((await apply(database, files)).already).toBe(1000)
  console.info(`1,000 files: ${Math.round(took)} ms, again: ${Math.round(performance.now() - again)} ms`)
  expect(took).toBeLessThan(20_000)
})

test('a file of 20 MB is applied, and its error found', { timeout: 60_000 }, async () => {
  const values = Array.from(
    { length: 20 },
    () => `INSERT INTO big VALUES ('${randomBytes(524_288).toString('hex')}');`,
  ).join('\n')
  await apply(database, { '1_a.sql': `CREATE TABLE big (v text);\n${values}` })
  expect(await database.rows('SELECT sum(length(v))::int AS size FROM big')).toEqual([{ size: 20 * 1_048_576 }])
  const error = await failApply(database, {
    '1_a.sql': `CREATE TABLE big (v text);\n${values}`,
    '2_b.sql': `${values}\nINSERT INTO big VALUES (1/0);`,
  })
  expect(error.message.slice(0, 200)).toContain('2_b.sql, in the statement at line 21: division by zero')
})
