import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { gatherEvidence, type StatementEvidence } from '../../../src/migrations/repair/evidence.ts'
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

async function look(sql: string): Promise<readonly StatementEvidence[]> {
  const session = await database.session()
  await session.query('BEGIN READ ONLY')
  const evidence = await gatherEvidence(session, sql, { applied: 0, running: undefined })
  await session.close()
  return evidence
}

async function verdicts(sql: string): Promise<readonly string[]> {
  return (await look(sql)).map(({ verdict }) => verdict)
}

const setup = `
CREATE SCHEMA s; CREATE TABLE t (id int, old int CONSTRAINT old_check CHECK (true), CONSTRAINT late CHECK (id > 0));
ALTER TABLE t DROP CONSTRAINT late; ALTER TABLE t ADD CONSTRAINT late CHECK (id > 0) NOT VALID;
CREATE TABLE s.t (id int); CREATE TYPE mood AS ENUM ('glad'); CREATE INDEX old_index ON s.t (id); CREATE VIEW old_view AS SELECT 1;
CREATE FUNCTION old_function(int) RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE FUNCTION trig() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE FUNCTION trig(text) RETURNS text LANGUAGE sql AS 'SELECT $1';`

test.each([
  'CREATE TABLE a (id int)',
  'CREATE TABLE s.a (id int) PARTITION BY LIST (id)',
  'CREATE TABLE "Größe ""x""" ()',
  'CREATE TABLE a AS SELECT 1 AS x',
  'CREATE VIEW s.v AS SELECT 1',
  'CREATE MATERIALIZED VIEW v AS SELECT 1',
  'CREATE SEQUENCE q',
  'CREATE INDEX i ON t (id)',
  'CREATE INDEX i ON s.t (id)',
  'CREATE UNIQUE INDEX CONCURRENTLY i ON s.t (id)',
  'CREATE SCHEMA "my schema"',
  'CREATE EXTENSION plpgsql',
  `CREATE TYPE s.e AS ENUM ('a')`,
  'CREATE DOMAIN d AS int',
  'CREATE TYPE c AS (a int)',
  `ALTER TYPE mood ADD VALUE 'sad'`,
  `ALTER TYPE mood RENAME VALUE 'glad' TO 'happy'`,
  `CREATE FUNCTION s.f(a int, b text[], OUT c int) LANGUAGE sql AS 'SELECT 1'`,
  `CREATE FUNCTION trig(mood, s.t) RETURNS int LANGUAGE sql AS 'SELECT 1'`,
  `CREATE PROCEDURE p(INOUT a int) LANGUAGE sql AS 'SELECT 1'`,
  'CREATE TRIGGER g AFTER INSERT ON t EXECUTE FUNCTION trig()',
  'CREATE POLICY p ON t',
  'CREATE RULE r AS ON INSERT TO t DO NOTHING',
  'ALTER TABLE t ADD COLUMN a int',
  'ALTER TABLE t DROP COLUMN old',
  'ALTER TABLE t ADD CONSTRAINT c CHECK (true), ALTER COLUMN id SET NOT NULL',
  'ALTER TABLE t DROP CONSTRAINT old_check',
  'ALTER TABLE t VALIDATE CONSTRAINT late',
  'ALTER TABLE t RENAME TO u',
  'ALTER TABLE s.t RENAME TO u',
  'ALTER TABLE t RENAME COLUMN old TO new',
  'ALTER TABLE t RENAME CONSTRAINT old_check TO new_check',
  'ALTER INDEX s.old_index RENAME TO new_index',
  'DROP TABLE t',
  'DROP TABLE IF EXISTS t, s.t',
  'DROP VIEW old_view',
  'DROP INDEX CONCURRENTLY s.old_index',
  'DROP FUNCTION old_function(int)',
  'DROP FUNCTION old_function',
  'DROP TYPE mood',
  'DROP SCHEMA s CASCADE',
  'DETACH',
])('%s must be told from the catalog, before and after', async (statement) => {
  await database.rows(setup)
  if (statement === 'CREATE EXTENSION plpgsql') await database.rows('DROP EXTENSION plpgsql CASCADE')
  const sql = statement === 'DETACH' ? 'ALTER TABLE whole DETACH PARTITION part CONCURRENTLY' : statement
  if (statement === 'DETACH')
    await database.rows(
      'CREATE TABLE whole (id int) PARTITION BY LIST (id); CREATE TABLE part PARTITION OF whole FOR VALUES IN (1)',
    )
  expect(await verdicts(sql)).toEqual(['not done'])
  await database.rows(sql)
  expect(await verdicts(sql)).toEqual(['done'])
})

test.each([
  'INSERT INTO t VALUES (1)',
  'UPDATE t SET id = 1',
  'DO $$ BEGIN END $$',
  'CREATE INDEX ON t (id)',
  'GRANT SELECT ON t TO PUBLIC',
  'CREATE OR REPLACE VIEW old_view AS SELECT 1',
  `CREATE OR REPLACE FUNCTION old_function(int) RETURNS int LANGUAGE sql AS 'SELECT 2'`,
  'VACUUM t',
  'this is no SQL at all',
])('%s cannot be told, whatever the catalog says', async (statement) => {
  await database.rows(setup)
  expect(await verdicts(statement)).toEqual(['cannot be told'])
})

test('an index that was not built to its end must be named as INVALID, and counts as not done', async () => {
  await database.rows('CREATE TABLE t (id int); INSERT INTO t VALUES (1), (1)')
  const sql = 'CREATE UNIQUE INDEX CONCURRENTLY t_id ON t (id)'
  await expect(database.rows(sql)).rejects.toThrow('could not create unique index')
  expect(await look(sql)).toEqual([
    {
      number: 1,
      line: 1,
      sql,
      recorded: 'not begun',
      verdict: 'not done',
      findings: ['index t_id is there, but INVALID: its build did not end'],
    },
  ])
})

test('what a later statement takes away, or an earlier one gave, must not be guessed', async () => {
  const sql = 'CREATE TABLE a (id int); ALTER TABLE a ADD COLUMN b int; DROP TABLE a; CREATE TABLE b ();'
  expect(await verdicts(sql)).toEqual(['cannot be told', 'cannot be told', 'cannot be told', 'not done'])
  await database.rows('CREATE TABLE a (id int)')
  expect(await verdicts(sql)).toEqual(['done', 'cannot be told', 'not done', 'not done'])
  const anew = 'DROP VIEW v; CREATE VIEW v AS SELECT 2;'
  expect(await verdicts(anew)).toEqual(['done', 'not done'])
  await database.rows('CREATE VIEW v AS SELECT 1')
  expect(await verdicts(anew)).toEqual(['cannot be told', 'cannot be told'])
})

test('names without a schema must be looked for where the file left its search_path', async () => {
  await database.rows('CREATE SCHEMA s; CREATE TABLE s.a (); CREATE TABLE public.b ()')
  const sql = `CREATE TABLE a (); SET search_path = s, public; CREATE TABLE a (); CREATE TABLE b (); RESET search_path; CREATE TABLE a ()`
  expect(await verdicts(sql)).toEqual(['not done', 'cannot be told', 'done', 'done', 'cannot be told', 'not done'])
})

test('statements are numbered as progress is counted: without BEGIN and COMMIT, data and comments', async () => {
  const sql = `-- x\nBEGIN;\nCREATE TABLE a ();\nCOPY a FROM stdin;\n1;2\n\\.\n\nCREATE TABLE\n  b ();\nCOMMIT;`
  expect((await look(sql)).map(({ number, line, sql: text }) => `${number} ${line} ${text}`)).toEqual([
    '1 3 CREATE TABLE a ()',
    '2 4 COPY a FROM stdin',
    '3 8 CREATE TABLE b ()',
  ])
  expect(await look('-- nothing')).toEqual([])
})
