import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { passedOverNotice } from '../../../src/migrations/files/nested.ts'
import { readMigrations } from '../../../src/migrations/files/read.ts'
import { failureOf } from '../../support/migrations.ts'

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

test('a file that an editor has emptied to write it must be read as it is written, and one that stays empty as that', async () => {
  const file = join(folder, '1_written.sql')
  writeFileSync(file, '')
  setTimeout(() => writeFileSync(file, 'SELECT 1;\n'), 30)
  expect((await readMigrations(folder)).migrations).toMatchObject([{ sql: 'SELECT 1;\n' }])
  writeFileSync(file, '')
  expect((await readMigrations(folder)).migrations).toMatchObject([{ sql: '' }])
})

test('an empty folder has no migrations', async () => {
  expect((await readMigrations(folder)).migrations).toEqual([])
})

test.each([
  ['Prisma', { '20230101120000_init': ['migration.sql'], '20230202120000_next': ['migration.sql'] }, 'As Prisma'],
  ['Diesel', { '2023-01-01-000000_init': ['down.sql', 'up.sql'] }, 'As Diesel'],
  ['somebody', { v1: ['001_a.sql', '002_b.sql'] }, 'Move them up'],
])('folders with the migrations of %s in them are no empty folder', async (_, folders, hint) => {
  for (const [name, files] of Object.entries(folders)) {
    mkdirSync(join(folder, name))
    for (const file of files) writeFileSync(join(folder, name, file), `-- ${file} of ${name}\n`)
  }
  const error = await failureOf(readMigrations(folder))
  expect(error.code).toBe('MIGRATION_INVALID')
  expect(error.message).toContain('folders with SQL in them: ')
  expect(error.hint).toMatch(new RegExp(`^${hint}`))
  // The command that is proposed does what it says.
  const command = /for d in .*?; done/.exec(error.hint ?? '')?.[0]
  if (command === undefined) return
  execFileSync('sh', ['-c', command], { cwd: folder })
  const { migrations } = await readMigrations(folder)
  expect(migrations.map(({ file, rollback }) => [file, rollback !== undefined])).toEqual(
    Object.entries(folders).map(([name, files]) => [
      `${name.replace(/^(\d+)-(\d+)-(\d+)-/, '$1$2$3')}.sql`,
      files.includes('down.sql'),
    ]),
  )
})

test('ups and downs in two folders are told with a command that puts them together', async () => {
  for (const way of ['up', 'down']) {
    mkdirSync(join(folder, way))
    for (const file of ['001_a.sql', '002_b.sql']) writeFileSync(join(folder, way, file), `-- ${way}\n`)
  }
  const error = await failureOf(readMigrations(folder))
  execFileSync('sh', ['-c', /for f in .*done/.exec(error.hint ?? '')?.[0] ?? ''], { cwd: folder })
  const { migrations } = await readMigrations(folder)
  expect(migrations.map(({ file, sql, rollback }) => [file, sql, rollback?.sql])).toEqual([
    ['001_a.sql', '-- up\n', '-- down\n'],
    ['002_b.sql', '-- up\n', '-- down\n'],
  ])
})

test('names with a hyphened date are renamed by the command that is proposed', async () => {
  for (const file of ['2024-01-31-000000_users.sql', '2024-01-31-000000_users.rollback.sql', '2024-02-01-b.sql'])
    writeFileSync(join(folder, file), '')
  const error = await failureOf(readMigrations(folder))
  execFileSync('sh', ['-c', /for f in .*?; done/.exec(error.hint ?? '')?.[0] ?? ''], { cwd: folder })
  const { migrations } = await readMigrations(folder)
  expect(migrations.map(({ file, rollback }) => [file, rollback?.file])).toEqual([
    ['20240201-b.sql', undefined],
    ['20240131000000_users.sql', '20240131000000_users.rollback.sql'],
  ])
})

test('a migration in a folder of its own is not passed over beside those that are files', async () => {
  writeFileSync(join(folder, '001_a.sql'), '')
  for (const name of ['002_b', 'views', '003_views']) mkdirSync(join(folder, name))
  writeFileSync(join(folder, 'views', 'up.sql'), '')
  writeFileSync(join(folder, '003_views', 'all.sql'), '')
  writeFileSync(join(folder, '002_b', 'up.sql'), '')
  writeFileSync(join(folder, '002_b', 'down.sql'), '')
  const error = await failureOf(readMigrations(folder))
  expect(error.code).toBe('MIGRATION_INVALID')
  expect(error.message).toMatch(/^002_b\/up\.sql is a migration in a folder of its own/)
  expect(error.hint).toContain('Move it to 002_b.sql')
})

test('what has the name of a migration in a folder inside is told, unless a migration includes it or has been made of it', async () => {
  writeFileSync(join(folder, '001_a.sql'), '\\ir parts/001_part.sql\n')
  for (const name of ['2024', 'parts', '.old']) mkdirSync(join(folder, name))
  for (const file of ['parts/001_part.sql', 'parts/all.sql', '.old/001_x.sql', '2024/001_a.sql'])
    writeFileSync(join(folder, file), 'SELECT 1;')
  expect(await readMigrations(folder)).not.toHaveProperty('passedOver')
  for (const file of ['2024/002_b.sql', 'parts/002_b.sql']) writeFileSync(join(folder, file), '')
  const { passedOver } = await readMigrations(folder)
  expect(passedOver).toEqual(['2024/002_b.sql', 'parts/002_b.sql'])
  expect(passedOverNotice(passedOver)).toEqual({
    file: '2024/002_b.sql',
    message: expect.stringMatching(/^and 1 more in such folders are passed over/),
  })
})

test('a folder of programs is no empty folder', async () => {
  for (const file of ['20240101120000_users.js', '20240102120000_posts.ts', 'README.md'])
    writeFileSync(join(folder, file), '')
  const error = await failureOf(readMigrations(folder))
  expect(error.code).toBe('MIGRATION_INVALID')
  expect(error.message).toContain('but what another tool runs: 20240101120000_users.js and 1 more.')
  writeFileSync(join(folder, '1_a.sql'), '')
  expect((await readMigrations(folder)).migrations).toHaveLength(1)
})

test('folders without SQL beside no migration do no harm', async () => {
  mkdirSync(join(folder, 'meta'))
  writeFileSync(join(folder, 'meta', 'journal.json'), '')
  expect((await readMigrations(folder)).migrations).toEqual([])
})

test('a folder that is not there', async () => {
  const error = await failureOf(readMigrations(join(folder, 'none')))
  expect(error.code).toBe('MIGRATION_MISSING')
  expect(error.message).toBe(`There is no folder ${folder}/none to read migrations from.`)
  expect(error.hint).toContain('--migrations')
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
