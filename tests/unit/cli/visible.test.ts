import { expect, test } from 'vitest'
import { clipped, visible, visibleIn, visibleJson } from '../../../src/cli/report/visible.ts'
import { runWords } from '../../support/run-words.ts'

test('what steers a terminal must be shown and not obeyed; line breaks and tabs are text', () => {
  expect(visible('a\u001b[2Jb\u0007\u009bc\td\r\ne\rf\u0000')).toBe('a\\x1b[2Jb\\x07\\x9bc\td\ne\\x0df\\x00')
  expect(visible('\u202egnp.exe')).toBe('\\u202egnp.exe')
  expect(visible('größe 😀 \u00a0')).toBe('größe 😀 \u00a0')
})

test('colours of programs say nothing, and go', () => {
  expect(visible('\u001b[31;1mred\u001b[0m')).toBe('red')
})

test('marks that turn the direction of a text must be seen', () => {
  expect(visible('a\u061C\u200E\u200F\u202E')).toBe(String.raw`a\u061c\u200e\u200f\u202e`)
})

test('records keep their form, and what is no plain record stays whole', () => {
  const at = new Date(0)
  expect(visibleIn({ a: ['\u0001', 1, null, { b: '\u001b]0;x' }], at })).toEqual({
    a: ['\\x01', 1, null, { b: '\\x1b]0;x' }],
    at,
  })
})

test('JSON must stay the same document', () => {
  const document = { a: '\u009b\u007f\u202e\u2028\u001b' }
  const text = visibleJson(JSON.stringify(document))
  expect(text).not.toMatch(/[\u007F-\u009F\u2028\u202E]/)
  expect(JSON.parse(text)).toEqual(document)
})

test('a line without an end must be cut, and say so', () => {
  expect(clipped(`a\n${'x'.repeat(5000)}\nb`)).toBe(`a\n${'x'.repeat(2000)}… (3000 characters more)\nb`)
})

test.each([
  [['up\u001b[2J']],
  [['upp\u009b31m']],
  [['up', '--runtime', '\u001b]0;title\u0007']],
  [['\u202eup', '--json']],
])('%j must not be echoed as it is', async (words) => {
  const { exitCode, stderr, stdout } = await runWords(...words)
  expect(exitCode).toBe(2)
  expect(stdout + stderr).not.toMatch(/(?!\n)[\p{Cc}\u202A-\u202E]/u)
})
