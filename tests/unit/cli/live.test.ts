import { expect, test, vi } from 'vitest'
import { createLiveLine } from '../../../src/cli/report/live.ts'
import { table } from '../../../src/cli/report/words.ts'

test('the live line must fill less than one row, whatever stands in it', () => {
  vi.useFakeTimers()
  let written = ''
  const output = { isTTY: true, columns: 20, write: (text: string) => (written += text) }
  const live = createLiveLine(output, {})
  live.show(() => `web building\t日本語のレイヤー\r\n`)
  vi.advanceTimersByTime(100)
  live.close()
  vi.useRealTimers()
  expect(written).toBe('web building 日本語\r\u001b[2K')
})

test('columns of a table must stand below each other also where characters are wide', () => {
  expect(
    table([
      ['日本', 'x'],
      ['abc', 'y'],
    ]),
  ).toEqual(['  日本  x', '  abc   y'])
})
