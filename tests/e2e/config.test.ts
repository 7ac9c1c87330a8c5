/**
 * The commands about the config itself, and the config that is not run again.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { parse } from 'yaml'
import { processesNaming } from '../support/config-project.ts'
import { tempProject, type Project } from '../support/project.ts'
import { symlink } from 'node:fs/promises'

const secrets = JSON.stringify({ version: 1, key: 'c3'.repeat(32), passwords: { 'db.password': 'made-before-4411' } })

async function projectWith(config: string): Promise<Project> {
  const project = await tempProject({ runtime: 'native' })
  await project.write({ 'package.json': '{ "type": "module" }', 'poststack.config.ts': config })
  return project
}

const shop = (
  port: number,
): string => `import { container, defineConfig, env, glob, postgres, readText } from 'poststack'

const db = postgres({ port: ${String(port)}, password: env('DB_PASSWORD', 'fallback-5512') })
export default defineConfig({
  name: 'shop',
  services: {
    db,
    web: container({
      image: readText('./image.txt').trim(),
      env: { DATABASE_URL: db.url, PARTS: String(glob('parts/*.json').length), COPY: 'x-' + env('DB_PASSWORD', '') + '-x' },
    }),
  },
})
`

const parts = { 'image.txt': 'web:1\n', 'parts/a.json': '{}' }

test('config-validate tells all mistakes at once, those of files and of types too, and starts nothing', async () => {
  const project = await projectWith(shop(5999))
  await project.write(parts)
  const right = await project.run('config-validate', '--json')
  expect(right).toMatchObject({ code: 0, stderr: '' })
  const profile = await project.run('config-validate', '--profile', 'typo')
  expect(profile).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('typo') as string })
  expect(JSON.parse(right.stdout)).toEqual({
    version: 1,
    type: 'config-valid',
    file: 'poststack.config.ts',
    stack: 'shop',
    services: ['db', 'web'],
    types: false,
  })

  await symlink(resolve('node_modules'), join(project.root, 'node_modules'))
  await project.write({
    'tsconfig.json':
      '{ "compilerOptions": { "strict": true, "rootDir": "./src", "module": "nodenext", "types": ["node"], "skipLibCheck": true } }',
    'src/port.ts': "export const port: number = '5433'\n",
    'poststack.config.ts': `import { container, defineConfig, postgres } from 'poststack'
import { port } from './src/port.js'
export default defineConfig({
  services: {
    db: postgres({ port, prot: 1, version: 3 }),
    web: container({ image: 'x', envFile: './missing.env' }),
  },
})
`,
  })
  await project.write({ '.env': 'POSTSTACK_CONFIG=\n' })
  const unnamed = await project.run('config-validate', '--types')
  expect(unnamed.stderr.match(/is empty/g)).toHaveLength(1)
  await project.write({ '.env': '' })
  const wrong = await project.run('config-validate', '--types')
  expect(wrong).toMatchObject({ code: 2, stdout: '' })
  for (const words of [
    'version',
    'unknown key: did you mean `port`',
    'missing.env',
    'src/port.ts:1:14',
    'TS2322',
    "'prot'",
  ])
    expect(wrong.stderr).toContain(words)
  await project.write({ 'src/port.ts': 'export const port: number = 5433\n', 'missing.env': '' })
  await project.write({
    'poststack.config.ts':
      "import { defineConfig, postgres } from 'poststack'\nimport { port } from './src/port.js'\nexport default defineConfig({ name: 'x', services: { db: postgres({ port }) } })\n",
  })
  const typed = await project.run('config-validate', '--types')
  expect(typed).toMatchObject({
    code: 0,
    stdout: 'poststack.config.ts is right: stack x with one service, and TypeScript has nothing to say against it\n',
  })
  expect(await readdir(project.root)).not.toContain('.poststack')
})

test('config-validate --types must accept without a tsconfig what both ways of loading accept', async () => {
  const project = await projectWith(shop(5999))
  await symlink(resolve('node_modules'), join(project.root, 'node_modules'))
  await project.write({
    'package.json': '{}',
    'port.ts': 'export const port = 5433\n',
    'name.json': '{ "name": "x" }\n',
    'part.tsx': 'export const part = 1\n',
    'poststack.config.ts': `import { defineConfig, postgres } from 'poststack'
import { port } from './port'
import { part } from './part'
import data from './name.json'
export default defineConfig({ name: data.name, services: { db: postgres({ port: await Promise.resolve(port + part) }) } })
`,
    'other.config.cts': "import ports = require('./port')\nexport = { name: `x${ports.port}`, services: {} }\n",
  })
  for (const args of [[], ['-A'], ['--config', 'other.config.cts']])
    expect(await project.run('config-validate', '--types', ...args)).toMatchObject({ code: 0, stderr: '' })
  await project.write({ 'port.ts': "export const port: number = '5433'\n" })
  expect((await project.run('config-validate', '--types')).stderr).toContain('TS2322')
})

test('config-show tells what is meant and where it comes from, and no secret', async () => {
  const project = await projectWith(shop(5999))
  await project.write(parts)
  const env = { DB_PASSWORD: 'from-env-8890' }
  const shown = await project.runWith(['config-show', '--origin', '--instance', 'two'], { env })
  expect(shown).toMatchObject({ code: 0, stderr: '' })
  const rows = Object.fromEntries(
    shown.stdout
      .trim()
      .split('\n')
      .map((line) => line.trim().split(/ {2,}/))
      .map(([path, ...rest]) => [path, rest]),
  )
  expect(rows).toMatchObject({
    name: ['shop-two', '--instance'],
    runtime: ['native', '--runtime'],
    'services.db.port': ['5999', 'poststack.config.ts:3:23'],
    'services.db.password': ['***', 'poststack.config.ts:3:35, from $DB_PASSWORD'],
    'services.db.user': ['poststack', 'default'],
    'services.web.env.COPY': ['x-***-x', 'poststack.config.ts:10:80, from $DB_PASSWORD'],
    'services.web.image': ['web:1', 'poststack.config.ts:9:7'],
    'services.web.env.DATABASE_URL': ['${db.url}', 'poststack.config.ts:10:14'],
  })
  const beside =
    'POSTSTACK_DATABASE_URL=postgresql://me:hush-8890@db.example/shop\nPOSTSTACK_PROJECT_CONTAINERS_PATH=images\n'
  await project.write({ '.env': `POSTSTACK_POSTGRES_HOST_PORT=5997\n${beside}` })
  const over = await project.run('config-show', '--origin')
  expect(over.stdout).toMatch(/services\.db\.port +5997 +\$POSTSTACK_POSTGRES_HOST_PORT \(\.env:1\)/)
  expect(over.stdout).toMatch(
    /databaseUrl +postgresql:\/\/me:\*{3}@db\.example\/shop +\$POSTSTACK_DATABASE_URL \(\.env:2\)\n/,
  )
  expect(over.stdout).toMatch(/projectContainersPath +images +\$POSTSTACK_PROJECT_CONTAINERS_PATH \(\.env:3\)\n/)
  await project.write({ 'data.yaml': 'services:\n  db:\n    kind: postgres\n    version: 16\n' })
  const data = await project.run('config-show', '--origin', '--config', 'data.yaml')
  expect(data.stdout).toMatch(/services\.db\.version +16 +data\.yaml:4:5\n/)
  await rm(join(project.root, '.env'))

  const document = await project.runWith(['config-show', '--json'], { env })
  expect(JSON.parse(document.stdout)).toMatchObject({
    type: 'config',
    config: { services: { web: { image: 'web:1' } } },
  })
  const yaml = await project.runWith(['config-show', '--yaml', '--origin'], { env })
  expect(yaml.stdout).toContain('    password: "***" # poststack.config.ts:3:35, from $DB_PASSWORD\n')
  expect(parse(yaml.stdout)).toEqual((JSON.parse(document.stdout) as { config: unknown }).config)
  expect(await project.run('config-show', '--yaml', '--json')).toMatchObject({ code: 2 })
  for (const { stdout, stderr } of [shown, over, document, yaml]) expect(`${stdout}${stderr}`).not.toContain('8890')

  const listed = await project.runWith(['config-show', '--dependencies', '--json'], { env })
  expect(JSON.parse(listed.stdout)).toMatchObject({
    type: 'config-dependencies',
    files: ['image.txt', 'package.json', 'poststack.config.ts'],
    globs: [{ pattern: 'parts/*.json', files: ['parts/a.json'] }],
    variables: ['DB_PASSWORD'],
    cached: false,
  })
  for (const name of ['tsconfig.json', '.env']) expect(listed.stdout).toContain(`"${name}"`)
  const people = await project.runWith(['config-show', '--dependencies'], { env })
  expect(people.stdout).toMatch(
    /\nfiles that would count, if they were there\n {2}\.env\n[^]*\n {2}and \d+ outside of the project: --json\n/,
  )
  expect(listed.stdout).not.toContain('8890')
})

test('the level of the log must be what a flag, the environment, .env, the config or the default says, in this order', async () => {
  const project = await projectWith("export default { logs: { level: 'error', folder: './var/log' }, services: {} }\n")
  const level = async (env: Readonly<Record<string, string>> = {}, ...words: readonly string[]): Promise<unknown> => {
    const { stdout } = await project.runWith(['config-show', '--origin', ...words], { env })
    return /logs\.level +(.*)\n/.exec(stdout)?.[1]?.replaceAll(/ {2,}/g, ' ')
  }
  const own = { POSTSTACK_LOG_LEVEL: 'off' }
  expect(await level()).toMatch(/^error poststack\.config\.ts:1/)
  await project.write({ '.env': 'POSTSTACK_LOG_LEVEL=warn\n' })
  expect(await level()).toBe('warning $POSTSTACK_LOG_LEVEL (.env:1)')
  expect(await level(own)).toBe('off $POSTSTACK_LOG_LEVEL (environment)')
  expect(await level(own, '--log-level', 'debug')).toBe('debug --log-level')
  await project.write({ 'data.yaml': 'logs:\n  levle: info\n  folder: .\nservices: {}\n', '.env': '' })
  const wrong = await project.run('config-validate', '--config', 'data.yaml')
  expect(wrong.code).toBe(2)
  expect(wrong.stderr).toContain('logs.levle: unknown key: did you mean `level`? (data.yaml:2:3)')
  expect(wrong.stderr).toContain('logs.folder: expected a folder for logs alone')

  // The commands about logs find the folder as well, and work where the config is what is broken.
  expect((await project.succeed('logs', 'list')).stdout).toBe(`no logs in ${join(project.root, 'var/log')}\n`)
  await project.write({ 'poststack.config.ts': 'export default {' })
  const lost = await project.succeed('logs', 'list')
  expect(lost.stdout).toBe(`no logs in ${join(project.root, 'logs')}\n`)
  expect(lost.stderr).toContain('the config cannot be read, so this is about the usual folder for logs')
  expect((await project.succeed('--log-level', 'off', 'logs', 'list')).code).toBe(0)
})

test('a config that was kept is not run again: no process, no bundler, no schema; and --verbose says how it was', async () => {
  const project = await projectWith(shop(5998))
  await project.write({ ...parts, '.poststack/secrets.json': secrets })
  const words = ['config-show', '--verbose']
  const first = await project.run(...words)
  expect(first.stderr).toContain('config  evaluated, and kept for the next time')
  const coverage = await mkdtemp(join(tmpdir(), 'poststack-coverage-'))
  onTestFinished(() => rm(coverage, { recursive: true, force: true }))
  const second = await project.runWith(words, { env: { NODE_V8_COVERAGE: coverage } })
  expect(second.stderr).toContain('config  as it was')
  expect(second.stdout).toBe(first.stdout)
  const reports = await Promise.all((await readdir(coverage)).map((name) => readFile(join(coverage, name), 'utf8')))
  const files = reports.flatMap((text) => [...text.matchAll(/"url":"file:\/\/([^"]+)"/g)].map(([, file = '']) => file))
  const sources = await Promise.all(files.map((file) => readFile(file, 'utf8')))
  expect(files.some((file) => file.endsWith('/dist/cli.js'))).toBe(true)
  expect(files.filter((file) => /node_modules\/(?:esbuild|tsx)\//.test(file))).toEqual([])
  expect(sources.filter((text) => /^\/\/ node_modules\/zod\//m.test(text))).toEqual([])

  await project.write({ 'parts/b.json': '{}' })
  const changed = await project.run(...words)
  expect(changed.stdout).toMatch(/services\.web\.env\.PARTS +2\n/)
  await project.write({ 'poststack.config.ts': `void Date.now()\n${shop(5998)}` })
  const clock = await project.run(...words)
  expect(clock.stderr).toContain('not kept: the config reads the clock (Date.now) at poststack.config.ts:1:')
  const plain = await project.run('config-show')
  expect(plain.stderr).toBe('')
})

test('a config that waits for ever ends with the Poststack that was killed', async () => {
  const project = await projectWith('setInterval(() => {}, 1000)\nawait new Promise(() => {})\nexport default {}\n')
  const running = project.start(['config-show'])
  const evaluating = (): readonly string[] => processesNaming(project.root).filter((line) => !line.includes('cli.js'))
  await expect.poll(evaluating, { timeout: 20_000 }).toHaveLength(1)
  running.process.kill('SIGKILL')
  await expect.poll(evaluating, { timeout: 20_000 }).toEqual([])
  await project.destroy()
})

test('a signal opens no inspector of the program that reads a config', async () => {
  const project = await projectWith(
    "process.kill(process.ppid, 'SIGUSR1')\nawait new Promise((resolve) => setTimeout(resolve, 300))\nexport default { services: {} }",
  )
  expect(await project.run('config-show', '--allow-run')).toMatchObject({ code: 0, stderr: '' })
})
