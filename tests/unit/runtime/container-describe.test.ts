import { hostname } from 'node:os'
import { expect, test } from 'vitest'
import { describeEngine, namesOf } from '../../../src/runtime/container/describe.ts'
import { parseEngineAddress } from '../../../src/runtime/container/engine-address.ts'
import type { Engine } from '../../../src/runtime/container/engine-connect.ts'

const { signal } = new AbortController()

function saying(answers: Readonly<Record<string, unknown>>, changes: Partial<Engine> = {}): Engine {
  return {
    name: 'docker',
    flavour: 'docker',
    podmanVersion: undefined,
    client: {
      send: async ({ path }) => {
        const status = path in answers ? 200 : 404
        return { status, headers: {}, body: Buffer.from(JSON.stringify(answers[path] ?? { message: 'no page' })) }
      },
      close: () => undefined,
    },
    local: true,
    reached: { address: 'unix:///var/run/docker.sock', from: undefined },
    remoteHost: undefined,
    program: { name: 'docker', args: [], env: {} },
    close: async () => undefined,
    ...changes,
  }
}

test('what Docker says of itself is read, and its folder counts only on this machine', async () => {
  const info = { Name: hostname(), ServerVersion: '28.1.0', DockerRootDir: '/var/lib/docker', SecurityOptions: [] }
  expect(await describeEngine(saying({ '/info': info }), signal)).toEqual({
    flavour: 'docker',
    version: '28.1.0',
    address: 'unix:///var/run/docker.sock',
    from: undefined,
    rootless: false,
    storage: '/var/lib/docker',
    names: undefined,
  })
  const other = { ...info, Name: 'docker-desktop', SecurityOptions: ['name=seccomp,profile=x', 'name=rootless'] }
  expect(await describeEngine(saying({ '/info': other }), signal)).toMatchObject({ rootless: true, storage: undefined })
})

test('podman says more, and what it does not say of another machine stays unknown', async () => {
  const answers = { '/info': { Rootless: true }, '/libpod/info': { host: { networkBackend: 'cni' } } }
  const engine = saying(answers, { name: 'podman', flavour: 'podman', reached: undefined })
  expect(await describeEngine(engine, signal)).toMatchObject({
    address: undefined,
    version: undefined,
    rootless: true,
    names: { network: 'cni', program: 'dnsname', there: undefined },
  })
})

test('an engine that does not say what it is, is an error with its words', async () => {
  await expect(describeEngine(saying({}), signal)).rejects.toMatchObject({
    code: 'ENGINE_REFUSED',
    message: 'docker did not say what it is: no page',
  })
})

test.each([
  [{ networkBackend: 'netavark', networkBackendInfo: { dns: { path: '/usr/lib/podman/aardvark-dns' } } }, true],
  [{ networkBackend: 'netavark', networkBackendInfo: { dns: {} } }, false],
  [{ networkBackend: 'netavark' }, undefined],
])('whether names are answered, is what podman says: %j', (host, there) => {
  expect(namesOf({ host })).toEqual({ network: 'netavark', program: 'aardvark-dns', there })
})

test('of a network that nobody knows, nothing is said', () => {
  expect(namesOf({ host: { networkBackend: 'other' } })).toBeUndefined()
  expect(namesOf({})).toBeUndefined()
})

test.each(['tcp://jo:geheim@build.example:2375', 'ssh://jo:geheim@build.example', 'tcp://geheim@build.example:2375'])(
  'an address that cannot be used is told without what may be a password: %s',
  (text) => {
    let message = ''
    try {
      parseEngineAddress(text, 'DOCKER_HOST')
    } catch (error) {
      message = (error as Error).message
    }
    expect(message).toMatch(/cannot use/)
    expect(message).toContain('build.example')
    expect(message).not.toContain('geheim')
  },
)
