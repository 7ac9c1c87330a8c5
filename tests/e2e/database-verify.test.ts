/**
 * `database verify-migrations`: what it finds, the forms it is told in, and that it leaves the database and the server as they were.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ledgerOf, tablesOf } from '../support/migrations.ts'
import { startPostgres, type TestServer } from '../support/postgres.ts'
import { shopMigrations, urlProject, type UrlProject } from '../support/url-project.ts'

let server: TestServer

beforeAll(async () => {
  server = await startPostgres()
})

afterAll(async () => {
  await server.stop()
})

/** A project that is migrated, and whose files were then changed in every way. */
async function spoiled(): Promise<UrlProject> {
  const project = await urlProject(server)
  await project.write({ ...shopMigrations, 'migrations/003_gone.sql': 'SELECT 3;\n' })
  await project.succeed('migrate')
  await project.write({
    'migrations/001_users.sql':
      '-- Who may log in: 100%, really\nCREATE TABLE public.users (id bigint PRIMARY KEY, email text NOT NULL);\n',
    'migrations/002_orders.sql': 'CREATE TABLE public.orders (id int);\n',
  })
  await rm(join(project.root, 'migrations/003_gone.sql'))
  return project
}

const scratchDatabases = "SELECT datname FROM pg_database WHERE datname LIKE 'poststack_verify_%'"

test('nothing wrong must be said in one line, with exit code 0', async () => {
  const project = await urlProject(server)
  await project.write(shopMigrations)
  await project.succeed('migrate')
  const ended = await project.succeed('verify-migrations', '--drift')
  expect(project.mask(ended.stdout)).toBe(
    'nothing is wrong: 2 files, 2 applied, in database DATABASE at 127.0.0.1:PORT\n',
  )
  expect(ended.stderr).toBe('')
})

test('edited and missing files must be told apart, errors with exit code 1', async () => {
  const project = await spoiled()
  const ended = await project.run('verify-migrations')
  expect(ended).toMatchObject({ code: 1, stderr: '' })
  expect(project.mask(ended.stdout)).toMatchInlineSnapshot(`
    "warning  001_users.sql:1  In 001_users.sql only comments or blanks changed since it was applied.  [reformatted]
             @@ -1 +1 @@
             +-- Who may log in: 100%, really
              CREATE TABLE public.users (id bigint PRIMARY KEY, email text NOT NULL);
             try: Undo the edit, or have the ledger take the new text: poststack database repair --url postgresql://postgres@127.0.0.1:PORT/DATABASE

    error    002_orders.sql:1  002_orders.sql was edited after it was applied: statement 1 changed.  [changed]
             @@ -1 +1 @@
             -CREATE TABLE public.orders (id bigint PRIMARY KEY, user_id bigint REFERENCES public.users);
             +CREATE TABLE public.orders (id int);
             try: Undo the edit, and put what it should do into a new migration: the database has the text that was applied, not this one.

    error    Migration "003 gone" is applied, but its file 003_gone.sql is gone.  [missing]
             try: Put 003_gone.sql back, for example from version control. Its text also stands in the ledger: poststack database repair --url postgresql://postgres@127.0.0.1:PORT/DATABASE writes it back.

    2 errors, 1 warning: 2 files, 3 applied, in database DATABASE at 127.0.0.1:PORT
    "
  `)
  const { code, last } = await project.json('verify-migrations')
  expect(code).toBe(1)
  expect(last).toMatchObject({
    type: 'verification',
    ok: false,
    findings: [
      { rule: 'reformatted', severity: 'warning', file: '001_users.sql' },
      { rule: 'changed', severity: 'error', file: '002_orders.sql', line: 1 },
      { rule: 'missing', severity: 'error', version: '003' },
    ],
  })
})

test('annotations for GitHub must be one line each, escaped, with paths from the checkout', async () => {
  const project = await spoiled()
  const ended = await project.runWith(['verify-migrations', '--format', 'github'], {
    env: { PGPASSWORD: server.password, GITHUB_WORKSPACE: project.root },
  })
  expect(ended).toMatchObject({ code: 1, stderr: '' })
  const lines = ended.stdout.trimEnd().split('\n')
  expect(lines).toHaveLength(3)
  expect(lines[0]).toMatch(
    /^::warning file=migrations\/001_users\.sql,line=1,title=[^:]*::In 001_users\.sql only comments .*%0A.*100%25, really%0A/,
  )
  expect(lines[1]).toMatch(/^::error file=migrations\/002_orders\.sql,line=1,title=[^:]*::002_orders\.sql was edited/)
  expect(lines[2]).toMatch(/^::error title=[^:]*::Migration "003 gone" is applied, but its file 003_gone.sql is gone\./)
})

test('a SARIF document must have its rules, levels and places', async () => {
  const project = await spoiled()
  const ended = await project.run('verify-migrations', '--format', 'sarif')
  expect(ended).toMatchObject({ code: 1, stderr: '' })
  const log = JSON.parse(ended.stdout) as Sarif
  expect(log.version).toBe('2.1.0')
  const [run] = log.runs
  expect(run?.tool.driver).toMatchObject({ name: 'Poststack' })
  expect(run?.tool.driver.rules.map(({ id }) => id)).toEqual(['reformatted', 'changed', 'missing'])
  expect(run?.results.map(({ ruleIndex }) => ruleIndex)).toEqual([0, 1, 2])
  expect(resultsOf(log)).toEqual([
    'warning reformatted migrations/001_users.sql:1',
    'error changed migrations/002_orders.sql:1',
    'error missing migrations:1',
  ])
})

test('pending files that migrate would refuse must be errors in every form', async () => {
  const project = await urlProject(server)
  await project.write({
    'migrations/001_a.sql': '-- a table\ncreate tabel x();\n',
    'migrations/002_b.sql': 'SELECT 1;\n',
    'migrations/002_b.rollback.sql': 'drop tabel b;\n',
  })
  const ended = await project.run('verify-migrations')
  expect(ended).toMatchObject({ code: 1, stderr: '' })
  expect(project.mask(ended.stdout)).toMatchInlineSnapshot(`
    "error    001_a.sql:2  001_a.sql, line 2, column 8: syntax error at or near "tabel" (SQLSTATE 42601)  [invalid]
               1 | -- a table
             > 2 | create tabel x();
                 |        ^
             try: Correct it and run again.

    error    002_b.rollback.sql:1  002_b.rollback.sql, line 1, column 6: syntax error at or near "tabel" (SQLSTATE 42601)  [invalid]
             > 1 | drop tabel b;
                 |      ^
             try: Correct it and run again.

    2 errors: 2 files, 0 applied, in database DATABASE at 127.0.0.1:PORT
    "
  `)
  const { code, last } = await project.json('verify-migrations')
  expect(code).toBe(1)
  expect(last).toMatchObject({
    ok: false,
    findings: [
      { rule: 'invalid', severity: 'error', file: '001_a.sql', line: 2, column: 8 },
      { rule: 'invalid', severity: 'error', file: '002_b.rollback.sql', line: 1, column: 6 },
    ],
  })
  expect(await told(project, 1)).toEqual([
    '::error file=migrations/001_a.sql,line=2,col=8',
    '::error file=migrations/002_b.rollback.sql,line=1,col=6',
    'error invalid migrations/001_a.sql:2',
    'error invalid migrations/002_b.rollback.sql:1',
  ])
})

test('names and numbers that cannot be must be told in the form that was asked for, with exit code 2', async () => {
  const project = await urlProject(server)
  await project.write({
    ...shopMigrations,
    'migrations/foo.sql': 'SELECT 1;\n',
    'migrations/2_again.sql': 'SELECT 2;\n',
  })
  expect(await told(project, 2)).toEqual([
    '::error file=migrations/foo.sql',
    '::error file=migrations/2_again.sql',
    'error invalid migrations/foo.sql:1',
    'error invalid migrations/2_again.sql:1',
  ])
})

/** The findings as annotations without their text, and as results of a SARIF document. */
async function told(project: UrlProject, code: number): Promise<readonly string[]> {
  const github = await project.run('verify-migrations', '--format', 'github')
  const sarif = await project.run('verify-migrations', '--format', 'sarif')
  expect([github.code, sarif.code]).toEqual([code, code])
  const annotations = github.stdout.trimEnd().split('\n')
  return [...annotations.map((line) => line.replace(/,title=.*/, '')), ...resultsOf(JSON.parse(sarif.stdout) as Sarif)]
}

function resultsOf({ runs: [run] }: Sarif): readonly string[] {
  return (run?.results ?? []).map(({ level, locations, ruleId }) => {
    const place = locations[0]?.physicalLocation
    return `${level} ${ruleId} ${place?.artifactLocation.uri ?? ''}:${String(place?.region.startLine)}`
  })
}

interface Sarif {
  readonly version: string
  readonly runs: readonly {
    readonly tool: { readonly driver: { readonly rules: readonly { readonly id: string }[] } }
    readonly results: readonly {
      readonly ruleId: string
      readonly ruleIndex: number
      readonly level: string
      readonly locations: readonly {
        readonly physicalLocation: {
          readonly artifactLocation: { readonly uri: string }
          readonly region: { readonly startLine: number }
        }
      }[]
    }[]
  }[]
}

test('two forms of one answer must be refused', async () => {
  const project = await spoiled()
  const ended = await project.run('verify-migrations', '--format', 'sarif', '--json')
  expect(ended.code).toBe(2)
  expect(JSON.parse(ended.stdout)).toMatchObject({ type: 'error', error: { code: 'USAGE' } })
})

test('--rollbacks must name each that does not restore, and leave nothing on the server', async () => {
  const project = await urlProject(server)
  await project.write({
    ...shopMigrations,
    'migrations/003_note.sql': 'ALTER TABLE public.orders ADD note text;\n',
    'migrations/003_note.rollback.sql': 'SELECT 1;\n',
    'migrations/004_fails.sql': 'CREATE TABLE public.tags (a int);\n',
    'migrations/004_fails.rollback.sql': 'DROP TABLE public.no_such_table;\n',
    'migrations/005_none.sql': 'CREATE TABLE public.last (a int);\n',
  })
  const ended = await project.run('verify-migrations', '--rollbacks')
  expect(await tablesOf(project.database)).toEqual([])
  expect(await project.database.rows(scratchDatabases)).toEqual([])
  expect(ended.code).toBe(1)
  expect(project.mask(ended.stderr)).toMatchInlineSnapshot(`
    "  ok  001_users  exact: rolled back, the schema is as before
      ok  002_orders  exact: rolled back, the schema is as before
      failed  003_note  does not restore the schema
      failed  004_fails  the rollback fails
      warning  005_none  no rollback file
    "
  `)
  expect(ended.stdout).toContain('error    003_note.sql is not restored by its rollback.  [rollback-not-restored]')
  expect(ended.stdout).toContain('public.orders.note')
  expect(ended.stdout).toContain('error    004_fails.sql cannot be rolled back: its rollback fails.  [rollback-fails]')
  expect(ended.stdout).toMatch(/2 errors, 1 warning: 5 files, 0 applied, 4 rollbacks tried, in database /)
  const { lines } = await project.json('verify-migrations', '--rollbacks')
  expect(lines.map(({ type, migration, verdict }) => `${type} ${String(migration)} ${String(verdict)}`)).toEqual([
    'rollback-proved 001 exact',
    'rollback-proved 002 exact',
    'rollback-proved 003 not-restored',
    'rollback-proved 004 fails',
    'rollback-proved 005 missing',
    'verification undefined undefined',
  ])
})

test('Ctrl-C in --rollbacks must say that the database was not touched, not what a throw-away one is like', async () => {
  const project = await urlProject(server)
  await project.write({ ...shopMigrations, 'migrations/003_slow.sql': 'SELECT pg_sleep(600);\n' })
  const running = project.start(['verify-migrations', '--rollbacks'])
  await running.said('002_orders')
  running.process.kill('SIGINT')
  const ended = await running.ended
  expect(ended).toMatchObject({ code: 130, stdout: '' })
  expect(ended.stderr).toContain('interrupted: the database was not touched.')
  expect(ended.stderr).not.toContain('applied')
  expect(await project.database.rows(scratchDatabases)).toEqual([])
})

test('--drift must name what was changed by hand', async () => {
  const project = await urlProject(server)
  await project.write(shopMigrations)
  await project.succeed('migrate')
  const session = await project.database.session()
  await session.query('ALTER TABLE public.users ADD COLUMN nickname text')
  const ended = await project.run('verify-migrations', '--drift')
  expect(await ledgerOf(project.database)).toEqual(['001 applied', '002 applied'])
  expect(ended.code).toBe(1)
  expect(ended.stdout).toContain('error    The schema is not as "002 orders" left it: ')
  expect(ended.stdout).toContain('public.users.nickname')
})
