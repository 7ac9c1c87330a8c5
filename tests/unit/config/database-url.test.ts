import { describe, expect, test } from 'vitest'
import { parseDatabaseUrl, urlWithoutPassword } from '../../../src/config/database-url.ts'
import { isPoststackError } from '../../../src/errors.ts'

describe('a database URL', () => {
  test.each([
    [
      'postgresql://ann:s3cret@db.example:5433/shop',
      { host: 'db.example', port: 5433, user: 'ann', password: 's3cret', database: 'shop' },
    ],
    ['postgres://ann@db/shop', { host: 'db', port: 5432, password: undefined, database: 'shop' }],
    ['postgres://ann@db', { database: 'ann' }],
    ['postgres://a%40b:p%40%3A%2F%23%25@db/my%20shop', { user: 'a@b', password: 'p@:/#%', database: 'my shop' }],
    ['postgres://ann:pässwörd😀@db/shop', { password: 'pässwörd😀' }],
    ['postgres://ann@[::1]:5433/shop', { host: '::1', port: 5433 }],
    ['postgres://ann@[fe80::1]/shop', { host: 'fe80::1', port: 5432 }],
    [
      'postgres://ann@db/shop?sslmode=verify-full&sslrootcert=/ca.pem',
      { parameters: 'sslmode=verify-full&sslrootcert=/ca.pem' },
    ],
    ['postgres://ann@/shop?host=/run/postgresql', { host: '/run/postgresql', port: 5432, user: 'ann', parameters: '' }],
    [
      'postgres://ann:p@/shop?sslmode=disable&host=%2Ftmp&port=5433',
      { host: '/tmp', port: 5433, password: 'p', parameters: 'sslmode=disable' },
    ],
    ['postgres://ann@:5434/shop?host=/tmp', { host: '/tmp', port: 5434 }],
    [
      'postgres://ann:p@%2Fvar%2Frun:5435/shop?sslmode=disable',
      { host: '/var/run', port: 5435, database: 'shop', parameters: 'sslmode=disable' },
    ],
  ])('%s', (text, expected) => {
    expect(parseDatabaseUrl(text)).toMatchObject(expected)
  })

  test('a password from outside counts where the URL has none', () => {
    expect(parseDatabaseUrl('postgres://ann@db/shop', { password: 'outside' }).password).toBe('outside')
    expect(parseDatabaseUrl('postgres://ann:own@db/shop', { password: 'outside' }).password).toBe('own')
  })

  test.each([
    ['mysql://ann:s3cret@db/shop', 'is not of the form `postgres'],
    ['db.example', 'is not of the form `postgres'],
    ['', 'is not of the form `postgres'],
    ['postgres://ann:s3cret@/shop', 'names no host'],
    ['postgres:///shop', 'names no host'],
    ['postgres://db/shop', 'names no user'],
    ['postgres://ann:s3cret/x@db/shop', 'write `@ : / ? # %` percent-encoded'],
    ['postgres://ann:s3cret#x@db/shop', ''],
    ['postgres://ann:s3cret%zz@db/shop', 'has a `%`'],
    ['postgres://ann:s3cret@one,two/shop', 'names several hosts'],
    ['postgres://ann:s3cret@one:5432,two:5432/shop', 'names several hosts'],
    ['postgres://ann:s3cret@db:0/shop', 'has port 0'],
    [
      'postgres://ann:s3cret@db/shop?sslmode=bogus',
      'has `sslmode=bogus`, which there is not; expected `disable`, `allow`, `prefer`, `require`, `verify-ca`, `verify-full`',
    ],
    ['postgres://ann:s3cret@db/shop?sslmode=REQUIRE', 'has `sslmode=REQUIRE`'],
    ['postgres://ann:s3cret@db/shop?sslmode=no-verify', 'has `sslmode=no-verify`'],
    ['postgres://ann:s3cret@/shop?host=/tmp&sslmode=bogus', 'has `sslmode=bogus`'],
    ['postgres://ann:s3cret@db/shop?sslmode=verify-ca', 'add `sslrootcert=/path/of/root.crt`'],
    ['postgres://ann:s3cret@db:99999/shop', ''],
    ['postgres://ann@db/shop?password=s3cret', 'says `password` after the `?`'],
    ['postgres://ann:s3cret@db/shop?host=/tmp', 'says `host` after the `?`'],
    ['postgres://ann:s3cret@%2Ftmp/shop?host=/tmp', 'says `host` after the `?`'],
  ])('%s is refused without a word of the password', (text, reason) => {
    try {
      parseDatabaseUrl(text)
    } catch (error) {
      if (!isPoststackError(error)) throw error
      expect(error).toMatchObject({ code: 'USAGE', message: expect.stringContaining(reason) as string })
      expect(JSON.stringify([error.message, error.hint, error.details, String(error.cause)])).not.toContain('s3cret')
      return
    }
    throw new Error('it was accepted')
  })
})

describe('a database URL as it is shown', () => {
  test.each([
    ['postgresql://ann:s3cret@db:5433/shop?sslmode=require', 'postgresql://ann@db:5433/shop?sslmode=require'],
    ['postgres://ann:a@s3cret:@db/sh@p', 'postgres://ann@db/sh@p'],
    ['postgres://ann@corp:s3cret@db/shop', 'postgres://ann@corp@db/shop'],
    ['postgres://ann:s3cret@[::1]:5433/shop', 'postgres://ann@[::1]:5433/shop'],
    ['postgres://ann:s3cret@%2Fvar%2Frun/shop', 'postgres://ann@%2Fvar%2Frun/shop'],
    ['postgres://:s3cret@db/shop', 'postgres://@db/shop'],
    ['postgres://ann@/shop?password=s3cret&host=/tmp', 'postgres://ann@/shop?host=/tmp'],
    ['postgres://ann@db:5433/shop?sslpassword=s3cret', 'postgres://ann@db:5433/shop'],
    ['postgres://ann@db', 'postgres://ann@db'],
  ])('%s must keep everything but the password', (url, shown) => {
    expect(urlWithoutPassword(url)).toBe(shown)
  })
})
