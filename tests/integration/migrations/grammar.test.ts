import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Connection } from '../../../src/migrations/connection.ts'
import { startPostgres, type TestDatabase, type TestServer } from '../../support/postgres.ts'

let server: TestServer
let database: TestDatabase
let session: Connection

beforeAll(async () => {
  server = await startPostgres()
  database = await server.createDatabase()
  session = await database.session()
})
afterAll(async () => {
  await server.stop()
})

describe('the server says where a text does not parse, and runs nothing', () => {
  test.each([
    ['one statement', 'SELEC 1', 1],
    ['the third of several', 'SELECT 1;\nSELECT 2;\nCREATE TABEL t ();', 28],
    ['behind letters of two and four bytes', `SELECT 'héé😀', 'ß'; SELEC 1`, 21],
    ['in the middle of it', 'CREATE TABLE t (id int,, name text)', 24],
    ['data of COPY', 'COPY t FROM stdin;\n1\ta\n\\.\n', 20],
    ['a line of psql', '\\connect other\nSELECT 1', 1],
    ['a string that does not end', `SELECT 1; SELECT 'open`, 18],
    ['a comment that does not end', 'SELECT 1; /* open', 11],
    ['a body that does not end', 'CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1;', 49],
  ])('%s', async (_, text, position) => {
    const error = await session.syntaxError(text)
    expect(error).toMatchObject({ code: '42601', position: String(position) })
    // The same as when it is run, whose position the reader of an error is used to.
    expect((await session.script(text)).error).toMatchObject({ message: error?.message, position: error?.position })
  })

  test('a text that breaks off says so at its own end', async () => {
    expect(await session.syntaxError('SELECT 1; SELECT (')).toMatchObject({
      message: 'syntax error at end of input',
      position: '19',
    })
    expect(await session.syntaxError('CREATE TABLE 😀 (')).toMatchObject({
      message: 'syntax error at end of input',
      position: '17',
    })
  })

  test('what the grammar itself refuses without a place for it is not taken for fine', async () => {
    const text = 'CREATE FUNCTION f(OUT a int) RETURNS TABLE (b int) LANGUAGE sql AS $$ SELECT 1 $$; SELECT 1'
    expect(await session.syntaxError(text)).toMatchObject({ code: '42601' })
  })

  test.each([
    ['one statement', 'SELECT 1'],
    ['several, the last with a semicolon', 'SELECT 1; SELECT 2;'],
    ['names that do not exist', 'SELECT * FROM nowhere; DROP TABLE nothing; ALTER TABLE none ADD c nothing.type'],
    ['statements that cannot be in a transaction', 'VACUUM; CREATE INDEX CONCURRENTLY i ON t (a); BEGIN; COMMIT'],
    [
      'a function with a body that only a run looks into',
      'CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELEC $$',
    ],
    ['a body that ends in END', 'CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN; END $$;;; SELECT 1'],
    ['a comment at the end without a line end', 'SELECT 1 -- and out'],
    ['nothing', ''],
    ['blanks', ' \n\t '],
    ['only comments', '-- a\n/* b /* c */ */'],
    ['only semicolons', ';;'],
  ])('valid: %s', async (_, text) => {
    expect(await session.syntaxError(text)).toBeUndefined()
  })

  test('nothing of a valid text is run', async () => {
    expect(await session.syntaxError('CREATE TABLE made (); SELECT 1')).toBeUndefined()
    expect(await session.syntaxError('CREATE TABLE made ()')).toBeUndefined()
    expect(await database.rows(`SELECT WHERE to_regclass('made') IS NOT NULL`)).toEqual([])
  })

  test('a transaction stays as it was, open or failed', async () => {
    await session.query('BEGIN')
    await session.query('CREATE TABLE kept ()')
    expect(await session.syntaxError('SELEC')).toMatchObject({ code: '42601', position: '1' })
    expect(await session.syntaxError('SELECT 1; SELECT 2')).toBeUndefined()
    await session.query('COMMIT')
    expect(await database.rows(`SELECT to_regclass('kept')::text AS name`)).toEqual([{ name: 'kept' }])
    await session.script('BEGIN; SELECT 1/0')
    expect(await session.syntaxError('SELECT 1; SELEC')).toMatchObject({ code: '42601', position: '11' })
    expect(await session.syntaxError('SELECT 1; SELECT 2')).toBeUndefined()
    expect(await session.script('SELECT 1')).toMatchObject({ error: { code: '25P02' }, inTransaction: true })
    await session.query('ROLLBACK')
  })

  test('a lost connection is told as one', async () => {
    const lost = await database.session()
    await database.rows('SELECT pg_terminate_backend($1, 5000)', [lost.backendPid]).catch(() => {})
    await expect(lost.syntaxError('SELECT 1')).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE' })
  })
})

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Bytes of buffers that somebody still needs. */
function heldBytes(): number {
  // What one collection finds, the next one has counted.
  collect()
  collect()
  return process.memoryUsage().arrayBuffers
}

describe('data of COPY', () => {
  test('each COPY takes the next text; letters of four bytes come through whole', async () => {
    const text = `CREATE TABLE one (id int, v text); COPY one FROM STDIN; CREATE TABLE two (LIKE one); COPY two FROM STDIN (FORMAT csv); SELECT 1`
    const line = '😀'.repeat(40_000)
    expect(await session.script(text, [`1\t${line}\n2\tx${line}\n`, '1,"a,b"\n'])).toEqual({
      completed: 5,
      lastRows: 1,
      error: undefined,
      inTransaction: false,
    })
    expect(await database.rows('SELECT v FROM one ORDER BY id')).toEqual([{ v: line }, { v: `x${line}` }])
    expect(await database.rows('SELECT v FROM two')).toEqual([{ v: 'a,b' }])
  })

  test('empty data is data; a COPY for which none is left fails', async () => {
    expect(await session.script('CREATE TABLE none (id int); COPY none FROM STDIN', [''])).toMatchObject({
      completed: 2,
    })
    expect(await session.script('COPY none FROM STDIN; COPY none FROM STDIN', ['1\n'])).toMatchObject({
      completed: 1,
      error: { code: '57014' },
    })
    // One simple query is one transaction.
    expect(await database.rows('SELECT * FROM none')).toEqual([])
  })

  test('data that is refused ends the statement, names its line, and the session goes on', async () => {
    const bad = `${'1\n'.repeat(400_000)}oops\n${'2\n'.repeat(400_000)}`
    const { completed, error } = await session.script('CREATE TABLE bad (id int); COPY bad FROM STDIN', [bad])
    expect(completed).toBe(1)
    expect(error).toMatchObject({ code: '22P02', where: expect.stringContaining('line 400001') as string })
    expect((await session.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
  })

  test('30 MB of it, without a second copy in memory', { timeout: 60_000 }, async () => {
    const line = 'a line of some length that stands for a row of data in a dump'
    const rows = 480_000
    const data = Array.from({ length: rows }, (_, n) => `${n}\t${line}`).join('\n')
    expect(data.length).toBeGreaterThan(30_000_000)
    await session.query('CREATE TABLE big (id int, v text)')
    const before = heldBytes()
    let peak = 0
    const watch = setInterval(() => {
      peak = Math.max(peak, heldBytes() - before)
    }, 20)
    const result = await session.script('COPY big FROM STDIN', [data])
    clearInterval(watch)
    expect(result).toEqual({ completed: 1, lastRows: rows, error: undefined, inTransaction: false })
    expect(await database.rows(`SELECT count(*)::int AS n FROM big`)).toEqual([{ n: rows }])
    expect(peak).toBeLessThan(5_000_000)
  })

  test('is cancelled in the middle', async () => {
    const data = '1\tx\n'.repeat(5_000_000)
    await session.query('CREATE TABLE cut (id int, v text)')
    const running = session.script('COPY cut FROM STDIN', [data])
    setTimeout(() => void session.cancel(), 30)
    expect((await running).error?.code).toBe('57014')
    expect(await database.rows('SELECT count(*)::int AS n FROM cut')).toEqual([{ n: 0 }])
  })
})
