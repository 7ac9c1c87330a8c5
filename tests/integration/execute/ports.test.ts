import { once } from 'node:events'
import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import { networkInterfaces } from 'node:os'
import { afterEach, expect, onTestFinished, test } from 'vitest'
import { busyPorts } from '../../../src/execute/ports.ts'
import { processHoldingPort } from '../../../src/runtime/port-holder.ts'

const servers: Server[] = []
const options = { signal: new AbortController().signal, holder: () => Promise.resolve('container other-db') }
const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'))

afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

async function listen(host: string, port = 0): Promise<number> {
  const server = createServer()
  servers.push(server)
  server.listen(port, host)
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function freePort(): Promise<number> {
  const port = await listen('127.0.0.1')
  const server = servers.pop()
  server?.close()
  if (server !== undefined) await once(server, 'close')
  return port
}

test.each([
  ['127.0.0.1', '127.0.0.1', true],
  ['127.0.0.1', '0.0.0.0', true],
  ['0.0.0.0', '127.0.0.1', process.platform === 'linux'],
  ['127.0.0.1', '127.0.0.2', false],
])('held on %s, wanted on %s', async (held, hostAddress, busy) => {
  const host = await listen(held)
  const expected = busy ? [{ host, hostAddress, holder: 'container other-db' }] : []
  expect(await busyPorts([{ host, hostAddress }], options)).toEqual(expected)
})

test.each([
  ['127.0.0.1', '127.0.0.1', true],
  ['127.0.0.1', '0.0.0.0', true],
  ['127.0.0.1', '127.0.0.2', false],
  ...(hasIpv6 ? ([['::1', '::', true]] as const) : []),
] as const)('UDP: held on %s, wanted on %s', async (held, hostAddress, busy) => {
  const socket = createSocket(held === '::1' ? 'udp6' : 'udp4')
  onTestFinished(() => void socket.close())
  socket.bind(0, held)
  await once(socket, 'listening')
  const host = socket.address().port
  const port = { host, hostAddress, protocol: 'udp' } as const
  // Twice: a look must leave the port as it was.
  const looks = [await busyPorts([port, { host, hostAddress }], options), await busyPorts([port], options)]
  const expected = busy ? [{ ...port, holder: 'container other-db' }] : []
  expect(looks).toEqual([expected, expected])
  expect(await processHoldingPort(host, options.signal, 'udp')).toMatch(
    new RegExp(`^process \\S+ \\(pid ${String(process.pid)}\\)$`),
  )
})

test.skipIf(!hasIpv6).each([
  ['::1', '::1', true],
  ['::1', '::', true],
  ['::1', '[::1]', true],
  ['::1', '127.0.0.1', false],
  ['127.0.0.1', '::', false],
])('IPv6: held on %s, wanted on %s', async (held, hostAddress, busy) => {
  const host = await listen(held)
  expect(await busyPorts([{ host, hostAddress }], options)).toHaveLength(busy ? 1 : 0)
})

test('a free port must stay free, and be free again at once', async () => {
  const host = await freePort()
  const wanted = [
    { host, hostAddress: '0.0.0.0' },
    { host, hostAddress: '127.0.0.1' },
    { host, hostAddress: '127.0.0.1' },
  ]
  expect(await busyPorts(wanted, options)).toEqual([])
  expect(await listen('127.0.0.1', host)).toBe(host)
})

test('many looks at once, as by several checkouts, must not take each other for holders', async () => {
  const host = await freePort()
  const wanted = [{ host, hostAddress: '127.0.0.1' }]
  const looks = await Promise.all(Array.from({ length: 4 }, () => busyPorts(wanted, options)))
  expect(looks).toEqual([[], [], [], []])
})

test('an address that this machine does not have is held by nobody', async () => {
  expect(await busyPorts([{ host: 5432, hostAddress: '192.0.2.1' }], options)).toEqual([])
})

test.each([
  ['is not known', () => Promise.resolve(undefined)],
  ['cannot be found out', () => Promise.reject(new Error('the engine is gone'))],
])('a holder that %s must not hide that the port is busy', async (_case, holder) => {
  const host = await listen('127.0.0.1')
  const wanted = [{ host, hostAddress: '127.0.0.1' }]
  expect(await busyPorts(wanted, { ...options, holder })).toEqual([{ ...wanted[0], holder: undefined }])
})

test('must end when it is told to stop', async () => {
  const signal = AbortSignal.abort()
  const looks = busyPorts([{ host: 1, hostAddress: '127.0.0.1' }], { ...options, signal })
  await expect(looks).rejects.toMatchObject({ code: 'INTERRUPTED' })
})

test('the order must be the one given', async () => {
  const ports = [await listen('127.0.0.1'), await listen('127.0.0.1'), await listen('127.0.0.1')]
  const wanted = ports.toSorted((a, b) => b - a).map((host) => ({ host, hostAddress: '127.0.0.1' }))
  expect((await busyPorts(wanted, options)).map(({ host }) => host)).toEqual(wanted.map(({ host }) => host))
})
