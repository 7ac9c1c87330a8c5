import { describe, expect, test } from 'vitest'
import { observe } from '../../../src/execute/observe.ts'
import { formatPlan } from '../../../src/plan/format.ts'
import { replacedName } from '../../../src/plan/names.ts'
import { declaredStack, describeStack } from '../../../src/plan/record.ts'
import { reconcile } from '../../../src/plan/reconcile/reconcile.ts'
import { stackStatus } from '../../../src/plan/status.ts'
import type { ObservedDatabase } from '../../../src/plan/answers.ts'
import type { Desired, ObservedContainer } from '../../../src/plan/types.ts'
import { createMemoryRuntime, type MemoryRuntime } from '../../support/memory-runtime.ts'
import {
  containerService,
  desiredOf,
  memoryStack,
  migration,
  postgresService,
  stackConfig,
  type Ledgers,
  type MemoryStack,
} from '../../support/memory-stack.ts'

const migrations = [migration('001')]
const db = postgresService({ migrations: '/projects/shop/migrations' })
const web = containerService({
  name: 'web',
  env: { DATABASE_URL: [{ kind: 'reference', service: 'db', property: 'url' }] },
  ports: [{ name: 'http', container: 80, host: 8080, hostAddress: '127.0.0.1', protocol: 'tcp' }],
})
const shop = desiredOf(stackConfig([db, web]), { migrations })

interface Running {
  readonly runtime: MemoryRuntime
  readonly stack: MemoryStack
  readonly recorded: () => NonNullable<Ledgers extends Map<string, infer Ledger> ? Ledger : never>['recorded']
}

async function running(desired: Desired): Promise<Running> {
  const runtime = createMemoryRuntime()
  const ledgers: Ledgers = new Map()
  const stack = memoryStack(runtime, ledgers)
  const { results } = await stack.up(desired)
  expect(results.map(({ status }) => status)).not.toContain('failed')
  return { runtime, stack, recorded: () => [...ledgers.values()][0]?.recorded }
}

async function kinds(desired: Desired): Promise<readonly string[]> {
  return (await memoryStack(createMemoryRuntime()).plan(desired)).steps.map(({ action }) => action.kind)
}

/** The plan if the database said this. */
async function planWith(
  stack: MemoryStack,
  database: Partial<ObservedDatabase>,
): Promise<ReturnType<typeof reconcile>> {
  const observed = await observe(shop, stack.world)
  const said = { ...observed.databases['db'], ...database } as ObservedDatabase
  return reconcile(shop, { ...observed, databases: { db: said } })
}

describe('a record', () => {
  test('says what is declared and what runs, and no secret', async () => {
    const { recorded } = await running(shop)
    expect(recorded()).toMatchObject({
      system: { stack: 'shop', root: '/projects/shop', runtime: 'memory' },
      services: [
        {
          name: 'db',
          kind: 'postgres',
          image: 'poststack/postgres:17',
          addresses: ['postgresql://poststack@127.0.0.1:5432/poststack'],
          state: 'running',
        },
        { name: 'web', kind: 'container', addresses: ['http://127.0.0.1:8080'], state: 'running' },
      ],
      containers: [
        { service: 'db', name: 'shop-db', state: 'running', ports: ['127.0.0.1:5432'] },
        { service: 'web', name: 'shop-web', state: 'running', ports: ['127.0.0.1:8080'] },
      ],
    })
    expect(JSON.stringify(recorded())).not.toContain('revealed')
  })

  test('of equal worlds is equal, whatever order they are told in, and whether services answer or not', async () => {
    const { stack } = await running(shop)
    const observed = await observe(shop, stack.world)
    const declared = declaredStack(shop, [])
    const [first, ...others] = observed.containers.map((container) => ({
      ...container,
      ports: [...container.ports, ...container.ports, { host: 1, hostAddress: '::1' }],
    }))
    if (first === undefined) throw new Error('there is no container')
    const one = describeStack(declared, { runtime: 'memory', containers: [first, ...others], volumes: [] })
    const reversed = [...others, { ...first, ports: first.ports.toReversed() }]
    expect(describeStack(declared, { runtime: 'memory', containers: reversed, volumes: [] })).toEqual(one)
    expect(one.containers[0]?.ports).toEqual(['127.0.0.1:5432', '[::1]:1'])
  })

  test.each([
    ['created', undefined, 'stopped', 'stopped'],
    ['paused', undefined, 'stopped', 'stopped'],
    ['restarting', 1, 'failed', 'failed'],
    ['exited', 0, 'stopped', 'completed'],
    ['exited', 3, 'failed', 'failed'],
    ['exited', 137, 'stopped', 'failed'],
    ['exited', 143, 'stopped', 'failed'],
    ['restarting', 137, 'failed', 'failed'],
  ] as const)('of a container that is %s (%s) says %s, and %s of a job', async (state, exitCode, service, job) => {
    const { stack } = await running(shop)
    const observed = await observe(shop, stack.world)
    const containers = observed.containers.map((found): ObservedContainer => ({ ...found, state, exitCode }))
    const jobs = desiredOf(stackConfig([db, { ...web, job: true }]), { migrations })
    const stateIn = (desired: Desired): string | undefined =>
      describeStack(declaredStack(desired, []), { runtime: 'memory', containers, volumes: [] }).services[1]?.state
    expect([stateIn(shop), stateIn(jobs)]).toEqual([service, job])
    const statusOf = (found: readonly ObservedContainer[]): string | undefined => {
      const now = { ...observed, containers: found }
      return stackStatus(shop, now, reconcile(shop, now)).services[1]?.state
    }
    expect(statusOf(containers)).toBe(service)
    if (exitCode === 137) expect(statusOf(containers.map((found) => ({ ...found, outOfMemory: true })))).toBe('failed')
  })

  test('and a status go by the container that runs, be it the old one, whose name was to become free', async () => {
    const { stack } = await running(shop)
    const observed = await observe(shop, stack.world)
    const containers = observed.containers.flatMap((found): readonly ObservedContainer[] =>
      found.service === 'web'
        ? [
            { ...found, id: 'new', state: 'created', ports: [] },
            { ...found, name: replacedName(found.name) },
          ]
        : [found],
    )
    const record = describeStack(declaredStack(shop, []), { runtime: 'memory', containers, volumes: [] })
    expect(record.services.find(({ name }) => name === 'web')?.state).toBe('running')
    const now = { ...observed, containers }
    const { services } = stackStatus(shop, now, reconcile(shop, now))
    expect(services.find(({ service }) => service === 'web')).toMatchObject({
      state: 'ready',
      container: replacedName('shop-web'),
    })
  })
})

describe('the step that records', () => {
  test('is planned when the rows say something else, and names what', async () => {
    const { stack, recorded } = await running(shop)
    const before = recorded()
    if (before === undefined) throw new Error('nothing was recorded')
    const stale = {
      ...before,
      system: { ...before.system, runtime: 'docker' },
      services: [
        ...before.services.map((row) => (row.name === 'web' ? { ...row, specDigest: 'f'.repeat(64) } : row)),
        ...before.services.slice(0, 1).map((row) => ({ ...row, name: 'old' })),
      ],
      containers: before.containers.map((row) => (row.service === 'web' ? { ...row, id: 'sha-of-old' } : row)),
    }
    const text = formatPlan(await planWith(stack, { recorded: stale }))
    const masked = text.replaceAll(/\b[0-9a-e][0-9a-f]{11}\b/g, 'DIGEST').replaceAll(/container-\d+/g, 'container-N')
    expect(masked).toMatchInlineSnapshot(`
      "shop on memory: 1 step

        #1 service:db  record  records of 2 services are out of date
             old: running -> (none)
             system.runtime: docker -> memory
             web.containers.shop-web.id: sha-of-old -> container-N
             web.specDigest: ffffffffffff -> DIGEST
      "
    `)
    expect((await planWith(stack, { recorded: before })).steps).toEqual([])
  })

  test('is planned for a ledger that has no such tables yet', async () => {
    const { stack } = await running(shop)
    const observed = await observe(shop, stack.world)
    const { recorded: _, ...said } = observed.databases['db'] as Extract<ObservedDatabase, { state: 'read' }>
    expect(formatPlan(reconcile(shop, { ...observed, databases: { db: said } }))).toMatchInlineSnapshot(`
      "shop on memory: 1 step

        #1 service:db  record  nothing is recorded yet
      "
    `)
  })

  test('leaves tables of the same names alone that are not ours, and warns', async () => {
    const { stack } = await running(shop)
    expect(formatPlan(await planWith(stack, { recorded: 'foreign' }))).toMatchInlineSnapshot(`
      "shop on memory: everything is as declared

      warning: service:db: its schema poststack has a table system_info, services or containers that Poststack did not make. They are left as they are, and what runs is not recorded; rename them to have it recorded
      "
    `)
  })

  test('waits for everything that changes a container, and counts as a change of the service that has the database', async () => {
    const { runtime, stack, recorded } = await running(shop)
    runtime.kill('shop-web')
    const { plan } = await stack.up(shop)
    expect(plan.steps.map(({ action, needs }) => [action.kind, needs])).toEqual([
      ['start', []],
      ['wait', [1]],
      ['record', [2]],
    ])
    expect(plan.unchanged).toEqual([])
    expect(recorded()?.containers.map(({ state }) => state)).toEqual(['running', 'running'])
  })

  test('of some services leaves the rows of the others alone', async () => {
    const { runtime, stack, recorded } = await running(shop)
    const before = recorded()
    runtime.drop('shop-web')
    runtime.kill('shop-db')
    const { plan } = await stack.up(shop, ['db'])
    expect(plan.steps.at(-1)?.action).toMatchObject({ kind: 'record', declared: { whole: false } })
    expect(recorded()).toEqual(before)
    expect((await stack.plan(shop, ['db'])).steps).toEqual([])
    await stack.up(shop)
    expect(recorded()?.containers[1]?.id).not.toBe(before?.containers[1]?.id)
    expect((await stack.plan(shop)).steps).toEqual([])
  })

  test('takes the rows of a service away that is no longer declared', async () => {
    const { stack, recorded } = await running(shop)
    const without = desiredOf(stackConfig([db]), { migrations })
    await stack.up(without)
    expect(recorded()?.services.map(({ name }) => name)).toEqual(['db'])
    expect(recorded()?.containers.map(({ service }) => service)).toEqual(['db'])
    expect((await stack.plan(without)).steps).toEqual([])
  })

  test('is planned neither without migrations nor for a database that others run', async () => {
    expect(await kinds(desiredOf(stackConfig([postgresService()]), { migrations }))).not.toContain('record')
    expect(await kinds(desiredOf(stackConfig([db])))).not.toContain('record')
    const external = {
      kind: 'external',
      name: 'ledger',
      dependsOn: [],
      readyTimeoutMs: 30,
      host: 'db.example.org',
      port: 5432,
      user: 'shop',
      database: 'shop',
      password: undefined,
      parameters: '',
      migrations: '/projects/shop/migrations',
    } as const
    const steps = await kinds(desiredOf(stackConfig([external, { ...web, env: {} }]), { migrations }))
    expect(steps).toContain('migrate')
    expect(steps).not.toContain('record')
  })

  test('is left out of a plan that is blocked', async () => {
    const { runtime, stack } = await running(shop)
    runtime.drop('shop-web')
    runtime.world.busyPorts.add(8080)
    expect((await stack.plan(shop)).steps.map(({ action }) => action.kind)).toEqual(['blocked'])
  })
})
