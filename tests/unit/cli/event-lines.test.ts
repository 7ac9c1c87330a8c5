import { expect, test } from 'vitest'
import { printEvents } from '../../../src/cli/report/event-lines.ts'
import type { Row } from '../../../src/cli/report/live.ts'
import { createWatchBlock } from '../../../src/cli/report/watch-block.ts'
import type { Outcome } from '../../../src/events.ts'

function printer() {
  let rows: (() => readonly Row[]) | undefined
  const said: string[] = []
  const block = createWatchBlock(() => new Date(2026, 0, 1, 12, 30, 5))
  const event = printEvents({
    say: (text) => said.push(text),
    warn: (text) => said.push(text),
    live: {
      draws: true,
      write: (text) => said.push(text),
      show: (text) => (rows = text),
      aside: (body) => body(),
      close: () => undefined,
    },
    block,
    verbose: false,
  })
  return {
    block,
    event,
    said,
    shown: () =>
      rows?.()
        .map(({ text }) => text)
        .join('\n'),
  }
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
  expect(shown()?.split('\n').at(-1)).toMatch(/^ {2}not as declared; 3 files · r re-run/)
})

test('of an error that announces more, the first of it must stand in the row of a watch', () => {
  const { event, shown } = printer()
  const message = 'poststack.config.ts has 2 mistakes:\n\n  - services.db: unknown key `prot`\n  - name: it is missing'
  const error = { code: 'CONFIG_INVALID', message } as const
  event({ type: 'watch-waiting', files: 3, asDeclared: false, error, durationMs: 40 })
  expect(shown()).toContain('  error     poststack.config.ts has 2 mistakes: - services.db: unknown key `prot`\n')
})

const outcomeOf = (services: Outcome['services'], failed: readonly object[] = []): Outcome =>
  ({ ok: failed.length === 0, services, results: failed, durationMs: 1 }) as unknown as Outcome

test('a watch must show where the services are, its last run and what is wrong, also while the next one runs', () => {
  const { block, event, said, shown } = printer()
  const keys = ' · r re-run, p plan, l logs, q quit, Q quit and down'
  const services = [{ service: 'db', addresses: ['postgres://127.0.0.1:5433/app'] }]
  block.ran(outcomeOf(services))
  expect(shown()).toBe('')
  event({ type: 'watch-waiting', files: 3, asDeclared: true, durationMs: 120 })
  const where = '  db        postgres://127.0.0.1:5433/app'
  expect(shown()?.split('\n')).toEqual(['', where, '  last run  12:30:05  120 ms', `  watching 3 files${keys}`])

  event({ type: 'watch-changed', paths: ['migrations/2_b.sql'], services: [] })
  expect(shown()?.split('\n').slice(-2)).toEqual(['  last run  12:30:05  120 ms', '  …'])
  event({ type: 'migration-started', migration: '2', name: 'b', file: '2_b.sql', number: 1, total: 1 })
  expect(shown()).toMatch(/\n {2}… {2}2_b\.sql \d+ ms$/)
  const error = { code: 'MIGRATION_FAILED', message: '2_b.sql, line 1: there is no such type\n> 1 | x' } as const
  event({ type: 'watch-failed', error })
  block.ran(outcomeOf(services, [{ subject: 'service:db', kind: 'migrate', status: 'failed' }]))
  event({ type: 'watch-waiting', files: 3, asDeclared: false, error, durationMs: 40 })
  expect(shown()?.split('\n')).toEqual([
    '',
    where,
    '  last run  12:30:05  40 ms  changed: migrations/2_b.sql',
    '  error     2_b.sql, line 1: there is no such type',
    `  not as declared; 3 files${keys}`,
  ])
  expect(said).not.toContain(where)

  block.ran(outcomeOf(services, [{ subject: 'service:db', kind: 'wait', status: 'failed' }]))
  expect(shown()).not.toContain(where)

  const many = Array.from({ length: 9 }, (_, n) => ({ service: `s${String(n)}`, addresses: ['x'] }))
  block.ran(outcomeOf([...many, { service: 'job', addresses: [] }]))
  event({ type: 'watch-waiting', files: 3, asDeclared: true, durationMs: 40 })
  expect(shown()).toContain('  s5        x\n            and 3 more\n  last run')
  expect(shown()).not.toContain('error')
})
