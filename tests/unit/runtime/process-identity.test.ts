import { expect, test } from 'vitest'
import { isDead, ownIdentity, parseStat } from '../../../src/runtime/process-identity.ts'

const rest = 'S 1 2 3 0 -1 4 5 6 7 8 9 10 11 12 20 0 11 0 4711 99 100'

test('a program name with spaces and brackets must not move the fields', () => {
  expect(parseStat(`17 (node) ${rest}`)).toEqual({ alive: true, started: '4711' })
  expect(parseStat(`17 (a) Z (b c) ${rest}`)).toEqual({ alive: true, started: '4711' })
})

test('a zombie must count as ended: it only waits to be collected', () => {
  expect(parseStat(`17 (node) ${rest.replace('S', 'Z')}`)).toEqual({ alive: false })
})

test('this process must be alive to itself, under any host name of this boot', async () => {
  const own = await ownIdentity()
  expect(await isDead(own)).toBe(false)
  expect(await isDead({ ...own, host: 'named-otherwise-now', started: '1' })).toBe(process.platform === 'linux')
  expect(await isDead({ ...own, host: 'another', boot: 'another' })).toBe(false)
})
