import { expect, test } from 'vitest'
import { createCrashes } from '../../../src/watch/crashes.ts'

test('three deaths within ten seconds of our start must be a loop, until something changes', () => {
  const crashes = createCrashes()
  const deaths: number[] = []
  for (let at = 0; at < 3; at += 1) {
    crashes.started(['web'], at * 5_000)
    expect(crashes.isLooping('web')).toBe(false)
    deaths.push(crashes.died('web', at * 5_000 + 1_000))
  }
  expect(deaths).toEqual([1, 2, 3])
  expect(crashes.isLooping('web')).toBe(true)
  expect(crashes.isLooping('db')).toBe(false)
  crashes.forget()
  expect(crashes.isLooping('web')).toBe(false)
})

test('a death after a while must begin anew, and one that is reported twice must count once', () => {
  const crashes = createCrashes()
  crashes.started(['web'], 0)
  expect(crashes.died('web', 500)).toBe(1)
  expect(crashes.died('web', 501)).toBe(1)
  crashes.started(['web'], 1_000)
  expect(crashes.died('web', 20_000)).toBe(0)
  crashes.started(['web'], 21_000)
  expect(crashes.died('web', 21_500)).toBe(1)
})

test('the death of what was not started by us must not count', () => {
  expect(createCrashes().died('web', 5)).toBe(0)
})
