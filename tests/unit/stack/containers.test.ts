/** `container start` on another port: what is said of how long it holds. And what `container list` makes of a broken build. */
import { expect, test } from 'vitest'

import { parseConfig } from '../../../src/config/parse/parse.ts'
import { createContainers } from '../../../src/stack/containers.ts'
import { createMemoryRuntime } from '../../support/memory-runtime.ts'

type Parsed = Awaited<ReturnType<typeof parseConfig>>

function openedWith(parsed: Parsed) {
  const said: string[] = []
  const opened = {
    parsed,
    env: {},
    runtime: 'auto',
    grants: { cwd: '/shop', permissions: {}, trusted: false },
    emit: (event: { readonly type: string; readonly message?: string }) => void said.push(event.message ?? event.type),
    signal: new AbortController().signal,
  } as const
  return { opened, said }
}

test.each([
  ['a number', 5433, /until it is started without that port being asked for; .*declare `port: 7777`$/],
  ["'auto'", 'auto', /from now on, as `port: 'auto'` keeps the number that its container has$/],
])('a port that is asked for where the config declares %s', async (_, port, words) => {
  const parsed = await parseConfig({ name: 'shop', services: { db: { kind: 'postgres', port } } }, { root: '/shop' })
  const { opened, said } = openedWith(parsed)
  const containers = createContainers(opened, () => Promise.reject(new Error('no engine here')))
  await expect(containers.start({ postgresPort: 7777 })).rejects.toThrow('no engine here')
  expect(said).toEqual([expect.stringMatching(words)])
})

test('a build that cannot be read is told, and the rest is listed', async () => {
  const web = { kind: 'container', build: { dockerfile: './gone/Dockerfile' } }
  const db = { kind: 'postgres', port: 5433 }
  const { opened, said } = openedWith(await parseConfig({ name: 'shop', services: { web, db } }, { root: '/shop' }))
  const list = await createContainers(opened, () => Promise.resolve(createMemoryRuntime())).list()
  expect(list.images.map(({ image }) => image)).toEqual(['poststack/base-debian:latest', 'poststack/postgres:17'])
  expect(said).toEqual([expect.stringMatching(/^services\.web\.build.*There is no Dockerfile at/)])
})
