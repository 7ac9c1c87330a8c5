/**
 * The password of a URL, wherever a text with one is shown or kept.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { codeFrame } from '../../../src/config/locate/code-frame.ts'
import { environmentOf } from '../../../src/config/parse/env.ts'
import { hideUrlPasswords, showValue } from '../../../src/config/schema/issues.ts'
import { scrub } from '../../../src/execute/log/lines.ts'

const password = fc
  .string({ minLength: 8, unit: fc.constantFrom(...'aZ9/@:?#% $&\'()*+,;=[]{}|\\^~`"<>!ä'.split('')) })
  // Several URLs stand in one text, and what looks like a port is one.
  .filter((text) => !text.includes('://') && !/^\d{1,5}[/?#\s'"`)]|^\$\{/.test(text))
const user = fc.constantFrom('', 'app', 'ann@corp', 'a-b.c')

test('it must be shown nowhere, whatever characters it has unencoded', () => {
  fc.assert(
    fc.property(user, password, (name, secret) => {
      const url = `postgres://${name}:${secret}@db.local:5432/shop`
      const texts = [
        showValue(['services', 'db', 'url'], url),
        codeFrame(`  url: '${url}',`, { line: 1, column: 3 }) ?? '',
        scrub(`cannot reach ${url}, nor http://web:80/`),
        JSON.stringify(environmentOf('web', { DATABASE_URL: url }, new Map())),
      ]
      for (const text of texts) expect(text).not.toContain(secret)
      expect(hideUrlPasswords(`${url} ${url}`)).toBe(`${url} ${url}`.replaceAll(`:${secret}@`, ':***@'))
    }),
  )
})

describe('what is none must stay', () => {
  test.each([
    'http://web:8080/@vite/client',
    'see http://localhost:3000 or write to ann@example.org',
    'http://[::1]:80/a@b',
    'postgres://ann@db:5432/shop?mail=a@b',
    'postgres://ann:${db.password}@db/shop?mail=a@b',
    'https://registry/@scope/name',
  ])('%s', (text) => {
    expect(hideUrlPasswords(text)).toBe(text)
  })
})

test('of several in a text each must be hidden by itself', () => {
  const text = `pull https://ann:s3cret@one/x, then https://bob:pa/ss@two/y and 'postgres://c:d e@three/z'`
  expect(hideUrlPasswords(text)).toBe(
    `pull https://ann:***@one/x, then https://bob:***@two/y and 'postgres://c:***@three/z'`,
  )
})
