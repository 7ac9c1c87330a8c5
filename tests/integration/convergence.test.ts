import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'

import { label } from '../../src/plan/labels.ts'
import type { Config, ContainerServiceConfig, PostgresServiceConfig } from '../../src/config/types.ts'
import { PoststackError } from '../../src/errors.ts'
import { formatPlan } from '../../src/plan/format.ts'
import { compareText } from '../../src/config/text-order.ts'
import type { Desired } from '../../src/plan/types.ts'
import { createMemoryRuntime, createMemoryWorld, type MemoryRuntime } from '../support/memory-runtime.ts'
import {
  containerService,
  desiredOf,
  memoryStack,
  migration,
  postgresService,
  stackConfig,
  type Ledgers,
} from '../support/memory-stack.ts'

// Nothing in memory takes time, so pauses between looks are made short: the same order of events, a hundred times faster.
const realSetTimeout = setTimeout
beforeAll(() => {
  vi.stubGlobal('setTimeout', (callback: () => void, ms = 0) => realSetTimeout(callback, ms / 100))
})
afterAll(() => {
  vi.unstubAllGlobals()
})

// ---- any config, any past ----------------------------------------------------------------------------------------

const text = fc.constantFrom('a', 'b')

const anyPostgres = fc
  .record({
    port: fc.constantFrom(5432, 5433),
    setting: fc.option(text),
    migrations: fc.boolean(),
    name: fc.constant('db'),
  })
  .map(({ port, setting, migrations }): PostgresServiceConfig =>
    postgresService({
      port,
      settings: setting === null ? {} : { work_mem: setting },
      migrations: migrations ? '/m' : undefined,
    }),
  )

function anyContainer(name: string): fc.Arbitrary<ContainerServiceConfig> {
  return fc
    .record({
      env: text,
      command: fc.option(text),
      job: fc.boolean(),
      image: fc.constantFrom('one', 'two'),
      volume: fc.boolean(),
      needsDb: fc.boolean(),
      declared: fc.boolean(),
      port: fc.option(fc.constantFrom(5433, 8080, 8081)),
    })
    .map(({ env, command, job, image, volume, needsDb, declared, port }) =>
      containerService({
        name,
        job,
        image,
        env: { VALUE: [env] },
        command: command === null ? undefined : [command],
        containerName: declared ? `my-${name}` : undefined,
        mounts: volume ? [{ kind: 'volume', volume: 'files', target: '/files', readOnly: false }] : [],
        dependsOn: needsDb ? [{ service: 'db', condition: 'ready' }] : [],
        ports:
          port === null
            ? []
            : [{ name: 'http', container: 80, host: port, hostAddress: '127.0.0.1', protocol: 'tcp' as const }],
      }),
    )
}

const hook = { kind: 'command', command: ['make'], once: false } as const

const anyConfig: fc.Arbitrary<Config> = fc
  .record({
    db: anyPostgres,
    web: fc.option(anyContainer('web')),
    worker: fc.option(anyContainer('worker')),
    hooks: fc.subarray(['afterReady', 'afterMigrate'] as const),
  })
  .map(({ db, web, worker, hooks }) => {
    // A port that two services want is refused with the config.
    const taken = new Set([db.port])
    const others = [web, worker].flatMap((service) => {
      if (service === null) return []
      const ports = service.ports.filter(({ host = 0 }) => !taken.has(host))
      for (const { host = 0 } of ports) taken.add(host)
      return [{ ...service, ports }]
    })
    return stackConfig([db, ...others], { hooks: Object.fromEntries(hooks.map((event) => [event, hook])) })
  })

/** Something that happens to the world between two runs. */
const anyAccident = fc.oneof(
  fc.record({ kind: fc.constant('kill' as const), index: fc.nat(5) }),
  fc.record({ kind: fc.constant('drop' as const), index: fc.nat(5) }),
  fc.record({ kind: fc.constant('hook' as const) }),
  fc.record({
    kind: fc.constant('fail' as const),
    call: fc.integer({ min: 1, max: 40 }),
    moment: fc.constantFrom('before' as const, 'after' as const),
    forGood: fc.boolean(),
  }),
)

type Accident = typeof anyAccident extends fc.Arbitrary<infer Value> ? Value : never

function strike(accident: Accident, runtime: MemoryRuntime): void {
  if (accident.kind === 'hook') return
  const names = [...runtime.world.containers.values()]
    .filter(({ state }) => accident.kind === 'drop' || state === 'running')
    .map(({ name }) => name)
  if (accident.kind === 'fail') runtime[accident.forGood ? 'cut' : 'failCall'](accident.call, accident.moment)
  else if (names.length > 0) {
    const name = names[accident.index % names.length] ?? ''
    if (accident.kind === 'kill') runtime.kill(name)
    else runtime.drop(name)
  }
}

/** Another checkout of the stack, which wants the same names. */
const neighbour = desiredOf(
  stackConfig([containerService({ name: 'web' }), postgresService({ port: 5434 })], { root: '/projects/shop-2' }),
)

describe('convergence', () => {
  test('after any past, one undisturbed up leaves nothing to do', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({ config: anyConfig, accident: fc.option(anyAccident), count: fc.integer({ min: 0, max: 3 }) }),
          { minLength: 1, maxLength: 5 },
        ),
        fc.option(fc.nat(4)),
        async (past, neighbourComes) => {
          const world = createMemoryWorld()
          world.behaviour = ({ plan }) => (plan?.service !== 'db' && isJob(plan?.service, past) ? { exits: 0 } : 'runs')
          const ledgers: Ledgers = new Map()
          let applied = 0
          let last: Desired | undefined
          for (const [round, { config, accident, count }] of past.entries()) {
            if (round === neighbourComes) await memoryStack(createMemoryRuntime({ world })).up(neighbour)
            const runtime = createMemoryRuntime({ world })
            if (accident !== null) strike(accident, runtime)
            applied = Math.max(applied, count)
            last = desiredOf(config, {
              migrations: Array.from({ length: applied }, (_, index) => migration(`00${String(index + 1)}`)),
            })
            // A run that an engine's failure ends early is a past like any other.
            const runCommand = (): Promise<void> => (accident?.kind === 'hook' ? notWell() : Promise.resolve())
            await memoryStack(runtime, ledgers, runCommand).up(last).catch(ignoreEngineFailure)
          }
          const stack = memoryStack(createMemoryRuntime({ world }), ledgers)
          if (last === undefined) return
          const { results } = await stack.up(last)
          expect(results.filter(({ status }) => status === 'failed')).toEqual([])
          expect(formatPlan(await stack.plan(last))).toBe('shop on memory: everything is as declared\n')
          const names = containersOf(world, last)
            .map(({ plan }) => plan?.service ?? '')
            .toSorted(compareText)
          // A job that was done in the past is not made again.
          const done = [...world.volumes.values()].flatMap(({ labels }) => labels[label.job] ?? [])
          const needed = last.services.filter(({ name }) => names.includes(name) || !done.includes(name))
          expect(names).toEqual(needed.map(({ name }) => name))
          expect(done.filter((job) => job.startsWith('owed:'))).toEqual([])
          expectRecorded(world, ledgers, last)
        },
      ),
      { numRuns: 150 },
    )
  })
})

/** The database of a stack with migrations must know the very containers there are. */
function expectRecorded(world: MemoryRuntime['world'], ledgers: Ledgers, { project, services }: Desired): void {
  const declared = services.find(({ name }) => name === 'db')?.migrations?.folder.migrations ?? []
  if (declared.length === 0) return
  const data = [...world.volumes.values()].find(
    ({ labels }) => labels[label.project] === project && labels[label.volume] === 'db-data',
  )
  const recorded = ledgers.get(data?.id ?? '')?.recorded
  expect(recorded?.services.map(({ name }) => name)).toEqual(services.map(({ name }) => name))
  expect(recorded?.containers.map(({ id, name, state }) => ({ id, name, state }))).toEqual(
    containersOf(world, { project })
      .toSorted((a, b) => compareText(a.plan?.service ?? '', b.plan?.service ?? ''))
      .map(({ id, name, state }) => ({ id, name, state })),
  )
}

function containersOf({ containers }: MemoryRuntime['world'], { project }: Pick<Desired, 'project'>) {
  return [...containers.values()].filter(({ labels }) => labels[label.project] === project)
}

function isJob(service: string | undefined, past: readonly { readonly config: Config }[]): boolean {
  const declared = past.at(-1)?.config.services.find(({ name }) => name === service)
  return declared?.kind === 'container' && declared.job
}

function notWell(): Promise<never> {
  return Promise.reject(new PoststackError('SCRIPT_FAILED', 'it ended with 3'))
}

function ignoreEngineFailure(error: unknown): void {
  if (!(error instanceof PoststackError)) throw error
}

// ---- the nth call fails ------------------------------------------------------------------------------------------

const db = postgresService({ migrations: '/m' })
const web = containerService({
  name: 'web',
  env: { VALUE: ['a'] },
  dependsOn: [{ service: 'db', condition: 'migrated' }],
})
const seed = containerService({ name: 'seed', job: true, dependsOn: [{ service: 'db', condition: 'migrated' }] })
const before = desiredOf(stackConfig([db, web, seed]), { migrations: [migration('001')] })
const after = desiredOf(
  stackConfig(
    [
      { ...db, settings: { work_mem: '8MB' } },
      { ...web, env: { VALUE: ['b'] } },
      { ...seed, command: ['again'] },
      // Nothing is there that would run again if its start fails.
      containerService({ name: 'fresh' }),
    ],
    { hooks: { afterReady: hook } },
  ),
  { migrations: [migration('001'), migration('002')] },
)

describe('the fault sweep', () => {
  for (const moment of ['before', 'after'] as const) {
    test(`whichever call fails ${moment} it happened, the next up converges and no data is lost`, async () => {
      let n = 1
      for (; ; n += 1) {
        const world = createMemoryWorld()
        world.behaviour = ({ plan }) => (plan?.service === 'seed' ? { exits: 0 } : 'runs')
        const ledgers: Ledgers = new Map()
        await memoryStack(createMemoryRuntime({ world }), ledgers).up(before)
        const data = world.volumes.get('shop-db-data')?.id

        const runtime = createMemoryRuntime({ world })
        runtime.failCall(n, moment)
        // Which containers there were when the hook ended well.
        let readied: readonly string[] = []
        const runCommand = (): Promise<void> => {
          readied = [...world.containers.keys()].toSorted(compareText)
          return Promise.resolve()
        }
        const { results } = await memoryStack(runtime, ledgers, runCommand)
          .up(after)
          .catch(() => ({ results: [] }))
        const failed =
          runtime.calls.length < n || results.some(({ status }) => status === 'failed') || results.length === 0
        expect(runningOf(world, 'db'), `after failing call ${String(n)}`).toBe(1)
        expect(runningOf(world, 'web'), `after failing call ${String(n)}`).toBe(1)

        const stack = memoryStack(createMemoryRuntime({ world }), ledgers, runCommand)
        const { results: healed } = await stack.up(after)
        expect(healed.filter(({ status }) => status === 'failed')).toEqual([])
        expect((await stack.plan(after)).steps).toEqual([])
        expect(world.volumes.get('shop-db-data')?.id).toBe(data)
        expect([...ledgers.values()].map(({ applied }) => applied.length)).toEqual([2])
        expectRecorded(world, ledgers, after)
        expect(world.containers.size).toBe(4)
        expect(readied).toEqual(expect.arrayContaining([...world.containers.keys()]))
        if (runtime.calls.length < n) break
        expect(failed).toBe(true)
      }
      expect(n).toBeGreaterThan(20)
    })
  }
})

function runningOf(world: MemoryRuntime['world'], service: string): number {
  return [...world.containers.values()].filter(({ plan, state }) => plan?.service === service && state === 'running')
    .length
}
