/** Limits and the restart policy: changed in place where the engine can, and only where what holds can be seen afterwards. */
import { describe, expect, test } from 'vitest'

import { observe } from '../../../src/execute/observe.ts'
import { formatPlan } from '../../../src/plan/format.ts'
import { reconcile } from '../../../src/plan/reconcile/reconcile.ts'
import type { ContainerServiceConfig } from '../../../src/config/types.ts'
import { changesInPlace, updateBody, withLiveLimits } from '../../../src/runtime/container/limits.ts'
import { createMemoryRuntime } from '../../support/memory-runtime.ts'
import { containerService, desiredOf, memoryStack, stackConfig } from '../../support/memory-stack.ts'

type Fields = Partial<Pick<ContainerServiceConfig, 'limits' | 'restart' | 'env'>>

const declared = (fields: Fields) =>
  desiredOf(
    stackConfig([
      containerService({ name: 'web', ...fields }),
      containerService({ name: 'peer', dependsOn: [{ service: 'web', condition: 'ready' }] }),
    ]),
  )
const limited: Fields = { limits: { memoryBytes: 1000, cpus: 0.5 }, restart: 'always' }
const changed: Fields = { limits: { memoryBytes: 2000, cpus: 0.25 }, restart: 'no' }

async function running(fields: Fields, can = true) {
  const runtime = createMemoryRuntime({ changesInPlace: can })
  const stack = memoryStack(runtime)
  await stack.up(declared(fields))
  return { runtime, stack }
}

describe('another limit or restart policy', () => {
  test('is given to the container that runs, with the fields as its cause, and then nothing is left', async () => {
    const { runtime, stack } = await running(limited)
    const [before] = [...runtime.world.containers.values()]
    const { plan, results } = await stack.up(declared(changed))
    expect(formatPlan(plan)).toMatchInlineSnapshot(`
      "shop on memory: 1 step

        #1 service:web  update  changed: cpus, memory, restart
             cpus: 0.5 -> 0.25
             memory: 1000 bytes -> 2000 bytes
             restart: always -> (none)
      "
    `)
    expect(results.map(({ status }) => status)).toEqual(['done'])
    const [after] = [...runtime.world.containers.values()]
    expect(after).toMatchObject({
      id: before?.id,
      starts: 1,
      changed: { memoryBytes: 2000, cpus: 0.25, restart: 'no' },
    })
    expect((await stack.plan(declared(changed))).steps).toEqual([])
    // And back: the label still says it, but it does not hold any more.
    expect((await stack.plan(declared(limited))).steps.map(({ action }) => action.kind)).toEqual(['update'])
  })

  test('is the same where the engine has only rounded it', async () => {
    const { stack } = await running(limited)
    const third = { ...limited, limits: { memoryBytes: 1000, cpus: 1 / 3 } }
    await stack.up(declared({ ...limited, limits: { memoryBytes: 1000, cpus: 0.33333 } }))
    expect((await stack.plan(declared(third))).steps).toEqual([])
  })

  test('is given to one that had none, and is seen though its label does not name it', async () => {
    const { stack } = await running({})
    const { plan, results } = await stack.up(declared(limited))
    expect(plan.steps.map(({ action }) => action.kind)).toEqual(['update'])
    expect(plan.steps[0]?.cause.changes).toContainEqual({ path: 'memory', before: undefined, after: '1000 bytes' })
    expect(results.map(({ status }) => status)).toEqual(['done'])
    expect((await stack.plan(declared(limited))).steps).toEqual([])
    expect(
      (await stack.plan(declared({ limits: limited.limits ?? {} }))).steps.map(({ action }) => action.kind),
    ).toEqual(['update'])
    // The engine takes no limit away.
    const kinds = (await stack.plan(declared({}))).steps.map(({ action }) => action.kind)
    expect(kinds).toContain('create')
    expect(kinds).not.toContain('update')
  })

  test('comes before the start of a restart', async () => {
    const { stack } = await running(limited)
    const desired = declared({ ...limited, restart: 'on-failure' })
    const plan = reconcile(desired, await observe(desired, stack.world), { goal: 'restart', services: ['web'] })
    const kinds = plan.steps.map(({ action, needs }) => `${action.kind} ${needs.join()}`)
    expect(kinds).toEqual(['stop ', 'update 1', 'start 2', 'wait 3'])
  })

  test.each<[string, Fields, Fields, boolean]>([
    ['where something else changes with it', limited, { ...limited, restart: 'no', env: { A: ['b'] } }, true],
    ['where it goes, as no engine takes it away', limited, { ...limited, limits: { cpus: 0.5 } }, true],
    ['where the engine cannot', limited, changed, false],
  ])('means a new container %s', async (_, before, after, can) => {
    const { stack } = await running(before, can)
    const kinds = (await stack.plan(declared(after))).steps.map(({ action }) => action.kind)
    expect(kinds).toContain('create')
    expect(kinds).not.toContain('update')
  })

  test('means a new container for one that does not run: it costs nothing', async () => {
    const { runtime, stack } = await running(limited)
    runtime.kill('shop-web', 0)
    expect(
      (await stack.plan(declared({ ...limited, restart: 'no' }))).steps.map(({ action }) => action.kind),
    ).toContain('create')
  })
})

describe('an engine', () => {
  test.each([
    ['docker', undefined, true],
    ['podman', '4.3.1', false],
    ['podman', '4.9.4', false],
    ['podman', '5.0.3', false],
    ['podman', '5.1.0-rc1', true],
    ['podman', '5.10.1', true],
    ['podman', '6.0.0', true],
    ['podman', 'unknown', false],
    ['podman', undefined, false],
  ] as const)('%s %s changes in place: %s', (flavour, podmanVersion, expected) => {
    expect(changesInPlace({ flavour, podmanVersion })).toBe(expected)
  })

  test('is asked in its own words, and keeps the policy that is not to change', () => {
    const before = raw({ RestartPolicy: { Name: 'always' } })
    expect(updateBody({ cpus: 0.25, memoryBytes: 1000 }, { flavour: 'docker', raw: before })).toEqual({
      NanoCpus: 250_000_000,
      Memory: 1000,
      MemorySwap: 2000,
    })
    expect(updateBody({ cpus: 0.25 }, { flavour: 'podman', raw: before })).toEqual({
      CpuPeriod: 100_000,
      CpuQuota: 25_000,
      RestartPolicy: { Name: 'always' },
    })
    expect(updateBody({ restart: 'no' }, { flavour: 'podman', raw: before })).toEqual({ RestartPolicy: { Name: 'no' } })
  })
})

const raw = (host: object) => ({ HostConfig: host })

describe('what holds now', () => {
  test('wins over the label, but never by rounding or silence', () => {
    const spec = { image: 'web', memoryBytes: 1000, cpus: 0.333333333, restart: 'always' }
    const same = { Memory: 1000, NanoCpus: 333_333_333, RestartPolicy: { Name: 'always' } }
    expect(withLiveLimits(spec, raw(same))).toEqual(spec)
    expect(withLiveLimits(spec, raw({}))).toEqual(spec)
    expect(withLiveLimits(spec, raw({ Memory: 0, NanoCpus: 0, RestartPolicy: { Name: '' } }))).toEqual(spec)
    expect(withLiveLimits({ image: 'web' }, raw({ Memory: 0, NanoCpus: 0, RestartPolicy: { Name: 'no' } }))).toEqual({
      image: 'web',
    })
    expect(withLiveLimits({ image: 'web' }, raw(same))).toEqual({ ...spec, cpus: 0.333_333_333 })
    expect(withLiveLimits(spec, raw({ Memory: 2000, NanoCpus: 5e8, RestartPolicy: { Name: 'no' } }))).toEqual({
      image: 'web',
      memoryBytes: 2000,
      cpus: 0.5,
    })
    // Digests are made of the text.
    expect(JSON.stringify(withLiveLimits({ format: 1, image: 'web', user: 'x' }, raw({ Memory: 5 })))).toBe(
      '{"format":1,"image":"web","memoryBytes":5,"user":"x"}',
    )
  })
})
