import { afterEach, expect, test } from 'vitest'
import { PoststackError } from '../../src/errors.ts'
import { interruption, onAbort, pause } from '../../src/abort.ts'

const warnings: string[] = []
const keep = (warning: Error) => warnings.push(warning.message)
process.on('warning', keep)

afterEach(() => {
  process.removeListener('warning', keep)
})

test('a hundred calls may share one signal without a warning of Node, and all end with it', async () => {
  const controller = new AbortController()
  const pauses = Array.from({ length: 100 }, () => pause(60_000, controller.signal))
  const ended = Promise.allSettled(pauses)
  controller.abort(new PoststackError('TERMINATED', 'stopped'))
  for (const result of await ended) expect(result).toMatchObject({ status: 'rejected', reason: { code: 'TERMINATED' } })
  // Node warns a moment later.
  await new Promise((resolve) => setImmediate(resolve))
  expect(warnings).toEqual([])
})

test('what was taken back is not called', () => {
  const controller = new AbortController()
  const called: string[] = []
  const forget = onAbort(controller.signal, () => called.push('taken back'))
  onAbort(controller.signal, () => called.push('kept'))
  forget()
  controller.abort()
  expect(called).toEqual(['kept'])
})

test('a reason that is not ours is still an interruption', () => {
  expect(interruption(AbortSignal.abort('bored'))).toMatchObject({ code: 'INTERRUPTED', cause: 'bored' })
})

test('a pause on a stopped signal does not begin', async () => {
  await expect(pause(60_000, AbortSignal.abort())).rejects.toMatchObject({ code: 'INTERRUPTED' })
})
