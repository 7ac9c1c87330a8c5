import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { apply, failApply, ledgerOf, shown, tablesOf } from '../../support/migrations.ts'
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

/** What a person reads when the last of these files fails. */
async function told(sql: string): Promise<string> {
  return shown(
    await failApply(database, {
      '001_first.sql': 'CREATE TABLE first (id int PRIMARY KEY, name text);',
      '002_second.sql': sql,
    }),
  )
}

describe('an error of a file must say where it is, what is left and what to do', () => {
  test('syntax', async () => {
    expect(await told('CREATE TABLE a (id int);\n\nCREATE TABEL b (\n\tid int\n);\n')).toMatchInlineSnapshot(`
      "MIGRATION_INVALID
      002_second.sql, line 3, column 8: syntax error at or near "TABEL" (SQLSTATE 42601)

        1 | CREATE TABLE a (id int);
        2 |
      > 3 | CREATE TABEL b (
          |        ^
        4 |     id int

      Nothing was applied.

      Correct it and run again."
    `)
    expect(await tablesOf(database)).toEqual([])
    expect(await ledgerOf(database)).toEqual([])
  })

  test('an unknown type behind a tab and wide characters', async () => {
    expect(await told(`COMMENT ON TABLE first IS '日本😀';\nCREATE TABLE b (\n\t"größe 日本" integr\n);`))
      .toMatchInlineSnapshot(`
        "MIGRATION_FAILED
        002_second.sql, line 3, column 13: type "integr" does not exist (SQLSTATE 42704)

          1 | COMMENT ON TABLE first IS '日本😀';
          2 | CREATE TABLE b (
        > 3 |     "größe 日本" integr
            |                  ^
          4 | );

        1 of 2 pending migrations applied; 002_second.sql was rolled back, so the database is as after 001_first.sql.

        Something it needs is not there: correct 002_second.sql, or add the migration that makes it before this one; then run again."
      `)
  })

  test('an error while a statement runs: the statement is named', async () => {
    expect(
      await told('INSERT INTO first VALUES (1);\n\n-- again; the same\nINSERT INTO first\n  VALUES (1);\nSELECT 1;'),
    ).toMatchInlineSnapshot(`
      "MIGRATION_FAILED
      002_second.sql, in the statement at line 4: duplicate key value violates unique constraint "first_pkey" (SQLSTATE 23505)

        2 |
        3 | -- again; the same
      > 4 | INSERT INTO first
          | ^
        5 |   VALUES (1);

      Detail: Key (id)=(1) already exists.
      1 of 2 pending migrations applied; 002_second.sql was rolled back, so the database is as after 001_first.sql.

      Two rows would have equal values where only one may: the detail names them. Mend the rows that are there, or the file; then run again."
    `)
  })

  test('a constraint that is checked at the end', async () => {
    const sql = 'CREATE TABLE b (id int REFERENCES first DEFERRABLE INITIALLY DEFERRED);\nINSERT INTO b VALUES (7);'
    expect(await told(sql)).toMatchInlineSnapshot(`
      "MIGRATION_FAILED
      002_second.sql: insert or update on table "b" violates foreign key constraint "b_id_fkey" (SQLSTATE 23503)
      It came from a constraint that is checked at the end of the transaction.
      Detail: Key (id)=(7) is not present in table "first".
      1 of 2 pending migrations applied; 002_second.sql was rolled back, so the database is as after 001_first.sql.

      A row breaks the rule that is named. Mend the rows that are there, for example earlier in the same file, or correct the file; then run again."
    `)
  })

  test('inside the body of a function', async () => {
    const sql = `CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$\nBEGIN\n  RETRUN 1;\nEND $$;`
    expect(await told(sql)).toMatchInlineSnapshot(`
      "MIGRATION_FAILED
      002_second.sql, line 3, column 3: syntax error at or near "RETRUN" (SQLSTATE 42601)

        1 | CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$
        2 | BEGIN
      > 3 |   RETRUN 1;
          |   ^
        4 | END $$;

      1 of 2 pending migrations applied; 002_second.sql was rolled back, so the database is as after 001_first.sql.

      Correct 002_second.sql and run again."
    `)
  })

  test('inside the body of an SQL function', async () => {
    const sql = `CREATE FUNCTION f() RETURNS bigint LANGUAGE sql AS $$\n  SELECT count(*) FROM nowhere\n$$;`
    expect(await told(sql)).toMatchInlineSnapshot(`
      "MIGRATION_FAILED
      002_second.sql, line 2, column 24: relation "nowhere" does not exist (SQLSTATE 42P01)

        1 | CREATE FUNCTION f() RETURNS bigint LANGUAGE sql AS $$
      > 2 |   SELECT count(*) FROM nowhere
          |                        ^
        3 | $$;

      1 of 2 pending migrations applied; 002_second.sql was rolled back, so the database is as after 001_first.sql.

      Something it needs is not there: correct 002_second.sql, or add the migration that makes it before this one; then run again."
    `)
  })

  test('inside a DO block, in its own query', async () => {
    const sql = `SELECT 1;\nDO $$\nDECLARE n int;\nBEGIN\n  SELECT 1 INTO n;\n  INSERT INTO nowhere VALUES (n);\nEND $$;`
    expect(await told(sql)).toMatchInlineSnapshot(`
      "MIGRATION_FAILED
      002_second.sql, line 6, column 15: relation "nowhere" does not exist (SQLSTATE 42P01)

        4 | BEGIN
        5 |   SELECT 1 INTO n;
      > 6 |   INSERT INTO nowhere VALUES (n);
          |               ^
        7 | END $$;

      Context: PL/pgSQL function inline_code_block line 5 at SQL statement
      1 of 2 pending migrations applied; 002_second.sql was rolled back, so the database is as after 001_first.sql.

      Something it needs is not there: correct 002_second.sql, or add the migration that makes it before this one; then run again."
    `)
  })

  test('raised inside a DO block', async () => {
    const sql = `DO $$\nBEGIN\n  RAISE EXCEPTION 'no % here', 'luck' USING HINT = 'try later', DETAIL = 'it is Monday';\nEND $$;`
    expect(await told(sql)).toMatchInlineSnapshot(`
      "MIGRATION_FAILED
      002_second.sql, line 3: no luck here (SQLSTATE P0001)

        1 | DO $$
        2 | BEGIN
      > 3 |   RAISE EXCEPTION 'no % here', 'luck' USING HINT = 'try later', DETAIL = 'it is Monday';
          |   ^
        4 | END $$;

      Detail: it is Monday
      Hint of the server: try later
      Context: PL/pgSQL function inline_code_block line 3 at RAISE
      1 of 2 pending migrations applied; 002_second.sql was rolled back, so the database is as after 001_first.sql.

      Correct 002_second.sql and run again."
    `)
  })

  test('in a function that an earlier file made', async () => {
    await apply(database, { '001_first.sql': `CREATE TABLE first (id int PRIMARY KEY, name text);` })
    await database.rows(`CREATE FUNCTION fail() RETURNS void LANGUAGE plpgsql AS 'BEGIN PERFORM 1/0; END'`)
    expect(await told('SELECT 1;\nSELECT fail();')).toMatchInlineSnapshot(`
      "MIGRATION_FAILED
      002_second.sql, in the statement at line 2: division by zero (SQLSTATE 22012)

        1 | SELECT 1;
      > 2 | SELECT fail();
          | ^

      Context: SQL statement "SELECT 1/0"
               PL/pgSQL function fail() line 1 at PERFORM
      0 of 1 pending migration applied; 002_second.sql was rolled back, so the database is as after 001_first.sql.

      Correct 002_second.sql and run again."
    `)
  })

  test('a block that commits', async () => {
    expect(await told(`DO $$ BEGIN CREATE TABLE b (); COMMIT; END $$;`)).toMatchInlineSnapshot(`
      "MIGRATION_FAILED
      002_second.sql, line 1: invalid transaction termination (SQLSTATE 2D000)

      > 1 | DO $$ BEGIN CREATE TABLE b (); COMMIT; END $$;
          |       ^

      Context: PL/pgSQL function inline_code_block line 1 at COMMIT
      1 of 2 pending migrations applied; 002_second.sql was rolled back, so the database is as after 001_first.sql.

      A DO block or procedure ends its transaction here, which it cannot do inside another one. Put "-- poststack: no-transaction" into the first line of 002_second.sql, or take COMMIT and ROLLBACK out of the block."
    `)
    expect(await tablesOf(database)).toEqual(['public.first'])
  })

  test('a new enum value used at once', async () => {
    const error = await failApply(database, {
      '1_a.sql': `CREATE TYPE t AS ENUM ('a');`,
      '2_b.sql': `ALTER TYPE t ADD VALUE 'b';\nSELECT 'b'::t;`,
    })
    expect(error.message).toContain(
      '2_b.sql, line 2, column 8: unsafe use of new value "b" of enum type t (SQLSTATE 55P04)',
    )
    expect(error.hint).toContain('put what uses it into a migration of its own')
  })

  test('a row of COPY data', async () => {
    expect(await told('COPY first FROM stdin;\n1\ta\nx\tb\n\\.\n')).toMatchInlineSnapshot(`
      "MIGRATION_FAILED
      002_second.sql, line 3: invalid input syntax for type integer: "x" (SQLSTATE 22P02)

        1 | COPY first FROM stdin;
        2 | 1   a
      > 3 | x   b
          | ^
        4 | \\.

      Context: COPY first, line 2, column id: "x"
      1 of 2 pending migrations applied; 002_second.sql was rolled back, so the database is as after 001_first.sql.

      Correct 002_second.sql and run again."
    `)
  })

  test('commands of psql', async () => {
    expect(await told('SELECT 1;\n\\connect other\n')).toMatchInlineSnapshot(`
      "MIGRATION_INVALID
      002_second.sql, line 2, column 1: "\\connect" is a command of psql, not SQL, and a migration is not run by psql.

        1 | SELECT 1;
      > 2 | \\connect other
          | ^

      Nothing was applied.

      A migration runs in the one database it is declared for. Put what belongs into another database among the migrations of that one, and take the line out."
    `)
  })

  test('a role that may not', async () => {
    await database.rows(`CREATE ROLE nobody_much NOLOGIN`)
    const error = await failApply(database, { '1_a.sql': 'SET ROLE nobody_much;\nSELECT * FROM pg_authid;' })
    expect(shown(error)).toMatchInlineSnapshot(`
      "MIGRATION_FAILED
      1_a.sql, in the statement at line 2: permission denied for table pg_authid (SQLSTATE 42501)

        1 | SET ROLE nobody_much;
      > 2 | SELECT * FROM pg_authid;
          | ^

      0 of 1 pending migration applied; 1_a.sql was rolled back, so the database is as before.

      The role that migrates lacks a right: grant it, or migrate as the owner of what is changed."
    `)
  })

  test('the first file of a database', async () => {
    const error = await failApply(database, { '1_a.sql': 'SELECT x', '2_b.sql': '' })
    expect(error.message).toContain(
      '0 of 2 pending migrations applied; 1_a.sql was rolled back, so the database is as before.',
    )
    expect(error.details).toMatchObject({
      file: '1_a.sql',
      version: '1',
      line: 1,
      column: 8,
      precision: 'character',
      sqlstate: '42703',
      applied: [],
      pending: ['1', '2'],
    })
  })
})

// With this old setting a backslash escapes in plain strings too, so the statement hides in what looks like one. It is set where nobody sees
// it, and holds from the next message on, which data makes.
const hide = (statement: string, rest: string): string =>
  `CREATE TABLE b ();\nDO $$ BEGIN PERFORM set_config('standard_conforming_strings', 'off', false); END $$;\nCOPY b FROM stdin;\n\\.\nSELECT '\\'';\n${statement};\nSELECT ''; -- '\n;${rest}`

describe('files that leave their transaction', () => {
  test('must be refused before anything runs, all of them at once', async () => {
    const error = await failApply(database, {
      '001_a.sql': 'CREATE TABLE a ();',
      '002_b.sql': '-- BEGIN in a comment is none\nBEGIN;\nCREATE TABLE b ();\nCOMMIT;\nSELECT 1;',
      '003_c.sql': `SAVEPOINT s; ROLLBACK TO SAVEPOINT s; ROLLBACK WORK TO s; RELEASE s; SELECT 'commit'; DO $$ BEGIN NULL; END $$;`,
      '004_d.sql': 'SELECT 1; ROLLBACK AND CHAIN',
    })
    expect(shown(error)).toMatchInlineSnapshot(`
      "MIGRATION_INVALID
      002_b.sql, line 2, column 1: a migration cannot begin or end a transaction, because every file runs in one of its own.

        1 | -- BEGIN in a comment is none
      > 2 | BEGIN;
          | ^
        3 | CREATE TABLE b ();

      And:
      - 002_b.sql, line 4: a migration cannot begin or end a transaction, because every file runs in one of its own.
      - 004_d.sql, line 1: a migration cannot begin or end a transaction, because every file runs in one of its own.

      Nothing was applied.

      Delete these statements (BEGIN, COMMIT, ROLLBACK and their like); the file is applied as a whole or not at all without them. One BEGIN as the first and one COMMIT as the last statement may stay, and so may SAVEPOINT and ROLLBACK TO."
    `)
    expect(await tablesOf(database)).toEqual([])
  })

  test('a hidden COMMIT must be noticed, told and remembered', async () => {
    const files = {
      '001_a.sql': 'CREATE TABLE a ();',
      '002_b.sql': hide('COMMIT', 'CREATE TABLE c ();'),
      '003_c.sql': 'CREATE TABLE d ();',
    }
    expect(shown(await failApply(database, files))).toMatchInlineSnapshot(`
      "MIGRATION_FAILED
      002_b.sql ended the transaction it runs in (a COMMIT or ROLLBACK inside it), so it could not be carried out as a whole or not at all.
      Part of it may be in the database. It is recorded as unknown, and nothing after it was run: 1 of 3 pending migrations applied.

      Take transaction statements out of 002_b.sql: every file runs in a transaction of its own. Then see what of it the database has, and settle it: poststack database repair"
    `)
    expect(await tablesOf(database)).toEqual(['public.a', 'public.b', 'public.c'])
    expect(await ledgerOf(database)).toEqual(['001 applied', '002 unknown'])
    const again = await failApply(database, files)
    expect(again.code).toBe('MIGRATION_UNFINISHED')
    expect(again.message).toContain('Migration "002 b" was left half-applied')
    await database.rows(`update poststack.schema_migrations set state = 'applied' where version = 2`)
    expect((await apply(database, files)).applied.map((one) => one.version)).toEqual(['003'])
  })

  test('a hidden COMMIT before an error', async () => {
    const error = await failApply(database, { '1_b.sql': hide('COMMIT', 'SELECT 1/0;') })
    expect(error.message).toContain('Later in the file: division by zero (SQLSTATE 22012).')
    expect(error.details['escaped']).toBe(true)
    expect(await ledgerOf(database)).toEqual(['1 unknown'])
  })

  test.each(['ROLLBACK', 'COMMIT; BEGIN', 'ROLLBACK; BEGIN', 'COMMIT AND CHAIN'])('a hidden %s', async (statement) => {
    const error = await failApply(database, { '1_b.sql': hide(statement, 'CREATE TABLE c ();') })
    expect(error.message).toContain('1_b.sql ended the transaction it runs in')
    expect(await ledgerOf(database)).toEqual(['1 unknown'])
  })
})

describe('files and ledger that do not go together', () => {
  const files = { '1_a.sql': 'CREATE TABLE a ();', '5_b.sql': '', '9_c.sql': '' }

  test('must be refused before anything runs, with all that is wrong', async () => {
    await apply(database, files)
    const error = await failApply(database, {
      '1_a.sql': 'CREATE TABLE a (id int);',
      '7_x.sql': 'CREATE TABLE x ();',
      '9_c.sql': '',
      '10_y.sql': 'CREATE TABLE y ();',
    })
    expect(shown(error)).toMatchInlineSnapshot(`
      "MIGRATION_CHANGED
      3 migrations do not fit what the database has:
      - 1_a.sql was edited after it was applied.
      - Migration "5 b" is applied, but its file 5_b.sql is gone.
      - 7_x.sql is not applied, but the later "9 c" is.
      Nothing was applied.

      Undo the edit, and put what it should do into a new migration: the database has the text that was applied, not this one.
      Put 5_b.sql back, for example from version control. Its text also stands in the ledger: poststack database repair writes it back.
      Give 7_x.sql a number above 9, so that every database gets the migrations in one order: poststack database renumber"
    `)
    expect(error.details['problems']).toHaveLength(3)
    expect(await tablesOf(database)).toEqual(['public.a'])
  })

  test('other line ends and a byte order mark are the same file', async () => {
    await apply(database, files)
    expect(await apply(database, { ...files, '1_a.sql': '\uFEFFCREATE TABLE a ();\r\n\r\n' })).toMatchObject({
      applied: [],
      already: 3,
    })
  })
})
