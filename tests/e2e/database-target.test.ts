/**
 * Which database a command of group `database` acts on, and what is said when it is asked wrongly: of a declared stack, and of none.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runCli } from '../support/cli.ts'
import { freePort } from '../support/ports.ts'
import { startPostgres, type TestServer } from '../support/postgres.ts'
import { appliedMigrations, secretsOf, tempProject, type Project } from '../support/project.ts'
import { database, itemsMigration } from '../support/services.ts'
import { shopMigrations, urlProject } from '../support/url-project.ts'

describe('a declared stack', () => {
  let project: Project
  let second: number

  beforeAll(async () => {
    project = await tempProject({ runtime: 'native', shared: true })
    second = await freePort()
    await project.write({
      ...itemsMigration,
      'other/001_notes.sql': 'CREATE TABLE notes (a int);\n',
      'other/001_notes.rollback.sql': 'DROP TABLE notes;\n',
    })
    await project.declare({
      db: database(project),
      archive: database(project, { port: second, fields: "database: 'old', migrations: './other'" }),
    })
  })

  afterAll(async () => {
    await project.destroy()
  })

  const archived = async (): Promise<unknown> => {
    const password = (await secretsOf(project.root)).passwords['archive.password'] ?? ''
    const url = `postgresql://poststack:${password}@127.0.0.1:${String(second)}/old`
    const ended = await runCli(['db', 'migration-status', '--url', url, '--migrations', 'other', '--json'], {
      cwd: project.root,
    })
    return (JSON.parse(ended.stdout) as { readonly applied: number }).applied
  }

  test('a database that does not run must be told with the command that starts it', async () => {
    for (const words of [['migrate'], ['migration-status'], ['test-connection'], ['rollback'], ['unlock-migrations']]) {
      const ended = await project.run('database', ...words, '--service', 'db')
      expect([words, ended.code, ended.stdout]).toEqual([words, 1, ''])
      expect(ended.stderr).toContain('db does not run: there is no container of it.  [NOT_RUNNING]')
      expect(ended.stderr).toContain(`try: Start it: poststack --runtime ${project.runtime} up db`)
    }
    expect(await project.world.containers()).toEqual([])
  })

  test('of two databases one must be named, by its service or its name', async () => {
    await project.succeed('up')
    await project.succeed('db', 'drop-schema', '--service', 'archive', '--yes')
    const ended = await project.run('db', 'rollback')
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(project.mask(ended.stderr)).toMatchInlineSnapshot(`
      "error  several PostgreSQL services are declared, and a database command acts on one  [USAGE]

             try: name it with --service: archive (database old), db (database poststack)
      "
    `)
    expect(await project.sql(appliedMigrations)).toEqual([['001_items applied']])
    expect(await archived()).toBe(0)

    await project.succeed('db', 'baseline', '--version', '001', '--yes', '--database', 'old')
    expect(await archived()).toBe(1)
    const rolled = await project.succeed('db', 'rollback', '--service', 'archive')
    expect(rolled.stdout).toContain(`database old at 127.0.0.1:${String(second)} (service archive)`)
    expect(await archived()).toBe(0)
    expect(await project.sql(appliedMigrations)).toEqual([['001_items applied']])
    await project.succeed('db', 'migrate', '--database', 'old')
    expect(await archived()).toBe(1)
  })

  test.each([
    [['--service', 'bd'], 2, 'there is no PostgreSQL service bd'],
    [['--service', 'db', '--database', 'old'], 2, 'there is no PostgreSQL service db with a database old'],
    [['--database', 'nope'], 2, 'there is no PostgreSQL service with a database nope'],
    [['--service', 'db', '--url', 'postgresql://a@b/c'], 2, '--url and --service name two databases'],
    [['--database', 'old', '--url', 'postgresql://a@b/c'], 2, '--url and --database name two databases'],
    [['--url', 'mysql://a@b/c'], 2, 'The database URL is not of the form `postgres://'],
    [['--url', 'postgresql://a:se#cret@b/c'], 2, 'percent-encoded'],
    [['--service', 'db', '--migrations', 'nowhere'], 2, 'There is no folder'],
  ])('%j must be refused, saying why', async (words, code, said) => {
    const ended = await project.run('database', 'migration-status', ...words)
    expect(ended).toMatchObject({ code, stdout: '' })
    expect(ended.stderr).toContain(said)
    expect(ended.stderr).not.toContain('se#cret')
  })

  test('tables of migrations must stand in public, although the role is called like the stack’s schema', async () => {
    await project.succeed('up')
    const tables = "SELECT schemaname || '.' || tablename FROM pg_tables WHERE tablename = 'items'"
    expect(await project.sql(tables)).toEqual([['public.items']])
  })

  test('up must tell what the server said and what stands in the way, as the commands do', async () => {
    await project.succeed('up')
    await project.write({ 'migrations/002_say.sql': "DO $$ BEGIN RAISE NOTICE 'hello from 002'; END $$;\n" })
    const ended = await project.succeed('up', 'db', '--json')
    const lines = ended.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(lines.find(({ type }) => type === 'server-notice')).toMatchObject({
      version: 1,
      service: 'db',
      file: '002_say.sql',
      message: 'hello from 002',
    })
    expect(lines.find(({ type }) => type === 'migration-applied')).toMatchObject({
      version: 1,
      service: 'db',
      migration: '002',
      name: 'say',
    })
    await rm(join(project.root, 'migrations/002_say.sql'))
  })
})

describe('without a stack', () => {
  let server: TestServer

  beforeAll(async () => {
    server = await startPostgres()
  })

  afterAll(async () => {
    await server.stop()
  })

  test('--url must not evaluate a config that happens to be there', async () => {
    const project = await urlProject(server)
    await project.write({ ...shopMigrations, 'poststack.config.ts': "throw new Error('evaluated')\n" })
    const ended = await project.succeed('migrate')
    expect(ended.stderr).not.toContain('evaluated')
    expect(await project.database.rows('SELECT count(*)::int AS n FROM poststack.schema_migrations')).toEqual([
      { n: 2 },
    ])
  })

  test('--migrations must name the folder, from where one stands', async () => {
    const project = await urlProject(server)
    await project.write({ 'sql/7_seven.sql': 'CREATE TABLE public.seven (a int);\n' })
    const missing = await project.run('migrate')
    expect(missing).toMatchObject({ code: 2, stdout: '' })
    expect(missing.stderr).toContain(`There is no folder ${project.root}/migrations to read migrations from`)
    await project.succeed('migrate', '--migrations', 'sql')
    expect(await project.database.rows('SELECT version_text FROM poststack.schema_migrations')).toEqual([
      { version_text: '7' },
    ])
  })

  test('a password in the URL must work, and never be shown', async () => {
    const project = await urlProject(server)
    await project.write(shopMigrations)
    const url = project.url.replace('postgres@', `postgres:${server.password}@`)
    const said: string[] = []
    for (const words of [['migrate'], ['migration-status', '--json'], ['test-connection', '--verbose']]) {
      const ended = await runCli(['db', ...words, '--url', url], { cwd: project.root })
      expect(ended.code).toBe(0)
      said.push(ended.stdout, ended.stderr)
    }
    expect(said.join('')).not.toContain(server.password)
  })

  test('POSTSTACK_DATABASE_URL must name the database, a flag win over it, and a wrong one never be shown', async () => {
    const project = await urlProject(server)
    const url = project.url.replace('postgres@', `postgres:${server.password}@`)
    await project.write({
      'sql/7_seven.sql': 'CREATE TABLE public.seven (a int);\n',
      '.env': `POSTSTACK_DATABASE_URL=${url}\nPOSTSTACK_MIGRATIONS_PATH=./sql\n`,
      'poststack.config.ts': "throw new Error('evaluated')\n",
    })
    const run = (env: Readonly<Record<string, string>>, ...words: readonly string[]) =>
      runCli(['database', ...words], { cwd: project.root, env })
    const migrated = await run({}, 'migrate')
    expect([migrated.code, migrated.stderr]).toEqual([0, expect.stringContaining('POSTSTACK_DATABASE_URL (.env:1)')])
    expect(await project.database.rows('SELECT version_text FROM poststack.schema_migrations')).toEqual([
      { version_text: '7' },
    ])
    const declared = await run({}, 'migration-status', '--service', 'db')
    expect(declared.stderr).toContain('evaluated')
    const wrong = await run({ POSTSTACK_DATABASE_URL: 'postgresql://a:se#cret@b/c' }, 'migrate')
    expect([wrong.code, wrong.stdout]).toEqual([2, ''])
    expect(wrong.stderr).toContain('POSTSTACK_DATABASE_URL (environment) is not a valid URL; in user and password')
    const said = [migrated, declared, wrong].flatMap(({ stdout, stderr }) => [stdout, stderr]).join('')
    expect(said).not.toContain(server.password)
    expect(said).not.toContain('se#cret')
  })

  test('a role that may not make the ledger must be told which right it lacks', async () => {
    const project = await urlProject(server)
    await project.write(shopMigrations)
    const session = await project.database.session()
    await session.query("DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN PASSWORD 'reader'")
    const url = project.url.replace('postgres@', 'reader:reader@')
    const ended = await runCli(['db', 'create-schema', '--url', url], { cwd: project.root })
    expect(await project.database.rows("SELECT FROM pg_namespace WHERE nspname = 'poststack'")).toEqual([])
    expect(ended.code).toBe(1)
    expect(ended.stderr).toContain("try: As the database's owner run: GRANT CREATE ON DATABASE")
  })
})
