import { expect, test } from 'vitest'

import { observe } from '../../../src/execute/observe.ts'
import { createMemoryRuntime } from '../../support/memory-runtime.ts'
import { desiredOf, memoryStack, postgresService, stackConfig } from '../../support/memory-stack.ts'

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
