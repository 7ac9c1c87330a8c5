import { describe, expect, test } from 'vitest'
import { programText } from '../../../support/program-text.ts'

const never = 'never closed, so everything after it belongs to it'

describe('what is open to the end of a text must be refused where it begins, and not be taken for a remark', () => {
  test.each([
    ['a comment alone', '/* a', '1:1'],
    ['a header', '/* a\n */ /* b\nCREATE TABLE t ();\n', '2:5'],
    ['a header before a directive', '/* a\n-- poststack: no-transaction\nvacuum;', '1:1'],
    ['after a directive', '-- poststack: no-transaction\n/* a\nvacuum;', '2:1'],
    ['after a statement', 'select 1;\n  /* a', '2:3'],
    ['inside a statement', '-- poststack: no-transaction\nselect 1 /* a', '2:10'],
    ['after \\restrict', '\\restrict x\n/* a\nselect 1;', '2:1'],
    ['after data', 'copy t from stdin;\n1\n\\.\n/* a\nselect 1;', '4:1'],
    ['with a bare opening at the end', 'select 1; /*', '1:11'],
  ])('%s', async (_name, sql, place) => {
    expect(await programText(sql)).toBe(`!${place} this comment is ${never}.`)
  })

  test.each([
    ['a string', "select 'a; -- b\n", 8, 'string'],
    ['a string with backslashes', "select E'a\\'; ", 8, 'string'],
    ['a name', 'select "a', 8, 'quoted name'],
    ['a dollar quote', 'select $a$ begin; end $b$;', 8, 'dollar-quoted string'],
  ])('%s, where the parser has not seen it', async (_name, sql, column, what) => {
    const rows = 'insert into t values (1);'.repeat(40_001)
    expect(await programText(rows + sql)).toBe(`!1:${rows.length + column} this ${what} is ${never}.`)
    expect(await programText(sql)).toMatch(/^unparsed/)
  })

  test.each([
    ['a doubled quote at the end', "select 'a'''"],
    ['an escaped backslash at the end', "select E'a\\\\'"],
    ['a name', 'select 1 as "a"'],
    ['a dollar quote', 'select $a$$b$$a$'],
    ['a comment', 'select 1 /* a /* b */ */'],
    ['a comment to the line end', 'select 1 -- /*'],
  ])('%s must not be taken for one', async (_name, sql) => {
    expect(await programText(sql)).toMatch(/^group 0/)
  })

  test('a comment in which others begin must be told with the first of them, because PostgreSQL nests them', async () => {
    const sql = '/*\n * Affects: app/models/*.rb, db/*.sql\n */\nCREATE TABLE orders(id int);\n'
    expect(await programText(sql)).toBe(
      [
        `!1:1 this comment is ${never}: PostgreSQL nests comments, and 2 more begin inside it, each of which needs a "*/" of its own.`,
        '!2:23 "app/models/*.rb," begins a comment inside the one that is never closed.',
      ].join('\n'),
    )
    expect(await programText('select 1;\n/* db/*.sql */ select 2;')).toBe(
      [
        `!2:1 this comment is ${never}: PostgreSQL nests comments, and one more begins inside it, which needs a "*/" of its own.`,
        '!2:6 "db/*.sql" begins a comment inside the one that is never closed.',
      ].join('\n'),
    )
  })
})
