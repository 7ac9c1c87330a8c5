/**
 * The examples run as they stand, in a copy: only ports are changed, and the stack's name, which other tests may use too.
 */
import { execFile } from 'node:child_process'
import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { cleanEnvironment } from '../support/cli.ts'
import { appliedMigrations, tempProject, type Project } from '../support/project.ts'
import { freePort } from '../support/ports.ts'
import { fetchText } from '../support/services.ts'
import { realRuntimes, type RealRuntime } from '../support/world.ts'

const execute = promisify(execFile)
const repository = fileURLToPath(new URL('../..', import.meta.url))

interface Changes {
  readonly name: string
  readonly port: number
}

/** A copy of an example. A change that finds nothing to change is an error: the example is then not the one that this test knows. */
async function copyOf(
  runtime: RealRuntime,
  example: string,
  { name, port, file }: Changes & { readonly file?: string },
): Promise<Project> {
  const project = await tempProject({ runtime })
  await cp(fileURLToPath(new URL(`../../examples/${example}`, import.meta.url)), project.root, {
    recursive: true,
    filter: (path) => !path.includes('.poststack'),
  })
  const changes = [
    [`name: '${name}'`, `name: '${project.stack}'`],
    [`port: ${String(port)}`, `port: ${String(project.port)}`],
  ] as const
  await change(project, changes, file)
  return project
}

async function change(
  project: Project,
  changes: readonly (readonly [string, string])[],
  name = 'poststack.config.ts',
): Promise<void> {
  const file = join(project.root, name)
  let text = await readFile(file, 'utf8')
  for (const [from, to] of changes) {
    expect(text).toContain(from)
    text = text.replace(from, to)
  }
  await writeFile(file, text)
}

/** The packages of the repository, and a copy of this one as npm would install it. */
async function installIn({ root }: Project): Promise<void> {
  const modules = join(root, 'node_modules')
  await mkdir(join(modules, 'poststack'), { recursive: true })
  const packages = await readdir(join(repository, 'node_modules'))
  for (const name of packages.filter((one) => !one.startsWith('.') && one !== 'poststack'))
    await symlink(join(repository, 'node_modules', name), join(modules, name))
  for (const name of ['dist', 'containers', 'package.json'])
    await cp(join(repository, name), join(modules, 'poststack', name), { recursive: true })
  await writeFile(join(root, 'package.json'), '{ "private": true, "type": "module" }')
}

async function vitest({ root }: Project, ...words: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  const program = join(root, 'node_modules/vitest/vitest.mjs')
  const env = cleanEnvironment({ TMPDIR: join(root, '../tmp') })
  return await execute(process.execPath, [program, 'run', ...words], { cwd: root, env, maxBuffer: 16 * 1024 * 1024 })
}

async function runVitest(project: Project, ...words: readonly string[]): Promise<unknown> {
  const { stdout } = await vitest(project, '--reporter=json', ...words)
  return JSON.parse(stdout)
}

const testDatabases = "SELECT datname::text, oid::text FROM pg_database WHERE datname LIKE 'poststack\\_%' ORDER BY 1"

/** Three of the tests in `examples/vitest`. */
const few = ['-t', '(99)|of the seeds'] as const

/** CI shortens what takes long on its second Node, after all of it on the first. */
const shortened = process.env['POSTSTACK_SHORTENED'] === '1'

describe.each(await realRuntimes())('$title', ({ name: runtime, missing }) => {
  test.skipIf(missing !== undefined)(`${runtime}: the quickstart must run as it stands`, async () => {
    const project = await copyOf(runtime, 'quickstart', { name: 'quickstart', port: 5440 })
    await project.succeed('up')
    expect(await project.sql(appliedMigrations)).toEqual([['001_notes applied'], ['002_note_tags applied']])
    await project.sql("INSERT INTO notes (body, tags) VALUES ('hello', '{a}')")
    expect((await project.succeed('up')).stdout).toContain('nothing to do')
    expect(await project.sql('SELECT body, tags FROM notes')).toEqual([['hello', ['a']]])
    await project.succeed('down', '--volumes', '--yes')
  })

  if (runtime === 'native') return

  test.skipIf(missing !== undefined)(
    `${runtime}: the web application must answer with the rows of its migration and its job`,
    // Its image is built from Debian's packages.
    { timeout: 600_000 },
    async () => {
      const project = await copyOf(runtime, 'web-app', { name: 'guestbook', port: 5441 })
      const web = await freePort()
      await change(project, [['host: 8090', `host: ${String(web)}`]])
      await project.succeed('up')
      const page = JSON.parse(await fetchText(web)) as unknown
      const first = [
        { author: 'migration', message: 'inserted by 001_entries.sql' },
        { author: 'seed', message: 'written by the job that ran before the web server started' },
      ]
      expect(page).toEqual({ greeting: 'Hello from the guest book', entries: first })
      const before = await project.world.containers()
      expect((await project.succeed('up')).stdout).toContain('nothing to do')
      expect(await project.world.containers()).toEqual(before)

      // Another greeting recreates the server alone, and the job does not run again.
      await change(project, [['Hello from', 'Welcome to']])
      await project.succeed('up')
      expect(JSON.parse(await fetchText(web))).toEqual({ greeting: 'Welcome to the guest book', entries: first })

      // Nor after `down`, and then only when it changes or the data is new.
      await project.succeed('down')
      await project.succeed('up')
      const services = (await project.world.containers()).map(({ service }) => service).toSorted()
      expect(services).toEqual(['db', 'web'])
      expect(JSON.parse(await fetchText(web))).toMatchObject({ entries: first })
      await project.succeed('down', '--volumes', '--yes')
    },
  )

  test.skipIf(missing !== undefined)(
    `${runtime}: Apache and PHP must answer with the rows of the database`,
    // Its image is built from Debian's packages.
    { timeout: 600_000 },
    async () => {
      const project = await copyOf(runtime, 'apache-php', { name: 'apache-php', port: 5442 })
      const web = await freePort()
      await change(project, [['host: 8091', `host: ${String(web)}`]])
      await project.succeed('up')
      const answer = async (path: string): Promise<unknown> => JSON.parse(await fetchText(web, path))
      const title = 'The book of visitors'
      expect(await answer('/?name=first')).toEqual({ title, visitors: ['the migration', 'first'] })
      expect((await project.succeed('up')).stdout).toContain('nothing to do')

      // Settings are the environment's, and pages are those of the host.
      await project.write({ '.env': 'SERVER_NAME=localhost\nSITE_TITLE="Another title"\n' })
      expect((await project.succeed('plan')).stdout).toContain('env.SITE_TITLE: The book of visitors -> Another title')
      await project.succeed('up')
      expect(await answer('/')).toEqual({ title: 'Another title', visitors: ['the migration', 'first'] })
      await project.write({ 'public/plain.html': 'plain' })
      expect(await fetchText(web, '/plain.html')).toBe('plain')
      await project.succeed('down', '--volumes', '--yes')
    },
  )
})

// How a program calls the library does not depend on the engine.
describe.each((await realRuntimes()).filter(({ name }) => name !== 'docker'))(
  '$title',
  ({ name: runtime, missing }) => {
    test.skipIf(missing !== undefined)(
      `${runtime}: the program must bring its stack up, and take it down`,
      async () => {
        const project = await copyOf(runtime, 'programmatic', { name: 'programmatic', port: 5443, file: 'main.ts' })
        await change(project, [['services: {', `runtime: '${runtime}', services: {`]], 'main.ts')
        await mkdir(join(project.root, 'node_modules'))
        await symlink(repository, join(project.root, 'node_modules/poststack'))
        const run = async (...words: readonly string[]): Promise<string> => {
          const tsx = join(repository, 'node_modules/.bin/tsx')
          const { stdout, stderr } = await execute(tsx, ['main.ts', ...words], {
            cwd: project.root,
            env: cleanEnvironment(),
          })
          expect(stderr).toBe('')
          return stdout
        }
        const first = await run()
        expect(await project.sql(appliedMigrations)).toEqual([['001_visits applied']])
        expect(first).toContain('applied 001_visits.sql\n')
        expect(first).toContain(`the database is poststack on 127.0.0.1:${String(project.port)}\ndb is ready\n`)
        const server = await project.world.only('db')
        expect(await run()).toMatch(/^up: 0 steps\n/)
        expect(await project.world.only('db')).toEqual(server)
        expect(await run('down')).toMatch(/down: [1-9]\d* steps\n$/)
        expect(await project.world.containers()).toEqual([])
      },
    )
  },
)

// Natively it runs all of its tests, below.
describe.each((await realRuntimes()).filter(({ name }) => name !== 'native'))(
  '$title',
  ({ name: runtime, missing }) => {
    test.skipIf(missing !== undefined)(
      `${runtime}: a test must have a database of its own in a container, and what a dead run has left be gone`,
      { timeout: 300_000 },
      async () => {
        const project = await copyOf(runtime, 'vitest', { name: 'bank', port: 5449 })
        await change(project, [['services: {', `runtime: '${runtime}',\n  services: {`]])
        await installIn(project)
        await project.succeed('up')
        await project.sql('CREATE DATABASE poststack_test_0123456789_ff')
        const server = await project.world.only('db')
        expect(await runVitest(project, ...few)).toMatchObject({ success: true, numPassedTests: 3 })
        expect(await project.world.only('db')).toEqual(server)
        const left = await project.sql(testDatabases)
        expect(left.map(([name]) => name)).toEqual([expect.stringMatching(/^poststack_template_/)])
        await project.succeed('down', '--volumes', '--yes')
      },
    )
  },
)

describe('on PostgreSQL as plain processes', async () => {
  const native = (await realRuntimes()).find(({ name }) => name === 'native') ?? { missing: 'unknown' }
  test.skipIf(native.missing !== undefined)(
    'two projects must share the layer of one package, each with a database of its own',
    async () => {
      const project = await tempProject({ runtime: 'native' })
      await cp(fileURLToPath(new URL('../../examples/monorepo', import.meta.url)), project.root, {
        recursive: true,
        filter: (path) => !/\.poststack|node_modules/.test(path),
      })
      await promisify(execFile)('npm', ['install', '--offline', '--no-audit', '--no-fund'], { cwd: project.root })
      const config = join(project.root, 'shop', 'poststack.config.ts')
      const text = await readFile(config, 'utf8')
      expect(text).toContain('port: 5443')
      await writeFile(config, text.replace('port: 5443', `port: ${String(project.port)}`))
      const run = async (folder: string, ...words: string[]): Promise<string> => {
        const ended = await project.runWith(words, { cwd: join(project.root, folder) })
        expect({ words, code: ended.code, stderr: ended.code === 0 ? '' : ended.stderr }).toMatchObject({ code: 0 })
        return ended.stdout
      }
      for (const [folder, table] of [
        ['shop', 'products'],
        ['blog', 'posts'],
      ] as const) {
        await run(folder, 'up')
        const show = "SELECT current_setting('log_min_duration_statement'), current_setting('work_mem')"
        expect(await run(folder, 'db', 'query', show)).toContain('250ms')
        expect(await run(folder, 'db', 'query', `SELECT count(*) FROM ${table}`)).toContain('0')
        expect(await run(folder, 'up')).toContain('nothing to do')
      }
      const shown = await run('shop', 'config-show', '--origin')
      const preset = '../packages/stack-preset/index.ts'
      expect(shown).toMatch(
        /settings\.work_mem +16MB +poststack\.config\.ts:8:\d+, in the layer of poststack\.config\.ts:5\n/,
      )
      expect(shown).toContain(`250ms`)
      expect(shown.split('\n').find((line) => line.includes('log_statement'))).toContain(`${preset}:10:`)
      expect(shown).toContain(`in the layer of ${preset}:5`)
      expect(await run('blog', 'config-show', '--mode', 'test')).toMatch(/settings\.fsync +false\n/)
      for (const folder of ['shop', 'blog']) await run(folder, 'down', '--volumes', '--yes')
    },
  )

  // What a test does with its database does not depend on what runs the server.
  test.skipIf(native.missing !== undefined)(
    'two hundred tests must have a database each, and leave none',
    { timeout: 600_000 },
    async () => {
      const project = await copyOf('native', 'vitest', { name: 'bank', port: 5449 })
      await change(project, [
        ['services: {', "runtime: 'native',\n  services: {"],
        // What is made and dropped here need not outlive the machine.
        ["migrations: './migrations'", "migrations: './migrations', settings: { fsync: 'off' }"],
      ])
      await installIn(project)
      const first = await runVitest(project, ...(shortened ? few : []))
      expect(first).toMatchObject({ success: true, numTotalTests: 202, numPassedTests: shortened ? 3 : 202 })
      const templates = await project.sql(testDatabases)
      expect(templates).toHaveLength(1)
      expect(templates[0]?.[0]).toMatch(/^poststack_template_/)
      // The database that one works with is left alone.
      expect(await project.sql("SELECT to_regclass('accounts')")).toEqual([[null]])

      // What a run has left that was killed is gone after the next, and the template is made anew only when it would be another.
      await project.sql('CREATE DATABASE poststack_test_0123456789_ff')
      expect(await runVitest(project, ...few)).toMatchObject({ success: true, numPassedTests: 3 })
      expect(await project.sql(testDatabases)).toEqual(templates)
      await project.write({ 'migrations/003_more.sql': 'ALTER TABLE accounts ADD COLUMN note text;\n' })
      expect(await runVitest(project, ...few)).toMatchObject({ success: true, numPassedTests: 3 })
      const others = await project.sql(testDatabases)
      expect(others).toHaveLength(1)
      expect(others).not.toEqual(templates)

      // A migration that the server refuses ends the run with its own words.
      await project.write({ 'migrations/004_wrong.sql': 'SELECT nothing_there;\n' })
      const refused = await vitest(project).catch((error: unknown) => error as { stdout: string; stderr: string })
      expect(`${refused.stdout}${refused.stderr}`).toContain('004_wrong.sql, line 1, column 8')
      expect(await project.sql(testDatabases)).toEqual(others)
      await project.succeed('down', '--volumes', '--yes')
    },
  )
})
