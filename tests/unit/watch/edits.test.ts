import { expect, test } from 'vitest'
import type { LedgerRow } from '../../../src/migrations/ledger/rows.ts'
import type { Migration } from '../../../src/migrations/types.ts'
import { decideEdits, type EditDecision, isSameDecision } from '../../../src/watch/edits.ts'

/** `1_a:x` is number 1, named a, with the text x; `!` behind it is half-applied. */
function parts(label: string): { readonly version: string; readonly name: string; readonly checksum: string } {
  const [, version = '', name = '', checksum = ''] = /^(\d+)_(\w+):(\w+)/.exec(label) ?? []
  return { version, name, checksum }
}

function list(text: string): readonly string[] {
  return text.split(' ').filter((label) => label !== '')
}

function decisionOf(files: string, ledger: string): EditDecision {
  const migrations = list(files).map((label) => ({ ...parts(label), file: label }) as unknown as Migration)
  const rows = list(ledger).map(
    (label) =>
      ({
        ...parts(label),
        ...(label.endsWith('!') ? { unfinished: { state: 'failed' } } : {}),
      }) as unknown as LedgerRow,
  )
  return decideEdits(migrations, rows)
}

function decide(files: string, ledger: string): string {
  const decision = decisionOf(files, ledger)
  switch (decision.kind) {
    case 'none':
      return 'none'
    case 'edited':
      return `edited ${decision.row.version}`
    case 'older':
      return `older ${decision.row.version}, newest ${decision.newest.version}`
    case 'left':
      return `back to ${decision.target}: ${decision.rows.map(({ row, why }) => `${row.version} ${why}`).join(', ')}`
  }
}

test.each([
  ['nothing has changed', '1_a:x 02_b:y', '1_a:x 2_b:y', 'none'],
  ['only new files', '1_a:x 2_b:y', '1_a:x', 'none'],
  ['nothing is applied', '1_a:x', '', 'none'],
  ['the newest is edited', '1_a:x 10_b:z 11_c:n', '1_a:x 10_b:y', 'edited 10'],
  ['the newest is renamed with its text', '1_a:x 2_other:y', '1_a:x 2_b:y', 'none'],
  ['an older one is edited', '1_a:z 2_b:y', '1_a:x 2_b:y', 'older 1, newest 2'],
  ['an older and the newest are edited', '1_a:z 2_b:z', '1_a:x 2_b:y', 'older 1, newest 2'],
  ['the newest is gone', '1_a:x', '1_a:x 2_b:y', 'back to 1: 2 gone'],
  ['everything is gone', '', '1_a:x 2_b:y', 'back to 0: 2 gone, 1 gone'],
  ['a number belongs to another migration now', '1_a:x 2_c:z', '1_a:x 2_b:y', 'back to 1: 2 gone'],
  ['one below others is gone', '1_a:x 3_c:z', '1_a:x 2_b:y 3_c:z', 'back to 1: 3 applied-again, 2 gone'],
  ['one that stands on a gone one is edited', '3_c:n', '2_b:y 3_c:z', 'back to 0: 3 applied-again, 2 gone'],
  ['an edited one stays below what is gone', '1_a:n', '1_a:x 2_b:y', 'older 1, newest 2'],
  ['one is half-applied', '1_a:n', '1_a:x 2_b:y!', 'none'],
])('%s', (_, files, ledger, expected) => {
  expect(decide(files, ledger)).toBe(expected)
})

test.each([
  ['nothing has changed', '1_a:x', '1_a:x 2_b:y 3_c:z', true],
  ['one of those that were gone is back', '1_a:x 2_b:y', '1_a:x 2_b:y 3_c:z', false],
  ['all are back', '1_a:x 2_b:y 3_c:z', '1_a:x 2_b:y 3_c:z', false],
  ['one is back with another text', '1_a:x 3_c:n', '1_a:x 2_b:y 3_c:z', false],
  ['one is back above what is gone', '1_a:x 3_c:z', '1_a:x 2_b:y 3_c:z', false],
  ['somebody has migrated', '1_a:x', '1_a:x 2_b:y', false],
])('what is asked about must hold on as long as it is the same: %s', (_, files, ledger, expected) => {
  const before = decisionOf('1_a:x', '1_a:x 2_b:y 3_c:z')
  expect(isSameDecision(before, decisionOf(files, ledger))).toBe(expected)
})

test('an edit must hold on until it is undone, whatever it holds by then', () => {
  const before = decisionOf('1_a:n', '1_a:x')
  expect(isSameDecision(before, decisionOf('1_a:m', '1_a:x'))).toBe(true)
  expect(isSameDecision(before, decisionOf('1_a:x', '1_a:x'))).toBe(false)
})
