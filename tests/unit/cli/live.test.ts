import { expect, onTestFinished, test, vi } from 'vitest'
import { createLiveRows } from '../../../src/cli/report/live.ts'
import { table } from '../../../src/cli/report/words.ts'

function terminal(size: { readonly columns: number; readonly rows?: number }) {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const output = { isTTY: true, ...size, written: '', write: (text: string) => (output.written += text) }
  const take = (): string => {
    const taken = output.written
    output.written = ''
    return taken
  }
  return { output, take, live: createLiveRows(output, {}) }
}

test('a live row must fill less than one row, whatever stands in it', () => {
  const { live, take } = terminal({ columns: 20 })
  live.show(() => [{ text: `web building\t日本語のレイヤー\r\n`, paint: (text) => `<${text}>` }])
  vi.advanceTimersByTime(100)
  live.close()
  expect(take()).toBe('<web building 日本語>\r\u001b[J')
})

test('live rows must be drawn when they change, below what is written, and wiped whole', async () => {
  const { live, output, take } = terminal({ columns: 20, rows: 4 })
  let rows = ['1', '2', '3', '4']
  live.show(() => rows.map((text) => ({ text })))
  vi.advanceTimersByTime(500)
  // One row is left for what was said.
  expect(take()).toBe('2\n3\n4')
  live.write('said\n')
  expect(take()).toBe('\r\u001b[2A\u001b[Jsaid\n2\n3\n4')
  await live.aside(() => {
    vi.advanceTimersByTime(500)
    output.write('asked')
    return Promise.resolve()
  })
  expect(take()).toBe('\r\u001b[2A\u001b[Jasked')
  rows = ['a long row that is']
  vi.advanceTimersByTime(100)
  expect(take()).toBe('a long row that is')
  // A terminal that was made narrower has broken it.
  output.columns = 10
  live.close()
  expect(take()).toBe('\r\u001b[1A\u001b[J')
})

test('columns of a table must stand below each other also where characters are wide', () => {
  expect(
    table([
      ['日本', 'x'],
      ['abc', 'y'],
    ]),
  ).toEqual(['  日本  x', '  abc   y'])
})
