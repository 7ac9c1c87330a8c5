/**
 * The first two commands: a config is written from what stands in the folder, and the stack comes up with it.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { appliedMigrations, tempProject } from '../support/project.ts'
import { itemsMigration } from '../support/services.ts'

const init = ['init'] as const

test('init and up must work in an empty folder without an engine, and init never write over a file', async () => {
  const project = await tempProject({ runtime: 'native' })
  const written = await project.runWith(init, { bare: true })
  expect([written.code, written.stderr]).toEqual([0, ''])
  expect(written.stdout).toContain('next: poststack up')
  const file = join(project.root, 'poststack.config.ts')
  const text = await readFile(file, 'utf8')
  expect((await project.succeed('up', '--quiet')).stderr).toBe('')
  expect(await project.world.only('db')).toMatchObject({ running: true })

  const again = await project.runWith([...init, '--json'], { bare: true })
  expect(again.code).toBe(2)
  expect(JSON.parse(again.stdout)).toMatchObject({ type: 'error', error: { code: 'CONFIG_EXISTS' } })
  expect(await readFile(file, 'utf8')).toBe(text)

  await project.write({ 'inner/migrations/001_a.sql': 'SELECT 1;\n', 'data/poststack.config.yaml': 'services: {}\n' })
  const inner = await project.runWith(['-C', 'inner', ...init], { bare: true })
  expect([inner.code, inner.stdout]).toEqual([0, expect.stringContaining(`instead of ${file}`)])
  const beside = await project.runWith(['-C', 'data', ...init], { bare: true })
  expect([beside.code, beside.stderr]).toEqual([2, expect.stringContaining('poststack.config.yaml')])
})

test('init must take over what it finds, ask on a terminal, and what it writes be a config', async () => {
  const project = await tempProject({ runtime: 'native' })
  await project.write({
    ...itemsMigration,
    'containers/web/Dockerfile': 'FROM scratch\nEXPOSE 8080\n',
    '.env': `POSTSTACK_POSTGRES_HOST_PORT=${String(project.port)}\n`,
    'compose.yaml':
      'services:\n  pg:\n    image: postgres:16\n    environment: { POSTGRES_USER: poststack, POSTGRES_PASSWORD: hush }\n',
  })
  const typed = [
    ['Name of the stack', `${project.stack}\n`],
    ['Major version', 'x\n'],
    ['is not a number from 13 to 18', '17\n'],
    ['Port on this machine', '\n'],
  ] as const
  const written = await project.runWith(init, { bare: true, typed })
  expect(written.code).toBe(0)
  expect(written.stdout).toContain('./migrations; containers/web; compose.yaml, service pg; .env')
  const text = await readFile(join(project.root, 'poststack.config.ts'), 'utf8')
  expect(text).toContain(`name: '${project.stack}'`)
  expect(text).toContain('version: 17')
  expect(text).not.toContain('hush')
  await project.succeed('up')
  expect(await project.sql(appliedMigrations, { service: 'pg' })).toEqual([['001_items applied']])
})

test('init must say what it passes over, and use the database that .env names only when told to', async () => {
  const files = {
    'compose.yaml': 'services:\n  pg: [\n',
    '.env': 'DATABASE_URL=postgres://shop:hush@db.example/shop\n',
  }
  const project = await tempProject({ runtime: 'native' })
  await project.write(files)
  const asked = [
    ['Name of the stack', `${project.stack}\n`],
    ['Use database shop at db.example:5432', 'maybe\n'],
    ['"maybe" is not yes or no', 'y\n'],
  ] as const
  const written = await project.runWith(init, { bare: true, typed: asked })
  expect(written.code).toBe(0)
  expect(written.stdout).toMatch(/not taken over:\s+compose\.yaml:\d: it is not valid YAML/)
  const shown = await project.runWith(['config-show'], { bare: true })
  expect(shown.stdout).toContain('postgres://shop:***@db.example/shop')

  const other = await tempProject({ runtime: 'native' })
  await other.write(files)
  const said = await other.runWith([...init, '--yes', '--json'], { bare: true })
  expect(JSON.parse(said.stdout)).toMatchObject({
    found: ['.env'],
    left: [expect.stringContaining('compose.yaml:'), expect.stringContaining('DATABASE_URL, database shop')],
  })
  expect(await readFile(join(other.root, 'poststack.config.ts'), 'utf8')).not.toContain('hush')
})
