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

const shownOf = (line: string): string =>
  (codeFrame(line, { line: 1, column: 1 }) ?? '').split('\n')[0]?.replace('> 1 | ', '') ?? ''

test('code behind a text that only ends like the name of a secret must stay', () => {
  for (const line of [
    "console.log('SECRET=', process.env.SECRET, 'PORT=', port)",
    "const text = 'token=' + token + '&port=' + port",
    'log(`password:`, `${x}`)',
  ])
    expect(shownOf(line)).toBe(line)
})

test('a secret must be hidden, whatever stands before it', () => {
  for (const [line, shown] of [
    ["password: 'hunter2', token: `abc`", "password: '*******', token: `***`"],
    ["log('SECRET=', { password: 'hunter2' })", "log('SECRET=', { password: '*******' })"],
    ["don't(); password:', hunter2'", "don't(); password:'*********'"],
    ["a('', password:', hunter2')", "a('', password:'*********')"],
    ["'password': ', hunter2'", "'password': '*********'"],
    ["const password=', hunter2'", "const password='*********'"],
  ] as const)
    expect(shownOf(line)).toBe(shown)
})
