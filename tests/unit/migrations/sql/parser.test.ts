import { expect, test } from 'vitest'
import { programText } from '../../../support/program-text.ts'
import { compileSql } from '../../../../src/migrations/sql/compile.ts'
import type { Program } from '../../../../src/migrations/sql/program.ts'

async function compile(sql: string): Promise<Program> {
  const compiled = await compileSql(sql)
  if ('problems' in compiled) throw new Error(JSON.stringify(compiled.problems))
  return compiled.program
}

test('what exhausts the parser must go to the server whole, and the next file must be parsed again', async () => {
  const deep = `select ${'1+'.repeat(50_000)}1`
  for (let round = 0; round < 3; round++) {
    // oxlint-disable-next-line no-await-in-loop -- the rounds must follow each other
    const broken = await compile(deep)
    expect([broken.parsed, broken.parts.length, broken.statements.length]).toEqual([false, 1, 1])
    // oxlint-disable-next-line no-await-in-loop
    expect(await programText('vacuum')).toBe('alone 0: VACUUM (repeatable) @0 "vacuum"')
  }
})

test('a text of more than a million characters must be cut at what runs alone, without its rows being parsed', async () => {
  const insert = "insert into t values (1, 'größe; 😀');\n"
  const rows = insert.repeat(30_000)
  const sql = `create table t (a int, b text);\n${rows}create index concurrently i on t (a);\n${rows}`
  const program = await compile(sql)
  expect(program.parsed).toBe(true)
  expect(program.statements).toHaveLength(60_002)
  expect(program.parts.map(({ kind, first, count }) => [kind, first, count])).toEqual([
    ['group', 0, 30_001],
    ['alone', 30_001, 1],
    ['group', 30_002, 30_000],
  ])
})

test('one statement of more than a million characters must stay whole', async () => {
  const sql = `insert into t values ('${'x'.repeat(1_500_000)}'); vacuum t`
  const program = await compile(sql)
  expect(program.parts.map(({ kind }) => kind)).toEqual(['group', 'alone'])
})

test('a large text with something that the parser does not know must go to the server whole', async () => {
  const program = await compile(`${'insert into t values (1);\n'.repeat(50_000)}repack t;`)
  expect([program.parsed, program.parts.length, program.statements.length]).toEqual([false, 1, 50_001])
})
