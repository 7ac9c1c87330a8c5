import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { waitFor } from '../../../src/execute/probes.ts'
import type { ContainerSpec, Probe, Target } from '../../../src/plan/types.ts'
import type { Runtime } from '../../../src/runtime/runtime.ts'
import { runtimesUnderTest } from '../../support/runtimes.ts'
import type { RuntimeHarness } from '../../support/runtimes.ts'

const signal = new AbortController().signal
const engines = (await runtimesUnderTest()).filter(({ name }) => name === 'podman' || name === 'docker')

const probeDatabase = () => Promise.resolve({ ready: true } as const)

describe.each(engines)('$title', ({ create, missing }) => {
  let harness: RuntimeHarness
  let runtime: Runtime

  beforeAll(async () => {
    if (missing !== undefined) return
    harness = await create()
    runtime = await harness.open()
  })

  afterAll(async () => {
    if (missing === undefined) await harness.cleanUp()
  })

  async function started(name: string, spec: Partial<ContainerSpec>): Promise<Target> {
    const plan = harness.plain(name, spec)
    if (plan.network !== undefined) await runtime.createNetwork(plan.network, harness.labels, { signal })
    await runtime.createContainer(plan, {}, { signal })
    await runtime.startContainer({ name: plan.name }, {}, { signal })
    return { name: plan.name }
  }

  function wait(target: Target, probe: Probe, timeoutMs = 20_000): Promise<void> {
    return waitFor(probe, {
      service: 'web',
      target,
      runtime,
      signal,
      timeoutMs,
      probeDatabase,
      onProgress: () => undefined,
    })
  }

  test.skipIf(missing !== undefined)('a line of output must make a service ready, and exec too', async () => {
    const target = await started('line', { command: ['sh', '-c', 'sleep 1; echo now ready; exec sleep 60'] })
    await wait(target, { kind: 'log', pattern: '^now ready$' })
    await expect(wait(target, { kind: 'exec', command: ['test', '-d', '/etc'] })).resolves.toBeUndefined()
    await expect(wait(target, { kind: 'exec', command: ['false'] }, 500)).rejects.toMatchObject({
      code: 'NOT_READY',
      details: { state: 'running', logs: ['now ready'] },
    })
  })

  test.skipIf(missing !== undefined)('a crash must end the wait at once, with code, output and a hint', async () => {
    const target = await started('crash', { command: ['sh', '-c', 'echo going down; sleep 0.5; exit 127'] })
    const before = performance.now()
    await expect(wait(target, { kind: 'log', pattern: 'never' })).rejects.toMatchObject({
      code: 'NOT_READY',
      message: expect.stringContaining('Service web ended with exit code 127'),
      hint: expect.stringContaining('does not exist in the image'),
      details: { state: 'exited', exitCode: 127, logs: expect.arrayContaining(['going down']) },
    })
    expect(performance.now() - before).toBeLessThan(10_000)
  })

  test.skipIf(missing !== undefined)('a job must be judged by its exit code', async () => {
    const good = await started('good', { command: ['true'] })
    await expect(wait(good, { kind: 'completed' })).resolves.toBeUndefined()
    const bad = await started('bad', { command: ['sh', '-c', 'exit 3'] })
    await expect(wait(bad, { kind: 'completed' })).rejects.toMatchObject({
      code: 'JOB_FAILED',
      details: { exitCode: 3 },
    })
  })
})
