import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

import { orInterrupted, pause } from '../../../src/abort.ts'
import { PoststackError } from '../../../src/errors.ts'
import { execute } from '../../../src/execute/execute.ts'
import type { DatabaseProbe } from '../../../src/execute/world.ts'
import { label } from '../../../src/plan/labels.ts'
import { createLimit, forEachLimited } from '../../../src/execute/limits.ts'
import type { DatabaseTarget } from '../../../src/plan/types.ts'
import { createMemoryRuntime, type MemoryRuntime } from '../../support/memory-runtime.ts'
import {
  containerService,
  desiredOf,
  memoryStack,
  migration,
  postgresService,
  stackConfig,
} from '../../support/memory-stack.ts'

const db = postgresService({ migrations: '/m' })
const web = containerService({
  name: 'web',
  env: { LEVEL: ['info'] },
  dependsOn: [{ service: 'db', condition: 'migrated' }],
})
const lone = containerService({ name: 'lone' })
const migrations = [migration('001')]

function neverAnswering(_: DatabaseTarget, signal: AbortSignal): Promise<DatabaseProbe> {
  return orInterrupted(new Promise(() => undefined), signal)
}

describe('executing a plan', () => {
  test('gives every step one result, and tells of each what happened in order', async () => {
    const stack = memoryStack(createMemoryRuntime())
    const { plan, results } = await stack.up(desiredOf(stackConfig([db]), { migrations }))
    expect(results.map(({ step, status }) => ({ step, status }))).toEqual(
      plan.steps.map(({ id }) => ({ step: id, status: 'done' })),
    )
    const told = stack.events.map((event) => ('step' in event ? `${event.type} ${event.kind}` : event.type))
    expect(told.slice(-7)).toEqual([
      'step-started wait',
      'step-done wait',
      'step-started migrate',
      'migration-applied migrate',
      'step-done migrate',
      'step-started record',
      'step-done record',
    ])
  })

  test('skips what needs a failed step, names the step in the way, and goes on with the rest', async () => {
    const runtime = createMemoryRuntime()
    const stack = memoryStack(runtime)
    const world = { ...stack.world, databases: { ...stack.world.databases, migrate: failing } }
    const plan = await stack.plan(desiredOf(stackConfig([db, lone, web]), { migrations }))
    const results = await execute(plan, world)
    const of = (subject: string, kind: string) =>
      results.find((result) => result.subject === subject && result.kind === kind)
    const failed = of('service:db', 'migrate')
    expect(failed).toMatchObject({ status: 'failed', error: { code: 'MIGRATION_FAILED' } })
    expect(of('service:web', 'create')).toMatchObject({ status: 'done' })
    expect(of('service:web', 'start')).toMatchObject({ status: 'skipped', because: failed?.step })
    expect(of('service:lone', 'wait')).toMatchObject({ status: 'done' })
  })

  test('restores the old container when the new one does not get ready', async () => {
    const runtime = createMemoryRuntime()
    const stack = memoryStack(runtime)
    await stack.up(desiredOf(stackConfig([lone])))
    const before = onlyContainer(runtime)
    runtime.world.behaviour = ({ plan }) => (plan?.spec.command === undefined ? 'runs' : { exits: 1 })
    const { results } = await stack.up(desiredOf(stackConfig([{ ...lone, command: ['broken'] }])))
    expect(results.map(({ kind, status }) => `${kind} ${status}`)).toEqual([
      'rename done',
      'create done',
      'stop done',
      'start done',
      'wait failed',
      'remove skipped',
      'stop done',
      'remove done',
      'rename done',
      'start done',
    ])
    expect(onlyContainer(runtime)).toMatchObject({ id: before.id, name: 'shop-lone', state: 'running' })
  })

  test.each([
    ['the name', undefined],
    ['something else', new PoststackError('ENGINE_REFUSED', 'No.')],
  ])('leaves alone what has got the name of a container meanwhile, when that fails for %s', async (_, error) => {
    const runtime = createMemoryRuntime()
    const stack = memoryStack(runtime)
    await stack.up(desiredOf(stackConfig([lone])))
    const plan = await stack.plan(desiredOf(stackConfig([{ ...lone, command: ['other'] }])))
    const theirs = containerService({ name: 'lone', image: 'other', containerName: 'shop-lone' })
    const their = desiredOf(stackConfig([theirs], { root: '/projects/shop-2' }))
    const createContainer: typeof runtime.createContainer = async (...args) => {
      await stack.up(their)
      runtime.kill('shop-lone')
      if (error !== undefined) throw error
      await runtime.createContainer(...args)
    }
    const results = await execute(plan, { ...stack.world, runtime: { ...runtime, createContainer } })
    expect(results.find(({ kind }) => kind === 'create')?.error?.code).toBe(error?.code ?? 'NAME_TAKEN')
    const holder = [...runtime.world.containers.values()].find(({ name }) => name === 'shop-lone')
    expect(holder?.labels[label.root]).toBe('/projects/shop-2')
  })

  test('gives what was to be replaced its name back when a run was cut and the change is gone', async () => {
    const runtime = createMemoryRuntime()
    const stack = memoryStack(runtime)
    await stack.up(desiredOf(stackConfig([postgresService()])))
    await stack.up(secondCheckout())
    const name = `shop-db-${secondCheckout().project.slice(0, 6)}`
    const changed = await stack.plan(secondCheckout({ work_mem: '8MB' }))
    // The rename, the new container, and the stop of the old one.
    runtime.cut(4)
    await execute(changed, stack.world)
    const fresh = memoryStack(createMemoryRuntime({ world: runtime.world }))
    const states = () => [...runtime.world.containers.values()].map((one) => `${one.name} ${one.state}`)
    expect(states()).toEqual(['shop-db running', `${name}-replaced exited`, `${name} created`])
    const { plan, results } = await fresh.up(secondCheckout())
    expect(results.filter(({ status }) => status === 'failed')).toEqual([])
    expect(plan.steps.filter(({ undo }) => undo === undefined).map(({ action }) => action.kind)).toEqual([
      'start',
      'wait',
      'remove',
      'rename',
    ])
    expect(states()).toEqual(['shop-db running', `${name} running`])
    expect((await fresh.plan(secondCheckout())).steps).toEqual([])
  })

  test('takes back what was begun when it is interrupted, and begins nothing more', async () => {
    const runtime = createMemoryRuntime()
    const stack = memoryStack(runtime)
    await stack.up(desiredOf(stackConfig([lone])))
    const before = onlyContainer(runtime)
    const interruption = new AbortController()
    const world = {
      ...stack.world,
      signal: interruption.signal,
      emit: (event: { readonly type: string; readonly kind?: string }) => {
        if (event.type === 'step-done' && event.kind === 'stop') {
          interruption.abort(new PoststackError('INTERRUPTED', 'interrupted'))
        }
      },
    }
    const results = await execute(await stack.plan(desiredOf(stackConfig([{ ...lone, command: ['other'] }]))), world)
    expect(results.find(({ kind }) => kind === 'wait')).toMatchObject({ status: 'skipped' })
    expect(onlyContainer(runtime)).toMatchObject({ id: before.id, name: 'shop-lone', state: 'running' })
  })

  describe('of a service that takes its time to stop', () => {
    const slow = containerService({ name: 'slow', stopGraceSeconds: 300, ready: { kind: 'log', pattern: 'started' } })

    beforeEach(() => void vi.useFakeTimers())
    afterEach(() => void vi.useRealTimers())

    /** Replaces it by one that never gets ready, where each stop takes so long. */
    async function replaced(seconds: number, interruptedAfter?: number) {
      const runtime = createMemoryRuntime()
      const stack = memoryStack(runtime)
      await stack.up(desiredOf(stackConfig([slow])))
      const plan = await stack.plan(
        desiredOf(stackConfig([{ ...slow, ready: { kind: 'log', pattern: 'no' }, command: ['a'] }])),
      )
      const stopContainer: typeof runtime.stopContainer = async (target, grace, options) => {
        await pause(seconds * 1000, options.signal)
        await runtime.stopContainer(target, grace, options)
      }
      const interruption = new AbortController()
      const stop = (): void => {
        interruption.abort()
      }
      if (interruptedAfter !== undefined) setTimeout(stop, interruptedAfter * 1000)
      const going = execute(plan, {
        ...stack.world,
        runtime: { ...runtime, stopContainer },
        signal: interruption.signal,
      })
      await vi.runAllTimersAsync()
      const results = await going
      const running = [...runtime.world.containers.values()].filter(({ state }) => state === 'running')
      return { results, running: running.map(({ name, starts }) => `${name}, started ${String(starts)} times`) }
    }

    test('waits for that on the way back', async () => {
      const { results, running } = await replaced(290)
      expect(results.map(({ kind, status }) => `${kind} ${status}`)).toContain('wait failed')
      expect(running).toEqual(['shop-slow, started 2 times'])
    })

    test('lets a stop that is interrupted come to its end, and starts again what it has stopped', async () => {
      const { results, running } = await replaced(290, 5)
      expect(results.map(({ kind, status }) => `${kind} ${status}`)).toContain('stop done')
      expect(running).toEqual(['shop-slow, started 2 times'])
    })

    test('says of a stop that never ends that it took too long, and starts nothing beside what still runs', async () => {
      const { results, running } = await replaced(1000)
      expect(results.filter(({ kind }) => kind === 'stop').at(-1)?.error).toMatchObject({
        code: 'STEP_FAILED',
        message: 'It was not done after 360 seconds.',
      })
      expect(running).toEqual(['shop-slow, started 1 times'])
    })
  })

  test('does all of its work whatever the one who listens throws, and throws that then', async () => {
    const runtime = createMemoryRuntime()
    const stack = memoryStack(runtime)
    const plan = await stack.plan(desiredOf(stackConfig([lone])))
    await expect(execute(plan, { ...stack.world, emit: deaf })).rejects.toThrow('the pipe is closed')
    expect(onlyContainer(runtime)).toMatchObject({ state: 'running' })
  })

  test('asks a database for no longer than a service may take to be ready', async () => {
    const stack = memoryStack(createMemoryRuntime())
    const { databases } = stack.world
    const plan = await stack.plan(desiredOf(stackConfig([db]), { migrations }))
    const results = await execute(plan, { ...stack.world, databases: { ...databases, probe: neverAnswering } })
    expect(results.find(({ kind }) => kind === 'wait')).toMatchObject({
      status: 'failed',
      error: { code: 'NOT_READY' },
    })
  })

  test('ends every step before it throws for a bug', async () => {
    const stack = memoryStack(createMemoryRuntime())
    const world = {
      ...stack.world,
      databases: { ...stack.world.databases, migrate: () => Promise.reject(new TypeError('oops')) },
    }
    const plan = await stack.plan(desiredOf(stackConfig([db, lone]), { migrations }))
    await expect(execute(plan, world)).rejects.toThrow('oops')
    expect(stack.events.filter(({ type }) => type === 'step-done').length).toBeGreaterThan(5)
  })

  test('hands secrets to the engine, and to nobody else', async () => {
    const runtime = createMemoryRuntime()
    const stack = memoryStack(runtime)
    const url = [{ kind: 'reference', service: 'db', property: 'url' }] as const
    const { plan } = await stack.up(
      desiredOf(stackConfig([db, { ...web, env: { DATABASE_URL: url } }]), { migrations }),
    )
    const containers = [...runtime.world.containers.values()]
    expect(containers.find(({ name }) => name === 'shop-web')?.env['DATABASE_URL']).toContain('revealed db.password')
    expect(containers.find(({ name }) => name === 'shop-db')?.files).toEqual({
      '/run/poststack/password': 'revealed db.password',
    })
    expect(JSON.stringify([plan, stack.events, containers.map(({ labels }) => labels)])).not.toContain('revealed')
  })
})

describe('a limit', () => {
  test('never lets more run than it says, and runs all in the order they came', async () => {
    const limit = createLimit(3)
    let running = 0
    let most = 0
    const begun: number[] = []
    const task = (index: number) => async (): Promise<void> => {
      begun.push(index)
      running += 1
      most = Math.max(most, running)
      await new Promise((resolve) => setTimeout(resolve, index % 4))
      running -= 1
    }
    const indexes = Array.from({ length: 50 }, (_, index) => index)
    await Promise.all(indexes.map((index) => limit(task(index))))
    expect(most).toBe(3)
    expect(begun).toEqual(indexes)
  })

  test('goes on after a task that fails', async () => {
    const limit = createLimit(1)
    const failed = limit(() => Promise.reject(new Error('one')))
    const next = limit(() => Promise.resolve('two'))
    await expect(failed).rejects.toThrow('one')
    await expect(next).resolves.toBe('two')
  })

  test('over a list begins nothing more when one has failed', async () => {
    const begun: number[] = []
    const act = async (item: number): Promise<void> => {
      begun.push(item)
      await Promise.resolve()
      if (item === 1) throw new Error('one')
    }
    await expect(forEachLimited([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 2, act)).rejects.toThrow('one')
    await new Promise((resolve) => setImmediate(resolve))
    expect(begun).toEqual([0, 1, 2])
  })
})

function secondCheckout(settings: Readonly<Record<string, string>> = {}) {
  return desiredOf(stackConfig([postgresService({ port: 5433, settings })], { root: '/projects/shop-2' }))
}

function deaf(): never {
  throw new Error('the pipe is closed')
}

function failing(): Promise<never> {
  return Promise.reject(new PoststackError('MIGRATION_FAILED', '001_change.sql: syntax error'))
}

function onlyContainer(runtime: MemoryRuntime) {
  const [container, ...others] = runtime.world.containers.values()
  expect(others).toEqual([])
  if (container === undefined) throw new Error('there is no container')
  return structuredClone({ id: container.id, name: container.name, state: container.state })
}
