/** An external database on this machine's loopback address, as containers see it. */
import { expect, test } from 'vitest'
import type { ContainerServiceConfig, ExternalServiceConfig } from '../../../src/config/types.ts'
import { observe } from '../../../src/execute/observe.ts'
import { reconcile } from '../../../src/plan/reconcile/reconcile.ts'
import { createMemoryRuntime } from '../../support/memory-runtime.ts'
import { containerService, desiredOf, memoryStack, stackConfig } from '../../support/memory-stack.ts'

const url = { kind: 'reference', service: 'old', property: 'url' } as const
const port = { kind: 'reference', service: 'old', property: 'port' } as const

function desiredWith(host: string, options: Partial<ContainerServiceConfig> = { env: { URL: [url] } }) {
  const login = { user: 'me', database: 'shop', password: undefined, parameters: '', migrations: undefined }
  const common = { dependsOn: [], readyTimeoutMs: 1000 }
  const old: ExternalServiceConfig = { kind: 'external', name: 'old', ...common, ...login, host, port: 25_071 }
  const dependsOn = [{ service: 'old', condition: 'ready' }] as const
  return desiredOf(stackConfig([old, containerService({ name: 'web', dependsOn, ...options })]))
}

const specWith = (...args: Parameters<typeof desiredWith>) =>
  desiredWith(...args).services.find(({ name }) => name === 'web')?.container?.spec

test.each(['127.0.0.1', '127.8.0.1', 'localhost', 'LOCALHOST', '::1', '0.0.0.0'])(
  '%s would be the container itself, so it gets the name of this machine',
  (host) => {
    const spec = specWith(host)
    expect(spec?.env).toEqual({ URL: 'postgresql://me@host.docker.internal:25071/shop' })
    expect(spec?.extraHosts).toEqual({ 'host.docker.internal': 'host-gateway' })
    // What the host itself connects to stays.
    expect(desiredWith(host).services.find(({ name }) => name === 'old')?.probe).toMatchObject({ connection: { host } })
  },
)

test.each(['db.example.org', '10.0.0.7', '2001:db8::1'])('%s stays as it is', (host) => {
  const spec = specWith(host)
  expect(JSON.stringify(spec?.env)).toContain(host)
  expect(spec?.extraHosts).toEqual({})
})

test('a reader that needs no address, or has one of its own for that name, is left alone', () => {
  expect(specWith('localhost', { env: { PORT: [port] } })?.extraHosts).toEqual({})
  const extraHosts = { 'host.docker.internal': '10.0.0.7' }
  expect(specWith('localhost', { env: { URL: [url] }, extraHosts })?.extraHosts).toEqual(extraHosts)
})

async function warnings(host: string) {
  const desired = desiredWith(host)
  const stack = memoryStack(createMemoryRuntime())
  return reconcile(desired, await observe(desired, stack.world)).warnings
}

test('the plan says what the server must do for it, while there is something to do', async () => {
  expect(await warnings('127.0.0.1')).toEqual([
    {
      subject: 'service:web',
      message: expect.stringMatching(
        /host\.docker\.internal:25071 for old.*`listen_addresses`.*`pg_hba\.conf`/,
      ) as string,
    },
  ])
  expect(await warnings('db.example.org')).toEqual([])
})
