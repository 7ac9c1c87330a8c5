import { describe, expect, test } from 'vitest'
import { backslashHint, backslashNotice } from '../../../../src/migrations/sql/backslashes.ts'
import { scanStatements } from '../../../../src/migrations/sql/statements.ts'
import { programText } from '../../../support/program-text.ts'

function noticed(sql: string): number | undefined {
  return backslashNotice(sql, scanStatements(sql))?.index
}

describe('standard_conforming_strings', () => {
  test.each([
    'SET standard_conforming_strings=off',
    'set session Standard_Conforming_Strings TO 0 ;',
    "SET /* x */ LOCAL standard_conforming_strings = 'false'",
    "SELECT pg_catalog.set_config('standard_conforming_strings', 'off', false)",
    "select set_config ('standard_conforming_strings','no',true);",
  ])('%s must be refused, as strings behind it would be read in two ways', async (statement) => {
    const text = await programText(`select 1;\n${statement};\ninsert into t values ('it\\'s');`)
    expect(text).toContain('!2:1 migrations and seeds are run with standard_conforming_strings = on')
    expect(text.split('\n')).toHaveLength(1)
  })

  test.each([
    'SET standard_conforming_strings = on',
    'RESET standard_conforming_strings',
    "SELECT set_config('standard_conforming_strings', 'on', false)",
    "SELECT 'SET standard_conforming_strings = off'",
    'SHOW standard_conforming_strings',
    'ALTER ROLE r SET standard_conforming_strings = off',
  ])('%s says nothing about the strings of the file', async (statement) => {
    expect(await programText(statement)).toMatch(/^group 0/)
  })

  test('a backslash in a plain string is told where the server would give it a meaning', () => {
    expect(noticed("select 'a', 'tab\\there'")).toBe(16)
    for (const sql of ["select E'\\t'", 'select $$ \\ $$', "select 'a' -- \\", 'copy t from stdin;\n\\N\n\\.\n'])
      expect(noticed(sql)).toBeUndefined()
  })

  test('a quote behind a backslash is explained where the server stumbles behind it', () => {
    const sql = "select 1; insert into t values ('it\\'s');"
    expect(backslashHint(sql, 10, 37)).toContain("'it''s'")
    expect(backslashHint(sql, 10, 20)).toBeUndefined()
    expect(backslashHint("select E'it\\'s' x y", 0, 19)).toBeUndefined()
  })
})
