/** Looking at the servers of the stack: what is asked, and what is said where nothing can be asked. */
import { expect, test } from 'vitest'
import type { ExternalServiceConfig } from '../../../src/config/types.ts'
import { PoststackError } from '../../../src/errors.ts'
import { lookAtServers, type LookOptions } from '../../../src/execute/own-servers.ts'
import { postgresService, stackConfig } from '../../support/memory-stack.ts'

const remote: ExternalServiceConfig = {
  kind: 'external',
  name: 'remote',
  dependsOn: [],
  readyTimeoutMs: 30,
  host: '127.0.0.1',
  port: 5432,
  user: 'app',
  database: 'app',
  password: undefined,
  parameters: '',
  migrations: undefined,
}
const signal = new AbortController().signal
const look = (services: LookOptions['config']['services'], select: LookOptions['select']) =>
  lookAtServers({ config: stackConfig(services), select, env: {}, signal })

test('where the stack runs no server, no engine is asked', async () => {
  const { absence, config, isThere } = await look([remote], () => Promise.reject(new Error('asked')))
  expect(config.services).toEqual([remote])
  expect([isThere('remote'), await absence('remote')]).toEqual([true, undefined])
})

test('without an engine nobody can tell whose server it is, so no way in is given, and the addresses are as declared', async () => {
  const missing = new PoststackError('RUNTIME_UNREACHABLE', 'podman does not answer.', { hint: 'Start it.' })
  const db = postgresService()
  const { absence, config, isThere } = await look([db, remote], () => Promise.reject(missing))
  expect([config.services[0], isThere('db'), isThere('remote')]).toEqual([db, false, true])
  expect(await absence('remote')).toBeUndefined()
  expect(await absence('db')).toMatchObject({
    stranger: false,
    error: {
      code: 'RUNTIME_UNREACHABLE',
      message: 'podman does not answer.',
      hint: 'Start it.\nOr, if the server is none of the stack, declare it: postgres({ url }). A database command takes --url, too.',
    },
  })
})
