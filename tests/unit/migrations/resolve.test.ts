import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checksum } from '../../../src/migrations/parse.ts'
import { resolveMigrations } from '../../../src/migrations/resolve.ts'
import type { AppliedMigration, Migration } from '../../../src/migrations/types.ts'
import { compareVersions } from '../../../src/migrations/version.ts'

function file(version: string, name = 'a', sql = `select ${name}`): Migration {
  return { version, name, file: `${version}_${name}.sql`, sql, checksum: checksum(sql), rollback: undefined }
}

function row(version: string, name = 'a', sql = `select ${name}`): AppliedMigration {
  return { version, name, checksum: checksum(sql) }
}

function outcome(files: readonly Migration[], applied: readonly AppliedMigration[]): string {
  const { pending, problems } = resolveMigrations(files, applied)
  return [
    `pending: ${pending.map((one) => one.version).join(' ')}`,
    ...problems.map((one) => `${one.code}: ${one.message}\n  ${one.hint}`),
  ].join('\n')
}

describe('resolveMigrations', () => {
  test('must give what is not applied, in the order of numbers', () => {
    expect(outcome([file('10'), file('9'), file('002')], [row('2')])).toBe('pending: 9 10')
  })

  test('nothing on either side is nothing to do', () => {
    expect(outcome([], [])).toBe('pending: ')
  })

  test('an edited file is a problem', () => {
    expect(outcome([file('1', 'a', 'select 2')], [row('1', 'a', 'select 1')])).toMatchInlineSnapshot(`
      "pending: 
      MIGRATION_CHANGED: 1_a.sql was edited after it was applied.
        Undo the edit, and put what it should do into a new migration: the database has the text that was applied, not this one."
    `)
  })

  test('a renamed file with the same text is none', () => {
    expect(outcome([file('001', 'b', 'select 1')], [row('1', 'a', 'select 1')])).toBe('pending: ')
  })

  test('a number used twice is told as that', () => {
    expect(outcome([file('1', 'b')], [row('1', 'a')])).toMatchInlineSnapshot(`
      "pending: 
      MIGRATION_CHANGED: 1_b.sql has a number that was applied as "1 a", with another text.
        Give 1_b.sql a number that is free, and put back the file that was applied."
    `)
  })

  test('an applied migration without its file is a problem', () => {
    expect(outcome([file('1')], [row('1'), row('02', 'gone')])).toMatchInlineSnapshot(`
      "pending: 
      MIGRATION_MISSING: Migration "02 gone" is applied, but its file is gone.
        Put the file of "02 gone" back, for example from version control. Its text also stands in the ledger: select up_sql from poststack.schema_migrations where version = 2."
    `)
  })

  test('a file that got another number is recognised by its text', () => {
    expect(outcome([file('1'), file('3', 'b')], [row('1'), row('2', 'b')])).toMatchInlineSnapshot(`
      "pending: 3
      MIGRATION_MISSING: Migration "2 b" is applied, but its file is gone.
        3_b.sql has the same text: rename it back to the number 2."
    `)
  })

  test('a number below what is applied comes too late', () => {
    expect(outcome([file('1'), file('2'), file('10', 'c')], [row('1'), row('10', 'c')])).toMatchInlineSnapshot(`
      "pending: 2
      MIGRATION_LATE: 2_a.sql is not applied, but the later "10 c" is.
        Give 2_a.sql a number above 10, so that every database gets the migrations in one order."
    `)
  })

  test('a half-applied one stands in the way', () => {
    expect(outcome([file('1'), file('2')], [{ ...row('1'), unfinished: true }])).toMatchInlineSnapshot(`
      "pending: 2
      MIGRATION_FAILED: Migration "1 a" was left half-applied by an earlier run, because it ended its own transaction.
        Look at what of it the database has. Then either finish it by hand and run: update poststack.schema_migrations set state = 'applied' where version = 1; or undo it by hand and run: delete from poststack.schema_migrations where version = 1;"
    `)
  })

  const numbers = fc.uniqueArray(fc.nat(30), { maxLength: 12 })
  const state = fc.record({ files: numbers, applied: numbers, edited: fc.nat(30) })

  test('the order in which files and rows come must not matter', () => {
    fc.assert(
      fc.property(state, ({ files, applied, edited }) => {
        const first = resolveMigrations(
          files.map((n) => file(`${n}`)),
          applied.map((n) => row(`${n}`, 'a', n === edited ? 'x' : 'select a')),
        )
        const second = resolveMigrations(
          files.toReversed().map((n) => file(`${n}`)),
          applied.toReversed().map((n) => row(`${n}`, 'a', n === edited ? 'x' : 'select a')),
        )
        expect(second).toEqual(first)
      }),
    )
  })

  test('every file is pending or applied, every problem has its reason, and without problems all pending come last', () => {
    fc.assert(
      fc.property(state, ({ files, applied, edited }) => {
        const rows = applied.map((n) => row(`${n}`, 'a', n === edited ? 'x' : 'select a'))
        const { pending, problems } = resolveMigrations(
          files.map((n) => file(`0${n}`)),
          rows,
        )
        expect(pending.map((one) => Number(one.version))).toEqual(
          files.filter((n) => !applied.includes(n)).toSorted((a, b) => a - b),
        )
        const expected = {
          MIGRATION_CHANGED: files.filter((n) => n === edited && applied.includes(n)),
          MIGRATION_MISSING: applied.filter((n) => !files.includes(n)),
          MIGRATION_LATE: files.filter((n) => !applied.includes(n) && applied.some((m) => m > n)),
        }
        for (const [code, versions] of Object.entries(expected)) {
          const told = problems.filter((one) => one.code === code).map((one) => Number(one.version))
          expect(told).toEqual(versions.toSorted((a, b) => a - b))
        }
        if (problems.length === 0)
          for (const one of pending)
            for (const done of rows) expect(compareVersions(one.version, done.version)).toBeGreaterThan(0)
      }),
    )
  })
})
