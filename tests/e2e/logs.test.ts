/**
 * The log of what was done, and the doctor: one stack on the native runtime serves both.
 */
import { existsSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Finding } from '../../src/execute/doctor/findings.ts'
import { tempProject } from '../support/project.ts'

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
  await project.write({ 'migrations/003_c.sql': 'SELECT 1;\n' })
  const quiet = await project.runWith(['up'], { env: { POSTSTACK_LOG_LEVEL: 'off' } })
  expect({ code: quiet.code, logs: existsSync(logs) }).toEqual({ code: 0, logs: false })
  await project.write({ 'migrations/004_d.sql': 'SELECT 1;\n' })
  const env = { POSTSTACK_LOG_LEVEL: 'off', POSTSTACK_LOG_DIR: 'var/log' }
  await project.runWith(['up', '--log-level', 'debug'], { env })
  const all = documents((await project.runWith(['logs', 'show', '--json', '--level', 'debug'], { env })).stdout)
  const levels = new Set(all.map(({ entry }) => (entry as { readonly level: string }).level))
  expect([...levels].toSorted()).toEqual(['debug', 'info'])
  expect(existsSync(logs)).toBe(false)
})

test('the doctor must say what keeps up from working, and exit with 4', async () => {
  const project = await tempProject({ runtime: 'native' })
  await project.declare({ db: `postgres({ port: ${String(project.port)} })` })
  const well = await project.succeed('doctor', '--json')
  expect(findingsOf(well.stdout)).toContainEqual(expect.objectContaining({ check: 'runtime', level: 'ok' }))
  expect(await project.world.containers()).toEqual([])
  await project.declare({ db: `postgres({ port: ${String(project.port)}, version: 13 })` })
  const missing = await project.run('doctor')
  expect(missing.code).toBe(4)
  expect(missing.stdout).toContain('up cannot work here until the problems above are mended')
  await project.declare({ db: `postgres({ prt: 1 })` })
  const broken = await project.run('doctor', '--json')
  expect(broken.code).toBe(4)
  expect(findingsOf(broken.stdout).at(-1)).toMatchObject({ check: 'config', level: 'problem', stopsUp: true })
})
