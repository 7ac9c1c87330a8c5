import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalVersion, compareVersions } from '../../../src/migrations/version.ts'

describe('versions', () => {
  test.each([
    ['4', '004', 0],
    ['0', '000', 0],
    ['9', '10', -1],
    ['010', '9', 1],
    ['20240101120000', '20240101120001', -1],
    ['9007199254740993', '9007199254740992', 1],
    ['99999999999999999999999999999999999999', '100000000000000000000000000000000000000', -1],
  ])('%s against %s compare as numbers', (left, right, sign) => {
    expect(Math.sign(compareVersions(left, right))).toBe(sign)
  })

  test('must compare as big integers do, whatever the zeros before them', () => {
    const digits = fc
      .tuple(fc.bigInt({ min: 0n, max: 10n ** 60n }), fc.nat(5))
      .map(([value, zeros]) => ({ value, text: '0'.repeat(zeros) + value }))
    fc.assert(
      fc.property(digits, digits, (a, b) => {
        const expected = a.value === b.value ? 0 : a.value < b.value ? -1 : 1
        expect(Math.sign(compareVersions(a.text, b.text))).toBe(expected)
        expect(canonicalVersion(a.text)).toBe(String(a.value))
      }),
    )
  })
})
