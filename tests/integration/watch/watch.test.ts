/**
 * The watch as a whole, from files that are saved to runs that are made: real files, and runs that only pretend.
 */
import { EventEmitter, once } from 'node:events'
import { mkdir, mkdtemp, realpath, rename, rm, writeFile } from 'node:fs/promises'
import { renameSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { StackEvent } from '../../../src/events.ts'
import type { PlanStep } from '../../../src/plan/step.ts'
import { watch, type Watching } from '../../../src/watch/watch.ts'
import { openPretended, pretendedRuns, type PretendedRuns } from '../../support/watched-stack.ts'

const newest = 'migrations/002_b.sql'

let root: string
let controller: AbortController
let events: StackEvent[]
let runs: PretendedRuns
let watching: Watching
/** Told of each event. */
let heard: () => void

const put = (path: string, text: string): Promise<void> => writeFile(join(root, path), text)

async function begin(runMs: number): Promise<void> {
  watching = await watch({
    open: () => openPretended({ root, file: newest, runs, runMs }),
    services: [],
    onEdit: 'rollback',
    emit: (event) => {
      events.push(event)
      heard()
    },
    signal: controller.signal,
  })
  await nextRun()
}

/** The events up to the end of the next run. */
async function nextRun(): Promise<readonly StackEvent[]> {
  const until = performance.now() + 20_000
  for (;;) {
    const index = events.findIndex(({ type }) => type === 'watch-waiting')
    if (index !== -1) return events.splice(0, index + 1)
    if (performance.now() > until) throw new Error(`no run, but ${events.map(({ type }) => type).join(', ')}`)
    await Promise.race([sleep(500), new Promise<void>((resolve) => (heard = resolve))])
  }
}

const start = { subject: 'service:db', action: { kind: 'start' } } as PlanStep

/** Longer than any pause that the watch makes, so that what was still to come has come. */
const rest = (): Promise<void> => sleep(1_000)

const resources = (): number => process.getActiveResourcesInfo().filter((name) => name !== 'Timeout').length

const changedPaths = (): readonly string[] =>
  events.flatMap((event) => (event.type === 'watch-changed' ? event.paths : []))
const failures = (list: readonly StackEvent[]): readonly string[] =>
  list.flatMap((event) => (event.type === 'watch-failed' ? [event.error.code] : []))

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'ps-watching-')))
  await mkdir(join(root, 'migrations'))
  await put('poststack.config.ts', 'one')
  await put('migrations/001_a.sql', 'SELECT 1;\n')
  await put(newest, 'SELECT 2;\n')
  await sleep(30)
  controller = new AbortController()
  events = []
  runs = pretendedRuns()
  heard = () => undefined
})

afterEach(async () => {
  controller.abort()
  await watching?.ended.catch(() => undefined)
  expect(runs.closed).toBe(runs.opened)
  await rm(root, { recursive: true, force: true })
})

test('a thousand saves must be few runs, one at a time, the last of which has seen the last save', async () => {
  await begin(30)
  for (let save = 1; save <= 1_000; save += 1) {
    writeFileSync(join(root, newest), `SELECT ${String(save)};\n`)
    if (save % 100 === 0) await put('poststack.config.ts', `save ${String(save)}`)
    // A minute of them would be no other: what matters is that one comes while another is being looked at, and while one is run.
    if (save % 3 === 0) await sleep(save % 150 === 0 ? 60 : 1)
  }
  await rest()
  expect(runs.seen.at(-1)).toBe('SELECT 1000;\n')
  expect(runs.atOnce).toBe(1)
  expect(runs.seen.length).toBeLessThan(40)
  expect(new Set(changedPaths())).toEqual(new Set([newest, 'poststack.config.ts']))
  expect(failures(events)).toEqual([])
  events.length = 0
  await rest()
  expect(events).toEqual([])
})

test('a rename storm that ends as it began must leave things as they are, and one that does not be seen whole', async () => {
  await begin(5)
  const [one, other] = [join(root, newest), join(root, 'migrations/003_c.sql')]
  for (let turn = 0; turn < 300; turn += 1) {
    renameSync(one, other)
    renameSync(other, one)
    if (turn % 20 === 0) await sleep(1)
  }
  await rest()
  expect(runs.seen.filter((text) => text !== 'SELECT 2;\n')).toEqual([])
  events.length = 0
  renameSync(one, other)
  expect((await nextRun())[0]).toMatchObject({ type: 'watch-changed', paths: [newest, 'migrations/003_c.sql'] })
  expect(runs.seen.at(-1)).toBe('(gone)')
  renameSync(other, one)
  await nextRun()
  expect(runs.seen.at(-1)).toBe('SELECT 2;\n')
})

test('a folder that is deleted and restored with other files must be one run each, also when all of it happens in a run', async () => {
  await begin(5)
  await rm(join(root, 'migrations'), { recursive: true })
  expect((await nextRun())[0]).toMatchObject({ paths: ['migrations/001_a.sql', newest] })
  await mkdir(join(root, 'migrations'))
  await put(newest, 'SELECT 3;\n')
  expect((await nextRun())[0]).toMatchObject({ paths: [newest] })
  expect(runs.seen.at(-1)).toBe('SELECT 3;\n')
  await put(newest, 'SELECT 4;\n')
  await nextRun()
  expect(runs.seen.at(-1)).toBe('SELECT 4;\n')
})

test('a config that is moved away, broken and put back must keep the last good state, which goes on being followed', async () => {
  await begin(5)
  const config = join(root, 'poststack.config.ts')
  await rename(config, `${config}.away`)
  expect(failures(await nextRun())).toEqual(['CONFIG_NOT_FOUND'])
  await put(newest, 'SELECT 3;\n')
  // A run that goes well is not as declared while nobody knows what is.
  expect((await nextRun()).at(-1)).toMatchObject({ asDeclared: false })
  expect(runs.seen.at(-1)).toBe('SELECT 3;\n')
  await put('poststack.config.ts', 'broken')
  expect(failures(await nextRun())).toEqual(['CONFIG_FAILED'])
  expect(runs.opened - runs.closed).toBe(1)
  await rename(`${config}.away`, config)
  const mended = await nextRun()
  expect(failures(mended)).toEqual([])
  expect(mended.at(-1)).toMatchObject({ asDeclared: true })
  expect(runs.opened).toBe(2)
  await put('poststack.config.ts', 'broken')
  await nextRun()
  await put(newest, 'SELECT 4;\n')
  await nextRun()
  controller.abort()
  expect((await watching.ended).failure?.code).toBe('CONFIG_FAILED')
})

test('a server that was restarted by hand must be nothing, and one that is still gone be a run', async () => {
  await begin(5)
  const made = runs.seen.length
  // It ended, and when it is looked at it runs again.
  runs.end?.('db')
  await rest()
  expect(events).toEqual([])
  expect(runs.seen).toHaveLength(made)
  runs.steps = [start]
  runs.end?.('db')
  expect((await nextRun())[0]).toMatchObject({ type: 'watch-changed', paths: [], services: ['db'] })
  expect(runs.seen).toHaveLength(made + 1)
})

test('what failed before must still be told when services that end again and again are given up', async () => {
  const facts = { step: 1, subject: 'service:db', durationMs: 1 }
  const error = { code: 'MIGRATION_FAILED', message: 'no such table' } as const
  runs.results = [
    { ...facts, kind: 'start', status: 'done' },
    { ...facts, kind: 'migrate', status: 'failed', error },
  ]
  await begin(0)
  runs.steps = [start]
  for (let death = 1; death <= 3; death += 1) {
    runs.end?.('db')
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await nextRun()
  }
  controller.abort()
  expect((await watching.ended).failure).toEqual(error)
})

test('a watch that does not come to begin must close what it opened', async () => {
  const begun = watch({
    open: async () => {
      const stack = await openPretended({ root, file: newest, runs, runMs: 0 })
      controller.abort()
      return stack
    },
    services: [],
    onEdit: 'rollback',
    emit: () => undefined,
    signal: controller.signal,
  })
  await expect(begun).rejects.toMatchObject({ code: 'INTERRUPTED' })
  expect(runs).toMatchObject({ opened: 1, closed: 1 })
})

test('a bug while it listens must end it', async () => {
  const bug = new EventEmitter()
  runs.listening = async () => {
    await once(bug, 'known')
    throw new TypeError('a bug')
  }
  await begin(0)
  bug.emit('known')
  await expect(watching.ended).rejects.toThrow('a bug')
})

test('reloads must leave nothing behind: no watcher, no listener, no memory', { timeout: 60_000 }, async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  await begin(0)
  const reload = async (from: number, to: number): Promise<number> => {
    for (let turn = from; turn < to; turn += 1) {
      await put('poststack.config.ts', `reload ${String(turn)}`)
      await nextRun()
    }
    collect()
    return process.memoryUsage().heapUsed
  }
  // What is loaded and compiled on the way is no leak.
  const before = await reload(0, 60)
  const open = resources()
  const after = await reload(60, 260)
  expect(runs.opened).toBe(261)
  expect(runs.opened - runs.closed).toBe(1)
  expect(resources()).toBeLessThanOrEqual(open + 1)
  // 200 reloads that kept one stack each would be far more.
  expect((after - before) / 200).toBeLessThan(4_000)
})
