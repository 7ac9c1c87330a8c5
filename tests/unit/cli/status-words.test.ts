import { expect, test } from 'vitest'
import type { MigrationStatusDocument } from '../../../src/cli/report/documents.ts'
import { migrationStatusText } from '../../../src/cli/report/status-words.ts'

const one = {
  version: '001',
  name: 'users',
  state: 'applied',
  reversible: false,
  appliedAt: '2026-11-25T21:31:37.629Z',
  durationMs: 12,
  appliedBy: 'ann@laptop',
  gitCommit: 'e04c9fb7c2e2c87ea0e2bbf1439587e615536386',
} as const

const status: MigrationStatusDocument = {
  type: 'migration-status',
  database: { host: 'h', port: 1, user: 'u', database: 'd' },
  folder: '/m',
  ledger: true,
  pooled: false,
  applied: 2,
  pending: 0,
  halfDone: 1,
  wrong: 1,
  migrations: [one, { ...one, version: '002', state: 'running', statements: { applied: 1, total: 3 } }],
  problems: [],
}

const lineOf = (text: string): string => text.split('\n').find((line) => line.startsWith('  001')) ?? ''

test('the table has what fits into the terminal, and all where there is none', () => {
  const whole = lineOf(migrationStatusText(status))
  expect(whole).toMatch(/by ann@laptop {2}from e04c9fb7c2$/)
  expect(lineOf(migrationStatusText(status, whole.length))).toBe(whole)
  expect(lineOf(migrationStatusText(status, whole.length - 1))).toMatch(/by ann@laptop$/)
  const narrow = migrationStatusText(status, 84)
  expect(lineOf(narrow)).toMatch(/12 ms$/)
  expect(lineOf(migrationStatusText(status, 20))).toBe(lineOf(narrow))
})

test('what is half-done is told as such, and as running while a run is at work', () => {
  expect(migrationStatusText(status)).toContain(': 2 applied, 0 pending, 1 half-done\n')
  expect(migrationStatusText(status)).toContain('cut off half-way')
  const run = { pid: 7, user: 'app', application: 'x', client: '10.0.0.1', ageMs: 3000, statement: 'SELECT 1' }
  const text = migrationStatusText({ ...status, wrong: 0, run })
  expect(text).toContain('running now')
  expect(text).toContain(
    'A run is at work on this database: pid 7, user app, application "x", from 10.0.0.1, for 3 s, running: SELECT 1.',
  )
  expect(text).not.toContain('goes on at statement')
})

test('a file that has another name than what was applied is named', () => {
  const renamed = { ...one, file: '001_people.sql', renamed: true } as const
  expect(migrationStatusText({ ...status, migrations: [renamed] })).toMatch(
    /001 {2}users {2}applied, file is 001_people\.sql now/,
  )
})
