import { expect, test } from 'vitest'
import { parseConfig } from '../../../src/config/parse/parse.ts'
import { settlePorts } from '../../../src/execute/auto-ports.ts'
import type { RuntimeName } from '../../../src/plan/types.ts'
import type { Runtime } from '../../../src/runtime/runtime.ts'
import { watchEnds } from '../../../src/stack/ends.ts'
import { createOneRuntime } from '../../../src/stack/one-runtime.ts'
import type { Opened } from '../../../src/stack/opened.ts'
import { createMemoryRuntime } from '../../support/memory-runtime.ts'

const { signal } = new AbortController()
const auto = { kind: 'postgres', port: 'auto' }
const web = { kind: 'container', image: 'debian:trixie-slim', dependsOn: { db: 'started' } }

const parsedOf = (services: object) => parseConfig({ name: 'shop', services }, { root: '/projects/shop' })

/** Counts what is opened and closed; a runtime of that name each time. */
function counted(names: readonly RuntimeName[], change: (runtime: Runtime) => Partial<Runtime> = () => ({})) {
  const calls: string[] = []
  const one = createOneRuntime(() => {
    const name = names[calls.filter((call) => call.startsWith('open')).length]
    if (name === undefined) return Promise.reject(new Error('no engine answers'))
    calls.push(`open ${name}`)
    const runtime: Runtime = { ...createMemoryRuntime(), name, close: () => Promise.resolve(void calls.push('close')) }
    return Promise.resolve({ ...runtime, ...change(runtime) })
  })
  return { calls, one }
}

test('the runtime that was asked for ports is the one that the stack goes on with', async () => {
  const { config } = await parsedOf({ db: auto })
  const { calls, one } = counted(['podman'])
  const { services } = await settlePorts(config, { runtime: one, signal })
  await Promise.all([one.select(services), one.select(services)])
  await one.close()
  await one.close()
  expect(calls).toEqual(['open podman', 'close'])
})

test('one that cannot be asked for ports is closed', async () => {
  const { config } = await parsedOf({ db: auto })
  const { calls, one } = counted(['podman'], () => ({ observe: () => Promise.reject(new Error('it is gone')) }))
  await expect(settlePorts(config, { runtime: one, signal })).rejects.toThrow('it is gone')
  expect(calls).toEqual(['open podman', 'close'])
})

test('the native one, taken for databases, is not taken for containers, and a failure is not remembered', async () => {
  const { config } = await parsedOf({ db: { kind: 'postgres' }, web })
  const databases = config.services.filter(({ kind }) => kind === 'postgres')
  const { calls, one } = counted(['native'])
  await one.select(databases)
  await expect(one.select(config.services)).rejects.toThrow('no engine answers')
  const later = counted(['native', 'podman'])
  await later.one.select(databases)
  const both = await Promise.all([later.one.select(config.services), later.one.select(config.services)])
  expect([calls, later.calls, both[0] === both[1]]).toEqual([['open native'], ['open native', 'open podman'], true])
})

test('ends are told of the chosen services and what they depend on, and of nobody in particular', async () => {
  const parsed = await parsedOf({ db: { kind: 'postgres' }, web, job: { ...web, dependsOn: {} } })
  const { one } = counted(['podman', 'podman'], () => ({
    watchEnds: (_, { onEnd }) => {
      for (const service of ['job', 'db', 'web', 'gone', undefined]) onEnd(service)
      return Promise.resolve()
    },
  }))
  const toldOf = async (services?: readonly string[]) => {
    const told: (string | undefined)[] = []
    const ends = { services, signal, onEnd: (service: string | undefined) => void told.push(service) }
    await watchEnds({ parsed } as Opened, one.select, ends)
    return told
  }
  expect(await toldOf(['web'])).toEqual(['db', 'web', undefined])
  expect(await toldOf()).toEqual(['job', 'db', 'web', 'gone', undefined])
  await expect(toldOf(['wep'])).rejects.toMatchObject({ code: 'UNKNOWN_SERVICE' })
})
