/** Limits and the restart policy: changed in place where the engine can, and only where what holds can be seen afterwards. */
import { describe, expect, test } from 'vitest'

import { observe } from '../../../src/execute/observe.ts'
import { formatPlan } from '../../../src/plan/format.ts'
import { reconcile } from '../../../src/plan/reconcile/reconcile.ts'
import type { ContainerServiceConfig } from '../../../src/config/types.ts'
import { withLiveLimits } from '../../../src/runtime/container/limits.ts'
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

async function running(fields: Fields, changesInPlace = true) {
  const runtime = createMemoryRuntime({ changesInPlace })
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

        #1 service:web  update  changed: cpus, memoryBytes, restart
             cpus: 0.5 -> 0.25
             memoryBytes: 1000 -> 2000
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

  test('comes before the start of a restart', async () => {
    const { stack } = await running(limited)
    const desired = declared({ ...limited, restart: 'on-failure' })
    const plan = reconcile(desired, await observe(desired, stack.world), { goal: 'restart', services: ['web'] })
    const kinds = plan.steps.map(({ action, needs }) => `${action.kind} ${needs.join()}`)
    expect(kinds).toEqual(['stop ', 'update 1', 'start 2', 'wait 3'])
  })

  test.each<[string, Fields, Fields, boolean]>([
    ['where something else changes with it', limited, { ...limited, restart: 'no', env: { A: ['b'] } }, true],
    ['where there was none', { limits: {} }, { limits: { memoryBytes: 1000 } }, true],
    ['where there was no policy', {}, { restart: 'always' }, true],
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

const raw = (host: object) => ({ HostConfig: host })

describe('what holds now', () => {
  test('wins over the label only in the fields that it names, and never by rounding or silence', () => {
    const spec = { image: 'web', memoryBytes: 1000, cpus: 0.333333333, restart: 'always' }
    const same = { Memory: 1000, NanoCpus: 333_333_333, RestartPolicy: { Name: 'always' } }
    expect(withLiveLimits(spec, raw(same))).toEqual(spec)
    expect(withLiveLimits(spec, raw({}))).toEqual(spec)
    expect(withLiveLimits({ image: 'web' }, raw(same))).toEqual({ image: 'web' })
    expect(withLiveLimits(spec, raw({ Memory: 2000, NanoCpus: 5e8, RestartPolicy: { Name: 'no' } }))).toEqual({
      image: 'web',
      memoryBytes: 2000,
      cpus: 0.5,
      restart: 'no',
    })
  })
})
