import { describe, expect, test } from 'vitest'
import { codeFrame, displayWidth, placeAt } from '../../../../src/migrations/sql/frame.ts'
import { type ErrorPosition, indexOfCharacter, locateError } from '../../../../src/migrations/sql/locate.ts'
import { scanStatements } from '../../../../src/migrations/sql/statements.ts'

/** Where an error is in a text that was sent whole, after so many statements had ended. */
function locate(sql: string, error: ErrorPosition, completed: number): ReturnType<typeof locateError> {
  const script = { text: sql, offset: 0, copies: [] }
  const statement = scanStatements(sql)[completed]
  const { copy: data } = statement ?? {}
  return locateError(sql, error, {
    script,
    statement: statement === undefined || data === undefined ? statement : { ...statement, data },
  })
}

describe('positions', () => {
  test('the server counts characters, not UTF-16 units', () => {
    const sql = `select '😀é日', x`
    expect(sql.charAt(indexOfCharacter(sql, 15))).toBe('x')
    expect(locate(sql, { position: '15' }, 0)).toEqual({ line: 1, column: 15, index: 15, precision: 'character' })
  })

  test('a position in a part of the file is a place in the file', () => {
    const sql = 'select 1;\nselect é, x;'
    const script = { text: sql.slice(10), offset: 10, copies: [] }
    expect(locateError(sql, { position: '11' }, { script, statement: undefined })).toMatchObject({
      line: 2,
      column: 11,
    })
  })

  test('a position behind the end is the end', () => {
    expect(locate('select', { position: '7' }, 0)).toMatchObject({ line: 1, column: 7, index: 6 })
  })

  test('without a position the count of finished statements tells which one it was', () => {
    const sql = 'select 1;\n-- note\n\n  select 1/0;\nselect 3;'
    expect(locate(sql, {}, 1)).toEqual({ line: 4, column: 3, index: 21, precision: 'statement' })
    expect(locate(sql, {}, 5)).toBeUndefined()
  })

  const block = 'select 1;\nDO $$\nBEGIN\n  PERFORM 1;\n  PERFORM nothing FROM nowhere;\nEND $$;'

  test('a line of a DO block is a line of the file', () => {
    const where = 'PL/pgSQL function inline_code_block line 4 at PERFORM'
    expect(locate(block, { where }, 1)).toMatchObject({ line: 5, column: 3, precision: 'line' })
  })

  test('an inner query that stands in the block as it is gives the very character', () => {
    const where = 'PL/pgSQL function inline_code_block line 4 at PERFORM'
    const error = { where, internalQuery: 'nothing FROM nowhere', internalPosition: '14' }
    expect(locate(block, error, 1)).toMatchObject({ line: 5, column: 24, precision: 'character' })
  })

  test('an error inside a function that the block calls is in the line that calls it', () => {
    const where =
      'PL/pgSQL function f() line 9 at RAISE\nSQL statement "SELECT 1"\nPL/pgSQL function inline_code_block line 3 at PERFORM'
    const error = { where, internalQuery: '1', internalPosition: '1' }
    expect(locate(block, error, 1)).toMatchObject({ line: 4, column: 3, precision: 'line' })
  })

  test('a block in plain quotes with a language before it', () => {
    const sql = `DO LANGUAGE plpgsql '\nBEGIN\n  RAISE ''x'';\nEND';`
    expect(locate(sql, { where: 'PL/pgSQL function inline_code_block line 3 at RAISE' }, 0)).toMatchObject({
      line: 3,
      column: 3,
    })
  })
})

describe('rows of COPY', () => {
  // The lines are those that PostgreSQL 15 and 17 say.
  test.each([
    ['csv', '1,"a\nb\nc"\nx,d\n', 2, 5],
    ['csv', '1,a\n2,"a\nb"\nx,d\n', 4, 5],
    ['csv', '1,"a\nb"\n2,"x\ny"\nx,"q\nr"\n', 5, 6],
    ['csv', '1,"a""\nb"\nx,d\n', 2, 4],
    ['csv, header', 'id,n\n1,"a\nb"\nx,d\n', 4, 5],
    ["csv, quote '%', escape '!'", '1,%a!%\n"b%\nx,d\n', 2, 4],
    ['text', '1\t"a\nx\td\n', 2, 3],
  ])('as %s, %j: the server says line %i, which is line %i of the file', (format, data, told, line) => {
    const sql = `copy t from stdin (format ${format});\n${data}\\.\n`
    expect(locate(sql, { where: `COPY t, line ${told}, column a: "x"` }, 0)).toMatchObject({ line, precision: 'line' })
  })
})

function frame(text: string, mark: string): string {
  return codeFrame(text, placeAt(text, text.indexOf(mark)))
}

describe('code frames', () => {
  test('show two lines before and one after', () => {
    expect(frame('one\ntwo\nthree\nfo^ur\nfive\nsix', '^')).toBe(
      '  2 | two\n  3 | three\n> 4 | fo^ur\n    |   ^\n  5 | five',
    )
  })

  test('keep the numbers in one column', () => {
    expect(frame(`${'\n'.repeat(8)}a\nb\nc`, 'a')).toBe('   7 |\n   8 |\n>  9 | a\n     | ^\n  10 | b')
  })

  test.each([
    ['the first character', '^', '> 1 | ^\n    | ^'],
    ['a tab', 'a\t^', '> 1 | a   ^\n    |     ^'],
    ['wide characters', '日本^', '> 1 | 日本^\n    |     ^'],
    ['an emoji', '😀^', '> 1 | 😀^\n    |   ^'],
    ['a combining mark', 'e\u0301^', '> 1 | e\u0301^\n    |  ^'],
    ['control characters', '\u001b[31m^', '> 1 | \uFFFD[31m^\n    |      ^'],
  ])('the caret is right behind %s', (_name, text, expected) => {
    expect(frame(text, '^')).toBe(expected)
  })

  test('a very long line is cut around the place', () => {
    const shown = frame(`${'x'.repeat(5000)}^${'y'.repeat(5000)}`, '^').split('\n')
    expect(shown[0]).toHaveLength(6 + 1 + 100 + 1)
    expect(shown[0]?.charAt(shown[1]?.indexOf('^') ?? -1)).toBe('^')
  })

  test('an empty text has a place too', () => {
    expect(codeFrame('', placeAt('', 0))).toBe('> 1 |\n    | ^')
  })

  test('the place behind the last line end is shown', () => {
    expect(codeFrame('a\n', placeAt('a\n', 2))).toBe('  1 | a\n> 2 |\n    | ^')
  })

  test('width counts what a terminal shows', () => {
    expect(['a', 'é', 'e\u0301', '日', '한', 'ﾊ', '😀', 'Ａ'].map(displayWidth)).toEqual([1, 1, 1, 2, 2, 1, 2, 2])
  })
})
