import { describe, expect, test } from 'vitest'
import { posix } from 'node:path'
import { expandIncludes, type Include } from '../../../../src/migrations/files/include.ts'
import { placeIn } from '../../../../src/migrations/files/place-in.ts'
import { codeFrame } from '../../../../src/migrations/sql/frame.ts'

type Files = Readonly<Record<string, string | Uint8Array>>

/** Files of a project by their paths from its root, which is `/`. */
function includeOf(files: Files): Include {
  return {
    pathOf: (file) => `/migrations/${file}`,
    read: ({ path, beside }) => {
      const absolute = posix.resolve(beside === undefined ? '/' : posix.dirname(beside), path)
      const content = files[absolute.slice(1)]
      if (content === undefined) return { message: `there is no file ${path}.`, hint: 'hint' }
      return { file: absolute.slice(1), path: absolute, realPath: absolute, bytes: Buffer.from(content) }
    },
  }
}

function expand(text: string, files: Files): ReturnType<typeof expandIncludes> {
  return expandIncludes('1_a.sql', { text }, includeOf(files))
}

function sqlOf(text: string, files: Files): string {
  const expanded = expand(text, files)
  if ('problems' in expanded) throw new Error(JSON.stringify(expanded.problems))
  return expanded.sql
}

function problemsOf(text: string, files: Files): readonly string[] {
  const expanded = expand(text, files)
  return 'problems' in expanded ? expanded.problems.map(({ message }) => message) : []
}

describe('expandIncludes', () => {
  test('a text without a line that includes must stay as it is, with no origins', () => {
    for (const text of ['', 'select 1', "select '\\i x'", '\\if', '\\include_it x', 'copy t from stdin;\n\\i x\n\\.\n'])
      expect(expand(text, {})).toEqual({ sql: text })
  })

  test.each([
    ['from the root', '\\i sql/x.sql\n', 'X;\n\n'],
    ['beside the file', 'a;\n\\ir parts/y.sql\nb;', 'a;\nY;\nb;'],
    ['by their long names', '\\include sql/x.sql\n\\include_relative parts/y.sql', 'X;\n\nY;'],
    ['quoted, with a semicolon behind', "\\i 'sql/it''s one.sql' ;", 'Z;'],
    ['bare, with a semicolon behind', '\\i sql/x.sql;', 'X;\n'],
    ['one in another, relative to that', '\\i sql/nest.sql', 'n;\nX;\n\nV;\n'],
    ['twice', '\\ir parts/y.sql\n\\ir parts/y.sql', 'Y;\nY;'],
    ['an empty one', 'a;\n\\i sql/empty.sql\nb;', 'a;\n\nb;'],
    ['with a byte order mark and CR LF', '\\i sql/crlf.sql', 'a\nb;'],
    ['a last statement without a semicolon is closed', '\\i sql/open.sql\nb;', 'a -- x\n;\nb;'],
    ['data without an end is ended', '\\i sql/copy.sql\nb;', 'copy t from stdin;\n1\n\\.\nb;'],
  ])('%s', (_name, text, expected) => {
    const files = {
      'sql/x.sql': 'X;\n',
      'migrations/parts/y.sql': 'Y;',
      "sql/it's one.sql": 'Z;',
      'sql/nest.sql': 'n;\n\\i sql/x.sql\n\\ir deep/v.sql',
      'sql/deep/v.sql': 'V;\n',
      'sql/empty.sql': '',
      'sql/crlf.sql': '\uFEFFa\r\nb;',
      'sql/open.sql': 'a -- x',
      'sql/copy.sql': 'copy t from stdin;\n1',
    }
    expect(sqlOf(text, files)).toBe(expected)
  })

  test('everything that is wrong must be told with file and line', () => {
    const files = {
      'a.sql': 'a;\n\\i b.sql\n',
      'b.sql': '\\i a.sql',
      'self.sql': '\\i self.sql',
      'bad.sql': Buffer.from([0x61, 0x0a, 0xff]),
      'nul.sql': 'a\n\0',
      'lost.sql': '\n\n\\i none.sql',
    }
    const text =
      '\\i a.sql\n\\i self.sql\n\\i bad.sql\n\\i nul.sql\n\\i lost.sql\n\\i\n\\i x y\nselect\n\\i a.sql\n;\n\\ir\n'
    expect(problemsOf(text, files)).toEqual([
      'b.sql, line 1: a.sql includes b.sql includes a.sql: that has no end.',
      'self.sql, line 1: self.sql includes self.sql: that has no end.',
      'bad.sql is not UTF-8: byte 2, in line 2, does not fit. 1_a.sql includes it in line 3.',
      'nul.sql holds a NUL byte in line 2, which PostgreSQL cannot take in. 1_a.sql includes it in line 4.',
      'lost.sql, line 3: there is no file none.sql.',
      '1_a.sql, line 6: "\\i" must be followed by the name of one file.',
      '1_a.sql, line 7: "\\i" must be followed by the name of one file.',
      '1_a.sql, line 9: "\\i" stands inside a statement, but psql runs an included file before it.',
      '1_a.sql, line 11: "\\ir" must be followed by the name of one file.',
    ])
  })

  test.each([
    ['/* db/*.sql */\nx;', ['comment', 'begins a comment']],
    ["\n x 'a;", ['string']],
    ['x "a;', ['quoted name']],
    ['do $a$ x $$;', ['dollar-quoted string']],
  ])('%j must not go on into the file that includes it', (sql, expected) => {
    const problems = problemsOf('\\i a.sql\n\\i a.sql\ny;', { 'a.sql': sql })
    expect(problems).toHaveLength(expected.length)
    for (const [number, words] of expected.entries()) {
      expect(problems[number]).toMatch(/^a\.sql, line [12], column \d+: /)
      expect(problems[number]).toContain(words)
    }
  })

  test('a carriage return in a value of an included file has its place', () => {
    const expanded = expand('select 1;\n\\i a.sql\n', { 'a.sql': "select\r\n'a\r\nb';" })
    if ('problems' in expanded) throw new Error('problems')
    const { file, place } = placeIn({ file: '1_a.sql', ...expanded }, expanded.returnAt ?? -1)
    expect(`${file}:${place.line}:${place.column}`).toBe('a.sql:2:3')
  })

  test('twenty levels may be included, and not one more', () => {
    const chain = Object.fromEntries(Array.from({ length: 21 }, (_, n) => [`${n + 1}.sql`, `\\i ${n + 2}.sql`]))
    expect(sqlOf('\\i 1.sql', { ...chain, '20.sql': 'end;' })).toBe('end;')
    expect(problemsOf('\\i 1.sql', { ...chain, '21.sql': 'end;' })).toEqual([
      '20.sql, line 1: more is included than Poststack follows: 20 levels deep and 1000 files in all.',
    ])
  })

  test('files that include each other twice must not grow without end', () => {
    const twice = Object.fromEntries(
      Array.from({ length: 19 }, (_, n) => [`${n + 1}.sql`, `\\i ${n + 2}.sql\n`.repeat(2)]),
    )
    expect(problemsOf('\\i 1.sql', { ...twice, '20.sql': 'x;' })[0]).toContain('1000 files in all')
  })
})

describe('placeIn', () => {
  const files = { 'sql/x.sql': 'x1;\nx2 😀 here;\n\\ir y.sql\nx4;', 'sql/y.sql': '\ny2;\n' }
  const text = '-- head\nm2;\n\\i sql/x.sql\nm4;\n'

  test.each([
    ['m2', '1_a.sql:2:1'],
    ['x1', 'sql/x.sql:1:1'],
    ['here', 'sql/x.sql:2:6'],
    ['y2', 'sql/y.sql:2:1'],
    ['x4', 'sql/x.sql:4:1'],
    ['m4', '1_a.sql:4:1'],
  ])('%s must be led back to %s', (word, expected) => {
    const expanded = expand(text, files)
    if ('problems' in expanded) throw new Error('problems')
    const { file, place } = placeIn({ file: '1_a.sql', ...expanded }, expanded.sql.indexOf(word))
    expect(`${file}:${place.line}:${place.column}`).toBe(expected)
  })

  test('the frame must show the lines of the included file', () => {
    const expanded = expand(text, files)
    if ('problems' in expanded) throw new Error('problems')
    const { place, text: around } = placeIn({ file: '1_a.sql', ...expanded }, expanded.sql.indexOf('here'))
    expect(codeFrame(around, place)).toBe('  1 | x1;\n> 2 | x2 😀 here;\n    |       ^')
  })

  test('without includes it is the place in the text', () => {
    expect(placeIn({ file: '1_a.sql', sql: 'a\nbc' }, 3)).toEqual({
      file: '1_a.sql',
      place: { line: 2, column: 2, index: 3 },
      text: 'a\nbc',
    })
  })
})
