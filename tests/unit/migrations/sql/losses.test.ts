import { expect, test } from 'vitest'
import { compileSql } from '../../../../src/migrations/sql/compile.ts'
import { lossesOf } from '../../../../src/migrations/sql/losses.ts'

/** What texts that run one after the other take away: `number of the text from 1:index in it what`. */
async function lost(texts: readonly string[], done = 0): Promise<readonly string[]> {
  const made = new Set<string>()
  const told: string[] = []
  for (const [number, sql] of texts.entries()) {
    // oxlint-disable-next-line no-await-in-loop -- the parser works on one text at a time
    const compiled = await compileSql(sql)
    if ('problems' in compiled) throw new Error(`not compiled: ${sql}`)
    const losses = lossesOf(compiled.program.statements, number === 0 ? done : 0, made)
    told.push(...losses.map(({ index, what }) => `${String(number + 1)}:${String(index)} ${what}`))
  }
  return told
}

test.each([
  ['DROP TABLE f', ['1:0 drops table f']],
  ['DROP TABLE IF EXISTS s.f, "G h" CASCADE', ['1:0 drops table s.f', '1:0 drops table G h']],
  ['SELECT 1;\n-- gone\nDROP TABLE f;', ['1:18 drops table f']],
  ['ALTER TABLE s.f ADD a int, DROP COLUMN b, DROP IF EXISTS c', ['drops column b of s.f', 'drops column c of s.f']],
  ['DROP SCHEMA s CASCADE', ['1:0 drops schema s with all in it']],
  ['DROP OWNED BY joe, CURRENT_USER', ['1:0 drops all that joe, the current role owns']],
  ['TRUNCATE f, s.g', ['1:0 empties table f', '1:0 empties table s.g']],
  ['DELETE FROM f', ['1:0 deletes all rows of table f']],
  ['DELETE FROM f USING g', ['1:0 deletes all rows of table f']],
])('%s takes data away', async (sql, expected) => {
  expect(await lost([sql])).toEqual(expected.map((what) => (/^\d/.test(what) ? what : `1:0 ${what}`)))
})

test.each([
  'DROP SCHEMA s',
  'DROP VIEW v',
  'DROP MATERIALIZED VIEW m',
  'DROP INDEX CONCURRENTLY i',
  'DROP FOREIGN TABLE f',
  'ALTER TABLE f DROP CONSTRAINT c, ALTER b DROP DEFAULT',
  'ALTER TYPE t DROP ATTRIBUTE a',
  'DELETE FROM f WHERE id = 1',
  'UPDATE f SET a = NULL',
  "DO 'BEGIN DROP TABLE f; END'",
  '-- nothing',
])('%s takes none that is known of', async (sql) => {
  expect(await lost([sql])).toEqual([])
})

test.each([
  ['a table of the same text', ['CREATE TABLE f (); TRUNCATE public.f; ALTER TABLE f DROP COLUMN a; DROP TABLE f']],
  ['a table of an earlier text', ['CREATE TABLE s.f ()', 'DROP TABLE s.f']],
  ['a table from a query', ['CREATE TABLE f AS SELECT 1; SELECT 1 AS a INTO g', 'DROP TABLE f, g']],
  ['a temporary table', ['CREATE TEMP TABLE f (); DROP TABLE f']],
  [
    'a new name of a new table',
    ['CREATE TABLE f (); ALTER TABLE f RENAME TO g; ALTER TABLE g SET SCHEMA s; DROP TABLE s.g'],
  ],
  ['a new column', ['ALTER TABLE f ADD a int; ALTER TABLE f RENAME a TO b', 'ALTER TABLE f DROP b']],
  ['a new schema', ['CREATE SCHEMA s; CREATE TABLE IF NOT EXISTS s.f ()', 'DROP TABLE s.f; DROP SCHEMA s CASCADE']],
])('what the texts made themselves is no loss: %s', async (_, texts) => {
  expect(await lost(texts)).toEqual([])
})

test.each([
  ['it may be an old table', ['CREATE TABLE IF NOT EXISTS f (); DROP TABLE f'], ['1:33 drops table f']],
  ['a temporary one of another text', ['CREATE TEMP TABLE f ()', 'DROP TABLE f'], ['2:0 drops table f']],
  ['another schema', ['CREATE TABLE s.f ()', 'DROP TABLE f'], ['2:0 drops table f']],
  [
    'an old one under the name',
    ['CREATE TABLE f (); ALTER TABLE f RENAME TO n; ALTER TABLE o RENAME TO f', 'DROP TABLE f'],
    ['2:0 drops table f'],
  ],
])('what is there before is a loss: %s', async (_, texts, expected) => {
  expect(await lost(texts)).toEqual(expected)
})

test('what an earlier run has done is not lost again', async () => {
  expect(await lost(['CREATE TABLE g (); DROP TABLE f; DROP TABLE g; DROP TABLE h'], 2)).toEqual(['1:47 drops table h'])
})
