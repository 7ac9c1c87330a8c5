/**
 * `database create-schema`, `show-schema`, `drop-schema`, `baseline` and `test-connection` on a database that somebody else runs: each
 * test looks at the database first.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runCli } from '../support/cli.ts'
import { ledgerOf, tablesOf } from '../support/migrations.ts'
import { startPostgres, type TestDatabase, type TestServer } from '../support/postgres.ts'
import { shopMigrations, urlProject, type UrlProject } from '../support/url-project.ts'

let server: TestServer

beforeAll(async () => {
  server = await startPostgres()
})

afterAll(async () => {
  await server.stop()
})

async function shop(): Promise<UrlProject> {
  const project = await urlProject(server)
  await project.write(shopMigrations)
  return project
}

async function ownTables(database: TestDatabase): Promise<readonly string[]> {
  const rows = await database.rows("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'poststack' ORDER BY 1")
  return rows.map(({ name }) => String(name))
}

const made = [
  'containers',
  'migration_events',
  'schema_migrations',
  'schema_snapshot',
  'seeded_files',
  'services',
  'system_info',
]

describe('create-schema', () => {
  test('must make the ledger and the core tables, and nothing the second time', async () => {
    const project = await urlProject(server)
    const first = await project.succeed('create-schema')
    expect(await ownTables(project.database)).toEqual(made)
    const facts =
      "SELECT string_agg(c.oid::text, ' ' ORDER BY c.oid) AS oids FROM pg_class c WHERE relnamespace = 'poststack'::regnamespace"
    const before = await project.database.rows(facts)
    expect(project.mask(first.stdout)).toMatch(/^schema poststack made in database DATABASE at 127\.0\.0\.1:PORT\n/)
    const second = await project.json('create-schema')
    expect(await project.database.rows(facts)).toEqual(before)
    expect(second.last).toMatchObject({ type: 'create-schema-result', created: false })
    expect((second.last['tables'] as readonly { table: string; ours: boolean }[]).map(({ table }) => table)).toEqual(
      made,
    )
    expect((await project.succeed('create-schema')).stdout).toContain('schema poststack is there already')
  })

  test('must leave the ledger of another tool alone, and say whose it is not', async () => {
    const project = await shop()
    const foreign = 'CREATE SCHEMA poststack; CREATE TABLE poststack.schema_migrations (version bigint, dirty boolean)'
    const session = await project.database.session()
    await session.query(foreign)
    await session.query('INSERT INTO poststack.schema_migrations VALUES (7, false)')
    const commands = [
      ['create-schema'],
      ['migrate'],
      ['migration-status'],
      ['drop-schema', '--yes'],
      ['rollback', '--yes'],
    ]
    for (const words of commands) {
      const ended = await project.run(...words)
      expect([words, ended.code, ended.stdout]).toEqual([words, 2, ''])
      expect(ended.stderr).toContain('has the columns version, dirty')
      expect(ended.stderr).toContain('[LEDGER_FOREIGN]')
    }
    expect(await ownTables(project.database)).toEqual(['schema_migrations'])
    expect(await project.database.rows('SELECT * FROM poststack.schema_migrations')).toEqual([
      { version: '7', dirty: false },
    ])
  })

  test('a role that may not look into it must be told so by every command, and change nothing', async () => {
    const project = await shop()
    await project.succeed('migrate')
    const session = await project.database.session()
    await session.query(`CREATE ROLE nosy LOGIN PASSWORD '${server.password}'`)
    const url = project.url.replace('postgres@', 'nosy@')
    const denied =
      'migrate|migrate --dry-run|rollback|migration-status|verify-migrations|repair|renumber|baseline --version 2|create-schema|drop-schema --yes'
    const commands = denied.split('|').map((words) => words.split(' '))
    for (const words of commands) {
      const ended = await runCli(['db', ...words, '--url', url], {
        cwd: project.root,
        env: { PGPASSWORD: server.password },
      })
      expect([words, ended.code, ended.stdout]).toEqual([words, 1, ''])
      expect(ended.stderr).toContain('[LEDGER_DENIED]')
      expect(ended.stderr).toContain('GRANT USAGE ON SCHEMA poststack TO nosy;')
    }
    for (const words of [['show-schema'], ['unlock-migrations'], ['test-connection']]) {
      const ended = await runCli(['db', ...words, '--url', url], {
        cwd: project.root,
        env: { PGPASSWORD: server.password },
      })
      expect([words, ended.code]).toEqual([words, 0])
    }
  })

  test('must migrate beside the ledger of another tool in another schema, and leave that alone', async () => {
    const project = await shop()
    const session = await project.database.session()
    await session.query(
      'CREATE TABLE public.schema_migrations (version text); INSERT INTO public.schema_migrations VALUES (42)',
    )
    await project.succeed('migrate')
    expect(await ledgerOf(project.database)).toEqual(['001 applied', '002 applied'])
    expect(await project.database.rows('SELECT * FROM public.schema_migrations')).toEqual([{ version: '42' }])
  })
})

describe('show-schema', () => {
  test('must show tables of all schemas but those of the server, with columns and rows', async () => {
    const project = await urlProject(server)
    const session = await project.database.session()
    await session.query(`CREATE SCHEMA shop;
      CREATE TABLE shop.orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, total numeric(10,2) NOT NULL DEFAULT 0, note text);
      INSERT INTO shop.orders (total) SELECT 1 FROM generate_series(1, 250);
      CREATE VIEW public.totals AS SELECT total FROM shop.orders`)
    await session.query('ANALYZE shop.orders')
    const ended = await project.succeed('show-schema')
    expect(project.mask(ended.stdout)).toMatchInlineSnapshot(`
      "database DATABASE at 127.0.0.1:PORT: 2 tables in 2 schemas

        public.totals  (view)
          total  numeric(10,2)

        shop.orders  (table, about 250 rows)
          id     bigint         not null  identity
          total  numeric(10,2)  not null  default 0
          note   text
      "
    `)
    const { last } = await project.json('show-schema', '--schema', 'shop')
    expect(last).toMatchObject({
      type: 'schema',
      tables: [{ schema: 'shop', name: 'orders', kind: 'table', rows: 250, columns: [{ name: 'id' }, {}, {}] }],
    })
    expect(last['tables']).toHaveLength(1)
  })

  test('must refuse a schema that is not there, and say so of an empty database', async () => {
    const project = await urlProject(server)
    const ended = await project.run('show-schema', '--schema', 'shpo')
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(project.mask(ended.stderr)).toContain('There is no schema shpo in database DATABASE at 127.0.0.1:PORT.')
    expect((await project.succeed('show-schema')).stdout).toMatch(/^no tables in database /)
  })
})

describe('drop-schema', () => {
  test('must show the target and what it holds, and do nothing without consent', async () => {
    const project = await shop()
    await project.succeed('migrate')
    const ended = await project.run('drop-schema')
    expect(await ledgerOf(project.database)).toEqual(['001 applied', '002 applied'])
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(project.mask(ended.stderr)).toMatchInlineSnapshot(`
      "error  this would drop schema poststack with all it knows of migrations, in database DATABASE at 127.0.0.1:PORT:  [CONSENT_NEEDED]
               poststack.containers         0 rows
               poststack.migration_events   2 rows
               poststack.schema_migrations  2 rows
               poststack.schema_snapshot    1 row
               poststack.seeded_files       0 rows
               poststack.services           0 rows
               poststack.system_info        2 rows
             Nothing was done.

             try: run it again with --yes if that is what you want
      "
    `)
    const { code, last } = await project.json('drop-schema')
    expect(code).toBe(2)
    expect(last).toMatchObject({ type: 'error', error: { code: 'CONSENT_NEEDED' } })
    const typed = await project.runWith(['drop-schema'], { typed: 'n\n' })
    expect(typed.code).toBe(2)
    expect(typed.stdout).toMatch(/Drop .*\[y\/N\] n\s+Nothing was changed\.\s+$/s)
    expect(typed.stdout).not.toContain('--yes')
    expect(await ledgerOf(project.database)).toHaveLength(2)
  })

  test('must drop the ledger and never a table of the project', async () => {
    const project = await shop()
    await project.succeed('migrate')
    const { last } = await project.json('drop-schema', '--yes')
    expect(await ownTables(project.database)).toEqual([])
    expect(await project.database.rows("SELECT FROM pg_namespace WHERE nspname = 'poststack'")).toEqual([])
    expect(await tablesOf(project.database)).toEqual(['public.orders', 'public.users'])
    expect(last).toMatchObject({ type: 'drop-schema-result', dropped: true })
    expect((await project.succeed('drop-schema', '--yes')).stdout).toMatch(/^nothing to drop: there is no schema/)
  })

  test.each([
    ['a table of somebody else in it', 'CREATE TABLE poststack.notes (a int)', 'poststack.notes'],
    [
      'a view that reads it',
      'CREATE VIEW public.v AS SELECT name FROM poststack.schema_migrations',
      'view public.v depends on',
    ],
    ['a function in it', 'CREATE FUNCTION poststack.f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$', 'function'],
  ])('must drop nothing where there is %s', async (_, sql, said) => {
    const project = await shop()
    await project.succeed('migrate')
    const session = await project.database.session()
    await session.query(sql)
    const ended = await project.run('drop-schema', '--yes')
    expect(await ownTables(project.database)).toEqual(expect.arrayContaining(made))
    expect(ended.code).toBe(1)
    expect(ended.stderr).toContain(said)
    expect(ended.stderr).toContain('Nothing was dropped.')
  })
})

describe('baseline', () => {
  test('must record what the database has already, and run nothing of it', async () => {
    const project = await shop()
    const session = await project.database.session()
    await session.query('CREATE TABLE public.users (id int)')
    const asked = await project.run('baseline', '--version', '001')
    expect(await ownTables(project.database)).toEqual([])
    expect(asked).toMatchObject({ code: 2, stdout: '' })
    expect(project.mask(asked.stderr)).toMatchInlineSnapshot(`
      "error  this would record 1 migration as applied without running it in database DATABASE at 127.0.0.1:PORT:  [CONSENT_NEEDED]
               001_users.sql
             Nothing was done.

             try: run it again with --yes if that is what you want
      "
    `)

    const { last } = await project.json('baseline', '--version', '1', '--yes')
    expect(await ledgerOf(project.database)).toEqual(['001 applied'])
    expect(await tablesOf(project.database)).toEqual(['public.users'])
    expect(last).toMatchObject({
      type: 'baseline-result',
      recorded: [{ migration: '001', name: 'users', file: '001_users.sql' }],
    })
    const events = await project.database.rows('SELECT event, version_text FROM poststack.migration_events')
    expect(events).toEqual([{ event: 'baselined', version_text: '001' }])
    expect((await project.succeed('baseline', '--version', '001')).stdout).toMatch(/^nothing to record: /)
  })

  test('must want an explicit version that there is', async () => {
    const project = await shop()
    const without = await project.run('baseline', '--yes')
    expect(without.code).toBe(2)
    expect(without.stderr).toContain('--version is missing: it needs a value')
    expect(without.stderr).toContain('such as: --version 004')
    const ended = await project.run('baseline', '--version', '9', '--yes')
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toContain('There is no migration 9 that could be recorded as applied.')
    expect(await ownTables(project.database)).toEqual([])
  })
})

describe('test-connection', () => {
  test('must say what answers', async () => {
    const project = await urlProject(server)
    const ended = await project.succeed('test-connection')
    expect(project.mask(ended.stdout)).toMatchInlineSnapshot(`
      "connected to database DATABASE at 127.0.0.1:PORT

        server  PostgreSQL VERSION
        role  postgres
        encryption  none
        latency  TIME for a question and its answer
        pooler  none between here and the server
      "
    `)
    const { last } = await project.json('test-connection')
    expect(last).toMatchObject({ type: 'connection', server: { user: 'postgres', pooled: false, readOnly: false } })
  })

  test.each([
    ['a wrong password', { PGPASSWORD: 'wrong' }, 'PASSWORD_REJECTED', 'does not let role "postgres" in'],
    ['no password', { PGPASSWORD: undefined }, 'PASSWORD_REJECTED', 'none is known'],
  ])('must tell %s, and never show one', async (_, env, code, said) => {
    const project = await urlProject(server)
    const ended = await project.runWith(['test-connection'], { env })
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toContain(`[${code}]`)
    expect(ended.stderr).toContain(said)
    expect(ended.stderr).not.toContain('wrong')
  })
})
