import { expect, test } from 'vitest'
import { createAhead } from '../../../src/vitest/ahead.ts'

/** Makes numbers, each when it is told to. */
function factory() {
  const made: { readonly done: () => void; readonly fail: (error: Error) => void }[] = []
  const make = (): Promise<number> =>
    new Promise((resolve, reject) => {
      const number = made.length + 1
      made.push({ done: () => resolve(number), fail: reject })
    })
  return { made, ahead: createAhead(make) }
}

const soon = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('the next is begun when the first is there, and taken when it is asked for; none is begun that nobody wants', async () => {
  const { made, ahead } = factory()
  const first = ahead.take(true)
  await soon()
  expect(made).toHaveLength(1)
  made[0]?.done()
  expect(await first).toBe(1)
  await soon()
  expect(made).toHaveLength(2)
  made[1]?.done()
  expect(await ahead.take(false)).toBe(2)
  await soon()
  expect(made).toHaveLength(2)
})

test('several at once are made side by side, and one that fails fails who took it alone', async () => {
  const { made, ahead } = factory()
  const [first, second] = [ahead.take(true), ahead.take(true)]
  expect(made).toHaveLength(2)
  made[0]?.fail(new Error('no room'))
  made[1]?.done()
  await expect(first).rejects.toThrow('no room')
  expect(await second).toBe(2)
  await soon()
  // One for both of them.
  expect(made).toHaveLength(3)
  made[2]?.fail(new Error('still none'))
  await soon()
  await expect(ahead.take(true)).rejects.toThrow('still none')
  await soon()
  made[3]?.done()
  expect(await ahead.take(false)).toBe(4)
})
