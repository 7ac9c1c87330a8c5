/** `container start` on another port: what is said of how long it holds. */
import { expect, test } from 'vitest'

import { parseConfig } from '../../../src/config/parse/parse.ts'
import { createContainers } from '../../../src/stack/containers.ts'

test.each([
  ['a number', 5433, /until it is started without that port being asked for; .*declare `port: 7777`$/],
  ["'auto'", 'auto', /from now on, as `port: 'auto'` keeps the number that its container has$/],
])('a port that is asked for where the config declares %s', async (_, port, words) => {
  const parsed = await parseConfig({ name: 'shop', services: { db: { kind: 'postgres', port } } }, { root: '/shop' })
  const said: string[] = []
  const opened = {
    parsed,
    env: {},
    runtime: 'auto',
    grants: { cwd: '/shop', permissions: {}, trusted: false },
    emit: (event: { readonly type: string; readonly message?: string }) => void said.push(event.message ?? event.type),
    signal: new AbortController().signal,
  } as const
  const containers = createContainers(opened, () => Promise.reject(new Error('no engine here')))
  await expect(containers.start({ postgresPort: 7777 })).rejects.toThrow('no engine here')
  expect(said).toEqual([expect.stringMatching(words)])
})
