/**
 * `database new`: what stands on the disk afterwards, and what was said. No server is there in any of these tests.
 */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Ended, runCli } from '../support/cli.ts'
import { configProject } from '../support/config-project.ts'

const config = `import { defineConfig, postgres } from 'poststack'
export default defineConfig({ name: 'shop', services: { db: postgres({ migrations: './sql' }) } })
`

const run = (root: string, ...words: readonly string[]): Promise<Ended> =>
  runCli(['database', 'new', ...words], { cwd: root })

describe('new', () => {
  test('must make both files in the declared folder, with the next number, and print their paths', async () => {
    const root = await configProject({ 'poststack.config.ts': config, 'sql/009_old.sql': 'SELECT 9;\n' })
    const ended = await run(root, 'Add', 'users & roles')
    const files = ['010_add_users_roles.sql', '010_add_users_roles.rollback.sql']
    expect((await readdir(join(root, 'sql'))).toSorted()).toEqual(['009_old.sql', ...files].toSorted())
    expect(await readFile(join(root, 'sql/009_old.sql'), 'utf8')).toBe('SELECT 9;\n')
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(ended.stdout).toBe(files.map((file) => `${join(root, 'sql', file)}\n`).join(''))
  })

  test('--migrations must name the folder from where one stands, make it, and read no config', async () => {
    const root = await configProject({ 'poststack.config.ts': "throw new Error('evaluated')\n" })
    await mkdir(join(root, 'below'))
    const ended = await run(join(root, 'below'), 'first', '--migrations', 'db/sql')
    expect((await readdir(join(root, 'below/db/sql'))).toSorted()).toEqual(['001_first.rollback.sql', '001_first.sql'])
    expect(ended).toMatchObject({ code: 0, stderr: '' })
  })

  test('with --url the folder is ./migrations, and the database is left alone', async () => {
    const root = await configProject({})
    const ended = await run(root, 'first', '--url', 'postgresql://nobody@127.0.0.1:1/nothing')
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(await readdir(join(root, 'migrations'))).toHaveLength(2)
  })

  test('where the config names no migrations, it must say that up would apply none', async () => {
    const root = await configProject({ 'poststack.config.ts': config.replace("migrations: './sql'", '') })
    const ended = await run(root, 'first')
    expect(await readdir(join(root, 'migrations'))).toHaveLength(2)
    expect(ended.code).toBe(0)
    expect(ended.stderr).toContain(
      "the config names no migrations of db, so `up` applies none: add migrations: './migrations'",
    )
    const bare = await configProject({})
    expect(await run(bare, 'first')).toMatchObject({ code: 0, stderr: expect.not.stringContaining('warning') })
  })

  test('--json must tell the number and both paths as one document', async () => {
    const root = await configProject({})
    const { code, stdout } = await run(root, 'first', '--migrations', 'sql', '--json')
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toEqual({
      version: 1,
      type: 'new-migration',
      migration: '001',
      file: join(root, 'sql/001_first.sql'),
      rollbackFile: join(root, 'sql/001_first.rollback.sql'),
    })
  })

  test.each([
    [[], 'name'],
    [['???'], 'Nothing of the name "???" can stand in a file name'],
    [['x'.repeat(300)], 'is too long'],
  ])('%j must be refused, and no folder be made', async (words, said) => {
    const root = await configProject({})
    const ended = await run(root, ...words, '--migrations', 'sql')
    expect(await readdir(root)).not.toContain('sql')
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toContain(said)
  })

  test('a folder that is a file must be told as such', async () => {
    const root = await configProject({})
    await writeFile(join(root, 'sql'), 'no folder')
    const ended = await run(root, 'first', '--migrations', 'sql')
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toContain(
      `The migration folder ${root}/sql cannot be written: it, or a folder above it, is a file.`,
    )
  })
})
