import { expect, test } from 'vitest'
import { PoststackError } from '../../../src/errors.ts'
import type { Plan } from '../../../src/plan/step.ts'
import { createCrashes } from '../../../src/watch/crashes.ts'
import { judgeEnds } from '../../../src/watch/ends.ts'

const planWith = (steps: number) => ({
  plan: () => Promise.resolve({ steps: Array.from({ length: steps }, () => ({})) } as unknown as Plan),
})
const endOf = (...services: readonly (string | undefined)[]) => new Map(services.map((service) => [service, 5]))

test('an end that leaves everything as declared must be nothing, and so must one that cannot be looked at', async () => {
  const crashes = createCrashes()
  const ends = { crashes, services: [], ended: endOf('web') }
  const nothing = { isWanted: false, looping: [] }
  expect(await judgeEnds(planWith(0), ends)).toEqual(nothing)
  const silent = { plan: () => Promise.reject(new PoststackError('RUNTIME_UNREACHABLE', 'no')) }
  expect(await judgeEnds(silent, ends)).toEqual(nothing)
})

test('an end must ask for a run until it is a loop, which is told once, and does not stop the others', async () => {
  const crashes = createCrashes()
  const judge = async (...services: readonly string[]) => {
    crashes.started(services, 0)
    return await judgeEnds(planWith(1), { crashes, services: [], ended: endOf(...services) })
  }
  expect(await judge('web')).toEqual({ isWanted: true, looping: [] })
  expect(await judge('web')).toEqual({ isWanted: true, looping: [] })
  expect(await judge('web')).toEqual({ isWanted: false, looping: [['web', 3]] })
  expect(await judge('web')).toEqual({ isWanted: false, looping: [] })
  expect(await judge('web', 'db')).toEqual({ isWanted: true, looping: [] })
})
