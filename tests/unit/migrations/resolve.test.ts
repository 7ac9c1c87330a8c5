import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checksum } from '../../../src/migrations/files/parse.ts'
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

/** What is said of an applied migration without a file, in a folder whose names have a hyphen. */
function gone(name: string): string {
  const files = [{ ...file('1'), file: '1-a.sql' }]
  return resolveMigrations(files, [row('1'), row('2', name)]).problems[0]?.message ?? ''
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

  test('one of which only comments were edited is none, as long as it is that very text', () => {
    const edited = file('1', 'a', 'select 1 -- one')
    const marked = { ...row('1', 'a', 'select 1'), reformatted: edited.checksum }
    expect(resolveMigrations([edited], [marked])).toEqual({ pending: [], problems: [], reformatted: [edited] })
    expect(outcome([file('1', 'a', 'select 2')], [marked])).toContain('MIGRATION_CHANGED')
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
      MIGRATION_MISSING: Migration "02 gone" is applied, but its file 02_gone.sql is gone.
        Put 02_gone.sql back, for example from version control. Its text also stands in the ledger: poststack database repair writes it back."
    `)
  })

  test('a file that is gone is named as the others of its folder are, and only by a name that a file can have', () => {
    expect(gone('b')).toBe('Migration "2 b" is applied, but its file 2-b.sql is gone.')
    expect(gone('../b')).toBe('Migration "2 ../b" is applied, but its file is gone.')
  })

  test('a file that got another number is recognised by its text', () => {
    expect(outcome([file('1'), file('3', 'b')], [row('1'), row('2', 'b')])).toMatchInlineSnapshot(`
      "pending: 3
      MIGRATION_MISSING: Migration "2 b" is applied, but its file 2_b.sql is gone. 3_b.sql has the same text, so it seems to have been renamed.
        Rename 3_b.sql back to 2_b.sql."
    `)
  })

  test('a number below what is applied comes too late', () => {
    expect(outcome([file('1'), file('2'), file('10', 'c')], [row('1'), row('10', 'c')])).toMatchInlineSnapshot(`
      "pending: 2
      MIGRATION_LATE: 2_a.sql is not applied, but the later "10 c" is.
        Give 2_a.sql a number above 10, so that every database gets the migrations in one order: poststack database renumber"
    `)
  })

  test.each(['running', 'failed'] as const)('one that was left %s goes on, edited or not', (state) => {
    const unfinished = { state, applied: 1, total: 3 }
    expect(outcome([file('1', 'b'), file('2')], [{ ...row('1'), unfinished }])).toMatchInlineSnapshot(`"pending: 1 2"`)
  })

  test('one that nobody can judge stands in the way', () => {
    const unfinished = { state: 'unknown', applied: 0, total: undefined } as const
    expect(outcome([file('1'), file('2')], [{ ...row('1'), unfinished }])).toMatchInlineSnapshot(`
      "pending: 1 2
      MIGRATION_UNFINISHED: Migration "1 a" was left half-applied by an earlier run, because it ended its own transaction.
        See what of it the database has, and settle it: poststack database repair"
    `)
  })

  test('a rollback that stopped half-way stands in the way', () => {
    const unfinished = { state: 'rolling-back', applied: 1, total: 3 } as const
    expect(outcome([file('1'), file('2')], [{ ...row('1'), unfinished }])).toMatchInlineSnapshot(`
      "pending: 1 2
      MIGRATION_UNFINISHED: The rollback of migration "1 a" stopped after 1 of 3 statements.
        Finish it: poststack database rollback; then run again."
    `)
  })

  test('a target ends what is pending', () => {
    const files = ['1', '2', '3'].map((n) => file(n))
    expect(resolveMigrations(files, [row('1')], { target: '02' }).pending.map(({ version }) => version)).toEqual(['2'])
  })

  test('a target that is no file, or is behind, is refused', () => {
    const files = ['1', '2', '3'].map((n) => file(n))
    const told = (target: string): unknown => resolveMigrations(files, [row('1'), row('2')], { target }).problems
    expect([told('7'), told('1')]).toMatchInlineSnapshot(`
      [
        [
          {
            "code": "MIGRATION_UNKNOWN",
            "hint": "Name the number of one of the files: poststack database migration-status lists them.",
            "message": "There is no migration 7 to go to.",
            "version": "7",
          },
        ],
        [
          {
            "code": "MIGRATION_UNKNOWN",
            "hint": "To go back to it: poststack database rollback --target-version 1",
            "message": "Migration 1 is behind: the database is at "2 a" already.",
            "version": "1",
          },
        ],
      ]
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
