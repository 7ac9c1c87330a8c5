/** Ports that the config leaves to Poststack: the same number each time, and another one only when that one cannot be had. */
import { describe, expect, test } from 'vitest'
import { parseConfig } from '../../../src/config/parse/parse.ts'
import type { Config } from '../../../src/config/types.ts'
import { choosePorts } from '../../../src/execute/auto-ports.ts'
import { createMemoryRuntime } from '../../support/memory-runtime.ts'
import { desiredOf, memoryStack } from '../../support/memory-stack.ts'

const root = '/projects/shop'
const db = { kind: 'postgres', port: 'auto' }
const web = {
  kind: 'container',
  image: 'debian:trixie-slim',
  ports: { http: { container: 80, host: 'auto' }, dns: { container: 53, host: 'auto', protocol: 'udp' } },
  ready: { tcp: 'http' },
}

const configOf = async (services: object = { db, web }, where = root): Promise<Config> =>
  (await parseConfig({ name: 'shop', services }, { root: where })).config

/** Host ports by service and name. */
function portsOf({ services }: Config): Readonly<Record<string, number>> {
  return Object.fromEntries(
    services.flatMap((service): (readonly [string, number])[] => {
      if (service.kind === 'postgres') return [[service.name, service.port]]
      if (service.kind === 'external') return []
      return service.ports.flatMap(({ name, host }) => (host === undefined ? [] : [[`${service.name}.${name}`, host]]))
    }),
  )
}

describe('the preferred number', () => {
  test('is the same each time, another one in another checkout, and never one that the config declares', async () => {
    const ports = portsOf(await configOf())
    expect(portsOf(await configOf())).toEqual(ports)
    expect(new Set(Object.values(ports)).size).toBe(3)
    for (const port of Object.values(ports)) expect(port >= 20_000 && port < 30_000).toBe(true)
    expect(portsOf(await configOf({ db, web }, '/projects/shop-2'))).not.toEqual(ports)
    const [number = 0] = Object.values(ports)
    const fixed = { kind: 'container', image: 'x', ports: { a: { container: 1, host: number } } }
    expect(Object.values(portsOf(await configOf({ db, web, fixed }))).filter((port) => port === number)).toHaveLength(1)
  })

  test('is that of the probe and of the address', async () => {
    const config = await configOf()
    const number = portsOf(config)['web.http']
    const service = desiredOf(config).services.find(({ name }) => name === 'web')
    expect(service?.probe).toMatchObject({ kind: 'tcp', port: number })
  })
})

async function open(services?: object) {
  const config = await configOf(services)
  const runtime = createMemoryRuntime()
  const stack = memoryStack(runtime)
  const settle = (to: Config = config) =>
    choosePorts(to, { runtime, busyPorts: stack.world.busyPorts, signal: stack.world.signal })
  const up = async (to: Config) => {
    const { results } = await stack.up(desiredOf(to))
    expect(results.filter(({ status }) => status === 'failed')).toEqual([])
  }
  return { config, runtime, stack, settle, up }
}

describe('the number that holds', () => {
  test('is the preferred one while it is free, and the next one that is when it is not', async () => {
    const { config, runtime, settle } = await open({ db })
    const { db: port = 0 } = portsOf(config)
    expect(portsOf(await settle())).toEqual({ db: port })
    runtime.world.busyPorts.add(port)
    expect(portsOf(await settle())).toEqual({ db: port + 1 === 30_000 ? 20_000 : port + 1 })
  })

  test('stays with the container, also when the preferred one becomes free', async () => {
    const { config, runtime, settle, up } = await open({ db })
    const { db: port = 0 } = portsOf(config)
    runtime.world.busyPorts.add(port)
    const moved = await settle()
    await up(moved)
    runtime.world.busyPorts.delete(port)
    expect(portsOf(await settle())).toEqual(portsOf(moved))
    // Its own server holds it, which is not in its own way.
    runtime.world.busyPorts.add(portsOf(moved)['db'] ?? 0)
    expect(portsOf(await settle())).toEqual(portsOf(moved))
  })

  test('is that of before when the port was declared by its number, so that nothing is replaced', async () => {
    const { config, stack, settle, up } = await open({ db })
    await up(await configOf({ db: { kind: 'postgres', port: 6000 } }))
    expect(portsOf(await settle())).toEqual({ db: 6000 })
    expect((await stack.plan(desiredOf(await settle(config)))).steps).toEqual([])
  })

  test('moves when the container does not run and something else has it', async () => {
    const { config, runtime, settle, up } = await open({ db })
    await up(config)
    runtime.kill('shop-db')
    const { db: port = 0 } = portsOf(config)
    expect(portsOf(await settle())).toEqual({ db: port })
    runtime.world.busyPorts.add(port)
    expect(portsOf(await settle())).not.toEqual({ db: port })
  })
})

const instance = (name: string, services: object) =>
  parseConfig({ name: 'shop', services }, { root, instance: name }).then(({ config }) => config)

test('a port of UDP is looked for among those of UDP', async () => {
  const { config, runtime, stack } = await open({ web })
  const { 'web.dns': dns = 0, 'web.http': http = 0 } = portsOf(config)
  const settled = await choosePorts(config, {
    runtime,
    busyPorts: (wanted) =>
      Promise.resolve(wanted.filter(({ host, protocol }) => protocol === 'udp' && (host === dns || host === http))),
    signal: stack.world.signal,
  })
  expect(portsOf(settled)).toEqual({ 'web.http': http, 'web.dns': dns + 1 === 30_000 ? 20_000 : dns + 1 })
})

describe('an instance', () => {
  test('has names and ports of its own', async () => {
    const one = await instance('two', { db: { ...db, containerName: 'mine' } })
    expect(one.name).toBe('shop-two')
    expect(one.services[0]).toMatchObject({ containerName: 'mine-two' })
    expect(portsOf(one)).not.toEqual(portsOf(await configOf({ db })))
    expect(desiredOf(one)).toMatchObject({
      stack: 'shop-two',
      network: 'shop-two',
      volumes: [{ name: 'shop-two-db-data' }],
    })
  })

  test.each(['', 'Two', '-', 'two-', 'x'.repeat(40)])('called %j is refused', async (name) => {
    await expect(instance(name, { db })).rejects.toMatchObject({ code: 'USAGE' })
  })
})
