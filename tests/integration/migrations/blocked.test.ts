import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { PoststackError } from '../../../src/errors.ts'
import type { Connect, Connection } from '../../../src/migrations/connection.ts'
import type { MigrationEvent } from '../../../src/migrations/events.ts'
import { apply, ledgerOf, type SqlFiles } from '../../support/migrations.ts'
import { startPostgres, type TestDatabase, type TestServer } from '../../support/postgres.ts'

let server: TestServer
let database: TestDatabase
let events: MigrationEvent[]
const onEvent = (event: MigrationEvent): void => void events.push(event)
const types = (): readonly string[] => [...new Set(events.map(({ type }) => type))]

beforeAll(async () => {
  server = await startPostgres()
})
afterAll(async () => await server.stop())
beforeEach(async () => {
  database = await server.createDatabase()
  await database.rows('CREATE TABLE t (a int)')
  events = []
})

/** A session that holds the table until it is told to let go. */
async function holding(): Promise<Connection> {
  const session = await database.session()
  await session.script('BEGIN; SELECT * FROM t')
  return session
}

const add = { '1_a.sql': 'ALTER TABLE t ADD b int' }

/** Sessions of a run, of which those that look around are as a test wants them. */
const looking =
  (change: (session: Connection) => Connection): Connect =>
  async (options) => {
    const session = await database.connect(options)
    return options.applicationName.startsWith('poststack watch') ? change(session) : session
  }

describe('the look at who is in the way', () => {
  test('says nothing of a file that has ended meanwhile', async () => {
    const reader = await holding()
    let begun: (() => void) | undefined
    const second = new Promise<void>((resolve) => {
      begun = resolve
    })
    const told = (event: MigrationEvent): void => {
      onEvent(event)
      if (event.type === 'migration-started' && event.version === '2') begun?.()
    }
    const connect = looking((session) => ({
      ...session,
      query: async (text, values) => {
        const answer = await session.query(text, values)
        if (answer.rows[0]?.['pid'] !== reader.backendPid) return answer
        await reader.query('ROLLBACK')
        await second
        return answer
      },
    }))
    await apply(database, { ...add, '2_b.sql': 'SELECT pg_sleep(0.2)' }, { connect, onEvent: told, lockTimeoutMs: 0 })
    expect(types()).toEqual(['migration-started', 'migration-applied'])
  })

  test('is one at a time on its session, which is at rest when it is given back', async () => {
    const asking = new Set<symbol>()
    let most = 0
    let atEnd: number | undefined
    const connect = looking((session) => ({
      ...session,
      query: async (text, values) => {
        const one = Symbol(text)
        asking.add(one)
        most = Math.max(most, asking.size)
        try {
          // As on a busy machine: longer than a file takes.
          await sleep(400)
          return await session.query(text, values)
        } finally {
          asking.delete(one)
        }
      },
      close: async () => {
        atEnd = asking.size
        await session.close()
      },
    }))
    const slow = ['1_a.sql', '2_b.sql', '3_c.sql', '4_d.sql'].map((file) => [file, 'SELECT pg_sleep(0.2)'])
    await apply(database, Object.fromEntries(slow) as SqlFiles, { connect, lockTimeoutMs: 0 })
    expect({ most, atEnd }).toEqual({ most: 1, atEnd: 0 })
  })

  test('is taken again on another session when the first could not be opened', async () => {
    const reader = await holding()
    let opened = 0
    const connect = looking((session) => {
      opened++
      if (opened === 1) throw new PoststackError('DATABASE_UNREACHABLE', 'too many clients')
      return session
    })
    const stop = (event: MigrationEvent): void => {
      onEvent(event)
      if (event.type === 'migration-blocked') void reader.query('ROLLBACK')
    }
    await apply(database, add, { connect, onEvent: stop, lockTimeoutMs: 0 })
    expect(opened).toBe(2)
    expect(types()).toContain('migration-blocked')
  })
})

test('what a listener throws ends neither process nor file, and comes out at the end', async () => {
  const reader = await holding()
  const thrown: string[] = []
  const throwing = ({ type }: MigrationEvent): void => {
    if (type === 'migration-blocked' && !thrown.includes(type)) void reader.query('ROLLBACK')
    thrown.push(type)
    throw new Error(type)
  }
  const files = { '1_a.sql': `DO $$ BEGIN RAISE NOTICE 'hear'; END $$; ${add['1_a.sql']}` }
  await expect(apply(database, files, { onEvent: throwing, lockTimeoutMs: 0 })).rejects.toThrow('migration-started')
  expect(thrown).toEqual(expect.arrayContaining(['server-notice', 'migration-blocked', 'migration-applied']))
  expect(await ledgerOf(database)).toEqual(['1 applied'])
})
