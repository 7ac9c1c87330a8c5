import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { createMigration, type NewMigration } from '../../../src/migrations/files/new.ts'
import { readMigrations } from '../../../src/migrations/files/read.ts'
import { compiled } from '../../support/compiled.ts'
import { configProject } from '../../support/config-project.ts'
import { failureOf } from '../../support/migrations.ts'

const workers: ChildProcess[] = []
afterAll(() => {
  for (const worker of workers) worker.kill('SIGKILL')
})

async function make(folder: string, name: string): Promise<NewMigration> {
  return await createMigration({ folder, name, now: new Date(), signal: new AbortController().signal })
}

test('both files must be made, in a folder that was not there, and be migrations that do nothing yet', async () => {
  const folder = join(await configProject({}), 'database/migrations')
  expect(await make(folder, 'Add users')).toEqual({
    version: '001',
    file: '001_add_users.sql',
    rollbackFile: '001_add_users.rollback.sql',
    folder,
  })
  expect((await make(folder, 'größe')).file).toBe('002_größe.sql')
  const { migrations } = await readMigrations(folder)
  expect(migrations.map(({ file, rollback }) => [file, rollback?.file])).toEqual([
    ['001_add_users.sql', '001_add_users.rollback.sql'],
    ['002_größe.sql', '002_größe.rollback.sql'],
  ])
  for (const { sql, rollback } of migrations) {
    expect(sql).toMatch(/^(--.*\n)+\n$/)
    expect(rollback?.sql).toMatch(/^(--.*\n)+\n$/)
  }
})

test('what is there must never be written to', async () => {
  const root = await configProject({ 'm/007_a.sql': 'keep', 'm/008_b.rollback.sql': 'keep', 'm/notes.txt': 'keep' })
  const folder = join(root, 'm')
  expect((await make(folder, 'b')).file).toBe('009_b.sql')
  for (const file of ['007_a.sql', '008_b.rollback.sql', 'notes.txt'])
    // oxlint-disable-next-line no-await-in-loop
    expect(await readFile(join(folder, file), 'utf8')).toBe('keep')
  // A folder of that name, which is no migration but takes the name.
  await mkdir(join(folder, '010_c.rollback.sql'))
  expect((await make(folder, 'c')).file).toBe('011_c.sql')
  expect(await readdir(folder)).not.toContain('010_c.sql')
})

test('a name that is refused must leave nothing behind', async () => {
  const root = await configProject({})
  expect((await failureOf(make(join(root, 'm'), '...'))).code).toBe('USAGE')
  expect(await readdir(root)).toEqual([])
})

test('a folder that cannot be written must be told as such', async () => {
  const root = await configProject({ file: '' })
  const error = await failureOf(make(join(root, 'file/m'), 'a'))
  expect(error.code).toBe('MIGRATION_INVALID')
  expect(error.message).toBe(
    `The migration folder ${join(root, 'file/m')} cannot be written: it, or a folder above it, is a file.`,
  )
  expect((await failureOf(make(join(root, 'file'), 'a'))).code).toBe('MIGRATION_INVALID')
})

test('a folder without the right to write must be told as such', async (context) => {
  if (process.getuid?.() === 0) context.skip('root may write every folder')
  const folder = join(await configProject({ 'm/001_a.sql': '' }), 'm')
  await chmod(folder, 0o555)
  const error = await failureOf(make(folder, 'a'))
  await chmod(folder, 0o755)
  expect(error.code).toBe('MIGRATION_INVALID')
})

test('calls at once must get a number each', async () => {
  const folder = join(await configProject({}), 'm')
  await Promise.all(Array.from({ length: 12 }, (_, index) => make(folder, `n ${index % 3}`)))
  const { migrations } = await readMigrations(folder)
  expect(migrations).toHaveLength(12)
  expect(migrations.every(({ rollback }) => rollback !== undefined)).toBe(true)
})

test('processes at once must get a number each, and lose no file', async () => {
  const folder = join(await configProject({}), 'm')
  await mkdir(folder)
  await writeFile(join(folder, '041-first.sql'), '')
  const started = await Promise.all(
    ['same', 'same', 'other'].map(async (name) => {
      const worker = fork(await compiled(fileURLToPath(new URL('new-worker.ts', import.meta.url))))
      workers.push(worker)
      await once(worker, 'message')
      return { worker, name }
    }),
  )
  const reports = await Promise.all(
    started.map(async ({ worker, name }) => {
      worker.send({ folder, name, count: 15 })
      const [report] = (await once(worker, 'message')) as [{ made?: string[]; error?: string }]
      worker.disconnect()
      return report
    }),
  )
  expect(reports.flatMap(({ error }) => error ?? [])).toEqual([])
  const made = reports.flatMap((report) => report.made ?? [])
  const { migrations } = await readMigrations(folder)
  expect(migrations.map(({ file }) => file)).toEqual(['041-first.sql', ...made.toSorted()])
  expect(new Set(migrations.map(({ version }) => version)).size).toBe(46)
})
