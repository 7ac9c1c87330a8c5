import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { checksum } from '../../../src/migrations/files/parse.ts'
import { placeIn } from '../../../src/migrations/files/place-in.ts'
import { inspectFolder, readMigrations } from '../../../src/migrations/files/read.ts'
import { failureOf, shown } from '../../support/migrations.ts'

let top: string
let root: string
let folder: string

beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'poststack-include-'))
  root = join(top, 'project')
  folder = join(root, 'migrations')
  for (const made of [folder, join(root, 'sql'), join(folder, 'parts')]) mkdirSync(made, { recursive: true })
})
afterEach(() => rmSync(top, { recursive: true, force: true }))

function write(file: string, text: string): void {
  writeFileSync(join(root, file), text)
}

test('included files must be part of the migration, its rollback and their checksums', async () => {
  write('sql/view.sql', 'CREATE VIEW v AS SELECT 1;\n')
  write('migrations/parts/undo.sql', 'DROP VIEW v;\n')
  write('migrations/1_a.sql', 'SELECT 1;\n\\i sql/view.sql\nSELECT 2;\n')
  write('migrations/1_a.rollback.sql', '\\ir parts/undo.sql\n')
  write('migrations/2_b.sql', 'SELECT 3;\n')
  const [a, b] = (await readMigrations(folder)).migrations
  const sql = 'SELECT 1;\nCREATE VIEW v AS SELECT 1;\n\nSELECT 2;\n'
  expect([a?.sql, a?.checksum, a?.rollback?.sql]).toEqual([sql, checksum(sql), 'DROP VIEW v;\n\n'])
  expect(a && placeIn(a, sql.indexOf('VIEW')).file).toBe('sql/view.sql')
  expect(a?.rollback && placeIn(a.rollback, 0).file).toBe('migrations/parts/undo.sql')
  expect(b && 'origins' in b).toBe(false)
  write('sql/view.sql', 'CREATE VIEW v AS SELECT 2;\n')
  expect((await readMigrations(folder)).migrations[0]?.checksum).not.toBe(a?.checksum)
})

test('the root may be given', async () => {
  write('migrations/1_a.sql', '\\i project/sql/x.sql')
  write('sql/x.sql', 'SELECT 1;')
  expect((await readMigrations(folder, { root: top })).migrations[0]?.sql).toBe('SELECT 1;')
})

test('nothing outside of the project may be read, whatever way leads there', async () => {
  writeFileSync(join(top, 'secret.sql'), 'SELECT 1;')
  symlinkSync(join(top, 'secret.sql'), join(root, 'sql', 'link.sql'))
  symlinkSync(top, join(root, 'up'))
  write(
    'migrations/1_a.sql',
    `\\i ../secret.sql\n\\ir ../../secret.sql\n\\i sql/link.sql\n\\i up/secret.sql\n\\i ${top}/secret.sql`,
  )
  const error = await failureOf(readMigrations(folder))
  expect(error.code).toBe('MIGRATION_INVALID')
  expect(shown(error).replaceAll(top, '/top')).toMatchInlineSnapshot(`
    "MIGRATION_INVALID
    5 problems with the migration files:
    - 1_a.sql, line 1: ../secret.sql leads out of the project /top/project.
    - 1_a.sql, line 2: ../../secret.sql leads out of the project /top/project.
    - 1_a.sql, line 3: sql/link.sql leads out of the project /top/project.
    - 1_a.sql, line 4: up/secret.sql leads out of the project /top/project.
    - 1_a.sql, line 5: /top/secret.sql leads out of the project /top/project.

    Only files inside the project can be included: put the file there."
  `)
})

test('a link inside the project, and an absolute path into it, may be followed', async () => {
  write('sql/x.sql', 'SELECT 1;')
  symlinkSync(join(root, 'sql', 'x.sql'), join(folder, 'parts', 'link.sql'))
  write('migrations/1_a.sql', `\\ir parts/link.sql\n\\i ${root}/sql/x.sql`)
  expect((await readMigrations(folder)).migrations[0]?.sql).toBe('SELECT 1;\nSELECT 1;')
})

test('what is wrong in an included file must be told as well, and which migration cannot be used for it', async () => {
  write('migrations/1_a.sql', 'SELECT 1;\n\\ir parts/b.sql')
  write('migrations/parts/b.sql', '\\ir none.sql')
  const { problems, unusable } = await inspectFolder(folder)
  expect(problems).toMatchObject([{ file: 'migrations/parts/b.sql', line: 1, includedBy: '1_a.sql' }])
  expect([...unusable]).toEqual(['1'])
})

test('what cannot be read must be told with file and line, all at once', async () => {
  write('migrations/1_a.sql', '\n\\i none.sql\n\\i sql\n\\ir 1_a.sql\n')
  write('migrations/2_b.sql', '\\ir parts/none.sql')
  symlinkSync('loop.sql', join(root, 'loop.sql'))
  write('migrations/3_c.sql', '\\i loop.sql')
  const error = await failureOf(readMigrations(folder))
  expect(shown(error).replaceAll(top, '/top')).toMatchInlineSnapshot(`
    "MIGRATION_INVALID
    5 problems with the migration files:
    - 1_a.sql, line 2: there is no file none.sql in /top/project.
    - 1_a.sql, line 3: sql is not a regular file.
    - 1_a.sql, line 4: 1_a.sql includes migrations/1_a.sql: that has no end.
    - 2_b.sql, line 1: there is no file parts/none.sql in /top/project/migrations.
    - 3_c.sql, line 1: loop.sql is a symbolic link that leads back to itself.

    Correct the name; \\ir is relative to the file it stands in.
    Name a file with SQL.
    Take one of these lines out.
    Correct the name; \\i is relative to the project.
    Replace the link by the file."
  `)
  expect(error.details['problems']).toMatchObject([
    { file: '1_a.sql', line: 2 },
    { file: '1_a.sql', line: 3 },
    { file: '1_a.sql', line: 4 },
    { file: '2_b.sql', line: 1 },
    { file: '3_c.sql', line: 1 },
  ])
})
