import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Connect } from '../../../src/migrations/connection.ts'
import type { MigrationEvent } from '../../../src/migrations/events.ts'
import { repair } from '../../../src/migrations/repair/repair.ts'
import { baseline } from '../../../src/migrations/run/baseline.ts'
import { createSchema, dropSchema } from '../../../src/migrations/run/schema.ts'
import { apply, failApply, failureOf, folderOf, historyOf, ledgerOf, takeBack } from '../../support/migrations.ts'
import { startPostgres, type TestDatabase, type TestServer } from '../../support/postgres.ts'

let server: TestServer
let database: TestDatabase

beforeAll(async () => {
  server = await startPostgres()
})
afterAll(async () => await server.stop())
beforeEach(async () => {
  database = await server.createDatabase()
})

/** Sessions in which something happens at the moment when a transaction that had such a statement is to be committed. */
function atCommitOf(statement: RegExp, happens: (pid: number) => unknown): Connect {
  return async (options) => {
    const session = await database.connect(options)
    let had = false
    return {
      ...session,
      query: async (text, values) => {
        had ||= statement.test(text)
        if (had && text === 'COMMIT') await happens(session.backendPid)
        return await session.query(text, values)
      },
    }
  }
}

const inParts = {
  '1_a.sql': 'CREATE TABLE a (i int); CREATE INDEX CONCURRENTLY i ON a (i);',
  '1_a.rollback.sql': 'DROP INDEX CONCURRENTLY i; DROP TABLE a;',
}

describe('what was told to stop while it was committed must be told as done', () => {
  test.for([
    {
      what: 'a baseline',
      statement: /INSERT INTO poststack.migration_events/,
      prepare: async () => undefined,
      act: async (run: Stoppable) => await baseline({ ...run, folder: folderOf(inParts), version: '1' }),
      after: ['baselined 1'],
    },
    {
      what: 'a file in parts',
      statement: /SET state = 'applied'/,
      prepare: async () => undefined,
      act: async (run: Stoppable) => await apply(database, inParts, run),
      after: ['applied 1'],
    },
    {
      what: 'the way back in parts',
      statement: /DELETE FROM poststack.schema_migrations/,
      prepare: async () => await apply(database, inParts),
      act: async (run: Stoppable) => await takeBack(database, run),
      after: ['applied 1', 'rolled-back 1'],
    },
    {
      what: 'a repair',
      statement: /INSERT INTO poststack.migration_events/,
      prepare: async () => await failApply(database, { '1_a.sql': `${inParts['1_a.sql']} SELECT 1/0` }),
      act: async (run: Stoppable) =>
        await repair({ ...run, folder: folderOf(inParts), version: '1', choice: { kind: 'mark-applied' } }),
      after: ['failed 1', 'repaired 1'],
    },
  ])('$what', async ({ statement, prepare, act, after }) => {
    await prepare()
    const stop = new AbortController()
    const connect = atCommitOf(statement, () => stop.abort())
    await act({ connect, signal: stop.signal, toolVersion: '1.2.3' })
    expect(stop.signal.aborted).toBe(true)
    expect(await historyOf(database)).toEqual(after)
  })

  test('the beginning of schema poststack', async () => {
    const stop = new AbortController()
    const connect = atCommitOf(/CREATE SCHEMA/, () => stop.abort())
    const made = await createSchema({ connect, signal: stop.signal, toolVersion: '1.2.3' })
    expect(stop.signal.aborted).toBe(true)
    expect(made.created).toBe(true)
    expect(made.tables.map(({ table }) => table)).toContain('schema_migrations')
  })

  test('the end of schema poststack', async () => {
    await apply(database, inParts)
    const stop = new AbortController()
    const connect = atCommitOf(/DROP SCHEMA/, () => stop.abort())
    await dropSchema({ connect, signal: stop.signal, toolVersion: '1.2.3' })
    expect(await database.rows(`SELECT FROM pg_namespace WHERE nspname = 'poststack'`)).toEqual([])
  })
})

interface Stoppable {
  readonly connect: Connect
  readonly signal: AbortSignal
  readonly toolVersion: string
}

test('a connection that is lost while a baseline is committed: nobody can tell, and so it is told', async () => {
  const connect = atCommitOf(/INSERT INTO poststack.migration_events/, (pid) =>
    database.rows('SELECT pg_terminate_backend($1, 5000)', [pid]),
  )
  const run = { connect, signal: new AbortController().signal, toolVersion: '1.2.3' }
  const error = await failureOf(baseline({ ...run, folder: folderOf(inParts), version: '1' }))
  expect(error.code).toBe('DATABASE_UNREACHABLE')
  expect(error.message).toContain('It was being committed, so it is either done and recorded, or not at all.')
  expect(error.message).not.toContain('Nothing was applied')
})

test('a lock that is lost before a file in parts is begun: its row is not touched', async () => {
  await failApply(database, { '1_a.sql': `${inParts['1_a.sql']} SELECT 1/0` })
  const loseLock = `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'poststack lock %'`
  // As behind a broken network: nobody tells of it.
  const deaf: Connect = async (options) => ({ ...(await database.connect(options)), onLost: () => {} })
  const events: MigrationEvent[] = []
  const connect: Connect = async (options) => {
    const session = await deaf(options)
    const query: typeof session.query = async (text, values) => {
      if (/SET state = 'running'/.test(text)) await database.rows(loseLock)
      return await session.query(text, values)
    }
    return { ...session, query }
  }
  const error = await failApply(database, inParts, { connect, onEvent: (event) => events.push(event) })
  expect(error.code).toBe('LOCK_LOST')
  expect(await ledgerOf(database)).toEqual(['1 failed'])
  expect(events.map(({ type }) => type)).toEqual(['migration-started'])
})
