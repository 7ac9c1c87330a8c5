import { expect, test } from 'vitest'
import { parseIgnore } from '../../../src/config/ignore-rules.ts'

test('patterns are made plain: podman takes the lines of a file that it is handed word for word', async () => {
  const text =
    '\uFEFF# no pattern\n/secret.txt\r\n  ./a//b/  \n!/keep\n! /kept/\n\n/\n!\n!/\n #hash\nc++/../(d)\n/**/e\n'
  const { patterns } = await parseIgnore(text)
  expect(patterns).toEqual(['secret.txt', 'a/b', '!keep', '!kept', ' #hash', String.raw`\(d\)`, '**/e'])
})

test('a path is left out by the last pattern that it or a folder of it matches', async () => {
  const { exceptions, ignores } = await parseIgnore('/*\n!/keep.txt\n!/d\n/d/e\n')
  expect(exceptions).toBe(true)
  const paths = ['secret.txt', '.git/config', 'keep.txt', 'd', 'd/x', 'd/e', 'd/e/y']
  expect(paths.filter(ignores)).toEqual(['secret.txt', '.git/config', 'd/e', 'd/e/y'])
  expect((await parseIgnore('\n')).exceptions).toBe(false)
})
