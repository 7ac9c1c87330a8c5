import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { latest } from '../../../src/watch/latest.ts'

/** A run that takes a moment, and counts how many there are at once and in all. */
function counted(onRun: (runs: number) => void = () => undefined) {
  const seen = { runs: 0, atOnce: 0, most: 0 }
  const run = async (): Promise<void> => {
    seen.runs += 1
    seen.atOnce += 1
    seen.most = Math.max(seen.most, seen.atOnce)
    onRun(seen.runs)
    await sleep(5)
    seen.atOnce -= 1
  }
  return { seen, run }
}

test('what is asked for while a run is under way must become exactly one more, and never two at once', async () => {
  const { seen, run } = counted()
  const ask = latest(run)
  const first = ask()
  await sleep(2)
  await Promise.all([first, ...Array.from({ length: 50 }, () => ask())])
  expect(seen).toEqual({ runs: 2, atOnce: 0, most: 1 })
  await ask()
  expect(seen.runs).toBe(3)
})

test('a run that asks for another one as soon as it begins must not run beside it', async () => {
  const { seen, run } = counted((runs) => {
    if (runs < 3) void ask()
  })
  const ask = latest(run)
  await ask()
  expect(seen).toEqual({ runs: 3, atOnce: 0, most: 1 })
})

test('a run that fails must fail for who asked, and the next one must run', async () => {
  const { seen, run } = counted((runs) => {
    if (runs === 1) throw new Error('no')
  })
  const ask = latest(run)
  await expect(ask()).rejects.toThrow('no')
  await ask()
  expect(seen.runs).toBe(2)
})
