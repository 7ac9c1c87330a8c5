/** Containers that a restart policy starts again and again: Docker says so while it waits, podman shows them running all the time. */
import { expect, onTestFinished, test, vi } from 'vitest'
import { waitFor } from '../../../src/execute/probes.ts'
import type { ObservedContainer, Probe } from '../../../src/plan/types.ts'
import type { MemoryRuntime } from '../../support/memory-runtime.ts'
import { context, failureOf, runtimeWith } from '../../support/waiting.ts'

const running: Probe = { kind: 'running' }
const never: Probe = { kind: 'log', pattern: 'never' }

function fakeTime(): void {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
}

/** One that inspect shows so. */
function shown(fields: () => Partial<ObservedContainer>): MemoryRuntime {
  const { runtime } = runtimeWith({ logs: ['hi'] })
  return {
    ...runtime,
    inspect: async (...asked) => {
      const found = await runtime.inspect(...asked)
      return found === undefined ? undefined : { ...found, ...fields() }
    },
  }
}

async function timed(work: Promise<void>): Promise<number> {
  const before = performance.now()
  await work
  return performance.now() - before
}

test.each([running, never])(
  'each look finds it running: it must be given up, and with how it ended: %o',
  async (probe) => {
    fakeTime()
    const { runtime, container } = runtimeWith({ logs: ['hi'] })
    setInterval(() => (container.starts += 1), 150)
    const failing = failureOf(probe, {
      runtime: { ...runtime, lastExitCode: () => Promise.resolve(137) },
      timeoutMs: 60_000,
    })
    await vi.advanceTimersByTimeAsync(10_000)
    const { hint, message } = await failing
    expect(message).toMatch(/^Service web crashes again and again \(last exit code 137\); gave up after 5\.\d s/)
    expect(hint).toMatch(/^It was killed from outside: by the system when memory ran out/)
  },
)

test('one that was seen starting again and again must not be called slow at the deadline', async () => {
  fakeTime()
  const { runtime, container } = runtimeWith({ logs: ['hi'] })
  setInterval(() => (container.starts += 1), 150)
  const failing = failureOf(never, { runtime, timeoutMs: 1000 })
  await vi.advanceTimersByTimeAsync(3000)
  expect(await failing).toMatchObject({
    message: expect.stringMatching(/^Service web crashes again and again; gave up after/),
    hint: 'Its last lines of output say why.',
  })
})

test('the same where the engine waits between two starts: its count tells, and the last look that found it ended', async () => {
  fakeTime()
  let looks = 0
  const runtime = shown(() => {
    looks += 1
    const isBetween = looks % 2 === 0
    return { restarts: looks >> 1, ...(isBetween ? { state: 'restarting', exitCode: 4 } : {}) }
  })
  const failing = failureOf(never, { runtime, timeoutMs: 1000 })
  await vi.advanceTimersByTimeAsync(3000)
  expect((await failing).message).toMatch(/^Service web crashes again and again \(last exit code 4\); gave up after 1/)
})

test('what was restarted again and again before must go on running for longer, unless something asks it itself', async () => {
  fakeTime()
  const times: number[] = []
  for (const [fields, probe] of [
    [{ restarts: 1 }, running],
    [{ restarts: 2 }, running],
    [{ restarts: 2, healthcheck: ['true'] }, running],
    [{ restarts: 2 }, { kind: 'log', pattern: 'hi' }],
  ] as const) {
    const waiting = timed(waitFor(probe, context({ runtime: shown(() => fields), timeoutMs: 60_000 })))
    // oxlint-disable-next-line no-await-in-loop -- one clock
    await vi.advanceTimersByTimeAsync(15_000)
    // oxlint-disable-next-line no-await-in-loop
    times.push(Math.round((await waiting) / 1000))
  }
  expect(times).toEqual([1, 10, 1, 0])
})
