import { expect, test } from 'vitest'

import { loginUrl } from '../../../src/plan/login-url.ts'

const login = { host: 'db', port: 5432, user: 'ann b', database: 'shop' }

test.each([
  ['the password of a key', { parameters: 'sslmode=require&sslpassword=s3cret' }, '@db:5432/shop?sslmode=require'],
  ['nothing but passwords', { parameters: 'Password=a&sslpassword=b' }, '@db:5432/shop'],
  ['an address of IPv6', { host: '::1' }, '@[::1]:5432/shop'],
  ['the folder of a socket', { host: '/run/pg' }, '@%2Frun%2Fpg:5432/shop'],
])('what a program is called with must show no password and be understood: %s', (_what, change, end) => {
  expect(loginUrl({ ...login, ...change })).toBe(`postgresql://ann%20b${end}`)
})
