import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { MigrationEvent } from '../../../src/migrations/events.ts'
import {
  apply,
  cutIn,
  failApply,
  failureOf,
  indexesOf,
  noticesOf,
  shown,
  tablesOf,
  until,
} from '../../support/migrations.ts'
import { startPostgres, type TestDatabase, type TestServer } from '../../support/postgres.ts'

let server: TestServer
let database: TestDatabase
let events: MigrationEvent[]
const onEvent = (event: MigrationEvent): void => void events.push(event)

beforeAll(async () => {
  server = await startPostgres()
})
afterAll(async () => await server.stop())
beforeEach(async () => {
  database = await server.createDatabase()
  events = []
})

/** Gives the statement its row as a killed run leaves it, with the context that a real failure wrote. */
async function killedIn(sql: string, statement: number, prepare: string, undo: string): Promise<void> {
  await database.rows(prepare)
  await failApply(database, { '1_k.sql': sql })
  await cutIn(database, statement)
  await database.rows(undo)
}

describe('a run that was killed in a statement', () => {
  test('of an index without a name: the new one counts if it is valid, else goes', async () => {
    await database.rows('CREATE TABLE t (a int); INSERT INTO t VALUES (1), (1); CREATE INDEX mine ON t (a)')
    const sql = 'CREATE UNIQUE INDEX CONCURRENTLY ON t (a);'
    await failApply(database, { '1_k.sql': sql })
    await cutIn(database, 1)
    await database.rows('CREATE UNIQUE INDEX CONCURRENTLY ON t (a)').catch(() => undefined)
    expect(await indexesOf(database)).toEqual(['mine valid', 't_a_idx INVALID'])
    await database.rows('DELETE FROM t')
    await apply(database, { '1_k.sql': sql }, { onEvent })
    expect(noticesOf(events)).toContain('dropped public.t_a_idx, an INVALID index that an unfinished build had left')
    expect(await indexesOf(database)).toEqual(['mine valid', 't_a_idx valid'])
  })

  test('of an index without a name: one that somebody else has made meanwhile must not count', async () => {
    await database.rows('CREATE TABLE t (a int, b int); INSERT INTO t VALUES (1, 1), (1, 2)')
    const files = { '1_k.sql': 'SELECT 1; CREATE UNIQUE INDEX CONCURRENTLY ON t (a);' }
    await failApply(database, files)
    await database.rows('DELETE FROM t; CREATE INDEX others ON t (b)')
    await cutIn(database, 2)
    const error = await failApply(database, files)
    expect(shown(error)).toMatchInlineSnapshot(`
      "MIGRATION_UNFINISHED
      1_k.sql: an earlier run was cut off in statement 2, which makes an index without a name. Since then its table got public.others, and nobody can tell from the definition whether that is it. 0 of 1 pending migration applied.

      See whether the index is there, and settle it: poststack database repair. An index with a name in the file is always found again."
    `)
    expect(error.details).toMatchObject({ statement: 2, statementsApplied: 1, indexes: ['public.others'] })
    expect(await indexesOf(database)).toEqual(['others valid'])

    // One with the same definition is the one, whatever it is called.
    await database.rows('CREATE UNIQUE INDEX renamed ON t (a)')
    await apply(database, files, { onEvent })
    expect(noticesOf(events)).toContain('CREATE INDEX CONCURRENTLY had been done when the earlier run was cut off')
    expect(await indexesOf(database)).toEqual(['others valid', 'renamed valid'])
  })

  test('of an index without a name that the server refused: it is known not to be done', async () => {
    await database.rows('CREATE TABLE t (a int, b int); INSERT INTO t VALUES (1, 1), (1, 2)')
    const files = { '1_k.sql': 'CREATE UNIQUE INDEX CONCURRENTLY ON t (a);' }
    await failApply(database, files)
    await database.rows('DELETE FROM t; CREATE INDEX others ON t (b)')
    await apply(database, files)
    expect(await indexesOf(database)).toEqual(['others valid', 't_a_idx valid'])
  })

  test('of an index whose definition was corrected since: what it left goes', async () => {
    await database.rows('CREATE TABLE t (a int, b int); INSERT INTO t VALUES (1, 1), (1, 2)')
    const sql = 'CREATE UNIQUE INDEX CONCURRENTLY i ON t (a);'
    await failApply(database, { '1_k.sql': sql })
    await cutIn(database, 1)
    await database.rows(sql).catch(() => undefined)
    expect(await indexesOf(database)).toEqual(['i INVALID'])
    await apply(database, { '1_k.sql': sql.replace('(a)', '(b)') }, { onEvent })
    expect(noticesOf(events)).toContain('dropped public.i, an INVALID index that an unfinished build had left')
    expect(await indexesOf(database)).toEqual(['i valid'])
  })

  test('after it was done: it is not done again', async () => {
    await killedIn(
      'SELECT 1; CREATE UNIQUE INDEX CONCURRENTLY i ON t (a); CREATE TABLE u ();',
      2,
      'CREATE TABLE t (a int); INSERT INTO t VALUES (1), (1)',
      'DELETE FROM t',
    )
    await database.rows('CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)')
    // As another version of the parser would have it: the text decides then.
    await database.rows(`UPDATE poststack.schema_migrations SET statements_chain = 'other',
  statement_context = statement_context || '{"chain": "other"}'`)
    const [before] = await database.rows(`SELECT 'i'::regclass::oid AS oid`)
    await apply(
      database,
      { '1_k.sql': 'SELECT 1; CREATE UNIQUE INDEX CONCURRENTLY i ON t (a); CREATE TABLE u ();' },
      { onEvent },
    )
    expect(noticesOf(events)).toContain('CREATE INDEX CONCURRENTLY had been done when the earlier run was cut off')
    expect(await database.rows(`SELECT 'i'::regclass::oid AS oid`)).toEqual([before])
  })

  test('and was edited since: what the new one finds is no proof of the old one', async () => {
    await killedIn(
      'CREATE UNIQUE INDEX CONCURRENTLY i ON t (a);',
      1,
      'CREATE TABLE t (a int, b int); INSERT INTO t VALUES (1), (1); CREATE INDEX other ON t (b)',
      'SELECT 1',
    )
    const error = await failApply(database, { '1_k.sql': 'CREATE INDEX CONCURRENTLY other ON t (a);' })
    expect(error.details).toMatchObject({ sqlstate: '42P07' })
  })

  test('that detaches a partition: it is finished', async () => {
    const sql = 'SELECT 1; ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY; CREATE TABLE u ();'
    await database.rows(
      `CREATE TABLE p (a int) PARTITION BY LIST (a); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1)`,
    )
    const reader = await database.session()
    await reader.script('BEGIN; SELECT * FROM p')
    const stop = new AbortController()
    const running = failureOf(apply(database, { '1_d.sql': sql }, { signal: stop.signal }))
    await until(database, 'SELECT FROM pg_inherits WHERE inhdetachpending')
    stop.abort()
    expect((await running).code).toBe('INTERRUPTED')
    await reader.query('ROLLBACK')
    expect(await database.rows('SELECT inhdetachpending AS pending FROM pg_inherits')).toEqual([{ pending: true }])
    await apply(database, { '1_d.sql': sql }, { onEvent })
    expect(noticesOf(events)).toContain('detaching "p1" from "p" had been cut off and was finished')
    expect(await database.rows('SELECT FROM pg_inherits')).toEqual([])
    expect(await tablesOf(database)).toContain('public.u')
  })

  test('that may commit by itself: nobody can tell, so nothing runs', async () => {
    const sql = '-- poststack: no-transaction\nCREATE TABLE n (v int);\nDO $$ BEGIN PERFORM pg_sleep(60); END $$;'
    const running = failureOf(apply(database, { '1_o.sql': sql }))
    await until(
      database,
      `SELECT FROM pg_stat_activity WHERE query LIKE 'DO $$%' AND state = 'active' AND datname = current_database()`,
    )
    await database.rows(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'poststack migrate %'`,
    )
    expect((await running).code).toBe('DATABASE_UNREACHABLE')
    for (const text of [sql, sql.replace('60', '0')]) {
      // oxlint-disable-next-line no-await-in-loop
      const error = await failApply(database, { '1_o.sql': text })
      expect(error.code).toBe('MIGRATION_UNFINISHED')
      expect(error.message).toContain(
        '1_o.sql: an earlier run was cut off in statement 2, which may end transactions by itself',
      )
    }
  })

  test('of a rebuild: the copy it worked with is gone, that of others stays', async () => {
    await database.rows(
      `CREATE TABLE t (a int); CREATE INDEX i ON t (a); CREATE TABLE o (a int); CREATE INDEX j ON o (a)`,
    )
    const cut = async (index: string, on: string): Promise<void> => {
      const [writer, work] = [await database.session(), await database.session()]
      await writer.script(`BEGIN; INSERT INTO ${on} VALUES (1)`)
      const running = work.script(`REINDEX INDEX CONCURRENTLY ${index}`)
      await until(database, `SELECT FROM pg_class WHERE relname = '${index}_ccnew'`)
      await work.cancel()
      await running
      await writer.query('ROLLBACK')
    }
    await cut('j', 'o')
    const sql = 'SELECT 1; REINDEX INDEX CONCURRENTLY i;'
    const writer = await database.session()
    await writer.script('BEGIN; INSERT INTO t VALUES (1)')
    const stop = new AbortController()
    const running = failureOf(apply(database, { '1_r.sql': sql }, { signal: stop.signal }))
    await until(database, `SELECT FROM pg_class WHERE relname = 'i_ccnew'`)
    await sleep(50)
    stop.abort()
    await running
    await writer.query('ROLLBACK')
    expect(await indexesOf(database)).toEqual(['i valid', 'i_ccnew INVALID', 'j valid', 'j_ccnew INVALID'])
    await apply(database, { '1_r.sql': sql })
    expect(await indexesOf(database)).toEqual(['i valid', 'j valid', 'j_ccnew INVALID'])
  })
})

describe('a run that is told to stop', () => {
  test('at any moment of a file must have its statement cancelled, also where the request comes between two', async () => {
    const file = { '1_s.sql': 'SELECT 1; SELECT pg_sleep(20);' }
    for (const afterMs of [0, 1, 2, 3, 4, 6, 8, 12]) {
      const stop = new AbortController()
      const onStart = ({ type }: MigrationEvent): void => {
        if (type === 'migration-started') setTimeout(() => stop.abort(), afterMs)
      }
      const began = performance.now()
      // oxlint-disable-next-line no-await-in-loop
      const error = await failureOf(apply(database, file, { signal: stop.signal, onEvent: onStart }))
      expect([afterMs, error.code]).toEqual([afterMs, 'INTERRUPTED'])
      expect(performance.now() - began).toBeLessThan(10_000)
    }
  })
})
