import { describe, expect, test } from 'vitest'
import { saying } from '../../../src/migrations/run/failure.ts'

function said(code: string, message: string): string {
  return saying(Object.assign(new Error(message), { code, severity: 'ERROR' }))
}

describe('what the server said', () => {
  test.each([
    ['one line', 'P0001', 'no', 'no (SQLSTATE P0001)'],
    ['several lines', 'P0001', 'not ready:\n- a\n- b', 'not ready:\n- a\n- b (SQLSTATE P0001)'],
    ['one of them empty at the end', 'P0001', 'a\nb\n', 'a\nb (SQLSTATE P0001)'],
    ['twelve lines of very many', 'P0001', 'x\n'.repeat(99), `${'x\n'.repeat(12)}… (SQLSTATE P0001)`],
    [
      'the file from an open string on',
      '42601',
      `unterminated string at "'a\nb\nc"`,
      `unterminated string at "'a… (SQLSTATE 42601)`,
    ],
    ['a very long line', 'P0001', 'x'.repeat(5000), `${'x'.repeat(300)}… (SQLSTATE P0001)`],
  ])('%s', (_name, code, message, expected) => {
    expect(said(code, message)).toBe(expected)
  })
})
