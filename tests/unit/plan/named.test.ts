import { describe, expect, test } from 'vitest'

import { nearest } from '../../../src/config/nearest.ts'
import { unknownService } from '../../../src/plan/named.ts'

describe('a name that is not there', () => {
  test.each([
    ['wbe', 'web'],
    ['webb', 'web'],
    ['DB', 'db'],
    ['shop-postgers', 'shop-postgres'],
    ['x', undefined],
    ['cache', undefined],
  ])('%s is nearest to %s', (name, wanted) => {
    expect(nearest(name, ['db', 'web', 'shop-postgres'])).toBe(wanted)
  })

  test('is refused with the nearest one and all there are', () => {
    expect(unknownService('wbe', ['db', 'web'])).toMatchObject({
      code: 'UNKNOWN_SERVICE',
      message: 'there is no service wbe',
      hint: 'did you mean web?\none of the declared services: db, web',
    })
  })
})
