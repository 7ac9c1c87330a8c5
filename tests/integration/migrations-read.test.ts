import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readMigrations } from '../../src/migrations/read.ts'
import { failureOf } from '../support/migrations.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'poststack-read-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('a folder is read with its rollbacks, and what is not SQL is passed over', async () => {
  writeFileSync(join(folder, '2_b.sql'), '\uFEFFselect 2;\r\n')
  writeFileSync(join(folder, '2_b.rollback.sql'), '')
  writeFileSync(join(folder, '10_c.sql'), '')
  writeFileSync(join(folder, 'README.md'), '')
  mkdirSync(join(folder, 'old'))
  symlinkSync(join(folder, '10_c.sql'), join(folder, '11_link.sql'))
  const read = await readMigrations(folder)
  expect(read.path).toBe(folder)
  expect(read.migrations.map(({ file, rollback }) => [file, rollback?.file])).toEqual([
    ['2_b.sql', '2_b.rollback.sql'],
    ['10_c.sql', undefined],
    ['11_link.sql', undefined],
  ])
  expect(read.migrations[0]?.sql).toBe('select 2;\n')
})

test('an empty folder has no migrations', async () => {
  expect((await readMigrations(folder)).migrations).toEqual([])
})

test('a folder that is not there', async () => {
  const error = await failureOf(readMigrations(join(folder, 'none')))
  expect(error.code).toBe('MIGRATION_MISSING')
  expect(error.message).toBe(`There is no folder ${folder}/none to read migrations from.`)
  expect(error.hint).toContain('correct the path')
})

test('a file, or a link to itself, in its place', async () => {
  writeFileSync(join(folder, 'file'), '')
  symlinkSync(join(folder, 'loop'), join(folder, 'loop'))
  expect((await failureOf(readMigrations(join(folder, 'file')))).message).toBe(
    `${folder}/file is a file, but migrations are read from a folder.`,
  )
  expect((await failureOf(readMigrations(join(folder, 'loop')))).message).toBe(
    `${folder}/loop is a symbolic link that leads back to itself.`,
  )
})

test('everything that cannot be read must be told at once, and nothing be waited for', async () => {
  mkdirSync(join(folder, '1_folder.sql'))
  symlinkSync(join(folder, '2_loop.sql'), join(folder, '2_loop.sql'))
  symlinkSync(join(folder, 'nowhere'), join(folder, '3_dangling.sql'))
  const socket = createServer().listen(join(folder, '4_socket.sql'))
  await once(socket, 'listening')
  writeFileSync(join(folder, 'notes.sql'), '')
  writeFileSync(join(folder, '2_loop.rollback.sql'), '')
  const error = await failureOf(readMigrations(folder))
  socket.close()
  expect(error.code).toBe('MIGRATION_INVALID')
  expect(error.message).toMatchInlineSnapshot(`
    "5 problems with the migration files:
    - 1_folder.sql is a folder.
    - 2_loop.sql is a symbolic link that leads back to itself.
    - 3_dangling.sql is a symbolic link to a file that is not there.
    - 4_socket.sql is not a regular file.
    - notes.sql does not have the form of a migration's name."
  `)
})

test('a file without the right to read it', async (context) => {
  if (process.getuid?.() === 0) context.skip('root may read every file')
  writeFileSync(join(folder, '1_a.sql'), '')
  chmodSync(join(folder, '1_a.sql'), 0)
  expect((await failureOf(readMigrations(folder))).message).toBe('1_a.sql cannot be read: permission denied.')
})

test('a thousand files take no more than a moment', async () => {
  for (let n = 1; n <= 1000; n++) writeFileSync(join(folder, `${n}_a.sql`), `select ${n};`)
  expect((await readMigrations(folder)).migrations).toHaveLength(1000)
})
