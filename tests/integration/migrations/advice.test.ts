import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { MigrationEvent } from '../../../src/migrations/events.ts'
import { parseMigrations } from '../../../src/migrations/files/parse.ts'
import { previewMigrate } from '../../../src/migrations/run/preview.ts'
import { apply, failApply, failureOf, ledgerOf, noticesOf, shown, until } from '../../support/migrations.ts'
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

const raise = (code: string): string => `DO $$ BEGIN RAISE EXCEPTION 'no good' USING ERRCODE = '${code}'; END $$;`

describe('an error with the code of a lost connection', () => {
  test.each(['08006', '57P01', '25P03'])('%s raised by a statement is an error of that file', async (code) => {
    const error = await failApply(database, { '1_a.sql': 'CREATE TABLE a ();', '2_b.sql': `\n${raise(code)}` })
    expect(shown(error)).toContain(`MIGRATION_FAILED\n2_b.sql, line 2: no good (SQLSTATE ${code})`)
    expect(error.message).toContain('2_b.sql was rolled back, so the database is as after 1_a.sql.')
    expect(await ledgerOf(database)).toEqual(['1 applied'])
  })

  test('a query that fails with it leaves its session usable', async () => {
    const session = await database.session()
    await expect(session.query(raise('57P01'))).rejects.toMatchObject({ code: '57P01' })
    expect((await session.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
  })

  test('a session that is really ended is lost', async () => {
    const session = await database.session()
    const ended = failureOf(session.query('SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(1)'))
    expect((await ended).code).toBe('DATABASE_UNREACHABLE')
    expect((await ended).message).toContain('terminating connection due to administrator command')
  })
})

describe('what a file does to its own session or to the ledger', () => {
  test.each([
    ['SET TRANSACTION READ ONLY;', 'sets its transaction read-only'],
    ['DROP SCHEMA poststack CASCADE;', 'takes away or changes tables of schema poststack'],
    ['ALTER TABLE poststack.schema_migrations RENAME TO other;', 'takes away or changes tables of schema poststack'],
    ['SET search_path = nowhere; CREATE TABLE a ();', 'GRANT USAGE, CREATE ON SCHEMA public'],
    ['CREATE TABLE nowhere.a ();', 'Something it needs is not there'],
  ])('%s is told with the way out', async (sql, hint) => {
    expect((await failApply(database, { '1_a.sql': sql })).hint).toContain(hint)
    await apply(database, { '1_a.sql': 'CREATE TABLE a ();' })
  })

  test('that it ends its own session is told', async () => {
    const error = await failApply(database, { '1_a.sql': 'SELECT pg_terminate_backend(pg_backend_pid())' })
    expect([error.code, error.hint]).toEqual([
      'DATABASE_UNREACHABLE',
      '1_a.sql calls pg_terminate_backend, which may have ended the very session that it runs in: take that out, or have it pass over pg_backend_pid(), then run again.',
    ])
  })

  test('a temporary table of a statement that is done is gone for the run that goes on', async () => {
    const sql = 'CREATE TEMP TABLE Kept AS SELECT 1 AS a; VACUUM; SELECT * FROM kept;'
    await failApply(database, { '1_a.sql': `${sql} SELECT 1/0` })
    const error = await failApply(database, { '1_a.sql': sql })
    expect(error.hint).toMatch(/^Kept is temporary: .*: poststack database repair$/)
  })
})

describe('what cannot run in a transaction, though its text does not tell', () => {
  const partitioned = 'CREATE TABLE p (a int) PARTITION BY LIST (a); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);'
  const files = { '1_p.sql': `${partitioned} CREATE INDEX i ON p (a);` }

  test.each(['REINDEX TABLE p', 'REINDEX INDEX i'])(
    '%s of a partitioned one: the directive that is named helps',
    async (sql) => {
      const error = await failApply(database, { ...files, '2_r.sql': `${sql};` })
      expect(error.details).toMatchObject({ sqlstate: '25001' })
      expect(error.hint).toContain('Put "-- poststack: no-transaction" into the first line of 2_r.sql')
      await apply(database, { ...files, '2_r.sql': `-- poststack: no-transaction\nCREATE TABLE before ();\n${sql};` })
      expect(await ledgerOf(database)).toEqual(['1 applied', '2 applied'])
    },
  )

  test('CLUSTER of a partitioned table', async () => {
    const sql = '-- poststack: no-transaction\nCLUSTER p USING i;'
    const version = Number((await database.rows('SHOW server_version_num'))[0]?.['server_version_num'])
    if (version >= 150_000) await apply(database, { ...files, '2_c.sql': sql })
    else expect((await failApply(database, { ...files, '2_c.sql': sql })).details).toMatchObject({ sqlstate: '0A000' })
  })

  test.each(['', '-- poststack: no-transaction\n'])('in a DO block it cannot work at all (%j)', async (header) => {
    const error = await failApply(database, { '1_a.sql': `${header}DO $$ BEGIN EXECUTE 'VACUUM'; END $$;` })
    expect(error.details).toMatchObject({ sqlstate: '25001' })
    expect(error.hint).toContain(
      'neither in a function nor in a DO block, with whatever directive: take it out of there',
    )
  })

  test('SET TRANSACTION comes too late', async () => {
    const error = await failApply(database, { '1_a.sql': 'SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; SELECT 1;' })
    expect(error.hint).toContain('take SET TRANSACTION out')
  })
})

describe('the same code for different things', () => {
  test('a statement that somebody cancels is not told to run too long', async () => {
    const failed = failApply(database, { '1_a.sql': 'SELECT pg_sleep(60);' })
    const sleeping = `FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND datname = current_database()`
    await until(database, `SELECT pg_cancel_backend(pid) ${sleeping}`)
    expect((await failed).details).toMatchObject({ sqlstate: '57014' })
    expect((await failed).hint).toBe(
      'Somebody cancelled it on the server (pg_cancel_backend). Run again when it may run.',
    )
  })

  test.each(['55P03', '40P01'])('%s that a file raises by itself is not tried again', async (code) => {
    const events: MigrationEvent[] = []
    const error = await failApply(database, { '1_a.sql': raise(code) }, { onEvent: (event) => events.push(event) })
    expect(events.map(({ type }) => type)).toEqual(['migration-started'])
    expect(shown(error)).toContain(`no good (SQLSTATE ${code})`)
    expect(error.message).not.toContain('tried')
    expect(error.hint).toBe('Correct 1_a.sql and run again.')
  })

  test('raised because of a table that was really locked, it is', async () => {
    await database.rows('CREATE TABLE t ()')
    const reader = await database.session()
    await reader.script('BEGIN; SELECT * FROM t')
    const sql = `DO $$ BEGIN LOCK TABLE t; EXCEPTION WHEN lock_not_available THEN RAISE 'busy' USING ERRCODE = '55P03'; END $$;`
    const options = { lockTimeoutMs: 400, retry: { attempts: 2, totalMs: 60_000 } }
    const error = await failApply(database, { '1_a.sql': sql }, options)
    expect(error.message).toContain('It was tried 2 times.\nIn the way:\n')
  })
})

/** What to do about a file that fails. */
async function told(sql: string): Promise<string | undefined> {
  return (await failApply(database, { '1_a.sql': sql })).hint
}

test.each([
  ['--liquibase formatted sql\n--changeset ann:1 endDelimiter:/\nCREATE TABLE t ()\n/\nCREATE TABLE u ()\n/\n', '"/"'],
  ['DELIMITER //\nCREATE TABLE t ()//\n', '"//"'],
  ['CREATE TABLE t ()\nGO\nCREATE TABLE u ()\nGO\n', '"GO"'],
])('%j: a sign of another tool for the end of a statement must be named', async (sql, sign) => {
  expect(await told(sql)).toBe(
    `${sign} ends a statement for another tool, and is no more than SQL here: end each statement with a semicolon, and take ${sign} out. The body of a function is kept together by its quotes ($$).`,
  )
})

describe('a character that only looks like SQL must be named', () => {
  test.each([
    ['SELECT 1;\nCREATE\u00A0TABLE t (a int);', 'line 2, column 7', 'NO-BREAK SPACE (U+00A0)', 'a blank'],
    ['CREATE TABLE t (\n  a int\u200B\n);', 'line 2, column 8', 'ZERO WIDTH SPACE (U+200B)', 'nothing'],
    ['SELECT ‘a’;', 'line 1, column 10', 'RIGHT SINGLE QUOTATION MARK (U+2019)', "an apostrophe (')"],
    ['SELECT 1 – 2;', 'line 1, column 10', 'EN DASH (U+2013)', 'a hyphen (-)'],
    [
      `-- it’s\nSELECT 'it’s';\nCREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$\nBEGIN\n  RETURN\u00A01;\nEND $$;`,
      'line 5, column 9',
      'NO-BREAK SPACE (U+00A0)',
      'a blank',
    ],
  ])('%j', async (sql, place, name, meant) => {
    expect(await told(sql)).toBe(
      `L${place.slice(1)} holds the character ${name}, which PostgreSQL takes for a letter of a name. Put ${meant} in its place; then run again.`,
    )
  })

  test('but only in the statement that fails, and in what is no string', async () => {
    expect(await told(`CREATE TABLE “t” (); SELECT '’', TABEL x;`)).not.toContain('character')
  })

  test('in what the server accepts, it is told', async () => {
    const events: MigrationEvent[] = []
    const data = 'CREATE TABLE c (a text); COPY c FROM stdin;\n\u00A0it’s\n\\.\n'
    await apply(database, { '0_c.sql': data }, { onEvent: (event) => events.push(event) })
    expect(noticesOf(events)).toEqual([])
    const sql = "SELECT '’'; CREATE TABLE t (\n  b\u00A0 text\n);"
    await apply(database, { '0_c.sql': data, '1_a.sql': sql }, { onEvent: (event) => events.push(event) })
    expect(noticesOf(events)).toEqual([
      'line 2, column 4: the character NO-BREAK SPACE (U+00A0) is to PostgreSQL a letter of the name it stands in.',
    ])
  })
})

describe('what is told of an included file', () => {
  const parts: Readonly<Record<string, string>> = {
    'begin.sql': '\n  BEGIN;\nCREATE TABLE t (a int);\nCOMMIT;\n',
    'index.sql': '\n\nCREATE INDEX CONCURRENTLY i ON t (a);',
    'down.sql': '\n-- migrate:down\nDROP TABLE t;',
    'broken.sql': '\n\nCOPY t FROM stdin;\n1\n\\.\nCREATE\u00A0TABLE u ();',
  }

  function preview(sql: string): ReturnType<typeof previewMigrate> {
    const migrations = parseMigrations([{ file: '1_a.sql', bytes: Buffer.from(`-- one\n-- two\n${sql}`) }], [], {
      pathOf: (file) => `/${file}`,
      read: ({ path }) => ({ file: path, path, realPath: path, bytes: Buffer.from(parts[path] ?? '') }),
    })
    const folder = { path: '/', migrations }
    return previewMigrate({ connect: database.connect, folder, signal: new AbortController().signal })
  }

  test('has the lines of that file', async () => {
    expect((await preview('\\i begin.sql')).pending[0]?.notices).toEqual([
      'begin.sql, line 2, column 3: BEGIN and its COMMIT were left out: every file runs in a transaction of its own.',
    ])
    expect((await preview('SELECT 1;\n\\i index.sql')).pending[0]?.alone).toEqual([
      { statement: 2, file: 'index.sql', line: 3, what: 'CREATE INDEX CONCURRENTLY' },
    ])
    expect(() => preview('\\i down.sql')).toThrow('down.sql holds its way back too, under "-- migrate:down" in line 2')
    const error = await failureOf(preview('\\i broken.sql'))
    expect(error.message).toContain('broken.sql, line 6, column 1: syntax error')
    expect(error.hint).toContain('Line 6, column 7 holds the character NO-BREAK SPACE')
  })
})
