import { expect, test } from 'vitest'

import { observe } from '../../../src/execute/observe.ts'
import { reconcile } from '../../../src/plan/reconcile/reconcile.ts'
import { stackStatus } from '../../../src/plan/status.ts'
import { createMemoryRuntime } from '../../support/memory-runtime.ts'
import { containerService, desiredOf, memoryStack, postgresService, stackConfig } from '../../support/memory-stack.ts'

const desired = desiredOf(stackConfig([postgresService()]))

test('a port that our own container is about to hold, started by the engine for a killed run, must not count as busy', async () => {
  const runtime = createMemoryRuntime()
  const stack = memoryStack(runtime)
  await stack.up(desired)
  const [container] = runtime.world.containers.values()
  if (container === undefined) throw new Error('there is no container')
  container.state = 'created'
  let looks = 0
  const observed = await observe(desired, {
    ...stack.world,
    busyPorts(wanted) {
      looks += 1
      // The engine goes on meanwhile: the port is bound, and then the container runs.
      container.state = 'running'
      return Promise.resolve(wanted.map((port) => ({ ...port, holder: 'process docker-proxy (pid 1)' })))
    },
  })
  expect(looks).toBe(2)
  expect(observed.busyPorts).toEqual([])
  expect(observed.containers).toMatchObject([{ name: 'shop-db', state: 'running' }])
})

test('a port that somebody else holds must be told at the first look', async () => {
  const runtime = createMemoryRuntime()
  let looks = 0
  const observed = await observe(desired, {
    ...memoryStack(runtime).world,
    busyPorts(wanted) {
      looks += 1
      return Promise.resolve(wanted.map((port) => ({ ...port, holder: 'process nc (pid 1)' })))
    },
  })
  expect(looks).toBe(1)
  expect(observed.busyPorts).toEqual([{ host: 5432, hostAddress: '127.0.0.1', holder: 'process nc (pid 1)' }])
})

test('a service is blocked by a busy port of UDP, and not by one of TCP with its number', async () => {
  const { world } = memoryStack(createMemoryRuntime())
  const ports = [{ name: 'dns', container: 53, host: 8053, hostAddress: '127.0.0.1', protocol: 'udp' as const }]
  const wanted = desiredOf(stackConfig([containerService({ name: 'dns', ports })]))
  const causes = async (protocol: 'udp' | undefined): Promise<readonly string[]> => {
    const busyPorts: typeof world.busyPorts = (asked) =>
      Promise.resolve(
        asked.filter((port) => port.protocol === protocol).map((port) => ({ ...port, holder: 'another process' })),
      )
    const { steps } = reconcile(wanted, await observe(wanted, { ...world, busyPorts }), { services: [] })
    return steps.filter(({ action }) => action.kind === 'blocked').map(({ cause }) => cause.text)
  }
  expect(await causes('udp')).toEqual(['UDP port 8053 on 127.0.0.1 is held by another process'])
  expect(await causes(undefined)).toEqual([])
})

test.each([
  { hasHealthcheck: false, looks: 0 },
  { hasHealthcheck: true, looks: 1 },
  { hasHealthcheck: undefined, looks: 1 },
])('a running container must be looked at by itself unless its image has no health check: %o', async (known) => {
  const wanted = desiredOf(stackConfig([containerService({ name: 'web' })]))
  const runtime = createMemoryRuntime()
  const stack = memoryStack(runtime)
  await stack.up(wanted)
  let looks = 0
  const observed = await observe(wanted, {
    ...stack.world,
    runtime: {
      ...runtime,
      observe: async (...asked) => {
        const seen = await runtime.observe(...asked)
        const { hasHealthcheck } = known
        return {
          ...seen,
          images: seen.images.map((image) => ({
            ...image,
            ...(hasHealthcheck === undefined ? {} : { hasHealthcheck }),
          })),
        }
      },
      inspect: (...asked) => {
        looks += 1
        return runtime.inspect(...asked)
      },
    },
  })
  expect(observed.probes).toEqual({ web: { state: 'ready' } })
  expect(looks).toBe(known.looks)
})

test.each([
  ['running once more after one crash', {}, { restartedLately: 1 }, 'ready'],
  ['running between two crashes', {}, { restartedLately: 2 }, 'failed'],
  ['the same, and the health check of its image succeeds', {}, { restartedLately: 2, healthcheck: ['true'] }, 'ready'],
  [
    'the same, and its own check succeeds',
    { ready: { kind: 'exec', command: ['true'] } },
    { restartedLately: 2 },
    'ready',
  ],
  [
    'the same, and its own check fails',
    { ready: { kind: 'exec', command: ['false'] } },
    { restartedLately: 2 },
    'failed',
  ],
] as const)('a container that is %s', async (_is, fields, found, state) => {
  const wanted = desiredOf(stackConfig([containerService({ name: 'web', ...fields })]))
  const runtime = createMemoryRuntime()
  const stack = memoryStack(runtime)
  await stack.up(desiredOf(stackConfig([containerService({ name: 'web' })])))
  const seen = await observe(wanted, stack.world)
  const observed = { ...seen, containers: seen.containers.map((one) => ({ ...one, ...found })) }
  const plan = reconcile(wanted, observed, {})
  const reason = 'it ends again and again: restarted 2 times, and a moment ago again'
  expect(stackStatus(wanted, observed, plan).services).toMatchObject([
    state === 'ready' ? { state, differences: [] } : { state, reason, differences: [`wait: ${reason}`] },
  ])
})
