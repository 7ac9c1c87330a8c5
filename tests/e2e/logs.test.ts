/**
 * The log of what was done, and the doctor: one stack on the native runtime serves both.
 */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { tmpdir } from 'node:os'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import type { Finding } from '../../src/execute/doctor/finding.ts'
import { cleanEnvironment, cliFile } from '../support/cli.ts'
import { tempProject } from '../support/project.ts'
import { realRuntimes } from '../support/world.ts'

const execute = promisify(execFile)
/** Mounts that nobody else sees. */
const ownMounts = process.getuid?.() === 0 ? ['--mount'] : ['--user', '--map-root-user', '--mount']
const engine = (await realRuntimes()).find(({ name, missing }) => name !== 'native' && missing === undefined)

const documents = (text: string): readonly Readonly<Record<string, unknown>>[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>)

const findingsOf = (text: string): readonly Finding[] => documents(text).at(-1)?.['findings'] as readonly Finding[]

test('what was done must be in the log, and what does nothing must not write', async () => {
  const project = await tempProject({ runtime: 'native' })
  const logs = join(project.root, 'logs')
  await project.write({ 'migrations/001_a.sql': 'CREATE TABLE a (id int);\n' })
  const doctored = await project.succeed('doctor', '--json')
  expect(documents(doctored.stdout).at(-1)).toMatchObject({ type: 'doctor', works: true })
  await project.declare({ db: `postgres({ port: ${String(project.port)}, migrations: './migrations' })` })
  for (const words of [['plan'], ['status'], ['--help'], ['version'], ['logs', 'list'], ['doctor']])
    await project.succeed(...words.filter(Boolean)).catch(() => undefined)
  expect(existsSync(logs)).toBe(false)
  expect((await project.succeed('logs', 'list')).stdout).toBe(`no logs in ${logs}\n`)
  const silent = await project.succeed('logs', 'show', '--run', 'zzz', '--level', 'error')
  expect(silent).toMatchObject({ stdout: '' })
  expect(silent.stderr).toContain(`no lines of run zzz of level error or above in ${logs}\n`)

  await project.succeed('up')
  const shown = documents((await project.succeed('logs', 'show', '--json')).stdout).map(({ entry }) => entry)
  expect(shown).toContainEqual(
    expect.objectContaining({ command: 'up', category: 'database', event: 'migration-applied', file: '001_a.sql' }),
  )
  expect(shown.at(-1)).toMatchObject({ level: 'info', category: 'main', event: 'outcome', ok: true, failed: 0 })
  const runs = new Set(shown.map((entry) => (entry as { readonly run: string }).run))
  expect(runs.size).toBe(1)
  const before = await readFile(join(logs, 'poststack.log'), 'utf8')
  await project.succeed('up')
  expect(await readFile(join(logs, 'poststack.log'), 'utf8')).toBe(before)

  await project.write({ 'migrations/002_b.sql': "SELECT nothing; -- password 'geheim'\n" })
  expect((await project.run('up')).code).toBe(1)
  const failed = documents((await project.succeed('logs', 'show', '--level', 'error', '--json')).stdout)
  expect(failed.map(({ entry }) => (entry as { readonly event: string }).event)).toEqual(['step-failed', 'outcome'])
  expect(JSON.stringify(failed)).not.toContain('geheim')
  const [run = ''] = runs
  expect((await project.succeed('logs', 'show', '--run', run.slice(0, 6))).stdout).not.toContain('step-failed')
  expect((await project.succeed('logs', 'size')).stdout).toMatch(/^\d.* in .*\n\n {2}main +1 file/)
  expect((await project.succeed('logs', 'clean', '--dry-run')).stdout).toBe('nothing to delete\n')

  // What cannot be written is told once, and the work is done.
  await rm(logs, { recursive: true })
  await writeFile(logs, '')
  await project.write({ 'migrations/002_b.sql': 'SELECT 1;\n' })
  const stubborn = await project.succeed('up')
  expect(stubborn.stderr.match(/cannot be written/g)).toHaveLength(1)
  await rm(logs)
  for (const [index, options] of ['ro', 'nr_inodes=2'].entries()) {
    await project.write({ 'logs/keep': '', [`migrations/01${String(index)}_e.sql`]: 'SELECT 1;\n' })
    const script = `mount -t tmpfs -o ${options} none logs && exec "$@"`
    const words = [process.execPath, cliFile, 'database', 'migrate', '--runtime', 'native', '--log-level', 'debug']
    const spawning = { cwd: project.root, env: cleanEnvironment({ TMPDIR: tmpdir() }) }
    const { stderr, stdout } = await execute('unshare', [...ownMounts, 'sh', '-c', script, '_', ...words], spawning)
    expect(stdout).toContain('1 migration applied')
    expect(stderr.match(/cannot be written \([a-z -]+, (?:EROFS|ENOSPC)\); the work goes on/g)).toHaveLength(1)
    await rm(logs, { recursive: true })
  }
  await project.write({ 'migrations/020_c.sql': 'SELECT 1;\n' })
  const quiet = await project.runWith(['up'], { env: { POSTSTACK_LOG_LEVEL: 'off' } })
  expect({ code: quiet.code, logs: existsSync(logs) }).toEqual({ code: 0, logs: false })
  await project.write({ 'migrations/021_d.sql': 'SELECT 1;\n' })
  const env = { POSTSTACK_LOG_LEVEL: 'off', POSTSTACK_LOG_DIR: 'var/log' }
  await project.runWith(['up', '--log-level', 'debug'], { env })
  const all = documents((await project.runWith(['logs', 'show', '--json', '--level', 'debug'], { env })).stdout)
  const levels = new Set(all.map(({ entry }) => (entry as { readonly level: string }).level))
  expect([...levels].toSorted()).toEqual(['debug', 'info'])
  await project.write({ 'migrations/022_e.sql': 'SELECT 1;\n' })
  await project.runWith(['database', 'migrate', '--log-level', 'info'], { env })
  const report = documents((await project.runWith(['report', '--json'], { env })).stdout).at(-1)
  expect(report).toMatchObject({ runs: { value: [{ command: 'database migrate', state: 'done' }, {}] } })
  expect(existsSync(logs)).toBe(false)
})

test.skipIf(engine === undefined)('our own log must ask for no build, wherever in the context it is', async () => {
  const project = await tempProject({ runtime: engine?.name ?? 'podman' })
  await project.write({
    'containers/all/Dockerfile': 'FROM docker.io/library/postgres:17\nCOPY . /all\n',
    'var/mine': '',
  })
  await project.declare({ all: `container({ build: { dockerfile: './containers/all/Dockerfile' } })` })
  const plan = async (env: Readonly<Record<string, string>>): Promise<unknown> => {
    const { stdout } = await project.runWith(['plan', '--json'], { env })
    const [image] = /all:[0-9a-f]+/.exec(stdout) ?? []
    return image
  }
  const env = { POSTSTACK_LOG_DIR: 'var/log' }
  const before = await plan(env)
  expect(before).toBeDefined()
  await project.write({ 'var/log/poststack.log': 'x', 'var/log/containers/all.log': 'x', 'logs/poststack.log': 'x' })
  expect(await plan(env)).toBe(before)
  expect(await plan({})).not.toBe(before)
  await project.write({ 'var/log/mine.log': 'x' })
  expect(await plan(env)).not.toBe(before)
})

test('the doctor must say what keeps up from working, and exit with 4', async () => {
  const project = await tempProject({ runtime: 'native' })
  await project.declare({ db: `postgres({ port: ${String(project.port)} })` })
  const well = await project.succeed('doctor', '--json')
  for (const check of ['runtime', 'ports'])
    expect(findingsOf(well.stdout)).toContainEqual(expect.objectContaining({ check, level: 'ok' }))
  if (engine !== undefined) {
    const answers = expect.stringMatching(/^\w+ \d+\.\S* .*answers.*, (?:as root|rootless)(?:$|;)/)
    expect(findingsOf(well.stdout)).toContainEqual(
      expect.objectContaining({ check: engine.name, level: 'ok', message: answers }),
    )
  }
  expect(await project.world.containers()).toEqual([])
  const holder = createServer((socket) => void socket.resume()).listen(project.port, '127.0.0.1')
  await once(holder, 'listening')
  const busy = await project.run('doctor', '--json')
  expect(busy.code).toBe(4)
  expect(findingsOf(busy.stdout)).toContainEqual(
    expect.objectContaining({
      check: 'plan',
      cause: expect.stringContaining(`(pid ${String(process.pid)})`),
      remedy: expect.stringContaining('stop what holds it'),
      stopsUp: true,
    }),
  )
  await new Promise((resolve) => holder.close(resolve))
  await project.declare({ db: `postgres({ port: ${String(project.port)}, version: 13 })` })
  const missing = await project.run('doctor')
  expect(missing.code).toBe(4)
  expect(missing.stdout).toContain('up cannot work here until the problems above are mended')
  await project.declare({ db: `postgres({ prt: 1 })` })
  const broken = await project.run('doctor', '--json')
  expect(broken.code).toBe(4)
  expect(findingsOf(broken.stdout).at(-1)).toMatchObject({ check: 'config', level: 'problem', stopsUp: true })
})
