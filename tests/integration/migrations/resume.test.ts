import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { MigrationEvent } from '../../../src/migrations/events.ts'
import {
  apply,
  cutIn,
  failApply,
  historyOf,
  indexesOf,
  ledgerOf,
  ledgerRow,
  noticesOf,
  shown,
  until,
} from '../../support/migrations.ts'
import { startPostgres, type TestDatabase, type TestServer } from '../../support/postgres.ts'

let server: TestServer
let database: TestDatabase
let events: MigrationEvent[]
const onEvent = (event: MigrationEvent): void => void events.push(event)

beforeAll(async () => {
  server = await startPostgres({ max_prepared_transactions: '5' })
})
afterAll(async () => await server.stop())
beforeEach(async () => {
  database = await server.createDatabase()
  events = []
})

const file = (index: string, last = '') => ({
  '1_t.sql': `CREATE TABLE t (a int, b int); INSERT INTO t VALUES (1, 1), (1, 2);`,
  '2_i.sql': `-- two\nCREATE TABLE log (n int);\nINSERT INTO log VALUES (1);\n${index}\nINSERT INTO log VALUES (2);${last}`,
  '3_z.sql': 'CREATE TABLE z ();',
})

describe('a failure in the middle', () => {
  test('of a unique index: the INVALID index is gone, and what is done is counted and told', async () => {
    const error = await failApply(database, file('CREATE UNIQUE INDEX CONCURRENTLY i ON t (a);'), { onEvent })
    expect(shown(error)).toMatchInlineSnapshot(`
      "MIGRATION_FAILED
      2_i.sql, in the statement at line 4: could not create unique index "i" (SQLSTATE 23505)

        2 | CREATE TABLE log (n int);
        3 | INSERT INTO log VALUES (1);
      > 4 | CREATE UNIQUE INDEX CONCURRENTLY i ON t (a);
          | ^
        5 | INSERT INTO log VALUES (2);

      Detail: Key (a)=(1) is duplicated.
      1 of 3 pending migrations applied. Of 2_i.sql, 2 of 4 statements are done and stay; CREATE INDEX CONCURRENTLY was undone. The next run goes on at statement 3.

      Two rows would have equal values where only one may: the detail names them. Mend the rows that are there, or the file; then run again."
    `)
    expect(error.details).toMatchObject({ statementsApplied: 2, statementsTotal: 4, line: 4, sqlstate: '23505' })
    expect(noticesOf(events)).toEqual(['dropped public.i, an INVALID index that an unfinished build had left'])
    expect(await indexesOf(database)).toEqual([])
    const row = await ledgerRow(database, 2)
    expect(row).toMatchObject({
      state: 'failed',
      statements_total: 4,
      statements_applied: 2,
      error: { code: 'MIGRATION_FAILED', sqlstate: '23505', statement: 3, line: 4 },
    })
    expect(await historyOf(database)).toEqual(['applied 1', 'failed 2'])

    events = []
    await apply(database, file('CREATE UNIQUE INDEX CONCURRENTLY i ON t (b);'), { onEvent })
    expect(noticesOf(events)).toEqual(['goes on at statement 3 of 4, where an earlier run stopped'])
    expect(await database.rows('SELECT n FROM log ORDER BY n')).toEqual([{ n: 1 }, { n: 2 }])
    expect(await indexesOf(database)).toEqual(['i valid'])
    expect(await ledgerRow(database, 2)).toMatchObject({
      state: 'applied',
      statements_applied: 4,
      error: null,
      statement_running: null,
    })
    expect(await ledgerOf(database)).toEqual(['1 applied', '2 applied', '3 applied'])
    expect((await apply(database, file('CREATE UNIQUE INDEX CONCURRENTLY i ON t (b);'))).already).toBe(3)
  })

  test('of a later group: it is undone as a whole, and runs as a whole when it is corrected', async () => {
    const index = 'CREATE INDEX CONCURRENTLY i ON t (a);'
    const error = await failApply(database, file(index, '\nINSERT INTO log VALUES (3); SELECT 1/0;'))
    expect(error.message).toContain(
      '3 of 6 statements are done and stay; statements 4 to 6 were undone. The next run goes on at statement 4.',
    )
    expect(await database.rows('SELECT n FROM log')).toEqual([{ n: 1 }])
    await apply(database, file(index, '\nINSERT INTO log VALUES (3);'))
    expect(await database.rows('SELECT n FROM log ORDER BY n')).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }])
  })

  test('an edit of what is done is refused before anything runs; comments and blanks are not', async () => {
    await failApply(database, file('CREATE UNIQUE INDEX CONCURRENTLY i ON t (a);'))
    await database.rows(`UPDATE poststack.schema_migrations SET statements_chain = 'of another parser'`)
    const mended = file('DELETE FROM t WHERE b = 2; CREATE UNIQUE INDEX CONCURRENTLY i ON t (a);')
    const edited = { ...mended, '2_i.sql': mended['2_i.sql'].replace('VALUES (1)', 'VALUES (9)') }
    const error = await failApply(database, edited)
    expect(error.code).toBe('MIGRATION_CHANGED')
    expect(error.message).toContain('2_i.sql was left after 2 of its statements, and these were edited since')
    expect(await database.rows('SELECT count(*)::int AS count FROM t')).toEqual([{ count: 2 }])
    const shorter = await failApply(database, { ...mended, '2_i.sql': 'CREATE TABLE log (n int);' })
    expect(shorter.code).toBe('MIGRATION_CHANGED')
    expect(await ledgerRow(database, 2)).toMatchObject({ state: 'failed', statements_applied: 2 })
    const commented = mended['2_i.sql'].replace('-- two', '/* three */').replace('TABLE log', '\n TABLE  log')
    await apply(database, { ...mended, '2_i.sql': commented })
    expect(await database.rows('SELECT n FROM log ORDER BY n')).toEqual([{ n: 1 }, { n: 2 }])
    expect(await indexesOf(database)).toEqual(['i valid'])
  })

  test('the rest may lose what had to run alone, and a file may end where it stopped', async () => {
    await failApply(database, file('CREATE UNIQUE INDEX CONCURRENTLY i ON t (a);'))
    await apply(database, file('INSERT INTO log VALUES (7);'))
    expect(await database.rows('SELECT n FROM log ORDER BY n')).toEqual([{ n: 1 }, { n: 2 }, { n: 7 }])
    expect(await ledgerRow(database, 2)).toMatchObject({
      state: 'applied',
      statement_running: null,
      statement_context: null,
    })
  })
})

describe('an index of the same name', () => {
  test('that is valid and was there before is no proof: the file fails again and again', async () => {
    await database.rows('CREATE TABLE t (a int, b int); CREATE INDEX i ON t (b)')
    const files = { '1_i.sql': 'CREATE INDEX CONCURRENTLY i ON t (a);' }
    for (let round = 0; round < 2; round++) {
      // oxlint-disable-next-line no-await-in-loop
      expect((await failApply(database, files)).details).toMatchObject({ sqlstate: '42P07' })
    }
    await cutIn(database, 1)
    expect((await failApply(database, files)).details).toMatchObject({ sqlstate: '42P07' })
    await database.rows('DROP INDEX i')
    await apply(database, files)
    expect(await indexesOf(database)).toEqual(['i valid'])
  })

  test('that is INVALID is dropped and built anew, with and without IF NOT EXISTS; a valid one passes', async () => {
    await database.rows(`CREATE TABLE t (a int, b int); INSERT INTO t VALUES (1, 1), (1, 2); CREATE INDEX ok ON t (b)`)
    for (const name of ['i', 'j']) {
      // oxlint-disable-next-line no-await-in-loop
      await database.rows(`CREATE UNIQUE INDEX CONCURRENTLY ${name} ON t (a)`).catch(() => undefined)
    }
    expect(await indexesOf(database)).toEqual(['i INVALID', 'j INVALID', 'ok valid'])
    const sql = `DELETE FROM t; CREATE UNIQUE INDEX CONCURRENTLY i ON t (a);
      CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS j ON public.t (a);
      CREATE INDEX CONCURRENTLY IF NOT EXISTS ok ON t (a);`
    await apply(database, { '1_i.sql': sql }, { onEvent })
    expect(noticesOf(events).map((message) => message.split(',')[0])).toEqual(['dropped public.i', 'dropped public.j'])
    expect(await indexesOf(database)).toEqual(['i valid', 'j valid', 'ok valid'])
    expect(await database.rows(`SELECT pg_get_indexdef('ok'::regclass) AS is`)).toEqual([
      { is: 'CREATE INDEX ok ON public.t USING btree (b)' },
    ])
  })

  test('that is INVALID, defined in another way and never begun here is not touched, and told with its definition', async () => {
    await database.rows('CREATE TABLE t (a int, b int); INSERT INTO t VALUES (1, 1), (1, 2)')
    await database.rows('CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)').catch(() => undefined)
    for (const index of ['i ON t (b)', 'IF NOT EXISTS i ON t (a)']) {
      // oxlint-disable-next-line no-await-in-loop
      const error = await failApply(database, { '1_i.sql': `CREATE INDEX CONCURRENTLY ${index};` })
      expect(error.message).toContain(
        'public.i is there as an INVALID index that this migration has not begun, and it is defined in another way: CREATE UNIQUE INDEX i ON public.t USING btree (a).',
      )
      expect(error.hint).toContain('DROP INDEX CONCURRENTLY public.i;')
    }
    expect(await indexesOf(database)).toEqual(['i INVALID'])
    await database.rows('DROP INDEX i')
    await apply(database, { '1_i.sql': 'CREATE INDEX CONCURRENTLY i ON t (b);' })
    expect(await indexesOf(database)).toEqual(['i valid'])
  })

  test('that is INVALID is refused also where IF NOT EXISTS stands in a transaction, unless the file takes it away', async () => {
    await database.rows('CREATE TABLE t (a int); INSERT INTO t VALUES (1), (1)')
    await database.rows('CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)').catch(() => undefined)
    const sql = 'CREATE TABLE u ();\nCREATE INDEX IF NOT EXISTS i ON t (a);'
    expect(shown(await failApply(database, { '1_i.sql': sql }))).toMatchInlineSnapshot(`
      "MIGRATION_FAILED
      1_i.sql, line 2: the index is there already, but INVALID, so no query uses it; IF NOT EXISTS takes it for the one that is to be made.
      public.i is defined as: CREATE UNIQUE INDEX i ON public.t USING btree (a)
      0 of 1 pending migration applied; 1_i.sql was rolled back, so the database is as before.

      If nobody needs it, drop it, then run again: DROP INDEX CONCURRENTLY public.i;
      Or give the new index another name in the file."
    `)
    expect(await ledgerOf(database)).toEqual([])
    for (const before of ['SELECT 1; VACUUM t;', '-- poststack: no-transaction\n']) {
      // oxlint-disable-next-line no-await-in-loop
      const error = await failApply(database, { '2_i.sql': `${before} CREATE INDEX IF NOT EXISTS i ON t (a)` })
      expect(error.message).toContain('the index is there already, but INVALID')
      // oxlint-disable-next-line no-await-in-loop
      await database.rows('DELETE FROM poststack.schema_migrations')
    }
    await apply(database, { '1_i.sql': `DROP INDEX i; ${sql}\nCREATE INDEX IF NOT EXISTS i ON t (a);` })
    expect(await indexesOf(database)).toEqual(['i valid'])
  })

  test('that is INVALID and of another table is told, as IF NOT EXISTS would take it for the one that is wanted', async () => {
    await database.rows(`CREATE TABLE t (a int); CREATE TABLE other (a int); INSERT INTO other VALUES (1), (1)`)
    await database.rows('CREATE UNIQUE INDEX CONCURRENTLY i ON other (a)').catch(() => undefined)
    const files = { '1_i.sql': 'CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)' }
    const error = await failApply(database, files)
    expect(error.code).toBe('MIGRATION_FAILED')
    expect(error.message).toContain('public.i is an INVALID index of another table')
    expect(error.hint).toContain('DROP INDEX CONCURRENTLY public.i;')
    await database.rows('DROP INDEX i')
    await apply(database, files)
    expect(await indexesOf(database)).toEqual(['i valid'])
  })

  test('is found by the very name: quoted, in mixed case, in a schema, by way of search_path, unlogged', async () => {
    await database.rows(`CREATE SCHEMA "My S"; CREATE UNLOGGED TABLE "My S"."T t" (a int); CREATE TABLE "T t" (a int);
      INSERT INTO "My S"."T t" VALUES (1), (1); INSERT INTO "T t" VALUES (1), (1)`)
    for (const target of ['"I ""i" ON "My S"."T t"', 'plain ON "My S"."T t"', '"I ""i" ON "T t"']) {
      // oxlint-disable-next-line no-await-in-loop
      await database.rows(`CREATE UNIQUE INDEX CONCURRENTLY ${target} (a)`).catch(() => undefined)
    }
    await database.rows('DELETE FROM "My S"."T t"')
    await apply(database, {
      '1_i.sql': `CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS "I ""i" ON "My S"."T t" (a); SET search_path = "My S";
        CREATE UNIQUE INDEX CONCURRENTLY PLAIN ON "T t" (a);`,
    })
    expect(await indexesOf(database)).toEqual(['"I ""i" INVALID', '"My S"."I ""i" valid', '"My S".plain valid'])
  })

  test('that another session builds at this moment is left to it, and its pid told', async () => {
    const role = `${database.target.database}_low`
    await database.rows(`CREATE ROLE ${role} LOGIN PASSWORD 'x'; ALTER DATABASE ${database.target.database} OWNER TO ${role};
      GRANT ALL ON SCHEMA public TO ${role}; CREATE TABLE t (a int); ALTER TABLE t OWNER TO ${role}`)
    const [blocker, builder] = [await database.session(), await database.session()]
    await blocker.script('BEGIN; INSERT INTO t VALUES (1)')
    const building = builder.script('CREATE INDEX CONCURRENTLY i ON t (a)')
    await until(database, `SELECT FROM pg_index WHERE NOT indisvalid`)
    // Also as a role that may not see what sessions of others do.
    const connect = async (options: { applicationName: string }) =>
      await database.session({ ...options, user: role, password: 'x' })
    for (const as of [connect, database.connect]) {
      // oxlint-disable-next-line no-await-in-loop
      const error = await failApply(
        database,
        { '1_i.sql': 'SELECT 1; CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)' },
        { connect: as },
      )
      expect(error.message).toMatch(
        new RegExp(
          `^1_i.sql, CREATE INDEX CONCURRENTLY: index public.i is being built by another session \\(pid ${builder.backendPid}\\)`,
        ),
      )
      expect(error.details).toMatchObject({ pid: builder.backendPid, statementsApplied: 1, version: '1' })
    }
    await blocker.query('COMMIT')
    expect((await building).error).toBeUndefined()
    await apply(database, { '1_i.sql': 'SELECT 1; CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)' })
    expect(await indexesOf(database)).toEqual(['i valid'])
  })
})
