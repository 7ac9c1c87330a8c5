import { describe, expect } from 'vitest'
import { waitFor } from '../../../src/execute/probes.ts'
import type { ContainerSpec, Probe, Target } from '../../../src/plan/types.ts'
import { runtimesUnderTest } from '../../support/runtimes.ts'
import { underTest } from '../../support/under-test.ts'

const signal = new AbortController().signal
const engines = (await runtimesUnderTest()).filter(({ name }) => name === 'podman' || name === 'docker')

const probeDatabase = () => Promise.resolve({ ready: true } as const)

describe.each(engines)('$title', (tested) => {
  const on = underTest(tested)

  async function started(name: string, spec: Partial<ContainerSpec>): Promise<Target> {
    const plan = on.harness.plain(name, spec)
    if (plan.network !== undefined) await on.runtime.createNetwork(plan.network, on.harness.labels, { signal })
    await on.runtime.createContainer(plan, {}, { signal })
    await on.runtime.startContainer({ name: plan.name }, {}, { signal })
    return { name: plan.name }
  }

  function wait(target: Target, probe: Probe, timeoutMs = 20_000): Promise<void> {
    return waitFor(probe, {
      service: 'web',
      target,
      runtime: on.runtime,
      signal,
      timeoutMs,
      probeDatabase,
      onProgress: () => undefined,
      hide: (text) => text,
    })
  }

  on.obligation('a line of output must make a service ready, and exec too', [], async () => {
    const target = await started('line', { command: ['sh', '-c', 'sleep 1; echo now ready; exec sleep 60'] })
    await wait(target, { kind: 'log', pattern: '^now ready$' })
    await expect(wait(target, { kind: 'exec', command: ['test', '-d', '/etc'] })).resolves.toBeUndefined()
    await expect(wait(target, { kind: 'exec', command: ['false'] }, 500)).rejects.toMatchObject({
      code: 'NOT_READY',
      details: { state: 'running', logs: ['now ready'] },
    })
    // The line of the earlier start is still in the log.
    await on.runtime.stopContainer(target, 0, { signal })
    await on.runtime.startContainer(target, {}, { signal })
    await expect(wait(target, { kind: 'log', pattern: '^now ready$' }, 500)).rejects.toMatchObject({
      message: expect.stringContaining('it wrote nothing yet'),
    })
    await wait(target, { kind: 'log', pattern: '^now ready$' })
  })

  on.obligation('a crash must end the wait at once, with code, output and a hint', [], async () => {
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

  on.obligation('a job must be judged by its exit code', [], async () => {
    const good = await started('good', { command: ['true'] })
    await expect(wait(good, { kind: 'completed' })).resolves.toBeUndefined()
    const bad = await started('bad', { command: ['sh', '-c', 'exit 3'] })
    await expect(wait(bad, { kind: 'completed' })).rejects.toMatchObject({
      code: 'JOB_FAILED',
      details: { exitCode: 3 },
    })
  })
})
