import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { MigrationEvent } from '../../../src/migrations/events.ts'
import {
  apply,
  failApply,
  historyOf,
  indexesOf,
  ledgerOf,
  ledgerRow,
  noticesOf,
  shown,
  tablesOf,
} from '../../support/migrations.ts'
import { startPostgres, type TestDatabase, type TestServer } from '../../support/postgres.ts'

let server: TestServer
let database: TestDatabase

beforeAll(async () => {
  server = await startPostgres()
})
afterAll(async () => await server.stop())
beforeEach(async () => {
  database = await server.createDatabase()
})

const table = 'CREATE TABLE t (a int, b int); INSERT INTO t SELECT n, n FROM generate_series(1, 100) n;'

/** Nothing in a row speaks of a statement on its way. */
const settled = { statement_running: null, statement_context: null, error: null }

describe('a statement that cannot share a transaction runs wherever it stands in its file', () => {
  test.each([
    ['first', 'CREATE INDEX CONCURRENTLY i ON t (a); CREATE TABLE u (); CREATE TABLE v ();', 3, ['i valid']],
    ['in the middle', 'CREATE TABLE u (); CREATE INDEX CONCURRENTLY i ON t (a); CREATE TABLE v ();', 3, ['i valid']],
    [
      'last, without a semicolon',
      'CREATE TABLE u (); CREATE TABLE v (); CREATE INDEX CONCURRENTLY i ON t (a)',
      3,
      ['i valid'],
    ],
    [
      'twice in a row',
      'CREATE TABLE u (); CREATE INDEX CONCURRENTLY i ON t (a); CREATE UNIQUE INDEX CONCURRENTLY j ON t (b); CREATE TABLE v ();',
      4,
      ['i valid', 'j valid'],
    ],
    [
      'made and dropped',
      'CREATE TABLE u (); CREATE INDEX CONCURRENTLY i ON t (a); DROP INDEX CONCURRENTLY i; CREATE TABLE v ();',
      4,
      [],
    ],
    [
      'rebuilt',
      'CREATE TABLE u (); CREATE INDEX i ON t (a); REINDEX INDEX CONCURRENTLY i; REINDEX TABLE CONCURRENTLY t; CREATE TABLE v ();',
      5,
      ['i valid'],
    ],
    [
      'without a name',
      'CREATE TABLE u (); CREATE INDEX CONCURRENTLY ON t (a); CREATE TABLE v ();',
      3,
      ['t_a_idx valid'],
    ],
  ])('%s', async (_, sql, statements, indexes) => {
    await apply(database, { '1_t.sql': table, '2_i.sql': sql })
    expect(await tablesOf(database)).toEqual(['public.t', 'public.u', 'public.v'])
    expect(await indexesOf(database)).toEqual(indexes)
    const row = await ledgerRow(database, 2)
    expect(row).toMatchObject({
      state: 'applied',
      statements_total: statements,
      statements_applied: statements,
      ...settled,
    })
    expect(row['statements_chain']).toMatch(/./)
    expect(row['duration_ms']).toBeGreaterThan(0)
    expect(await historyOf(database)).toEqual(['applied 1', 'applied 2'])
    expect(await database.rows('SELECT version FROM poststack.schema_snapshot')).toEqual([{ version: '2' }])
    expect(await apply(database, { '1_t.sql': table, '2_i.sql': sql })).toEqual({ applied: [], already: 2 })
  })

  test('partitions are detached, tables vacuumed, databases made', async () => {
    const name = database.target.database
    await apply(database, {
      '1_p.sql': `CREATE TABLE p (a int) PARTITION BY LIST (a); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
        ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY; INSERT INTO p1 VALUES (1);`,
      '2_v.sql': 'CREATE TABLE t (); VACUUM t; VACUUM (ANALYZE) t; CREATE TABLE u ();',
      '3_d.sql': `CREATE DATABASE "${name}_Other"; CREATE TABLE v (); DROP DATABASE "${name}_Other";`,
      '4_s.sql': `ALTER SYSTEM SET work_mem = '5MB'; ALTER SYSTEM RESET work_mem; CREATE TABLE w ();`,
      '5_x.sql': 'SET search_path = nowhere; DISCARD ALL; CREATE TABLE x ();',
    })
    expect(await ledgerOf(database)).toEqual(['1 applied', '2 applied', '3 applied', '4 applied', '5 applied'])
    expect(await database.rows('SELECT FROM pg_inherits')).toEqual([])
    expect(await tablesOf(database)).toContain('public.x')
    expect(await ledgerRow(database, 3)).toMatchObject({ statements_applied: 3, ...settled })
  })
})

describe('a file that asks for no transaction', () => {
  test('counts each statement by itself', async () => {
    const sql = `-- poststack: no-transaction
      CREATE TABLE n (v int, xid xid8 DEFAULT pg_current_xact_id());
      INSERT INTO n VALUES (1); INSERT INTO n VALUES (2);`
    await apply(database, { '1_n.sql': sql })
    expect(await ledgerRow(database, 1)).toMatchObject({ state: 'applied', statements_applied: 3, ...settled })
    expect(await database.rows('SELECT count(DISTINCT xid)::int AS count FROM n')).toEqual([{ count: 2 }])
  })

  test('may have procedures and blocks that commit', async () => {
    const sql = `-- poststack: no-transaction
      CREATE TABLE n (v int);
      CREATE PROCEDURE fill() LANGUAGE plpgsql AS $$ BEGIN FOR i IN 1..3 LOOP INSERT INTO n VALUES (i); COMMIT; END LOOP; END $$;
      CALL fill();
      DO $$ BEGIN INSERT INTO n VALUES (4); COMMIT; INSERT INTO n VALUES (5); END $$;`
    await apply(database, { '1_n.sql': sql })
    expect(await database.rows('SELECT v FROM n ORDER BY v')).toHaveLength(5)
    expect(await ledgerRow(database, 1)).toMatchObject({ state: 'applied', statements_applied: 4, ...settled })
  })

  test('one that fails after it has committed: what stays is said, and the corrected one runs', async () => {
    const start = '-- poststack: no-transaction\nCREATE TABLE n (v int PRIMARY KEY);\n'
    const block = 'DO $$ BEGIN INSERT INTO n VALUES (1); COMMIT; INSERT INTO n VALUES (1); END $$;'
    const error = await failApply(database, { '1_n.sql': start + block })
    expect(error.message).toContain('1 of 2 statements are done and stay, and so does what DO has committed by itself')
    expect(await ledgerRow(database, 1)).toMatchObject({
      state: 'failed',
      statements_applied: 1,
      statement_running: null,
    })
    await apply(database, { '1_n.sql': `${start}DO $$ BEGIN INSERT INTO n VALUES (2); COMMIT; END $$;` })
    expect(await database.rows('SELECT v FROM n ORDER BY v')).toEqual([{ v: 1 }, { v: 2 }])
    expect(await ledgerOf(database)).toEqual(['1 applied'])
  })
})

const settingFile = (last: string): string => `SET search_path = s; SELECT set_config('work_mem', '5MB', false);
  CREATE TABLE t (a int); CREATE INDEX CONCURRENTLY i ON t (a); ${last}`

const discardingFile = (last: string): string => `SET search_path = s; CREATE TABLE t (a int); DISCARD ALL; ${last}`

describe('what a file sets for its session', () => {
  test('holds on from one part to the next, and ends with the file', async () => {
    await database.rows(`CREATE ROLE ${database.target.database}_low NOLOGIN; CREATE SCHEMA s;
      GRANT ALL ON SCHEMA s TO ${database.target.database}_low`)
    await apply(database, {
      '1_s.sql': `SET search_path = s; SET ROLE ${database.target.database}_low; SET lock_timeout = '7s'; SET statement_timeout = '9min';
        CREATE TABLE t (a int); CREATE INDEX CONCURRENTLY i ON t (a);
        CREATE TABLE seen AS SELECT current_user::text AS who, current_setting('lock_timeout') AS locks, current_setting('statement_timeout') AS time;
        VACUUM t; CREATE TABLE u (); INSERT INTO seen SELECT current_user, current_setting('lock_timeout'), current_setting('statement_timeout')`,
      '2_p.sql': `CREATE TABLE seen AS SELECT current_user::text AS who, current_setting('lock_timeout') AS locks`,
    })
    const row = { who: `${database.target.database}_low`, locks: '7s', time: '9min' }
    expect(await database.rows('SELECT * FROM s.seen')).toEqual([row, row])
    expect(await database.rows('SELECT * FROM public.seen')).toEqual([{ who: 'postgres', locks: '3s' }])
    expect(await indexesOf(database)).toEqual(['s.i valid'])
    await database.rows(`DROP OWNED BY ${database.target.database}_low; DROP ROLE ${database.target.database}_low`)
  })

  test('is set again when a later run goes on', async () => {
    await database.rows('CREATE SCHEMA s')
    await failApply(database, { '1_s.sql': settingFile('SELECT 1/0;') })
    await apply(database, { '1_s.sql': settingFile(`CREATE TABLE u AS SELECT current_setting('work_mem') AS memory`) })
    expect(await tablesOf(database)).toEqual(['s.t', 's.u'])
    expect(await database.rows('SELECT * FROM s.u')).toEqual([{ memory: '5MB' }])
  })

  test('is not set again when the file itself has discarded it', async () => {
    await database.rows('CREATE SCHEMA s')
    await failApply(database, { '1_s.sql': discardingFile('SELECT 1/0;') })
    await apply(database, { '1_s.sql': discardingFile('CREATE TABLE u ();') })
    expect(await tablesOf(database)).toEqual(['public.u', 's.t'])
  })
})

const strictFiles = (last: string) => ({
  '1_t.sql': `CREATE TABLE public.t (a int); ALTER TABLE public.t ENABLE ROW LEVEL SECURITY`,
  '2_i.sql': `CREATE INDEX CONCURRENTLY i ON public.t (a); CREATE INDEX CONCURRENTLY j ON public.t (a); ${last}`,
})

describe('roles', () => {
  test('with strange settings can run files in parts, fail, and go on', async () => {
    const role = `${database.target.database}_strict`
    await database.rows(`CREATE ROLE ${role} LOGIN PASSWORD 'x'; ALTER DATABASE ${database.target.database} OWNER TO ${role};
      CREATE SCHEMA evil AUTHORIZATION ${role}; GRANT ALL ON SCHEMA public TO ${role};
      CREATE TABLE evil.schema_migrations (version text); CREATE TABLE evil.pg_class (oid int)`)
    for (const setting of [
      'default_transaction_read_only = on',
      `default_transaction_isolation = 'serializable'`,
      `search_path = evil, poststack, public`,
      `row_security = off`,
      `statement_timeout = '2s'`,
    ]) {
      // oxlint-disable-next-line no-await-in-loop
      await database.rows(`ALTER ROLE ${role} SET ${setting}`)
    }
    const connect = async (options: { applicationName: string }) =>
      await database.session({ ...options, user: role, password: 'x' })
    const error = await failApply(database, strictFiles('SELECT 1/0'), { connect })
    expect(error.details).toMatchObject({ sqlstate: '22012', statementsApplied: 2 })
    expect(await ledgerRow(database, 2)).toMatchObject({ state: 'failed', statements_applied: 2 })
    await database.rows(`ALTER TABLE poststack.schema_migrations ENABLE ROW LEVEL SECURITY`)
    await apply(database, strictFiles('SELECT 1'), { connect })
    expect(await historyOf(database)).toEqual(['applied 1', 'failed 2', 'applied 2'])
    expect(await ledgerRow(database, 2)).toMatchObject({ state: 'applied', database_role: role, ...settled })
  })

  test('a time-out of the role must not end a build, but one that the file asks for ends the rest', async () => {
    const role = `${database.target.database}_hasty`
    await database.rows(
      `CREATE ROLE ${role} SUPERUSER LOGIN PASSWORD 'x'; ALTER ROLE ${role} SET statement_timeout = '300ms'`,
    )
    const connect = async (options: { applicationName: string }) =>
      await database.session({ ...options, user: role, password: 'x' })
    const sql = `CREATE TABLE t (a int); INSERT INTO t VALUES (1), (2);
      CREATE FUNCTION slow(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM pg_sleep(0.3); RETURN $1; END';
      CREATE INDEX CONCURRENTLY i ON t (slow(a));`
    await apply(database, { '1_i.sql': sql }, { connect, statementTimeoutMs: 200 })
    expect(await indexesOf(database)).toEqual(['i valid'])
    const error = await failApply(
      database,
      { '1_i.sql': sql, '2_s.sql': '-- poststack: statement-timeout 100ms\nVACUUM t; SELECT pg_sleep(5)' },
      { connect, statementTimeoutMs: 60_000 },
    )
    expect(error.details).toMatchObject({ sqlstate: '57014', statementsApplied: 1 })
    const late = await failApply(
      database,
      { '1_i.sql': sql, '2_s.sql': 'VACUUM t; SELECT pg_sleep(5), 1' },
      { connect, statementTimeoutMs: 150 },
    )
    expect(late.details).toMatchObject({ sqlstate: '57014' })
  })
})

const copyFiles = (sql: string) => ({ '1_t.sql': 'CREATE TABLE first (id int PRIMARY KEY, v text);', '2_c.sql': sql })

describe('rows of COPY', () => {
  test('an error must lead to the line of the row', async () => {
    const error = await failApply(
      database,
      copyFiles('SELECT 1;\nCOPY first FROM stdin;\n1\ta\nx, line 9: y\tb\n\\.\nSELECT 2;\n'),
    )
    expect(error.details).toMatchObject({ line: 4, column: 1, precision: 'line' })
    expect(shown(error)).toContain('2_c.sql, line 4: invalid input syntax')
    expect(shown(error)).toContain('> 4 | x, line 9: y\tb'.replace('\t', '    '))
  })

  test('also for a value that is there twice, in the second of two, and in a file in parts', async () => {
    const sql =
      'VACUUM first;\nCOPY first FROM stdin;\n1\ta\n\\.\nCOPY first (id) FROM stdin WITH (FORMAT csv, HEADER);\nid\n2\n3\n2\n\\.\n'
    const error = await failApply(database, copyFiles(sql))
    expect(error.details).toMatchObject({ sqlstate: '23505', line: 9, precision: 'line', statementsApplied: 1 })
  })

  test('and where a trigger fails for a row', async () => {
    const sql = `CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN\n RAISE EXCEPTION ''no''; END';
CREATE TRIGGER no BEFORE INSERT ON first FOR EACH ROW WHEN (NEW.id = 3) EXECUTE FUNCTION no();
COPY first (id) FROM stdin;\n1\n2\n3\n\\.\n`
    const error = await failApply(database, copyFiles(sql))
    expect(error.details).toMatchObject({ line: 7, precision: 'line' })
  })
})

test('what is left out or found is said with the file', async () => {
  const events: MigrationEvent[] = []
  await database.rows('CREATE TABLE t (a int); INSERT INTO t VALUES (1), (1)')
  await database.rows('CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)').catch(() => undefined)
  await apply(
    database,
    { '1_i.sql': 'DELETE FROM t; CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a);' },
    { onEvent: (event) => events.push(event) },
  )
  expect(noticesOf(events)).toEqual(['dropped public.i, an INVALID index that an unfinished build had left'])
  expect(await indexesOf(database)).toEqual(['i valid'])
})
