/** The probe that looks for a line of output. */
import { expect, onTestFinished, test, vi } from 'vitest'
import { probeOnce, waitFor } from '../../../src/execute/probes.ts'
import type { Probe } from '../../../src/plan/types.ts'
import type { MemoryRuntime } from '../../support/memory-runtime.ts'
import { context, runtimeWith } from '../../support/waiting.ts'

const probe = (pattern: string): Probe => ({ kind: 'log', pattern })

test('log must match a pattern on single lines', async () => {
  const { runtime } = runtimeWith({ logs: ['starting', 'Listening on port 8080'] })
  expect(await probeOnce({ kind: 'log', pattern: '^Listening on .* \\d+$' }, context({ runtime }))).toEqual({
    ready: true,
  })
  expect(await probeOnce({ kind: 'log', pattern: 'starting.Listening' }, context({ runtime }))).toMatchObject({
    reason: 'no line matched yet',
  })
})

test('log must find a line however much came after it, and read no further', async () => {
  const logs = ['ready now', ...Array.from({ length: 5000 }, (_, n) => `request ${n}`)]
  const { runtime } = runtimeWith({ logs })
  let read = 0
  const readLogs: MemoryRuntime['readLogs'] = async (_, { onLine, tail }, { signal }) => {
    for (const text of tail === undefined ? logs : logs.slice(-tail)) {
      signal.throwIfAborted()
      read += 1
      onLine({ stream: 'stdout', text, time: undefined })
    }
    return Promise.resolve()
  }
  const counted = context({ runtime: { ...runtime, readLogs } })
  expect(await probeOnce(probe('^ready now$'), counted)).toEqual({ ready: true })
  expect(read).toBe(2000)
  // The newest lines are looked at first: a service that writes much before it is ready is asked often.
  expect(await probeOnce(probe('^request 4999$'), counted)).toEqual({ ready: true })
  expect(read).toBe(3000)
  expect(await probeOnce(probe('nothing'), counted)).toEqual({ ready: false, reason: 'no line matched yet' })
})

test.each([
  ['(a+)+$', 'takes too long to match'],
  ['(', 'is not a regular expression'],
])('the log pattern %s must be refused, not hang', async (pattern, words) => {
  const { runtime } = runtimeWith({ logs: [`${'a'.repeat(1000)}b`] })
  await expect(waitFor({ kind: 'log', pattern }, context({ runtime, timeoutMs: 60_000 }))).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining(words),
  })
})

test('a match that the machine left no time for says nothing of the pattern', async () => {
  const { runtime } = runtimeWith({ logs: [`${'a'.repeat(1000)}b`] })
  const used = vi.spyOn(process, 'cpuUsage').mockReturnValue({ user: 20_000, system: 5000 })
  onTestFinished(() => used.mockRestore())
  expect(await probeOnce({ kind: 'log', pattern: '(a+)+$' }, context({ runtime }))).toEqual({
    ready: false,
    reason: 'the machine was too busy to look for /(a+)+$/',
  })
})
