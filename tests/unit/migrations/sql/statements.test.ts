import { describe, expect, test } from 'vitest'
import { leadingWords, scanStatements } from '../../../../src/migrations/sql/statements.ts'

function statements(sql: string): readonly string[] {
  return scanStatements(sql).map(({ start, end }) => sql.slice(start, end))
}

describe('scanStatements', () => {
  test.each([
    ['nothing', '', []],
    ['blanks, semicolons and comments only', ' ;; -- a;\n/* ; */ ;\n', []],
    ['comments around', '-- one\nselect 1; /* two */ select 2 -- three', ['select 1', 'select 2']],
    ['nested comments', '/* a /* b; */ c; */ select 1;', ['select 1']],
    ['strings', `select ';'';', 'a\\'; select 2`, [`select ';'';', 'a\\'`, 'select 2']],
    ['escape strings', `select E'\\';'';', e'\\\\'; select 2`, [`select E'\\';'';', e'\\\\'`, 'select 2']],
    [
      'a word that ends in e before a string',
      `select date'2024-01-01\\'; select 2`,
      [`select date'2024-01-01\\'`, 'select 2'],
    ],
    ['quoted names', `select ";"";" ; select 2`, [`select ";"";" `, 'select 2']],
    [
      'dollar quotes',
      `do $$ begin; $a$ ; end $$; select $a$ ; $$ ; $a$; select 3`,
      [`do $$ begin; $a$ ; end $$`, `select $a$ ; $$ ; $a$`, 'select 3'],
    ],
    ['names with dollars', `select a$b$c; select d$b$`, ['select a$b$c', 'select d$b$']],
    ['parameters', `select $1; select $2`, ['select $1', 'select $2']],
    [
      'parentheses',
      `create rule r as on insert to t do (select 1; select 2); select 3`,
      [`create rule r as on insert to t do (select 1; select 2)`, 'select 3'],
    ],
    [
      'bodies of SQL-standard functions',
      `create function f() returns int begin atomic select case when true then 1 end; select 2; end; begin; commit`,
      [
        `create function f() returns int begin atomic select case when true then 1 end; select 2; end`,
        'begin',
        'commit',
      ],
    ],
    ['a cut-off string', `select 1; select 'a; b`, ['select 1', `select 'a; b`]],
    ['a cut-off dollar quote', `select 1; do $$ a; b`, ['select 1', `do $$ a; b`]],
    ['no-break spaces between', `select 1;\u00a0\nselect 2`, ['select 1', 'select 2']],
    ['names beyond ASCII', `select größe from 日本; select 2`, ['select größe from 日本', 'select 2']],
  ])('%s', (_name, sql, expected) => {
    expect(statements(sql)).toEqual(expected)
  })

  test('a string of many megabytes must not exhaust the stack', () => {
    const sql = `select '${`it''s ;`.repeat(1_000_000)}'; select 2`
    expect(scanStatements(sql)).toHaveLength(2)
  })

  test('the first words tell the kind, comments aside', () => {
    const sql = 'rollback /* x */ work -- y\n to savepoint a'
    const [statement] = scanStatements(sql)
    expect(statement && leadingWords(sql, statement, 3)).toEqual(['rollback', 'work', 'to'])
  })
})
