import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { rollback } from '../../../src/migrations/run/rollback.ts'
import { apply, failApply, failureOf, ledgerOf } from '../../support/migrations.ts'
import { startPostgres, type TestDatabase, type TestServer } from '../../support/postgres.ts'
import { connect } from '../../../src/execute/database/database.ts'
import type { Connect } from '../../../src/migrations/connection.ts'

// The role that a stack has by default is called like the stack's own schema, and PostgreSQL's default search_path begins with the
// schema that is called like the role.

let server: TestServer

beforeAll(async () => {
  server = await startPostgres()
})

afterAll(async () => {
  await server.stop()
})

/** A database that belongs to a role with the name of the ledger's schema, and a way in as that role. */
async function stackDatabase(): Promise<{ readonly database: TestDatabase; readonly connect: Connect }> {
  const database = await server.createDatabase()
  const session = await database.session()
  await session.query(
    `DO $$ BEGIN CREATE ROLE poststack LOGIN PASSWORD 'p' CREATEDB; EXCEPTION WHEN duplicate_object THEN END $$`,
  )
  await session.query(`ALTER DATABASE ${database.target.database} OWNER TO poststack`)
  const target = { ...database.target, user: 'poststack', password: 'p' }
  return { database, connect: ({ applicationName, signal }) => connect({ ...target, applicationName }, signal) }
}

async function placesOf(database: TestDatabase): Promise<readonly string[]> {
  const rows = await database.rows(
    `SELECT schemaname || '.' || tablename AS name FROM pg_tables WHERE tablename LIKE 'project_%' ORDER BY 1`,
  )
  return rows.map(({ name }) => String(name))
}

describe('a role that is called like the ledger’s schema', () => {
  test('has its tables in public, those of every part of a file', async () => {
    const { database, connect: open } = await stackDatabase()
    await apply(
      database,
      {
        '001_a.sql': 'CREATE TABLE project_a (id int);',
        '002_b.sql':
          'CREATE TABLE project_b (id int);\nCREATE INDEX CONCURRENTLY project_index ON project_b (id);\nCREATE TABLE project_c (id int);',
      },
      { connect: open },
    )
    expect(await placesOf(database)).toEqual(['public.project_a', 'public.project_b', 'public.project_c'])
    expect(await database.rows("SELECT schemaname FROM pg_indexes WHERE indexname = 'project_index'")).toEqual([
      { schemaname: 'public' },
    ])
  })

  test('finds its own table before one of the stack that is called like it, in every later session', async () => {
    const { database, connect: open } = await stackDatabase()
    await apply(
      database,
      { '001_a.sql': `CREATE TABLE services (mine text); INSERT INTO services VALUES ('yes')` },
      { connect: open },
    )
    const session = await open({ applicationName: 'an application', signal: new AbortController().signal })
    expect((await session.query('SELECT mine FROM services')).rows).toEqual([{ mine: 'yes' }])
    expect((await session.query('SELECT count(*)::int AS rows FROM schema_migrations')).rows).toEqual([{ rows: 1 }])
    await session.close()
  })

  test('finds the tables that an earlier version put beside the ledger, and makes new ones in public', async () => {
    const { database, connect: open } = await stackDatabase()
    await apply(database, { '001_a.sql': 'CREATE TABLE poststack.project_old (id int);' }, { connect: open })
    await apply(
      database,
      {
        '001_a.sql': 'CREATE TABLE poststack.project_old (id int);',
        '002_b.sql': 'ALTER TABLE project_old ADD note text; CREATE TABLE project_new (id int);',
      },
      { connect: open },
    )
    expect(await placesOf(database)).toEqual(['poststack.project_old', 'public.project_new'])
  })

  test('is told where "$user" of a structure.sql leads', async () => {
    const { database, connect: open } = await stackDatabase()
    const rails = `CREATE TABLE public.schema_migrations (version varchar PRIMARY KEY);
SET search_path TO "$user", public;
INSERT INTO "schema_migrations" (version) VALUES ('20240101000000');`
    const error = await failApply(database, { '1_structure.sql': rails }, { connect: open })
    expect(error.hint).toMatch(/"\$user" in search_path leads there\. Write SET search_path TO public/)
    const mended = rails.replace('"$user", public', 'public')
    await apply(database, { '1_structure.sql': mended }, { connect: open })
    expect(await database.rows('SELECT version FROM public.schema_migrations')).toEqual([{ version: '20240101000000' }])
  })

  test('keeps a search_path that a file or the role has chosen', async () => {
    const { database, connect: open } = await stackDatabase()
    await apply(
      database,
      {
        '001_a.sql':
          'CREATE SCHEMA app; SET search_path = app;\nCREATE TABLE project_a (id int);\nVACUUM project_a;\nCREATE TABLE project_b (id int);',
      },
      { connect: open },
    )
    expect(await placesOf(database)).toEqual(['app.project_a', 'app.project_b'])
    const session = await database.session()
    await session.query(`ALTER ROLE poststack IN DATABASE ${database.target.database} SET search_path = app, public`)
    await apply(
      database,
      {
        '001_a.sql':
          'CREATE SCHEMA app; SET search_path = app;\nCREATE TABLE project_a (id int);\nVACUUM project_a;\nCREATE TABLE project_b (id int);',
        '002_c.sql': 'CREATE TABLE project_c (id int);',
      },
      { connect: open },
    )
    expect(await placesOf(database)).toContain('app.project_c')
  })
})

describe('a rollback that a person agreed to', () => {
  test('does nothing when another run has added a migration meanwhile', async () => {
    const database = await server.createDatabase()
    const files = {
      '001_a.sql': 'CREATE TABLE project_a (id int);',
      '001_a.rollback.sql': 'DROP TABLE project_a;',
      '002_b.sql': 'CREATE TABLE project_b (id int);',
      '002_b.rollback.sql': 'DROP TABLE project_b;',
    }
    await apply(database, files)
    const options = { connect: database.connect, signal: new AbortController().signal, toolVersion: '1.2.3' }
    const error = await failureOf(rollback({ ...options, agreed: ['001'] }))
    expect(error.code).toBe('CONSENT_NEEDED')
    expect(error.message).toContain('002 would be taken back now, and not 001. Nothing was rolled back.')
    expect(await ledgerOf(database)).toEqual(['001 applied', '002 applied'])
    await rollback({ ...options, agreed: ['002'] })
    expect(await ledgerOf(database)).toEqual(['001 applied'])
  })
})

describe('a search_path with operators of its own before those of PostgreSQL', () => {
  const operands = ['name', 'text', 'numeric', 'oid', 'int4', 'bool', 'name, text', 'name, name[]', 'text, text[]']
  const files = {
    '001_a.sql': 'CREATE TABLE project_a (id int);',
    '001_a.rollback.sql': 'DROP TABLE project_a;',
    '002_b.sql': 'CREATE TABLE project_b (id int); VACUUM project_b; CREATE TABLE project_c AS SELECT 1 = 1 AS evil;',
    '002_b.rollback.sql': 'DROP TABLE project_b, project_c;',
  }

  test.each([true, false])('must not reach what Poststack asks (equal: %s), but what the file says', async (answer) => {
    const database = await server.createDatabase()
    const operators = operands.map((pair, n) => {
      const [left = '', right = left] = pair.split(', ')
      return `CREATE FUNCTION evil.f${n} (${left}, ${right}) RETURNS bool LANGUAGE sql AS 'SELECT ${answer}';
        CREATE OPERATOR evil.= (LEFTARG = ${left}, RIGHTARG = ${right}, FUNCTION = evil.f${n});`
    })
    await database.rows(`CREATE SCHEMA evil; ${operators.join('')}
      ALTER DATABASE ${database.target.database} SET search_path = public, evil, pg_catalog`)
    await apply(database, files)
    expect(await ledgerOf(database)).toEqual(['001 applied', '002 applied'])
    expect(await database.rows('SELECT evil FROM public.project_c')).toEqual([{ evil: answer }])
    expect(await apply(database, files)).toMatchObject({ applied: [], already: 2 })
    const options = { connect: database.connect, signal: new AbortController().signal, toolVersion: '1.2.3' }
    expect(await rollback({ ...options, steps: 2 })).toMatchObject({ left: 0 })
    expect(await placesOf(database)).toEqual([])
    await apply(database, files)
    expect(await ledgerOf(database)).toEqual(['001 applied', '002 applied'])
  })
})
