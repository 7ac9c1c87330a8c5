import { describe, expect, test } from 'vitest'
import { checkTransactions, type TransactionPair } from '../../../../src/migrations/sql/transactions.ts'

function check(sql: string): string {
  const { pairs, problems } = checkTransactions(sql)
  if (problems.length > 0) return problems.map(({ index }) => `!${index}`).join(' ')
  const text = ({ begin, commit }: TransactionPair) =>
    `${sql.slice(begin.start, begin.end)} … ${sql.slice(commit.start, commit.end)}`
  return pairs.length === 0 ? 'none' : pairs.map(text).join(', ')
}

describe('checkTransactions', () => {
  test.each([
    ['', 'none'],
    ['select 1', 'none'],
    ['begin; commit', 'begin … commit'],
    ['-- x\nBEGIN WORK; select 1; END;\n-- y', 'BEGIN WORK … END'],
    [
      'start /* a */ transaction read write; select 1; commit work',
      'start /* a */ transaction read write … commit work',
    ],
    ['begin isolation level read committed; select 1; commit', 'begin isolation level read committed … commit'],
    [
      'begin isolation level read committed, read write; select 1; commit',
      'begin isolation level read committed, read write … commit',
    ],
    ['begin; savepoint a; rollback to a; rollback work to savepoint a; release a; commit', 'begin … commit'],
    ['savepoint a; rollback to savepoint a; release savepoint a', 'none'],
    ['begin isolation level repeatable read; select 1; commit', '!0'],
    ['begin transaction read only; select 1; commit', '!0'],
    ['begin deferrable; select 1; commit', '!0'],
    ['begin; select 1; commit and chain', '!17'],
    ['begin; select 1; rollback', '!0 !17'],
    ['begin; select 1', '!0'],
    ['select 1; end', '!10'],
    ['select 1; begin; commit', '!10 !17'],
    ['begin; commit; select 1', '!0 !7'],
    ['commit; begin', '!0 !8'],
    ['abort', '!0'],
    ['prepare transaction $$x$$', '!0'],
    ['prepare q as select 1', 'none'],
    ["commit prepared 'x'; rollback prepared 'y'", 'none'],
    ['do $$ begin commit; end $$; create function f() returns int begin atomic select 1; end', 'none'],
    ['copy t from stdin;\nbegin;\n\\.\n', 'none'],
    ['-- poststack: no-transaction\nbegin; select 1; commit', '!29 !46'],
    ['-- poststack: no-transaction\nsavepoint a', '!29'],
    [
      "select 1; begin; SELECT pg_catalog.lo_open('1', 131072);\nselect pg_catalog . lowrite(0, ''); commit; begin; select lo_close(0); end; select 2",
      'begin … commit, begin … end',
    ],
    ['select 1; begin; select lo_open(1, 2); select 3; commit', '!10 !49'],
    ['begin; select lo_close(0); commit; begin; select 1; commit', '!0 !27 !35 !52'],
    ['select 1; begin read only; select lo_open(1, 2); commit', '!10 !49'],
    ['select 1; begin; select lo_open(1, 2); rollback', '!10 !39'],
    ['select 1; begin; commit; begin; select lo_open(1, 2); commit', '!10 !17 !25 !54'],
    ['-- poststack: no-transaction\nbegin; select lo_open(1, 2); commit', '!29 !58'],
  ])('%j: %s', (sql, expected) => {
    expect(check(sql)).toBe(expected)
  })

  test('a dump whose large objects must be refused is told how to do without them', () => {
    const { problems } = checkTransactions('begin; select lo_open(1, 2); select 3; commit; select 4')
    expect(problems.map(({ hint }) => hint)).toEqual([
      expect.stringContaining('pg_dump --no-blobs'),
      expect.stringContaining('pg_dump --no-blobs'),
    ])
  })
})
