/**
 * `database rollback` and `migration-status` on a database that somebody else runs. Each test looks at the database first, and at words
 * second.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ledgerOf, until, tablesOf } from '../support/migrations.ts'
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

describe('rollback', () => {
  test('must ask before it touches a database of somebody else, and do nothing without an answer', async () => {
    const project = await shop()
    await project.succeed('migrate')
    const ended = await project.run('rollback')
    expect(await ledgerOf(project.database)).toEqual(['001 applied', '002 applied'])
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(project.mask(ended.stderr)).toMatchInlineSnapshot(`
      "error  this would roll back 1 migration in database DATABASE at 127.0.0.1:PORT:  [CONSENT_NEEDED]
               002_orders
             Nothing was done.

             try: run it again with --yes if that is what you want
      "
    `)
  })

  test('must take back exactly the newest one, and say what is left', async () => {
    const project = await shop()
    await project.succeed('migrate')
    const ended = await project.succeed('rollback', '--yes')
    expect(await ledgerOf(project.database)).toEqual(['001 applied'])
    expect(await tablesOf(project.database)).toEqual(['public.users'])
    expect(project.mask(ended.stderr)).toBe(
      'This will roll back 1 migration in database DATABASE at 127.0.0.1:PORT:\n  002_orders\n  ok  002_orders  TIME\n',
    )
    expect(project.mask(ended.stdout)).toBe(
      '1 migration rolled back in TIME; database DATABASE at 127.0.0.1:PORT has 1 migration now\n',
    )
  })

  test.each([
    ['y\n', 0, ['001 applied']],
    ['n\n', 2, ['001 applied', '002 applied']],
  ])('the answer %j on a terminal must count', async (typed, code, ledger) => {
    const project = await shop()
    await project.succeed('migrate')
    const ended = await project.runWith(['rollback'], { typed })
    expect(await ledgerOf(project.database)).toEqual(ledger)
    expect(ended.code).toBe(code)
    expect(ended.stdout).toContain('Roll back? [y/N]')
  })

  test.each([
    [['--steps', '2'], []],
    [['--target-version', '0'], []],
    [['--target-version', '1'], ['001 applied']],
  ])('%j must leave %j', async (words, left) => {
    const project = await shop()
    await project.succeed('migrate')
    const preview = await project.json('rollback', ...words, '--dry-run')
    expect(preview.last).toMatchObject({ type: 'rollback-preview', left: left.length })
    expect(await ledgerOf(project.database)).toHaveLength(2)
    const { last } = await project.json('rollback', ...words, '--yes')
    expect(await ledgerOf(project.database)).toEqual(left)
    expect(last).toMatchObject({ type: 'rollback-result', left: left.length })
    expect(last['rolledBack']).toHaveLength(2 - left.length)
  })

  test('must use the stored text when the files are gone, and say when they differ', async () => {
    const project = await shop()
    await project.succeed('migrate')
    await project.write({ 'migrations/002_orders.rollback.sql': 'SELECT no_such_thing;\n' })
    const differs = await project.succeed('rollback', '--yes')
    expect(differs.stderr).toContain('002_orders.rollback.sql was edited since (--use-file takes the file)')
    const gone = await project.runWith(['rollback', '--yes'], { cwd: '/' })
    expect(gone.code).toBe(0)
    expect(await ledgerOf(project.database)).toEqual([])
    expect(await tablesOf(project.database)).toEqual([])
  })

  test.each([
    [['--steps', '2', '--target-version', '1'], 'both say how far to go back'],
    [['--steps', '0'], '"0" is not a whole number from 1 on'],
    [['--target-version', '7'], 'Migration 7 is not applied'],
    [['--target-version', 'first'], '"first" is not the number of a migration'],
  ])('%j must be refused before anything is asked', async (words, said) => {
    const project = await shop()
    await project.succeed('migrate')
    const ended = await project.run('rollback', ...words)
    expect(await ledgerOf(project.database)).toEqual(['001 applied', '002 applied'])
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toContain(said)
  })
})

describe('migration-status', () => {
  test('must create nothing, and say that there is no ledger yet', async () => {
    const project = await shop()
    const ended = await project.succeed('migration-status')
    expect(await hasLedger(project)).toBe(false)
    expect(project.mask(ended.stdout)).toMatchInlineSnapshot(`
      "database DATABASE at 127.0.0.1:PORT: 0 applied, 2 pending

        001  users  pending
        002  orders  pending

      The database has no ledger yet: Poststack has never migrated it.
      "
    `)
    expect((await project.run('migration-status', '--check')).code).toBe(3)
  })

  test('must tell every way in which files and ledger can differ', async () => {
    const project = await shop()
    await project.write({
      'migrations/004_tags.sql': 'CREATE TABLE tags (a int);\n',
      'migrations/005_gone.sql': 'SELECT 5;\n',
    })
    await project.succeed('migrate')
    expect((await project.run('migration-status', '--check')).code).toBe(0)
    await project.write({
      'migrations/001_users.sql': 'CREATE TABLE public.users (id int);\n',
      'migrations/003_late.sql': 'SELECT 3;\n',
      'migrations/006_next.sql': 'SELECT 6;\n',
    })
    await rm(join(project.root, 'migrations/005_gone.sql'))
    const ended = await project.run('migration-status', '--check')
    expect(ended).toMatchObject({ code: 3, stderr: '' })
    expect(project.mask(ended.stdout)).toMatchInlineSnapshot(`
      "database DATABASE at 127.0.0.1:PORT: 4 applied, 1 pending, 3 wrong

        001  users  applied, file edited since  WHEN  TIME  by WHO
        002  orders  applied  WHEN  TIME  by WHO
        003  late  pending, comes too late  no rollback
        004  tags  applied  no rollback  WHEN  TIME  by WHO
        005  gone  applied, file is gone  no rollback  WHEN  TIME  by WHO
        006  next  pending  no rollback

      001_users.sql was edited after it was applied.
        try: Undo the edit, and put what it should do into a new migration: the database has the text that was applied, not this one.

      003_late.sql is not applied, but the later "005 gone" is.
        try: Give 003_late.sql a number above 005, so that every database gets the migrations in one order: poststack database renumber --url postgresql://postgres@127.0.0.1:PORT/DATABASE

      Migration "005 gone" is applied, but its file 005_gone.sql is gone.
        try: Put 005_gone.sql back, for example from version control. Its text also stands in the ledger: poststack database repair --url postgresql://postgres@127.0.0.1:PORT/DATABASE writes it back.
      "
    `)
    const { code, last } = await project.json('migration-status')
    expect(code).toBe(0)
    expect(last).toMatchObject({
      type: 'migration-status',
      ledger: true,
      pooled: false,
      applied: 4,
      pending: 1,
      wrong: 3,
    })
    const states = (last['migrations'] as readonly { version: string; state: string }[]).map(
      ({ version, state }) => `${version} ${state}`,
    )
    expect(states).toEqual(['001 changed', '002 applied', '003 late', '004 applied', '005 missing', '006 pending'])
  })

  test('must tell a run that is at work from one that was cut off, and verify-migrations, too', async () => {
    const project = await shop()
    await project.succeed('migrate')
    await project.write({
      'migrations/003_slow.sql': '-- poststack: no-transaction\nCREATE TABLE slow (a int);\nSELECT pg_sleep(600);\n',
    })
    const holder = project.start(['migrate'])
    await until(
      project.database,
      'SELECT FROM poststack.schema_migrations WHERE version = 3 AND statements_applied = 1',
    )
    const working = await project.succeed('migration-status')
    expect(working.stdout).toContain('2 applied, 0 pending, 1 half-done\n')
    expect(working.stdout).toMatch(/003 {2}slow +running now/)
    expect(working.stdout).toMatch(
      /A run is at work on this database: pid \d+, user postgres, application "poststack lock .*", .*, for \d+ s, running: SELECT pg_sleep/,
    )
    const { last } = await project.json('migration-status')
    expect(last).toMatchObject({ run: { user: 'postgres' }, applied: 2, halfDone: 1, wrong: 0 })
    const checked = await project.json('verify-migrations')
    expect(checked).toMatchObject({
      code: 0,
      last: { applied: 2, findings: [{ severity: 'warning', rule: 'unfinished' }] },
    })

    holder.process.kill('SIGKILL')
    await holder.ended
    await until(project.database, "SELECT WHERE NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory')")
    const cut = await project.run('migration-status', '--check')
    expect(cut.code).toBe(3)
    expect(cut.stdout).toContain('2 applied, 0 pending, 1 half-done\n')
    expect(cut.stdout).toMatch(/003 {2}slow +cut off half-way/)
    expect(cut.stdout).toContain('"003 slow" goes on at statement 2 with: poststack database migrate')
    expect((await project.json('migration-status')).last).toMatchObject({ applied: 2, halfDone: 1, wrong: 1 })
    expect((await project.json('verify-migrations')).code).toBe(1)
  })

  test('must show the table beside files that cannot be used, and tell a deleted one as missing', async () => {
    const project = await shop()
    await project.succeed('migrate')
    await project.write({ 'migrations/notes.sql': 'SELECT 1;\n', 'migrations/003_next.sql': 'SELECT 3;\n' })
    await rm(join(project.root, 'migrations/002_orders.sql'))
    const ended = await project.run('migration-status')
    expect(ended).toMatchObject({ code: 2, stderr: '' })
    expect(project.mask(ended.stdout)).toMatchInlineSnapshot(`
      "database DATABASE at 127.0.0.1:PORT: 2 applied, 1 pending, 2 wrong

        001  users  applied  WHEN  TIME  by WHO
        002  orders  applied, file is gone  WHEN  TIME  by WHO
        003  next  pending  no rollback

      notes.sql does not have the form of a migration's name.
        try: Name migrations <number>_<name>.sql, such as 004_add_users.sql, and the way back 004_add_users.rollback.sql.

      Migration "002 orders" is applied, but its file 002_orders.sql is gone.
        try: Put 002_orders.sql back, for example from version control. Its text also stands in the ledger: poststack database repair --url postgresql://postgres@127.0.0.1:PORT/DATABASE writes it back.
      "
    `)
    await rm(join(project.root, 'migrations/notes.sql'))
    await project.write({
      'migrations/004_wrong.sql': 'SELECT 4;\nCREATE TABEL t ();\n',
      'migrations/004_wrong.rollback.sql': '\\connect other\n',
    })
    const unread = await project.json('migration-status')
    expect(unread).toMatchObject({ code: 2, last: { applied: 2, pending: 1, wrong: 2, problems: [] } })
    const { stdout } = await project.run('migration-status')
    expect(stdout).toMatch(/^ {2}004 {2}wrong +pending, text is wrong$/m)
    expect(stdout).toContain('004_wrong.sql, line 2, column 8: syntax error at or near "TABEL"')
    expect(stdout).toContain('- 004_wrong.rollback.sql, line 1: ')
    const refused = await project.run('migrate')
    expect(refused).toMatchObject({ code: 2, stdout: '' })
    expect(refused.stderr).toContain('[MIGRATION_MISSING]')
  })

  test('must print a list of any length whole, without a pager', async () => {
    const project = await urlProject(server)
    await project.write(
      Object.fromEntries(
        Array.from({ length: 400 }, (_, index) => [
          `migrations/${String(index + 1).padStart(4, '0')}_step.sql`,
          `SELECT ${index};\n`,
        ]),
      ),
    )
    const ended = await project.succeed('migration-status')
    const lines = ended.stdout.split('\n').filter((line) => line.includes('pending  '))
    expect(lines).toHaveLength(400)
    expect(lines.at(-1)).toMatch(/^ {2}0400 {2}step {2}pending {2}/)
  })
})
