/**
 * The library as a program uses it, on one server of the native runtime.
 */
import { readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from 'vitest'
import { defineConfig, openStack, type OpenOptions, postgres, type Stack, type StackEvent } from '../../src/index.ts'
import { cleanEnvironment } from '../support/cli.ts'
import { appliedMigrations, ledgerRows, tempProject, type Project } from '../support/project.ts'
import { itemsMigration } from '../support/services.ts'

let project: Project
const opened: Stack[] = []

const open = async (options: Partial<OpenOptions> = {}): Promise<Stack> => {
  const services = { db: postgres({ port: project.port, migrations: './migrations' }) }
  const config = defineConfig({ name: project.stack, runtime: 'native', services })
  const stack = await openStack({ cwd: project.root, env: cleanEnvironment(), config, ...options })
  opened.push(stack)
  return stack
}

const ledger = async (): Promise<readonly unknown[]> => (await project.sql(appliedMigrations)).flat()

/** Hears everything up to the first event of a type. */
async function upTo(events: AsyncIterable<StackEvent>, type: StackEvent['type']): Promise<readonly StackEvent[]> {
  const heard: StackEvent[] = []
  for await (const event of events) {
    heard.push(event)
    if (event.type === type) return heard
  }
  throw new Error(`no ${type}, but ${heard.map((event) => event.type).join(', ')}`)
}

beforeAll(async () => {
  project = await tempProject({ runtime: 'native', shared: true })
  await project.write(itemsMigration)
})

afterEach(async () => {
  await Promise.all(opened.splice(0).map((stack) => stack.close()))
})

afterAll(() => project.destroy())

test('everything may be called twice, also at once, and must be done once', async () => {
  const stack = await open()
  expect(stack.configFile).toBeUndefined()
  const events = stack.events()
  const outcomes = await Promise.all([stack.up(), stack.up()])
  expect(outcomes.map(({ ok, remaining }) => ({ ok, remaining }))).toEqual([
    { ok: true, remaining: [] },
    { ok: true, remaining: [] },
  ])
  const started = outcomes.map(({ results }) => results.filter(({ kind }) => kind === 'start').length)
  expect(started.toSorted((a, b) => a - b)).toEqual([0, 1])
  expect(await ledger()).toEqual(['001_items applied'])
  const server = await project.world.only('db')
  const rows = await project.sql(ledgerRows)
  expect((await stack.up()).results).toEqual([])
  expect(await project.sql(ledgerRows)).toEqual(rows)
  expect(await project.world.only('db')).toEqual(server)

  await project.write({ 'migrations/002_more.sql': 'CREATE TABLE more ();\n' })
  const migrated = await Promise.all([stack.migrate(), stack.migrate({ service: 'db' })])
  expect(migrated.flatMap(({ applied }) => applied.map(({ version }) => version))).toEqual(['002'])
  expect(await stack.migrate({ target: '002' })).toEqual({ applied: [], already: 2 })
  expect(await ledger()).toEqual(['001_items applied', '002_more applied'])

  await Promise.all([stack.close(), stack.close()])
  const types = new Set<string>()
  for await (const { type } of events) types.add(type)
  expect([...types]).toEqual(expect.arrayContaining(['run-started', 'step-done', 'migration-applied']))
  // A stack that was closed is only rid of its connections.
  expect((await stack.status()).services).toMatchObject([{ service: 'db', state: 'ready' }])
  await stack[Symbol.asyncDispose]()
  expect(await project.world.only('db')).toEqual(server)
})

test('a signal must stop its own call, and leave the stack and its other calls alone', async () => {
  const stack = await open()
  const signal = AbortSignal.abort()
  const calls: readonly Promise<unknown>[] = [
    stack.plan({ signal }),
    stack.up({ signal }),
    stack.down({ volumes: false, signal }),
    stack.status({ signal }),
    stack.migrate({ signal }),
    stack.psql({ terminal: false, signal }),
    stack
      .watch({ signal })
      .then(({ ended }) => ended)
      .then(({ inRun }) => Promise.reject(new Error(String(inRun)))),
    stack.containers.start({ signal }),
    stack.containers.stop({ signal }),
    stack.containers.restart({ signal }),
    stack.containers.remove(['db'], { signal }),
    stack.containers.status({ signal }),
    stack.containers.list({ signal }),
    stack.containers.health([], { signal }),
    stack.containers.logs({ signal, onLine: () => undefined }),
    stack.containers.program('db', ['true'], { terminal: false, signal }),
    stack.containers.build({ image: 'all', signal }),
    stack.containers.buildProject({ signal }),
    stack.containers.planClean({ signal }),
    stack.containers.clean({ volumes: false, signal }),
  ]
  const ends = await Promise.allSettled(calls)
  const codes = ends.map((end) => (end.status === 'rejected' ? (end.reason as { code?: unknown }).code : end.status))
  expect(codes).toEqual(codes.map(() => 'INTERRUPTED'))
  expect(await upTo(stack.events({ signal }), 'notice').catch((error: unknown) => String(error))).toContain('no notice')

  await project.write({ 'migrations/003_slow.sql': 'SELECT pg_sleep(60);\n' })
  const controller = new AbortController()
  const slow = stack.up({ signal: controller.signal })
  await upTo(stack.events(), 'migration-started')
  const look = stack.status()
  controller.abort()
  expect((await slow).ok).toBe(false)
  expect((await look).services).toMatchObject([{ service: 'db', state: 'ready' }])
  expect(await ledger()).not.toContain('003_slow applied')
  await rm(join(project.root, 'migrations/003_slow.sql'))
  expect((await stack.up()).ok).toBe(true)
})

test('a watched stack must be kept as declared until the signal, be heard, and stay up', async () => {
  await using stack = await open()
  const controller = new AbortController()
  const events = stack.events()
  const watching = await stack.watch({ signal: controller.signal })
  const waiting = async (): Promise<readonly StackEvent[]> => {
    const heard: StackEvent[] = []
    for (;;) {
      const { value } = await events.next()
      if (value === undefined) throw new Error('the events have ended')
      heard.push(value)
      if (value.type === 'watch-waiting') return heard
    }
  }
  await waiting()
  await project.write({ 'migrations/004_watched.sql': 'CREATE TABLE watched ();\n' })
  expect((await waiting()).map(({ type }) => type)).toContain('migration-applied')
  expect(await ledger()).toContain('004_watched applied')
  expect(watching.stack().config.name).toBe(project.stack)
  const server = await project.world.only('db')
  controller.abort()
  expect(await watching.ended).toEqual({ inRun: false, failure: undefined })
  expect(await project.world.only('db')).toEqual(server)
  // The stack that it was asked of is none of those that it opened and closed.
  expect((await stack.up()).results).toEqual([])
})

test('a config that is handed over must be checked as a file is, and down be safe to call twice', async () => {
  const wrong = { name: project.stack, services: { db: postgres({ port: 70_000 }) } }
  await expect(open({ config: wrong })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining('services.db.port') as string,
  })
  await expect(open({ config: () => Promise.reject(new Error('no database today')) })).rejects.toThrow(
    'no database today',
  )
  const seen: unknown[] = []
  const config: OpenOptions['config'] = (context) => {
    seen.push(context.mode, context.cwd)
    return { name: project.stack, runtime: 'native', services: { db: postgres({ port: project.port }) } }
  }
  const stack = await open({ config, mode: 'test' })
  expect(seen).toEqual(['test', project.root])
  const refusing = stack.down({ volumes: true })
  await expect(refusing).rejects.toMatchObject({ code: 'CONSENT_NEEDED' })
  const downs = await Promise.all([1, 2].map(() => stack.down({ volumes: true, confirm: () => Promise.resolve(true) })))
  expect(downs.every(({ ok }) => ok)).toBe(true)
  expect(await project.world.containers()).toEqual([])
  expect(await project.world.volumes()).toEqual([])
})

test('a server that stops answering in its first up must not be told as one whose password is lost', async () => {
  const fresh = await tempProject({ runtime: 'native' })
  const pidFile = join(fresh.root, '.poststack/native/volumes', `${fresh.stack}-db-data`, 'data/postmaster.pid')
  let pid = 0
  onTestFinished(() => void (pid > 0 && process.kill(pid, 'SIGCONT')))
  const stack = await open({
    cwd: fresh.root,
    config: defineConfig({ name: fresh.stack, runtime: 'native', services: { db: postgres({ port: fresh.port }) } }),
    emit: (event) => {
      if (event.type !== 'step-done' || event.kind !== 'wait') return
      pid = Number(readFileSync(pidFile, 'utf8').split('\n')[0])
      process.kill(pid, 'SIGSTOP')
    },
  })
  const { ok, remaining } = await stack.up()
  expect(ok).toBe(false)
  expect(remaining.map(({ cause }) => cause.text)).toEqual([
    `The server at 127.0.0.1:${String(fresh.port)} cannot be reached: no answer in time.`,
  ])
})

test('what need not be chosen may be left out', async () => {
  const stack = await open()
  await stack.up()
  expect((await stack.psql()).args).toContain('-d')
  expect(await stack.down()).toMatchObject({ ok: true })
  expect(await project.world.containers()).toEqual([])
  const aborted = new AbortController()
  await using again = await open({ signal: aborted.signal })
  const watching = await again.watch()
  expect(watching.stack().config.name).toBe(project.stack)
  aborted.abort()
  await watching.ended
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as a JavaScript program calls it
  const failed: unknown = await (openStack as () => Promise<Stack>)().catch((error: unknown) => error)
  expect(failed).toMatchObject({ code: 'USAGE' })
})

test.each([
  ['no folder', { cwd: undefined }, 'USAGE', '`cwd` is undefined, not the path of a folder.'],
  ['a folder that is not there', { cwd: '/nowhere' }, 'USAGE', '`cwd` is "/nowhere", and there is no such folder.'],
  ['no environment', { env: null }, 'USAGE', '`env` is null, not environment variables.'],
  ['another runtime', { runtime: 'dokcer' }, 'USAGE', '`runtime` is "dokcer".'],
  ['no config', { config: 5 }, 'CONFIG_INVALID', '`config` is a number, which is no config'],
  [
    'a mistyped config',
    { config: { servces: {} } },
    'CONFIG_INVALID',
    'the config has one mistake:\n  servces: unknown',
  ],
])('%s must be told as a mistake of the call, also where no compiler does', async (_, options, code, message) => {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as a JavaScript program gives them
  const failed: unknown = await open(options as Partial<OpenOptions>).catch((error: unknown) => error)
  expect(failed).toMatchObject({ code, message: expect.stringContaining(message) as string })
})

test('a database must lead to the server of its stack alone, also when that is started later', async () => {
  const signal = new AbortController().signal
  const stack = await open()
  const database = await stack.database()
  await expect(database.connect({ applicationName: 'test', signal })).rejects.toMatchObject({ code: 'NOT_RUNNING' })
  expect((await stack.up()).ok).toBe(true)
  const connection = await database.connect({ applicationName: 'test', signal })
  await connection.close()

  const checkout = await tempProject({ runtime: 'native', stack: project.stack })
  await checkout.write(itemsMigration)
  const said: StackEvent[] = []
  const other = await open({ cwd: checkout.root, emit: (event) => void said.push(event) })
  const refused = { code: 'NOT_RUNNING', message: expect.stringContaining(project.root) as string }
  await expect(other.migrate()).rejects.toMatchObject(refused)
  await expect(
    (await other.database()).connectTo('postgres')({ applicationName: 'test', signal }),
  ).rejects.toMatchObject(refused)
  await expect(other.variables({ forProgram: true })).rejects.toMatchObject(refused)
  expect(said.filter(({ type }) => type === 'warning')).toEqual([])
  expect(await other.variables()).toMatchObject({ PGPORT: String(project.port) })
  expect(said).toContainEqual({ type: 'warning', message: expect.stringContaining(project.root) as string })
})
