import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isPoststackError } from '../../../../src/errors.ts'
import { nameMigration } from '../../../../src/migrations/files/new.ts'
import { parseName } from '../../../../src/migrations/files/parse.ts'
import { compareVersions } from '../../../../src/migrations/version.ts'

const now = new Date('2026-03-04T05:06:07.089Z')

function named(files: readonly string[], name = 'add users'): string {
  return nameMigration(files, name, now).file
}

describe('the number', () => {
  test.each([
    [[], '001_add_users.sql'],
    [['README.md', 'notes.sql'], '001_add_users.sql'],
    [['004_a.sql', '004_a.rollback.sql', '10_b.sql', '003_c.sql'], '11_add_users.sql'],
    [['001_a.sql', '004_b.sql'], '005_add_users.sql'],
    [['9_b.sql'], '10_add_users.sql'],
    [['099_b.sql'], '100_add_users.sql'],
    [['999_b.sql'], '1000_add_users.sql'],
    [['004-a.sql'], '005-add_users.sql'],
    [['20240101120000_a.sql'], '20260304050607_add_users.sql'],
    [['20240101120000123_a.sql'], '20260304050607089_add_users.sql'],
    [['202401011200_a.sql'], '202603040506_add_users.sql'],
    [['20240101_a.sql'], '20260304_add_users.sql'],
    [['1700000000_a.sql'], '1772600767_add_users.sql'],
    [['1700000000000_a.sql'], '1772600767089_add_users.sql'],
    // The same second, a clock that is ahead, and what came of that.
    [['20260304050607_a.sql'], '20260304050608_add_users.sql'],
    [['20300101000059_a.sql'], '20300101000060_add_users.sql'],
    [['20240101000060_a.sql'], '20260304050607_add_users.sql'],
    // Of this many digits, but no moment.
    [['20249901120000_a.sql'], '20249901120001_add_users.sql'],
    [['00000000000001_a.sql'], '00000000000002_add_users.sql'],
    // A rollback whose migration is gone.
    [['001_a.sql', '002_b.rollback.sql'], '003_add_users.sql'],
    [[`${'9'.repeat(40)}_a.sql`], `1${'0'.repeat(40)}_add_users.sql`],
  ])('after %j is %s', (files, expected) => {
    expect(named(files)).toBe(expected)
  })

  test('must always be above all that are there, and the name must be readable again', () => {
    const file = fc.tuple(fc.stringMatching(/^\d{1,18}$/), fc.constantFrom('_', '-'), fc.string())
    fc.assert(
      fc.property(fc.array(file.map(([version, separator]) => `${version}${separator}x.sql`)), (files) => {
        const { version, file: made, rollbackFile } = nameMigration(files, 'y', now)
        expect(parseName(made)).toMatchObject({ version, name: 'y' })
        expect(rollbackFile).toBe(made.replace(/\.sql$/, '.rollback.sql'))
        for (const one of files) expect(compareVersions(version, parseName(one)?.version ?? '')).toBeGreaterThan(0)
      }),
    )
  })
})

describe('the name', () => {
  test.each([
    ['Add users', 'add_users'],
    ['  --add  users!! ', 'add_users'],
    ['add_users.sql', 'add_users'],
    ['größe für 日本', 'größe_für_日本'],
    ['gro\u0308ße', 'größe'],
    ['a/b\\..c', 'a_b_c'],
    ['v2: drop "old" 😀 things', 'v2_drop_old_things'],
    ['हिन्दी', 'हिन्दी'],
  ])('%j becomes %s', (name, slug) => {
    expect(named([], name)).toBe(`001_${slug}.sql`)
  })

  test.each([['', '___', ' .. ', '😀', '.sql', '/'].map((name) => [name])].flat())(
    'of which nothing is left must be refused: %j',
    (name) => {
      expect(() => named([], name)).toThrow(
        expect.toSatisfy((error) => isPoststackError(error) && error.code === 'USAGE'),
      )
      expect(() => named([], name)).toThrow(`Nothing of the name "${name}" can stand in a file name.`)
    },
  )

  test('that no file system takes must be refused', () => {
    expect(named([], 'a'.repeat(238))).toHaveLength(246)
    expect(() => named([], 'a'.repeat(239))).toThrow('too long')
    expect(() => named([], 'ß'.repeat(125))).toThrow('too long')
  })
})
