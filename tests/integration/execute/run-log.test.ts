import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import type { StackEvent } from '../../../src/events.ts'
import { type LogEntry, scrub } from '../../../src/execute/log/lines.ts'
import { findLogs, logCategories, logPath, oldLogs, rotation } from '../../../src/execute/log/log-files.ts'
import { followLog, readLog } from '../../../src/execute/log/read-log.ts'
import { createRunLog, type RunLog } from '../../../src/execute/log/run-log.ts'

let folder: string
const refusals: string[] = []

beforeEach(async () => {
  const parent = await mkdtemp(join(tmpdir(), 'poststack-log-'))
  onTestFinished(() => rm(parent, { recursive: true, force: true }))
  folder = join(parent, 'logs')
  refusals.length = 0
})

function open(level: Parameters<typeof createRunLog>[0]['level'] = 'info'): RunLog {
  return createRunLog({ folder, level, command: 'up', onRefused: (message) => refusals.push(message) })
}

const step = { step: 1, subject: 'service:db', kind: 'start' } as const
const cause = { text: 'not found', changes: [] }
const started: StackEvent = { type: 'step-started', ...step, cause, risk: 'none' }
const done: StackEvent = { type: 'step-done', ...step, cause, durationMs: 5 }

async function entries(more: Partial<Parameters<typeof readLog>[0]> = {}): Promise<readonly LogEntry[]> {
  const found: LogEntry[] = []
  const onEntry = (entry: LogEntry): void => void found.push(entry)
  await readLog({ folder, categories: logCategories, filter: {}, tail: 1000, onEntry, ...more })
  return found
}

test('where nothing is done, nothing is written, whatever was said', async () => {
  const log = open('debug')
  log.event({ type: 'run-started', stack: 'shop', runtime: 'native', steps: 0, subjects: [] })
  log.event({ type: 'warning', message: 'look' })
  log.error({ code: 'USAGE', message: 'no' })
  await expect(stat(folder)).rejects.toMatchObject({ code: 'ENOENT' })
})

test('a bug must stand there with where it comes from', async () => {
  const log = open()
  log.event(started)
  log.bug(new TypeError('no such thing'))
  expect((await entries()).at(-1)).toMatchObject({
    level: 'error',
    code: 'BUG',
    stack: expect.stringContaining('TypeError: no such thing\n    at ') as string,
  })
})

test('each line is JSON with the id of its run, in the file of its category, and what was said before comes first', async () => {
  const log = open()
  log.event({ type: 'notice', message: 'first' })
  log.event(started)
  log.event(done)
  log.event({ type: 'migration-applied', migration: '001', name: 'a', file: '001_a.sql', durationMs: 2 })
  const all = await entries()
  expect(all.map(({ category, event, level }) => `${category} ${event} ${level}`)).toEqual([
    'main notice info',
    'container step-done info',
    'database migration-applied info',
  ])
  expect(new Set(all.map(({ run }) => run)).size).toBe(1)
  expect(all.every(({ command, run, time }) => command === 'up' && /^[0-9a-f]{8}$/.test(run) && time > '2026')).toBe(
    true,
  )
  expect((await stat(logPath(folder, 'main'))).mode & 0o777).toBe(0o600)
  expect(await readFile(join(folder, '.gitignore'), 'utf8')).toContain('/poststack*.log')
  open().event(done)
  const other = open()
  other.event(started)
  other.event(done)
  const [first] = all
  expect(await entries({ filter: { run: first?.run } })).toHaveLength(3)
  expect(await entries({ categories: ['container'] })).toHaveLength(2)
  expect(await entries({ filter: { level: 'warning' } })).toEqual([])
  expect(await entries({ tail: 1 })).toHaveLength(1)
})

test.each([
  ['postgresql://app:geheim@db:5432/x', 'postgresql://app:***@db:5432/x'],
  ['PGPASSWORD=geheim rest', 'PGPASSWORD=*** rest'],
  [`ALTER ROLE a PASSWORD 'ge heim' LOGIN`, 'ALTER ROLE a PASSWORD *** LOGIN'],
  ['"api_key": "geheim", "x": 1', '"api_key": ***, "x": 1'],
  ['the password is asked for, service:db', 'the password is asked for, service:db'],
])('%s is written as %s', (text, written) => {
  expect(scrub(text)).toBe(written)
})

test('a large or old file is put aside, and only some of these stay', async () => {
  const path = logPath(folder, 'container')
  await mkdir(join(path, '..'), { recursive: true })
  for (let number = 1; number <= 7; number++)
    await writeFile(join(path, '..', `poststack-20260101T00000${String(number)}-1.log`), 'x')
  await writeFile(join(path, '..', 'web.log'), 'built')
  await writeFile(path, `${'x'.repeat(rotation.bytes)}\n`)
  const log = open()
  log.event(started)
  log.event(done)
  const names = (await readdir(join(path, '..'))).toSorted()
  expect(names.filter((name) => name.startsWith('poststack-'))).toHaveLength(rotation.files)
  expect(names).toContain('web.log')
  expect(await entries()).toHaveLength(1)
  const old = { time: '2020-01-01T00:00:00.000Z', level: 'info', run: '1', event: 'x' }
  await writeFile(path, `${JSON.stringify(old)}\n`)
  const next = open()
  next.event(started)
  next.event(done)
  expect(await readFile(path, 'utf8')).not.toContain('2020')
  expect((await entries()).map(({ event }) => event)).toEqual(['x', 'step-done'])
})

test('a run that goes on for long puts its own file aside, too', async () => {
  const log = open()
  log.event(started)
  const long: StackEvent = { type: 'notice', message: 'x'.repeat(rotation.bytes) }
  for (const event of [long, done, long]) log.event(event)
  const main = (await readdir(folder)).filter((name) => name.startsWith('poststack'))
  expect(main).toHaveLength(2)
  expect(refusals).toEqual([])
})

test('the end of a command is told after what it has done, and begins no log', async () => {
  const idle = open()
  idle.ended('migrate-result', { durationMs: 1 })
  expect(existsSync(folder)).toBe(false)
  const busy = open()
  busy.event(started)
  busy.ended('migrate-result', { durationMs: 1 })
  expect(await readFile(join(folder, 'poststack.log'), 'utf8')).toContain('"event":"migrate-result","durationMs":1')
})

test('what the disk refuses is told once, and nothing else happens', async () => {
  await writeFile(folder, 'a file where the folder should be')
  const log = open()
  log.event(started)
  log.event(done)
  log.event(done)
  expect(refusals).toHaveLength(1)
  expect(refusals[0]).toMatch(
    /the log in .* cannot be written \(a file stands where a folder is needed, (?:ENOTDIR|EEXIST)\); the work goes on without it/,
  )
})

test('lines of runs at once do not mix, and a line that is cut is passed over', async () => {
  const logs = Array.from({ length: 4 }, () => open())
  for (const log of logs) log.event(started)
  for (let round = 0; round < 50; round++) for (const log of logs) log.event(done)
  expect(await entries()).toHaveLength(200)
  await writeFile(logPath(folder, 'container'), '{"time":"2026-11-', { flag: 'a' })
  expect(await entries()).toHaveLength(200)
})

test('what is followed comes as it is written, also when the file is put aside meanwhile', async () => {
  const log = open()
  log.event(started)
  log.event(done)
  const stop = new AbortController()
  const heard: string[] = []
  const following = followLog(
    {
      folder,
      categories: logCategories,
      filter: {},
      tail: 10,
      onEntry: ({ durationMs }) => void heard.push(String(durationMs)),
    },
    stop.signal,
  )
  await expect.poll(() => heard).toEqual(['5'])
  log.event({ ...done, durationMs: 6 })
  await expect.poll(() => heard).toEqual(['5', '6'])
  const path = logPath(folder, 'container')
  await writeFile(path, `${'x'.repeat(rotation.bytes)}\n`, { flag: 'a' })
  const next = open()
  next.event(started)
  next.event({ ...done, durationMs: 7 })
  await expect.poll(() => heard).toEqual(['5', '6', '7'])
  stop.abort()
  await following
})

test('files of an age are found, and files of others are not', async () => {
  const log = open()
  log.event(started)
  log.event(done)
  await writeFile(join(folder, 'app.log'), 'of the project')
  const path = logPath(folder, 'container')
  await writeFile(join(path, '..', 'web.log'), 'built')
  await utimes(path, new Date('2026-01-01'), new Date('2026-01-01'))
  const files = await findLogs(folder)
  expect(files.map(({ isOutput, path: found }) => `${found.slice(folder.length + 1)} ${String(isOutput)}`)).toEqual([
    'containers/poststack.log false',
    'containers/web.log true',
  ])
  expect(oldLogs(files, 7, new Date()).map(({ path: found }) => found)).toEqual([path])
  expect(oldLogs(files, 7, new Date('2026-01-05'))).toEqual([])
})
