import { expect, test } from 'vitest'
import { PoststackError } from '../../../src/errors.ts'
import type { Plan } from '../../../src/plan/step.ts'
import { createCrashes } from '../../../src/watch/crashes.ts'
import { judgeEnds } from '../../../src/watch/ends.ts'

/** `start web`, or `undo start web` for one of the way back. */
const planWith = (...steps: readonly string[]) => ({
  plan: () =>
    Promise.resolve({
      steps: steps.map((text) => {
        const [service, kind, undo] = text.split(' ').toReversed()
        return { subject: `service:${service ?? ''}`, action: { kind }, undo }
      }),
    } as unknown as Plan),
})
const endOf = (...services: readonly (string | undefined)[]) => new Map(services.map((service) => [service, 5]))

test('an end that leaves everything as declared must be nothing, and so must one that cannot be looked at', async () => {
  const crashes = createCrashes()
  const ends = { crashes, services: [], ended: endOf('web') }
  const nothing = { isWanted: false, died: [], looping: [] }
  expect(await judgeEnds(planWith(), ends)).toEqual(nothing)
  const silent = { plan: () => Promise.reject(new PoststackError('RUNTIME_UNREACHABLE', 'no')) }
  expect(await judgeEnds(silent, ends)).toEqual(nothing)
})

test('an end must ask for a run until it is a loop, which is told once, and does not stop the others', async () => {
  const crashes = createCrashes()
  const judge = async (...services: readonly string[]) => {
    crashes.started(services, 0)
    return await judgeEnds(planWith('start web', 'start db'), { crashes, services: [], ended: endOf(...services) })
  }
  expect(await judge('web')).toEqual({ isWanted: true, died: ['web'], looping: [] })
  expect(await judge('web')).toEqual({ isWanted: true, died: ['web'], looping: [] })
  expect(await judge('web')).toEqual({ isWanted: false, died: ['web'], looping: [['web', 3]] })
  expect(await judge('web')).toEqual({ isWanted: false, died: ['web'], looping: [] })
  expect(await judge('web', 'db')).toEqual({ isWanted: true, died: ['db', 'web'], looping: [] })
})

test('a service that runs has not died, whatever else is to be done: a run of ours that failed has put it back, or made it anew', async () => {
  const crashes = createCrashes()
  crashes.started(['web', 'db'], 0)
  const nothing = { isWanted: false, died: [], looping: [] }
  const judge = (...steps: readonly string[]) =>
    judgeEnds(planWith(...steps), { crashes, services: [], ended: endOf('web') })
  const recreated = ['create web', 'stop web', 'start web', 'wait web', 'remove web', 'undo stop web', 'undo start web']
  expect(await judge(...recreated)).toEqual(nothing)
  expect(await judge('migrate db')).toEqual(nothing)
  expect(await judge('migrate db', 'start web')).toMatchObject({ isWanted: true, died: ['web'] })
  expect(await judge('blocked web')).toMatchObject({ isWanted: true, died: ['web'] })
})
