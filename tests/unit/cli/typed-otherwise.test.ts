import { expect, test } from 'vitest'
import { hoistGlobalFlags } from '../../../src/cli/flags.ts'
import { runWords as run } from '../../support/run-words.ts'

test('help is a word, too', async () => {
  expect(await run('help')).toEqual(await run('--help'))
  for (const words of [['up'], ['database'], ['db', 'migrate']])
    expect(await run('help', ...words)).toEqual(await run(...words, '--help'))
})

test('a level may be written as POSTSTACK_LOG_LEVEL takes it', () => {
  expect(hoistGlobalFlags(['logs', 'show', '--level', 'WARN'])).toEqual(['logs', 'show', '--level', 'warning'])
  expect(hoistGlobalFlags(['logs', 'show', '--level=ERROR'])).toEqual(['logs', 'show', '--level=error'])
  expect(hoistGlobalFlags(['up', '--log-level', 'Off'])).toEqual(['up', '--log-level', 'off'])
  expect(hoistGlobalFlags(['exec', '--', 'x', '--level', 'WARN'])).toEqual(['exec', '--', 'x', '--level', 'WARN'])
})
