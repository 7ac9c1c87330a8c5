import { expect, test } from 'vitest'
import { printEvents } from '../../../src/cli/report/event-lines.ts'

test('a migration of a watch that failed outside of any step must not be shown as running for ever', () => {
  let shown: (() => string) | undefined
  const said: string[] = []
  const event = printEvents({
    say: (text) => said.push(text),
    warn: (text) => said.push(text),
    live: { draws: true, write: (text) => said.push(text), show: (text) => (shown = text), close: () => undefined },
    verbose: false,
  })
  event({ type: 'migration-started', migration: '1', name: 'a', file: '1_a.sql', number: 1, total: 1 })
  expect(shown?.()).toContain('1_a.sql')
  event({ type: 'watch-failed', error: { code: 'MIGRATION_FAILED', message: 'there is no such type' } })
  event({ type: 'watch-waiting', files: 3, asDeclared: false, durationMs: 1 })
  expect(said.at(-1)).toContain('there is no such type')
  expect(shown?.()).toMatch(/^ {2}not as declared; 3 files · r re-run/)
})
