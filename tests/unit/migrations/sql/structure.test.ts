import { describe, expect, test } from 'vitest'
import { compileSql } from '../../../../src/migrations/sql/compile.ts'
import { compareStructure } from '../../../../src/migrations/sql/structure.ts'

async function chainsOf(sql: string): Promise<readonly string[]> {
  const compiled = await compileSql(sql)
  if ('problems' in compiled) throw new Error(JSON.stringify(compiled.problems))
  return compiled.program.statements.map(({ chain }) => chain)
}

const copy = 'copy t from stdin;\n'

describe('only comments and blanks differ', () => {
  test.each([
    ['the same text', 'select 1', 'select 1'],
    ['nothing', '', '-- nothing'],
    ['blanks, comments and case', 'select a, b from T;', '-- x\nSELECT a,\n  b /* y */ FROM t ;'],
    ['a semicolon at the end', 'select 1', 'select 1;'],
    ['BEGIN and COMMIT around it', 'select 1;', 'begin; select 1; commit;'],
    ['the key of psql', '\\restrict a\nselect 1;', '\\restrict b\nselect 1;'],
    ['what the parser does not know', 'repack t; select 1', 'repack /* x */  t ;\nselect 1 -- y'],
    ['blanks around signs that the parser does not know', 'repack t (a,b) < 1', 'repack t(a, b)<1'],
    ['around data', `${copy}1\n\\.\n`, `-- rows\ncopy  t from stdin;\n1\n\\.\n`],
    ['a no-break space between', 'select 1;', 'select 1;\u00a0'],
    ['a nesting that is too deep for the parser', `select ${'1+'.repeat(20_000)}1`, `select  ${'1+'.repeat(20_000)}1`],
  ])('%s', async (_name, stored, file) => {
    expect(await compareStructure(stored, file)).toEqual({ same: true })
  })
})

describe('something else differs', () => {
  test.each([
    ['a constant', 'select 1; select 2', 'select 1; select 3', 2],
    ['blanks in a string', "select 'a b'", "select 'a  b'", 1],
    ['the body of a function', 'do $$ begin end $$', 'do $$ begin  end $$', 1],
    ['the order', 'select 1; select 2', 'select 2; select 1', 1],
    ['one more', 'select 1;', 'select 1; select 2;', 2],
    ['one less', 'select 1; select 2; select 3', 'select 1; select 2', 3],
    ['rows', `${copy}1\n\\.\n`, `${copy}2\n\\.\n`, 1],
    ["a tablespace's directory", "create tablespace x location '/a'", "create tablespace x location '/b'", 1],
    ['a name', 'select 1; select a', 'select 1; select "A"', 2],
    ['what the parser does not know', 'select 1; repack t', 'select 1; repack u', 2],
    ['blanks that divide words or signs', 'repack a b < = c', 'repack a b <= c', 1],
  ])('%s', async (_name, stored, file, statement) => {
    expect(await compareStructure(stored, file)).toMatchObject({ same: false, statement })
  })

  test('the places of both must be told', async () => {
    expect(await compareStructure('select 1; select 2', '-- x\nselect 1; select 3')).toEqual({
      same: false,
      statement: 2,
      count: 1,
      stored: { start: 10, end: 18 },
      file: { start: 15, end: 23 },
    })
    expect(await compareStructure('select 1', 'select 1; select 2')).toMatchObject({ stored: undefined })
  })

  test.each([
    ['select 1; select 2; select 3', 'select 1; select 3', 2, 1],
    ['select 1; select 2; select 3', 'select 3', 1, 2],
    ['select 1; select 1; select 2', 'select 1; select 2', 2, 1],
    ['select 1; select 2; select 3', '', 1, 3],
  ])(
    'what is taken out of %s for %j, or put in again, must not be told as a change of what follows',
    async (more, less, statement, count) => {
      const gone = { same: false, statement, count, stored: expect.anything(), file: undefined }
      expect(await compareStructure(more, less)).toEqual(gone)
      expect(await compareStructure(less, more)).toEqual({ ...gone, stored: undefined, file: expect.anything() })
    },
  )

  test('where one is taken out and another changed, the first of both is told as changed', async () => {
    expect(await compareStructure('select 1; select 2; select 3', 'select 0; select 3')).toMatchObject({
      statement: 1,
      count: 1,
      stored: { start: 0 },
      file: { start: 0 },
    })
  })
})

describe('chains', () => {
  test('must be equal up to the first statement that differs, and different from there on', async () => {
    const [before, after] = [
      await chainsOf('create table t (a int); vacuum t; select 1; select 2'),
      await chainsOf('-- x\nCREATE TABLE t (\n a int);\nvacuum t; select 3; select 2'),
    ]
    expect(before.map((chain, number) => chain === after[number])).toEqual([true, true, false, false])
    expect(before.every((chain) => /^[0-9a-f]{64}$/.test(chain))).toBe(true)
  })

  test('must tell rows apart, and equal statements in another place', async () => {
    expect(await chainsOf(`${copy}1\n\\.\n`)).not.toEqual(await chainsOf(`${copy}2\n\\.\n`))
    expect(new Set(await chainsOf('select 1; select 1; select 1')).size).toBe(3)
  })
})
