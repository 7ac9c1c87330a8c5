import { describe, expect, test } from 'vitest'
import { describeObject, effectsOf, keyOfObject, searchPathOf } from '../../../../src/migrations/sql/effects.ts'
import { parseEach, type SyntaxTree } from '../../../../src/migrations/sql/parser.ts'
import { scanStatements } from '../../../../src/migrations/sql/statements.ts'

async function treeOf(sql: string): Promise<SyntaxTree> {
  const trees = await parseEach(sql, scanStatements(sql), (_, tree) => tree)
  const [tree] = trees ?? []
  if (tree === undefined) throw new Error(`not parsed: ${sql}`)
  return tree
}

async function told(sql: string): Promise<readonly string[]> {
  const effects = effectsOf(await treeOf(sql))
  return effects.map(
    ({ change, object, replaces }) =>
      `${change === 'make' ? '+' : '-'}${replaces ? '~' : ''} ${describeObject(object)}`,
  )
}

async function keys(sql: string): Promise<readonly string[]> {
  return effectsOf(await treeOf(sql)).map(({ object }) => keyOfObject(object))
}

describe('effectsOf', () => {
  test.each([
    ['CREATE TABLE s.t (id int, CONSTRAINT c CHECK (id > 0))', ['+ table s.t']],
    ['CREATE TABLE IF NOT EXISTS "T x" ()', ['+ table T x']],
    ['CREATE TABLE p PARTITION OF t DEFAULT', ['+ table p']],
    ['CREATE TEMPORARY TABLE t ()', []],
    ['CREATE TABLE a.b AS SELECT 1', ['+ table a.b']],
    ['SELECT 1 AS x INTO t', ['+ table t']],
    ['SELECT 1', []],
    ['CREATE FOREIGN TABLE f (a int) SERVER s', ['+ foreign table f']],
    ['CREATE VIEW v AS SELECT 1', ['+ view v']],
    ['CREATE OR REPLACE VIEW v AS SELECT 1', ['+~ view v']],
    ['CREATE MATERIALIZED VIEW m AS SELECT 1', ['+ materialized view m']],
    ['CREATE SEQUENCE q', ['+ sequence q']],
    ['CREATE UNIQUE INDEX CONCURRENTLY i ON s.t (a)', ['+ index s.i']],
    ['CREATE INDEX ON t (a)', []],
    ['CREATE TRIGGER g AFTER INSERT ON s.t EXECUTE FUNCTION f()', ['+ trigger g of s.t']],
    ['CREATE POLICY p ON t', ['+ policy p of t']],
    ['CREATE RULE r AS ON INSERT TO t DO NOTHING', ['+ rule r of t']],
    ['CREATE SCHEMA s', ['+ schema s']],
    ['CREATE SCHEMA AUTHORIZATION joe', ['+ schema joe']],
    ['CREATE EXTENSION IF NOT EXISTS hstore', ['+ extension hstore']],
    ["CREATE TYPE s.e AS ENUM ('a')", ['+ type s.e']],
    ['CREATE TYPE c AS (a int)', ['+ type c']],
    ['CREATE TYPE r AS RANGE (SUBTYPE = int)', ['+ type r']],
    ['CREATE DOMAIN d AS int', ['+ type d']],
    ["ALTER TYPE s.e ADD VALUE 'b'", ["+ value 'b' of type s.e"]],
    ["ALTER TYPE e RENAME VALUE 'a' TO 'b'", ["- value 'a' of type e", "+ value 'b' of type e"]],
    [
      `CREATE OR REPLACE FUNCTION s.f(a int, OUT b text, VARIADIC c text[] DEFAULT '{}') LANGUAGE sql AS 'SELECT 1'`,
      ['+~ function s.f(pg_catalog.int4, text[])'],
    ],
    [`CREATE FUNCTION f(a s.t.c%TYPE) RETURNS int LANGUAGE sql AS 'SELECT 1'`, ['+ function f']],
    [`CREATE FUNCTION f() RETURNS TABLE (x int) LANGUAGE sql AS 'SELECT 1'`, ['+ function f()']],
    [`CREATE PROCEDURE p(INOUT a int) LANGUAGE sql AS ''`, ['+ function p(pg_catalog.int4)']],
    [
      'ALTER TABLE s.t ADD COLUMN a int, DROP COLUMN b, ADD CONSTRAINT c CHECK (true), DROP CONSTRAINT d, ADD PRIMARY KEY (a), VALIDATE CONSTRAINT e, ALTER COLUMN f DROP NOT NULL',
      [
        '+ column a of s.t',
        '- column b of s.t',
        '+ constraint c of s.t',
        '- constraint d of s.t',
        '+ validation of constraint e of s.t',
      ],
    ],
    ['ALTER TABLE s.t RENAME TO u', ['- table s.t', '+ table s.u']],
    ['ALTER INDEX i RENAME TO j', ['- index i', '+ index j']],
    ['ALTER TABLE t RENAME COLUMN a TO b', ['- column a of t', '+ column b of t']],
    ['ALTER TABLE t RENAME CONSTRAINT a TO b', ['- constraint a of t', '+ constraint b of t']],
    ['DROP TABLE IF EXISTS a, s.b CASCADE', ['- table a', '- table s.b']],
    ['DROP VIEW v', ['- view v']],
    ['DROP MATERIALIZED VIEW v', ['- materialized view v']],
    ['DROP INDEX CONCURRENTLY s.i', ['- index s.i']],
    ['DROP SEQUENCE q', ['- sequence q']],
    ['DROP TRIGGER g ON s.t', ['- trigger g of s.t']],
    ['DROP POLICY p ON t', ['- policy p of t']],
    ['DROP RULE r ON t', ['- rule r of t']],
    ['DROP SCHEMA s', ['- schema s']],
    ['DROP EXTENSION hstore', ['- extension hstore']],
    ['DROP TYPE s.e, d', ['- type s.e', '- type d']],
    ['DROP DOMAIN d', ['- type d']],
    ['DROP FUNCTION f, s.g(int, text[])', ['- function f', '- function s.g(pg_catalog.int4, text[])']],
    ['DROP PROCEDURE p()', ['- function p()']],
    ['DROP CAST (int AS text)', []],
    ['INSERT INTO t VALUES (1)', []],
    ['GRANT SELECT ON t TO PUBLIC', []],
    ['DO $$ BEGIN END $$', []],
  ])('%s', async (sql, expected) => {
    expect(await told(sql)).toEqual(expected)
  })

  test('an index made and an index dropped are one thing, and so are a function and its drop', async () => {
    expect(await keys('CREATE INDEX i ON s.t (a)')).toEqual(await keys('DROP INDEX s.i'))
    expect(await keys(`CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT 1'`)).toEqual(
      await keys('DROP FUNCTION f'),
    )
    expect(await keys('CREATE TABLE a.t ()')).not.toEqual(await keys('DROP TABLE b.t'))
    expect(await keys('ALTER TABLE t ADD COLUMN a int')).not.toEqual(await keys('ALTER TABLE u DROP COLUMN a'))
  })
})

test.each([
  ['SET search_path = a, "B c", public', '"a", "B c", "public"'],
  ["SET search_path = ''", '""'],
  ['SET LOCAL search_path TO DEFAULT', null],
  ['RESET search_path', null],
  ['RESET ALL', null],
  ['SET work_mem = 1', undefined],
  ['SELECT 1', undefined],
])('searchPathOf %s', async (sql, expected) => {
  expect(searchPathOf(await treeOf(sql))).toBe(expected)
})
