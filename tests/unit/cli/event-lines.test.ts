import { expect, test } from 'vitest'
import { printEvents } from '../../../src/cli/report/event-lines.ts'

function printer() {
  let shown: (() => string) | undefined
  const said: string[] = []
  const event = printEvents({
    say: (text) => said.push(text),
    warn: (text) => said.push(text),
    live: { draws: true, write: (text) => said.push(text), show: (text) => (shown = text), close: () => undefined },
    verbose: false,
  })
  return { event, said, shown: () => shown?.() }
}

test('a backup must be shown as what is done with it now, and as nothing when a run follows', () => {
  const { event, shown } = printer()
  event({ type: 'backup-progress', what: 'dumping', bytes: 1 })
  expect(shown()).toContain('dumping')
  event({ type: 'backup-progress', what: 'verifying', bytes: 1 })
  expect(shown()).toMatch(/^ {2}… {2}verifying \d+ ms \(1 bytes\)$/)
  event({ type: 'run-started', stack: 'shop', runtime: 'podman', steps: 1, subjects: [] })
  expect(shown()).toBe('')
})

test('a migration of a watch that failed outside of any step must not be shown as running for ever', () => {
  const { event, said, shown } = printer()
  event({ type: 'migration-started', migration: '1', name: 'a', file: '1_a.sql', number: 1, total: 1 })
  expect(shown()).toContain('1_a.sql')
  event({ type: 'watch-failed', error: { code: 'MIGRATION_FAILED', message: 'there is no such type' } })
  event({ type: 'watch-waiting', files: 3, asDeclared: false, durationMs: 1 })
  expect(said.at(-1)).toContain('there is no such type')
  expect(shown()).toMatch(/^ {2}not as declared; 3 files · r re-run/)
})
