/** Each field that a container may declare: its change asks for a new container and is named with both values. */
import { describe, expect, test } from 'vitest'
import type { ContainerServiceConfig, PostgresServiceConfig } from '../../../src/config/types.ts'
import { desiredOf, containerService, memoryStack, postgresService, stackConfig } from '../../support/memory-stack.ts'
import { createMemoryRuntime } from '../../support/memory-runtime.ts'
import { recordSpec } from '../../../src/plan/spec.ts'
import { diffSpecs } from '../../../src/plan/spec-changes.ts'

function specOf(options: Partial<ContainerServiceConfig>) {
  const desired = desiredOf(stackConfig([containerService({ name: 'web', ...options })]))
  const spec = desired.services[0]?.container?.spec
  if (spec === undefined) throw new Error('no container')
  return recordSpec(spec, desired.digests)
}

const check = { command: ['check'], intervalSeconds: 30, timeoutSeconds: 30, retries: 3, startSeconds: 0 }

const files = { kind: 'volume', volume: 'files', target: '/files', readOnly: false } as const
const site = { kind: 'bind', source: '/projects/shop/site', target: '/site', readOnly: false } as const
const http = { name: 'http', container: 80, host: 8080, hostAddress: '127.0.0.1', protocol: 'tcp' } as const
const dns = { name: 'dns', container: 53, host: undefined, hostAddress: '127.0.0.1', protocol: 'udp' } as const

const rows: readonly (readonly [string, Partial<ContainerServiceConfig>, Partial<ContainerServiceConfig>, string])[] = [
  ['entrypoint', {}, { entrypoint: ['a', 'b'] }, 'entrypoint: undefined -> ["a","b"]'],
  ['workdir', { workdir: '/a' }, { workdir: '/b' }, 'workdir: /a -> /b'],
  ['user', { user: '1' }, { user: '2' }, 'user: 1 -> 2'],
  ['restart', {}, { restart: 'always' }, 'restart: undefined -> always'],
  ['stop signal', {}, { stopSignal: 'SIGQUIT' }, 'stopSignal: undefined -> SIGQUIT'],
  ['grace', {}, { stopGraceSeconds: 3 }, 'stopGraceSeconds: undefined -> 3'],
  ['memory', { limits: { memoryBytes: 1 } }, { limits: { memoryBytes: 2 * 1024 ** 2 } }, 'memory: 1 bytes -> 2MB'],
  ['cpus', { limits: { cpus: 1 } }, { limits: { cpus: 0.5 } }, 'cpus: 1 -> 0.5'],
  ['shm', {}, { limits: { shmBytes: 1024 ** 3 } }, 'shmSize: undefined -> 1GB'],
  ['labels', { labels: { a: '1' } }, { labels: { a: '2' } }, 'labels.a: 1 -> 2'],
  ['aliases', {}, { aliases: ['www'] }, 'aliases: undefined -> ["www"]'],
  ['init', {}, { init: true }, 'init: undefined -> true'],
  ['capAdd', {}, { capAdd: ['NET_ADMIN'] }, 'capAdd: undefined -> ["NET_ADMIN"]'],
  ['capDrop', { capDrop: ['ALL'] }, {}, 'capDrop: ["ALL"] -> undefined'],
  ['hosts', {}, { extraHosts: { up: 'host-gateway' } }, 'extraHosts.up: undefined -> host-gateway'],
  ['health', { healthcheck: check }, { healthcheck: { ...check, retries: 5 } }, 'healthcheck.retries: 3 -> 5'],
  ['no health', {}, { healthcheck: false }, 'healthcheck: undefined -> false'],
  [
    'tmpfs',
    { mounts: [{ kind: 'tmpfs', bytes: 1024, target: '/t' }] },
    { mounts: [{ kind: 'tmpfs', bytes: 1500, target: '/t' }] },
    'volumes[/t].tmpfs: 1kB -> 1500 bytes',
  ],
  [
    'a volume beside others',
    { mounts: [files, site] },
    { mounts: [{ ...site, readOnly: true }, files] },
    'volumes[/site].readOnly: undefined -> true',
  ],
  [
    'a port',
    { ports: [http, dns] },
    { ports: [dns, { ...http, host: 8081, hostAddress: '0.0.0.0' }] },
    'ports[80]: 8080 -> 0.0.0.0:8081',
  ],
  [
    'a port that is published',
    { ports: [dns] },
    { ports: [{ ...dns, host: 53, hostAddress: '::' }] },
    'ports[53/udp]: not published -> [::]:53',
  ],
  [
    'a port published twice',
    { ports: [http] },
    { ports: [{ ...http, host: 8081 }, http] },
    'ports[80]: 8080 -> 8080, 8081',
  ],
]

describe('a change of', () => {
  test.each(rows)('%s', (_, before, after, change) => {
    const changes = diffSpecs(specOf(before), specOf(after))
    expect(changes.map(({ path, before: old, after: now }) => `${path}: ${String(old)} -> ${String(now)}`)).toEqual([
      change,
    ])
    expect(diffSpecs(specOf(after), specOf(after))).toEqual([])
  })
})

test('a spec of before these fields must not look changed', () => {
  expect(Object.keys(specOf({}))).toEqual(['format', 'image'])
})

test('a server takes the limits that are declared for it', () => {
  const limits = { memoryBytes: 1, shmBytes: 2 }
  const desired = desiredOf(stackConfig([postgresService({ limits, labels: { a: 'b' }, aliases: ['database'] })]))
  expect(desired.services[0]?.container?.spec).toMatchObject({
    memoryBytes: 1,
    shmBytes: 2,
    labels: { a: 'b' },
    aliases: ['database'],
  })
})

function recordOf(options: Partial<PostgresServiceConfig>) {
  const { digests, services } = desiredOf(stackConfig([postgresService(options)]))
  return recordSpec(services[0]?.container?.spec ?? { image: '' }, digests)
}

test('a change of a server is told as it is declared, and what follows from it only where nothing else is', () => {
  const after = recordOf({
    port: 5433,
    settings: { work_mem: '8MB' },
    user: 'app',
    version: 18,
    limits: { shmBytes: 5 },
  })
  expect(diffSpecs(recordOf({}), after).map(({ path }) => path)).toEqual([
    'image',
    'port',
    'settings.work_mem',
    'shmSize',
    'user',
    'version',
  ])
  const { env: _, ...without } = recordOf({})
  expect(diffSpecs(without, recordOf({})).map(({ path }) => path)).toContain('env.POSTGRES_DB')
})

const named = (containerName?: string) =>
  desiredOf(stackConfig([containerService({ name: 'web', ...(containerName === undefined ? {} : { containerName }) })]))

test('a name that is declared, and one that is not any more, is a change with both names', async () => {
  const runtime = createMemoryRuntime()
  const stack = memoryStack(runtime)
  const causes: unknown[] = []
  for (const desired of [named(), named('mine'), named(), named('other')]) {
    const { plan } = await stack.up(desired)
    const changes = plan.steps.find(({ action }) => action.kind === 'create')?.cause.changes ?? []
    causes.push(...changes.map(({ path, before, after }) => `${path}: ${String(before)} -> ${String(after)}`))
    expect((await stack.plan(desired)).steps).toEqual([])
  }
  expect(causes).toEqual([
    'containerName: shop-web -> mine',
    'containerName: mine -> shop-web',
    'containerName: shop-web -> other',
  ])
  expect([...runtime.world.containers.values()].map(({ name }) => name)).toEqual(['other'])
})
