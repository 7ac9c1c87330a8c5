import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { PoststackError } from '../../../../src/errors.ts'
import { checksum, isSqlFile, inspectFiles, parseMigrations } from '../../../../src/migrations/files/parse.ts'

type Files = Readonly<Record<string, string | Uint8Array>>

function parse(files: Files): ReturnType<typeof parseMigrations> {
  return parseMigrations(Object.entries(files).map(([file, content]) => ({ file, bytes: Buffer.from(content) })))
}

function failure(files: Files): PoststackError {
  try {
    parse(files)
  } catch (error) {
    return error as PoststackError
  }
  throw new Error('it was accepted')
}

describe('file names', () => {
  test('must be sorted as numbers, with both separators and rollbacks beside them', () => {
    const parsed = parse({ '10_c.sql': '', '9-b.sql': 'b', '002_a.b c.sql': '', '9-b.rollback.sql': 'undo' })
    expect(
      parsed.map(({ version, name, file, rollback }) => ({ version, name, file, rollback: rollback?.file })),
    ).toEqual([
      { version: '002', name: 'a.b c', file: '002_a.b c.sql', rollback: undefined },
      { version: '9', name: 'b', file: '9-b.sql', rollback: '9-b.rollback.sql' },
      { version: '10', name: 'c', file: '10_c.sql', rollback: undefined },
    ])
  })

  test.each(['readme.sql', 'V__x.sql', '4.sql', '4_.sql', '004_a.SQL', '٤_a.sql', ' 4_a.sql'])(
    '%s must be refused with the form that is expected',
    (file) => {
      const error = failure({ [file]: '' })
      expect(error.code).toBe('MIGRATION_INVALID')
      expect(error.message).toBe(`${file} does not have the form of a migration's name.`)
      expect(error.hint).toContain('<number>_<name>.sql')
    },
  )

  test('files that are not SQL, and hidden ones, are none of our business', () => {
    expect(['README.md', '.gitkeep', '._001_a.sql', '001_a.sql~', '001_a.sql', 'X.SQL'].filter(isSqlFile)).toEqual([
      '001_a.sql',
      'X.SQL',
    ])
  })

  test('everything wrong in a folder must be told at once', () => {
    const error = failure({
      '004_a.sql': '',
      '4_b.sql': '',
      '0004-c.sql': '',
      '5_x.rollback.sql': '',
      'notes.sql': '',
      '6_y.sql': Buffer.from([0x61, 0x0a, 0xff]),
    })
    expect(error.message).toMatchInlineSnapshot(`
      "4 problems with the migration files:
      - 6_y.sql is not UTF-8: byte 2, in line 2, does not fit.
      - notes.sql does not have the form of a migration's name.
      - Version 4 is taken by 3 files: 0004-c.sql, 004_a.sql, 4_b.sql.
      - 5_x.rollback.sql rolls back 5_x.sql, which is not there."
    `)
    expect(error.hint).toMatchInlineSnapshot(`
      "Save the file as UTF-8.
      Name migrations <number>_<name>.sql, such as 004_add_users.sql, and the way back 004_add_users.rollback.sql.
      Give each migration a number of its own; the one that nobody has applied yet is the one to renumber: poststack database renumber
      Put the migration back, or delete its rollback too."
    `)
    expect(error.details['problems']).toHaveLength(4)
  })

  test('a migration that is gone and has left its rollback is missing, not invalid', () => {
    const files = [{ file: '5_x.rollback.sql', bytes: Buffer.from('') }]
    expect(() => parseMigrations(files)).toThrow(expect.objectContaining({ code: 'MIGRATION_MISSING' }))
  })

  test('what is right is told beside what is wrong, and what cannot be used by its version', () => {
    const files = ['1_a.sql', '2_b.sql', '02_c.sql', '3_d.rollback.sql', 'notes.sql', '4_e.sql'].map((file) => ({
      file,
      bytes: file === '4_e.sql' ? Buffer.from([0xff]) : Buffer.from(''),
    }))
    const { migrations, problems, unusable } = inspectFiles(files)
    expect(migrations.map(({ file }) => file)).toEqual(['1_a.sql'])
    expect(problems.map(({ file, missing }) => `${file} ${missing ?? '-'}`).toSorted()).toEqual([
      '2_b.sql -',
      '3_d.rollback.sql 3',
      '4_e.sql -',
      'notes.sql -',
    ])
    expect([...unusable].toSorted()).toEqual(['2', '4'])
  })

  test('an up and down pair of another tool must be told how ours is named, with a command for all of them', () => {
    const error = failure({ '1_a.up.sql': '', '1_a.down.sql': '', '2_b.up.sql': '', '2_b.down.sql': '' })
    expect(error.message).toMatchInlineSnapshot(`
      "4 problems with the migration files:
      - 1_a.down.sql does not have the form of a migration's name: rename it to 1_a.rollback.sql.
      - 1_a.up.sql does not have the form of a migration's name: rename it to 1_a.sql.
      - 2_b.down.sql does not have the form of a migration's name: rename it to 2_b.rollback.sql.
      - 2_b.up.sql does not have the form of a migration's name: rename it to 2_b.sql."
    `)
    expect(error.hint).toMatchInlineSnapshot(`
      "Name migrations <number>_<name>.sql, such as 004_add_users.sql, and the way back 004_add_users.rollback.sql.
      Files with .up.sql and .down.sql are renamed at once with: for f in *.up.sql; do mv "$f" "\${f%.up.sql}.sql"; done; for f in *.down.sql; do mv "$f" "\${f%.down.sql}.rollback.sql"; done"
    `)
    expect(failure({ '1_a_up.sql': '', '1_a_down.sql': '' }).hint).toContain('004_add_users.rollback.sql')
  })

  test('half of a pair must not be taken for a migration with a strange name where it stands alone', () => {
    expect(failure({ '1_a.down.sql': 'DROP TABLE a' }).message).toContain('rename it to 1_a.rollback.sql')
    expect(failure({ '1_a.up.sql': '' }).message).toContain('rename it to 1_a.sql')
  })

  test("Flyway's names must be told in ours", () => {
    const error = failure({ 'V1__a.sql': '', 'U1__a.sql': '', 'V2.1__b.sql': '', 'R__views.sql': '' })
    expect(error.message).toMatchInlineSnapshot(`
      "4 problems with the migration files:
      - R__views.sql does not have the form of a migration's name.
      - U1__a.sql does not have the form of a migration's name: rename it to 1_a.rollback.sql.
      - V1__a.sql does not have the form of a migration's name: rename it to 1_a.sql.
      - V2.1__b.sql does not have the form of a migration's name."
    `)
    expect(error.hint).toMatchInlineSnapshot(`
      "Name migrations <number>_<name>.sql, such as 004_add_users.sql, and the way back 004_add_users.rollback.sql.
      Flyway's R__name.sql has no number. Give it one, as 12_name.sql; a later change of it is a migration with the next number.
      Flyway's V1__name.sql is 1_name.sql here, and its U1__name.sql is 1_name.rollback.sql. A version with dots becomes one number, in the same order."
    `)
  })

  test('a date with hyphens must not be taken for the number of its year', () => {
    const files = {
      '2024-01-31-000000_users.sql': '',
      '2024-01-31-000000_users.rollback.sql': '',
      '2024-02-01-120000_a.up.sql': '',
      '2024-02-01-120000_a.down.sql': '',
      '2024-03-01-b.sql': '',
    }
    const error = failure(files)
    expect(error.message).toMatchInlineSnapshot(`
      "5 problems with the migration files:
      - 2024-01-31-000000_users.rollback.sql does not have the form of a migration's name: rename it to 20240131000000_users.rollback.sql.
      - 2024-01-31-000000_users.sql does not have the form of a migration's name: rename it to 20240131000000_users.sql.
      - 2024-02-01-120000_a.down.sql does not have the form of a migration's name: rename it to 20240201120000_a.rollback.sql.
      - 2024-02-01-120000_a.up.sql does not have the form of a migration's name: rename it to 20240201120000_a.sql.
      - 2024-03-01-b.sql does not have the form of a migration's name: rename it to 20240301-b.sql."
    `)
    expect(error.hint).toContain('only its year would be taken')
    expect(parse({ '2024-13-01_a.sql': '', '2025-1-1.sql': '' }).map(({ version }) => version)).toEqual([
      '2024',
      '2025',
    ])
  })

  test.each([
    ['dbmate', '-- migrate:up\nCREATE TABLE a ();\n\n-- migrate:down\nDROP TABLE a;\n', 4],
    [
      'goose',
      '-- +goose Up\nSELECT 1;\n-- +goose Down\n-- +goose StatementBegin\nSELECT 2;\n-- +goose StatementEnd\n',
      3,
    ],
    ['sql-migrate', '-- +migrate Up\nSELECT 1;\n-- +migrate Down\nSELECT 2;\n', 3],
    ['micrate', '-- +micrate Up\nSELECT 1;\n-- +micrate Down\nSELECT 2;\n', 3],
    ['MyBatis', '-- // Create a\nSELECT 1;\n\n-- //@UNDO\nSELECT 2;\n', 4],
    ['MyBatis of old', '--// Create a\nSELECT 1;\n--//@UNDO\nSELECT 2;\n', 3],
    ['rambler', '-- rambler up\nSELECT 1;\n-- rambler down\nSELECT 2;\n', 3],
    ['Play', '-- !Ups\nSELECT 1;\n--- !Downs\nSELECT 2;\n', 3],
    ['tern', 'SELECT 1;\n---- create above / drop below ----\nSELECT 2;\n', 2],
    ['dbmate without a transaction', 'SELECT 1;\n-- migrate:down transaction:false\nSELECT 2;\n', 2],
    ['bare words', '-- Up\nSELECT 1;\n\n-- Down\nSELECT 2;\n', 4],
    ['bare words with signs', '--- UP ---\nSELECT 1;\n\n-- [down]:\nSELECT 2;\n', 4],
    ['words with an at', '-- @UP\nSELECT 1;\n-- @DOWN\nSELECT 2;\n', 3],
    ['shmig', '-- ==== UP ====\nSELECT 1;\n-- ==== DOWN ====\nSELECT 2;\n', 3],
    ['a word for rollback', '--migrate: up\nSELECT 1;\n--migrate: rollback\nSELECT 2;\n', 3],
    ['node-pg-migrate', '-- Up Migration\nSELECT 1;\n\n-- Down Migration\nSELECT 2;\n', 4],
  ])('the way back that %s keeps in the same file must be refused: it would be run', (_, sql, line) => {
    const error = failure({ '1_a.sql': sql })
    expect(error.code).toBe('MIGRATION_INVALID')
    expect(error.message).toContain(`in line ${line}: here it would be run right behind the migration`)
    expect(error.hint).toContain('.rollback.sql')
    expect(parse({ '1_a.sql': sql.split('\n').slice(0, line).join('\n') })).toHaveLength(1)
  })

  test.each([
    ['a sentence', '-- Down migration: see 1_a.rollback.sql\nSELECT 1;'],
    ['a remark behind a statement', 'SELECT 1; -- down migration\nSELECT 2;'],
    ['a heading without its other half', 'SELECT 1;\n-- down\nSELECT 2;'],
    ['a heading before its other half', '-- down\nSELECT 1;\n-- up\nSELECT 2;'],
    ['a sentence behind a heading', '-- Up\nSELECT 1;\n-- down the road\nSELECT 2;'],
    ['a constant', "SELECT '\n-- migrate:down\n'; SELECT 2;"],
    ['the body of a function', 'DO $$ BEGIN\n-- migrate:down\nEND $$; SELECT 2;'],
    ['data', 'COPY a FROM stdin;\n-- migrate:down\n\\.\nSELECT 2;'],
  ])('%s with the words of another tool is no way back', (_, sql) => {
    expect(parse({ '1_a.sql': sql })).toHaveLength(1)
  })
})

describe('texts', () => {
  test.each([
    ['a byte order mark', '\uFEFFselect 1;\n'],
    ['Windows line ends', 'select 1;\r\n'],
    ['old Mac line ends', 'select 1;\r'],
    ['no line end', 'select 1;'],
    ['blank lines at the end', 'select 1;\n\r\n\n'],
  ])('%s must not change the checksum', (_name, text) => {
    expect(checksum(text)).toBe(createHash('sha256').update('select 1;\n').digest('hex'))
    const [migration] = parse({ '1_a.sql': text })
    expect(migration?.checksum).toBe(checksum('select 1;\n'))
    expect(migration?.sql).not.toMatch(/\r|\uFEFF/)
  })

  test.each(['select 1; ', ' select 1;', 'select  1;', 'SELECT 1;', '\uFEFF\uFEFFselect 1;', 'select 1; -- x'])(
    '%j is another text',
    (text) => {
      expect(checksum(text)).not.toBe(checksum('select 1;'))
    },
  )

  test.each([
    ['a lone one in a string', "select 'x\ry', 'z\r';", 9],
    ['a line end in a string', "\uFEFFselect 1;\r\nselect 'x\r\ny';", 19],
    ['a line end in a string with escapes', "insert into t values (E'\\'x\r\n');", 27],
    ['a line end in a dollar-quoted value', 'insert into t values ($$x\r\n$$);', 25],
    ['a line end in a string in a statement that makes something', "create view v as select 'x\r\n';", 26],
    ['a lone one in the body of a function', "do $$ begin\r\n perform 'x\ry'; end $$;", 23],
    ['a lone one in rows', 'copy t from stdin;\r\nx\ry\r\n\\.\r\n', 20],
  ])('a carriage return that is part of a value must be known: %s', (_name, text, index) => {
    expect(parse({ '1_a.sql': text })[0]).toMatchObject({ returnAt: index })
  })

  test.each([
    ['between words', "select 1,\r\n 'a' -- it's\r\n;\r\n/* 'b\r\n' */"],
    ['in the body of a function', "create function f() returns text language sql as $$\r\n select 'a'\r\n$$;\r\n"],
    ['in rows', 'copy t from stdin;\r\n1\r\n\\.\r\nselect 1;'],
    ['as an escape', "select E'a\\r\\n';\r\n"],
  ])('line ends %s are none', (_name, text) => {
    expect(parse({ '1_a.sql': text })[0]).not.toHaveProperty('returnAt')
  })

  test('an empty file is a migration that does nothing', () => {
    expect(parse({ '1_a.sql': '' })[0]).toMatchObject({ sql: '', checksum: checksum('\n') })
  })

  test('the rollback has a checksum of its own', () => {
    expect(parse({ '1_a.sql': 'up', '1_a.rollback.sql': 'down\r\n' })[0]?.rollback).toEqual({
      file: '1_a.rollback.sql',
      sql: 'down\n',
      checksum: checksum('down'),
    })
  })

  test.each([
    ['a lone continuation byte', [0x61, 0x62, 0x80], 2],
    ['an overlong form', [0xc0, 0xaf], 0],
    ['a text that is cut off', [0x61, 0xe6, 0x97], 3],
    ['Latin-1', [...Buffer.from('abc'), 0xe4, 0x62], 4],
    ['a surrogate', [0x61, 0xed, 0xa0, 0x80], 2],
  ])('%s must be refused with its byte', (_name, bytes, offset) => {
    expect(failure({ '1_a.sql': Uint8Array.from(bytes) }).details['problems']).toMatchObject([
      { byteOffset: offset, line: 1 },
    ])
  })

  test('UTF-16 is recognised', () => {
    expect(failure({ '1_a.sql': Buffer.from('\uFEFFselect 1', 'utf16le') }).hint).toBe(
      'The file looks like UTF-16: save it as UTF-8.',
    )
  })

  test('a NUL byte must be refused: the server would take the text to end there', () => {
    const error = failure({ '1_a.sql': 'é;\nselect \0 1' })
    expect(error.message).toBe('1_a.sql holds a NUL byte in line 2, which PostgreSQL cannot take in.')
    expect(error.details['problems']).toMatchObject([{ byteOffset: 11 }])
  })
})
