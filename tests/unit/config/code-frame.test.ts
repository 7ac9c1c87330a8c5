import { expect, test } from 'vitest'
import { codeFrame } from '../../../src/config/locate/code-frame.ts'

test('of a line that is longer than a screen, the part around the place must be shown', () => {
  const line = `${'a'.repeat(500)}X${'b'.repeat(500)}`
  const [marked = '', caret = ''] = (codeFrame(line, { line: 1, column: 501 }) ?? '').split('\n')
  expect(marked).toBe(`> 1 | …${'a'.repeat(100)}X${'b'.repeat(99)}…`)
  expect(caret.indexOf('^')).toBe(marked.indexOf('X'))
})

test('near its beginning it must be shown from there', () => {
  const [marked = '', caret = ''] = (codeFrame(`aX${'b'.repeat(500)}`, { line: 1, column: 2 }) ?? '').split('\n')
  expect(marked).toBe(`> 1 | aX${'b'.repeat(198)}…`)
  expect(caret.indexOf('^')).toBe(marked.indexOf('X'))
})
