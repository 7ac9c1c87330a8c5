/** Docker makes two networks of one name when two ask at once: whatever the order of the calls, one network stays, and its owner knows. */
import { pause } from '../../../src/abort.ts'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createNetwork, whileAmbiguous } from '../../../src/runtime/container/named.ts'
import type { Engine } from '../../../src/runtime/container/engine-connect.ts'
import type { EngineAnswer, EngineRequest } from '../../../src/runtime/container/engine-http.ts'
import { randomNumbers } from '../../support/random.ts'

interface Network {
  readonly Id: string
  readonly Name: string
  readonly Created: string
  readonly Labels: unknown
}

const signal = new AbortController().signal
const answer = (status: number, value: unknown): EngineAnswer => ({
  status,
  headers: {},
  body: Buffer.from(JSON.stringify(value)),
})

const close = (): Promise<void> => Promise.resolve()

/** Each call takes a while before and after its effect. */
function docker(networks: Network[], random: () => number): Engine {
  const send = async ({ body, method, path }: EngineRequest): Promise<EngineAnswer> => {
    const begun = performance.now()
    await pause(random() * 40, signal)
    let result: EngineAnswer
    if (method === 'GET') result = answer(200, [...networks])
    else if (method === 'DELETE') {
      const at = networks.findIndex(({ Id }) => path.endsWith(Id))
      result = answer(at < 0 ? 404 : 204, {})
      if (at >= 0) networks.splice(at, 1)
    } else {
      const { Labels, Name } = body as unknown as Network
      const made = { Id: String(random()), Name, Created: String(begun).padStart(20, '0'), Labels }
      networks.push(made)
      result = answer(201, { Id: made.Id })
    }
    await pause(random() * 40, signal)
    return result
  }
  const nothing = { name: 'docker', args: [], env: {} } as const
  const client = { send, close: () => undefined }
  return {
    name: 'docker',
    flavour: 'docker',
    podmanVersion: undefined,
    client,
    local: true,
    reached: undefined,
    remoteHost: undefined,
    program: nothing,
    close,
  }
}

test('of two who make a network of one name at once, one must get it', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  for (let seed = 1; seed <= 60; seed++) {
    const random = randomNumbers(seed)
    const networks: Network[] = []
    const engine = docker(networks, random)
    const make = async (who: string): Promise<string> => {
      await pause(random() * 60, signal)
      return createNetwork(engine, { name: 'shop', labels: { who }, signal }).then(
        () => who,
        ({ code }: { readonly code: string }) => code,
      )
    }
    const both = Promise.all([make('one'), make('two')])
    await vi.advanceTimersByTimeAsync(5000)
    const ended = await both
    const kept = networks.map(({ Labels }) => (Labels as { readonly who: string }).who)
    expect([seed, networks.length, ended.toSorted()]).toEqual([seed, 1, ['NAME_TAKEN', ...kept]])
  }
})

test('a container must wait while its network is there twice, and no longer than that takes', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const twice = answer(400, { message: 'network shop is ambiguous (2 matches found on name)' })
  let left = 3
  const waiting = whileAmbiguous(signal, () => Promise.resolve(left-- > 0 ? twice : answer(204, {})))
  await vi.advanceTimersByTimeAsync(1000)
  expect((await waiting).status).toBe(204)
  const forEver = whileAmbiguous(signal, () => Promise.resolve(twice))
  await vi.advanceTimersByTimeAsync(10_000)
  expect((await forEver).status).toBe(400)
})

test('a network must be made though an interface of another one goes while podman looks', async () => {
  const networks: Network[] = []
  const engine = docker(networks, () => 0)
  const passing = answer(500, { message: 'route ip+net: no such network interface' })
  let failures = 2
  const send: Engine['client']['send'] = (request) =>
    request.method === 'POST' && failures-- > 0 ? Promise.resolve(passing) : engine.client.send(request)
  const podman: Engine = { ...engine, flavour: 'podman', client: { ...engine.client, send } }
  await createNetwork(podman, { name: 'shop', labels: { who: 'one' }, signal })
  expect(networks.map(({ Name }) => Name)).toEqual(['shop'])
})
