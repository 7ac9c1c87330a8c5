/**
 * `database migrate`, and its lock, on a database that somebody else runs. Each test looks at the database
 * first, and at words second.
 */
import { execFileSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cleanEnvironment } from '../support/cli.ts'
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

async function shop(): Promise<UrlProject> {
  const project = await urlProject(server)
  await project.write(shopMigrations)
  return project
}

const hasLedger = async ({ database }: UrlProject): Promise<boolean> =>
  (await database.rows("SELECT FROM pg_namespace WHERE nspname = 'poststack'")).length > 0

describe('migrate', () => {
  test('must apply what is pending once, and say what the database has now', async () => {
    const project = await shop()
    const first = await project.succeed('migrate')
    expect(await ledgerOf(project.database)).toEqual(['001 applied', '002 applied'])
    expect(await tablesOf(project.database)).toEqual(['public.orders', 'public.users'])
    expect(project.mask(first.stderr)).toBe('  ok  001_users  TIME\n  ok  002_orders  TIME\n')
    expect(project.mask(first.stdout)).toBe(
      '2 migrations applied in TIME; database DATABASE at 127.0.0.1:PORT has 2 migrations now\n',
    )

    const second = await project.succeed('migrate')
    expect(project.mask(`${second.stderr}${second.stdout}`)).toBe(
      'nothing to apply: database DATABASE at 127.0.0.1:PORT has 2 migrations\n',
    )
  })

  test('must stop at --target-version, also when it is written without its zeros', async () => {
    const project = await shop()
    await project.succeed('migrate', '--target-version', '1')
    expect(await ledgerOf(project.database)).toEqual(['001 applied'])
    expect(await tablesOf(project.database)).toEqual(['public.users'])
  })

  test('must tell each event and the result as one JSON line each', async () => {
    const project = await shop()
    await project.write({ 'migrations/003_say.sql': "DO $$ BEGIN RAISE NOTICE 'hello'; END $$;\n" })
    const { code, last, lines } = await project.json('migrate')
    expect(code).toBe(0)
    expect(lines.every(({ version }) => version === 1)).toBe(true)
    expect(lines.map(({ type, migration = '' }) => `${type} ${String(migration)}`.trim())).toEqual([
      'migration-started 001',
      'migration-applied 001',
      'migration-started 002',
      'migration-applied 002',
      'migration-started 003',
      'server-notice',
      'migration-applied 003',
      'migrate-result',
    ])
    expect(lines[0]).toMatchObject({ name: 'users', file: '001_users.sql', number: 1, total: 3 })
    expect(last).toMatchObject({ already: 0, applied: [{ migration: '001', name: 'users' }, {}, {}] })
    expect(last['database']).toEqual({
      host: '127.0.0.1',
      port: server.port,
      user: 'postgres',
      database: project.database.target.database,
    })
    expect(JSON.stringify(lines)).not.toContain(server.password)
  })

  test('--dry-run must say how each file would run, and create nothing', async () => {
    const project = await shop()
    await project.write({
      'migrations/003_index.sql':
        'ALTER TABLE orders ADD note text;\n\nCREATE INDEX CONCURRENTLY orders_note ON orders (note);\nANALYZE orders;\n',
    })
    const ended = await project.succeed('migrate', '--dry-run')
    expect(await hasLedger(project)).toBe(false)
    expect(await tablesOf(project.database)).toEqual([])
    expect(project.mask(ended.stdout)).toMatchInlineSnapshot(`
      "would apply 3 migrations to database DATABASE at 127.0.0.1:PORT, which has 0:

        001_users.sql  1 statement  in one transaction
        002_orders.sql  1 statement  in one transaction
        003_index.sql  3 statements  1 outside of a transaction
            line 3: CREATE INDEX CONCURRENTLY (statement 2)

      nothing was done
      "
    `)
    const { last } = await project.json('migrate', '--dry-run')
    expect(last).toMatchObject({
      type: 'migrate-preview',
      already: 0,
      pending: [
        { version: '001', statements: 1, alone: [] },
        { version: '002', statements: 1, alone: [] },
        { version: '003', statements: 3, alone: [{ statement: 2, line: 3, what: 'CREATE INDEX CONCURRENTLY' }] },
      ],
    })
  })

  test('--dry-run must refuse what the run would refuse', async () => {
    const project = await shop()
    await project.write({ 'migrations/003_end.sql': 'SELECT 1;\nCOMMIT;\n' })
    const ended = await project.run('migrate', '--dry-run')
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toContain('003_end.sql, line 2')
    expect(ended.stderr).toContain('[MIGRATION_INVALID]')
    expect(await hasLedger(project)).toBe(false)
  })

  test('an SQL error must show the line and leave the file before applied', async () => {
    const project = await shop()
    await project.write({ 'migrations/002_orders.sql': 'CREATE TABLE x (a int);\nSELECT nonsense FROM x;\n' })
    const ended = await project.run('migrate')
    expect(await ledgerOf(project.database)).toEqual(['001 applied'])
    expect(await tablesOf(project.database)).toEqual(['public.users'])
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(project.mask(ended.stderr)).toMatchInlineSnapshot(`
      "  ok  001_users  TIME
      error  002_orders.sql, line 2, column 8: column "nonsense" does not exist (SQLSTATE 42703)  [MIGRATION_FAILED]

               1 | CREATE TABLE x (a int);
             > 2 | SELECT nonsense FROM x;
                 |        ^

             1 of 2 pending migrations applied; 002_orders.sql was rolled back, so the database is as after 001_users.sql.

             try: Something it needs is not there: correct 002_orders.sql, or add the migration that makes it before this one; then run again.
      "
    `)
    const { code, last } = await project.json('migrate')
    expect(code).toBe(1)
    expect(last).toMatchObject({ type: 'error', error: { code: 'MIGRATION_FAILED', details: { line: 2, column: 8 } } })
  })

  test('must say on the next run where a half-done file goes on', async () => {
    const project = await shop()
    await project.write({
      'migrations/003_index.sql':
        'CREATE INDEX CONCURRENTLY users_email ON users (email);\nINSERT INTO nowhere VALUES (1);\n',
    })
    expect((await project.run('migrate')).code).toBe(1)
    expect(await ledgerOf(project.database)).toEqual(['001 applied', '002 applied', '003 failed'])
    const status = await project.run('migration-status', '--check')
    expect(status.code).toBe(3)
    expect(status.stdout).toMatch(/003 +index +failed half-way .*1 of 2 statements/)
    const preview = await project.json('migrate', '--dry-run')
    expect(preview.last).toMatchObject({ already: 2, pending: [{ version: '003', statements: 2, done: 1 }] })
    await project.write({
      'migrations/003_index.sql':
        'CREATE INDEX CONCURRENTLY users_email ON users (email);\nCREATE TABLE nowhere (a int);\n',
    })
    const ended = await project.succeed('migrate')
    expect(ended.stderr).toContain('003_index.sql: goes on at statement 2 of 2')
    expect(await ledgerOf(project.database)).toEqual(['001 applied', '002 applied', '003 applied'])
  })

  test('must record the commit of the checkout, where there is one', async () => {
    const project = await shop()
    const git = (...words: readonly string[]): string =>
      execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.org', ...words], {
        cwd: project.root,
        env: cleanEnvironment(),
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      })
    await project.succeed('migrate', '--target-version', '1')
    git('init', '-q')
    git('add', '.')
    git('commit', '-q', '-m', 'first')
    await project.succeed('migrate')
    const rows = await project.database.rows('SELECT git_commit FROM poststack.schema_migrations ORDER BY version')
    expect(rows).toEqual([{ git_commit: null }, { git_commit: git('rev-parse', 'HEAD').trim() }])
  })

  test('who waits for the lock must be told who holds it, and give up after --lock-wait', async () => {
    const project = await shop()
    await project.write({ 'migrations/003_slow.sql': 'SELECT pg_sleep(600);\n' })
    const holder = project.start(['migrate'])
    await holder.said('ok  002_orders')
    const ended = await project.run('migrate', '--lock-wait', '1.5')
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toMatch(
      /waiting for pid \d+, user postgres, .*SELECT pg_sleep\(600\).*, which migrates this database \(1\.\d s\)/,
    )
    expect(ended.stderr).toContain('[LOCK_TIMEOUT]')

    const unlocked = await project.runWith(['unlock-migrations'], {})
    expect(unlocked).toMatchObject({ code: 2, stdout: '' })
    expect(unlocked.stderr).toContain('[CONSENT_NEEDED]')
    expect(unlocked.stderr).toContain('runs     SELECT pg_sleep(600)')
    const { last: asked } = await project.json('unlock-migrations')
    expect(asked).toMatchObject({ error: { code: 'CONSENT_NEEDED', details: { holder: { user: 'postgres' } } } })
    expect(holder.process.exitCode).toBeNull()

    const { code, last } = await project.json('unlock-migrations', '--yes')
    expect(code).toBe(0)
    expect(last).toMatchObject({ type: 'unlock-result', ended: true, holder: { user: 'postgres' } })
    expect((await holder.ended).code).toBe(1)
    expect(await ledgerOf(project.database)).toEqual(['001 applied', '002 applied'])
    const again = await project.succeed('unlock-migrations')
    expect(project.mask(again.stdout)).toBe('nobody holds the migration lock of database DATABASE at 127.0.0.1:PORT\n')
  })

  test('a statement that others hold up must be named, rolled back and tried again', async () => {
    const project = await shop()
    await project.succeed('migrate')
    await project.write({ 'migrations/003_note.sql': 'ALTER TABLE orders ADD note text;\n' })
    const reader = await project.database.session({ applicationName: 'a long report' })
    await reader.query('BEGIN; LOCK TABLE public.orders IN ACCESS SHARE MODE')
    const running = project.start(['migrate', '--lock-timeout', '0.7'])
    await running.said('did not get its locks')
    await reader.query('COMMIT')
    const ended = await running.ended
    expect(await ledgerOf(project.database)).toEqual(['001 applied', '002 applied', '003 applied'])
    expect(ended.code).toBe(0)
    expect(ended.stderr).toMatch(
      /waiting {2}003_note\.sql waits for a lock that another session holds:\n +pid \d+.*a long report/,
    )
    expect(ended.stderr).toMatch(/retry {2}003_note\.sql did not get its locks and was rolled back; try 2 in /)
  })

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s in the middle of a file must roll it back, and exit with %i', async (signal, code) => {
    const project = await shop()
    await project.write({ 'migrations/003_slow.sql': 'CREATE TABLE half (a int);\nSELECT pg_sleep(600);\n' })
    const running = project.start(['migrate'])
    await running.said('ok  002_orders')
    await waitFor(async () => (await busy(project)).includes('pg_sleep'))
    running.process.kill(signal)
    const ended = await running.ended
    expect(await ledgerOf(project.database)).toEqual(['001 applied', '002 applied'])
    expect(await tablesOf(project.database)).toEqual(['public.orders', 'public.users'])
    expect(await busy(project)).toBe('')
    expect(ended).toMatchObject({ code, stdout: '' })
    expect(ended.stderr).toContain(signal === 'SIGINT' ? '[INTERRUPTED]' : '[TERMINATED]')
    const state =
      '2 of 3 pending migrations applied; 003_slow.sql was rolled back, so the database is as after 002_orders.sql.'
    expect(ended.stderr).toContain(`${signal === 'SIGINT' ? 'interrupted' : 'terminated'}: ${state}`)
  })
})

/** What the server works on for the project's database. */
async function busy({ database }: UrlProject): Promise<string> {
  const rows = await database.rows(
    "SELECT query FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'active'",
  )
  return rows.map(({ query }) => String(query)).join('\n')
}

async function waitFor(condition: () => Promise<boolean>): Promise<void> {
  for (let left = 200; left > 0; left--) {
    if (await condition()) return
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  throw new Error('it did not happen within 5 s')
}
