/** The stack's own servers: where they run, and what is said where they do not. */
import { describe, expect, test } from 'vitest'
import { asServersRun, notRunning, whyDown } from '../../../src/plan/own-server.ts'
import type { ObservedContainer } from '../../../src/plan/types.ts'
import { postgresService, stackConfig } from '../../support/memory-stack.ts'

const stack = { stack: 'shop', project: 'here' }
const db = postgresService({ port: 5433, hostAddress: '127.0.0.1' })
const config = stackConfig([db])

const container = (fields: Partial<ObservedContainer> = {}): ObservedContainer => ({
  id: '1',
  name: 'shop-db',
  owner: { ...stack, root: '/here' },
  service: 'db',
  state: 'running',
  exitCode: undefined,
  imageId: 'image',
  spec: undefined,
  ports: [{ host: 5433, hostAddress: '127.0.0.1' }],
  ...fields,
})

const addressIn = (...containers: readonly ObservedContainer[]): unknown => {
  const [found] = asServersRun(config, containers, stack).services
  return found?.kind === 'postgres' ? `${found.hostAddress}:${String(found.port)}` : undefined
}

const told = ({ code, hint = '', message }: ReturnType<typeof notRunning>): string => `${code} ${message}\n${hint}`

describe('a server of the stack', () => {
  test('is there when its container runs and publishes a port', () => {
    expect(whyDown('db', [container()], stack)).toBeUndefined()
    expect(whyDown('db', [], stack)).toBe('there is no container of it')
    expect(whyDown('db', [container({ state: 'exited', ports: [] })], stack)).toBe('its container shop-db is exited')
    expect(whyDown('db', [container({ state: 'paused' })], stack)).toBe('its container shop-db is paused')
    expect(whyDown('db', [container({ ports: [] })], stack)).toBe('its container shop-db publishes no port')
  })

  test('is never one of another checkout, or without labels', () => {
    for (const owner of [{ ...stack, project: 'there', root: '/there' }, undefined]) {
      expect(whyDown('db', [container({ owner })], stack)).toBe('there is no container of it')
      expect(addressIn(container({ owner, ports: [{ host: 5434, hostAddress: '127.0.0.1' }] }))).toBe('127.0.0.1:5433')
    }
  })

  test('has the address at which it runs, and the declared one until it runs', () => {
    expect(addressIn()).toBe('127.0.0.1:5433')
    expect(addressIn(container({ ports: [{ host: 5440, hostAddress: '127.0.0.1' }] }))).toBe('127.0.0.1:5440')
    expect(addressIn(container({ ports: [{ host: 5440, hostAddress: '10.0.0.1' }] }))).toBe('10.0.0.1:5440')
    // Docker lists a port that is open on every address twice.
    const everywhere = ['::', '0.0.0.0'].map((hostAddress) => ({ host: 5440, hostAddress }))
    expect(addressIn(container({ ports: everywhere }))).toBe('127.0.0.1:5440')
  })
})

describe('what is said of one that does not run', () => {
  const down = { service: db, reason: 'there is no container of it', runtime: 'podman' as const, holder: undefined }
  const port = { host: 5433, hostAddress: '127.0.0.1' }

  test('names whoever has its port, and the ways out', () => {
    expect(told(notRunning(down))).toMatchInlineSnapshot(`
      "NOT_RUNNING db does not run: there is no container of it.
      Start it: poststack up db"
    `)
    expect(told(notRunning({ ...down, holder: { ...port, holder: 'process postgres (pid 7)' } })))
      .toMatchInlineSnapshot(`
      "NOT_RUNNING db does not run: there is no container of it, and port 5433 on 127.0.0.1 is held by process postgres (pid 7).
      Start it: poststack up db
      Or, if the other one is meant, declare it: postgres({ url }). A database command takes --url, too."
    `)
    const elsewhere = { ...port, holder: 'docker container shop-db', elsewhere: 'docker' }
    expect(told(notRunning({ ...down, holder: elsewhere }))).toMatchInlineSnapshot(`
      "NOT_RUNNING db does not run on podman: this stack runs on docker, and holds port 5433 on 127.0.0.1 there.
      Say so: --runtime docker"
    `)
  })
})
