import { expect, test } from 'vitest'

import type { ServiceLogLine } from '../../../src/stack/options.ts'
import { createOnce, inOrder } from '../../../src/stack/logs.ts'

const line = (service: string, text: string, time: string | undefined): ServiceLogLine => ({
  service,
  container: service,
  stream: 'stdout',
  text,
  time: time === undefined ? undefined : `2026-01-01T00:00:${time}Z`,
})

test('lines of the past are told by their times, and those of one time in the order of their service', () => {
  const said: string[] = []
  const ordered = inOrder(false, ({ text }) => void said.push(text))
  ordered.push(line('db', 'db 1', '01.000'))
  ordered.push(line('db', 'db 2', '03.000'))
  ordered.push(line('db', 'db 3', '03.000'))
  ordered.push(line('web', 'web 1', '02.000'))
  ordered.push(line('web', 'web 2', '04.000'))
  expect(said).toEqual([])
  ordered.end()
  expect(said).toEqual(['db 1', 'web 1', 'db 2', 'db 3', 'web 2'])
})

test('what comes after the past is told as it comes, and nothing twice', async () => {
  const said: string[] = []
  const ordered = inOrder(true, ({ text }) => void said.push(text))
  ordered.push(line('web', 'second', '02.000'))
  ordered.push(line('db', 'first', '01.000'))
  await expect.poll(() => said).toEqual(['first', 'second'])
  ordered.push(line('db', 'late', '00.500'))
  expect(said).toEqual(['first', 'second', 'late'])
  ordered.end()
  expect(said).toHaveLength(3)
})

test('what an engine gives again after a restart is left out, by its own clock and though it has the same time', () => {
  const said: string[] = []
  const lines = createOnce(({ text }) => void said.push(text))
  const give = (...given: readonly (readonly [text: string, time: string | undefined])[]): void => {
    for (const [text, time] of given) lines.onLine(line('web', text, time))
  }
  expect(lines.again()).toBeUndefined()
  give(['one', '01.000'], ['two', '02.000'], ['two', '02.000'])
  expect(lines.again()).toEqual(new Date('2026-01-01T00:00:02Z'))
  give(
    ['one', '01.000'],
    ['two', '02.000'],
    ['two', '02.000'],
    ['two', '02.000'],
    ['three', '02.000'],
    ['late', undefined],
  )
  lines.again()
  give(['two', '02.000'], ['four', '03.000'])
  expect(said).toEqual(['one', 'two', 'two', 'two', 'three', 'late', 'four'])
})
