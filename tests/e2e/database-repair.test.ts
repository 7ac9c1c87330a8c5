/**
 * `database repair` on files that really stopped half-way: the ledger, the database and the files first, and words second.
 */
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runCli, type Typed } from '../support/cli.ts'
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

const files = {
  'migrations/001_users.sql': 'CREATE TABLE public.users (email text);\nINSERT INTO users VALUES (1), (1);\n',
  'migrations/002_emails.sql': `CREATE TABLE public.b (id int);
CREATE UNIQUE INDEX CONCURRENTLY users_email ON public.users (email);
ALTER TABLE public.users ADD COLUMN later int;
CREATE TABLE public.c (id int);
`,
} as const

/** 002 stopped at its second statement, for which there are rows that are equal. */
async function half(): Promise<UrlProject> {
  const project = await urlProject(server)
  await project.write(files)
  expect((await project.run('migrate')).code).toBe(1)
  expect(await ledgerOf(project.database)).toEqual(['001 applied', '002 failed'])
  return project
}

async function applied(): Promise<UrlProject> {
  const project = await urlProject(server)
  await project.write(shopMigrations)
  await project.succeed('migrate')
  return project
}

const rowsOf = async ({ database }: UrlProject): Promise<readonly unknown[]> =>
  await database.rows('SELECT m::text FROM poststack.schema_migrations m ORDER BY version')

const choicesOf = async ({ database }: UrlProject): Promise<readonly unknown[]> =>
  (
    await database.rows(
      "SELECT detail->>'choice' AS choice FROM poststack.migration_events WHERE event IN ('repaired', 'text-accepted') ORDER BY id",
    )
  ).map(({ choice }) => choice)

describe('a file that stopped half-way', () => {
  test('without a terminal must be shown with what can be done, and nothing be changed', async () => {
    const project = await half()
    const rows = await rowsOf(project)
    const ended = await project.run('repair')
    expect(await rowsOf(project)).toEqual(rows)
    expect(ended).toMatchObject({ code: 1, stderr: '' })
    expect(project.mask(ended.stdout)).toMatchInlineSnapshot(`
      "one thing to settle in database DATABASE at 127.0.0.1:PORT; nothing is changed by looking

      Migration "002 emails" failed half-way: 1 of 4 statements are done; statement 2 was begun.
      The error was: 002_emails.sql, in the statement at line 2: could not create unique index "users_email" (SQLSTATE 23505)

        statement  line  in the ledger  in the database
        1  1  done  done  CREATE TABLE public.b (id int)
                                                           table public.b is there
        2  2  begun  not done  CREATE UNIQUE INDEX CONCURRENTLY users_email ON public.users (email)
                                                           index public.users_email is not there
        3  3  not begun  not done  ALTER TABLE public.users ADD COLUMN later int
                                                           column later of public.users is not there
        4  4  not begun  not done  CREATE TABLE public.c (id int)
                                                           table public.c is not there

      Mostly there is nothing to settle: mend what went wrong, and the next "migrate" goes on at statement 2.
      Otherwise:

        mark-applied
          Records it as applied, for one that you have finished by hand. Only the ledger changes.
          poststack database repair --url postgresql://postgres@127.0.0.1:PORT/DATABASE --version 002 --choose mark-applied

        mark-rolled-back
          Takes it out of the ledger, for one that you have undone by hand; the next migrate runs it
          from its beginning. Only the ledger changes.
          poststack database repair --url postgresql://postgres@127.0.0.1:PORT/DATABASE --version 002 --choose mark-rolled-back

        continue-at
          Counts the statements before the one you name as done, and no others; the next migrate goes
          on there. Only the ledger changes.
          poststack database repair --url postgresql://postgres@127.0.0.1:PORT/DATABASE --version 002 --choose continue-at --statement N
          N is the first statement that is still to be run.
      "
    `)
  })

  test('marked as applied, it must count as applied, and nothing of it be run', async () => {
    const project = await half()
    const ended = await project.succeed('repair', '--version', '2', '--choose', 'mark-applied')
    expect(await ledgerOf(project.database)).toEqual(['001 applied', '002 applied'])
    expect(await tablesOf(project.database)).toEqual(['public.b', 'public.users'])
    expect(await choicesOf(project)).toEqual(['mark-applied'])
    expect(ended).toMatchObject({ stderr: '' })
    expect(ended.stdout).toBe(
      'Migration "002 emails" is recorded as applied. Only the ledger changed: what of it was not done in the database still is not.\n',
    )
    expect((await project.succeed('migrate')).stdout).toContain('nothing to apply')
    expect((await project.succeed('repair')).stdout).toContain('nothing to repair in database')
  })

  test('marked as rolled back, it must be run from its beginning by the next migrate', async () => {
    const project = await half()
    await project.database.rows('DROP TABLE b')
    await project.succeed('repair', '--version', '002', '--choose', 'mark-rolled-back')
    expect(await ledgerOf(project.database)).toEqual(['001 applied'])
    await project.database.rows('DELETE FROM users')
    await project.succeed('migrate')
    expect(await ledgerOf(project.database)).toEqual(['001 applied', '002 applied'])
    expect(await tablesOf(project.database)).toEqual(['public.b', 'public.c', 'public.users'])
  })

  test('continued at a statement, the next migrate must do that one and those after it', async () => {
    const project = await half()
    await project.database.rows('ALTER TABLE users ADD COLUMN later int')
    const words = ['repair', '--version', '002', '--choose', 'continue-at', '--statement', '4']
    const { last } = await project.json(...words)
    expect(last).toMatchObject({
      version: 1,
      type: 'repair-result',
      migration: '002',
      name: 'emails',
      choice: 'continue-at',
      files: [],
    })
    await project.succeed('migrate')
    expect(await ledgerOf(project.database)).toEqual(['001 applied', '002 applied'])
    expect(await tablesOf(project.database)).toEqual(['public.b', 'public.c', 'public.users'])
    expect(await project.database.rows("SELECT FROM pg_class WHERE relname = 'users_email'")).toEqual([])
  })

  test('each command line that is shown must do what it says, as it stands there', async () => {
    const project = await half()
    const { code, last } = await project.json('repair', '--migrations', 'migrations')
    expect(code).toBe(1)
    const [found] = last['cases'] as readonly Case[]
    expect(found).toMatchObject({ migration: '002', kind: 'half-applied', file: '002_emails.sql' })
    const commands = found?.offers.map(({ command }) => command) ?? []
    expect(commands).toHaveLength(3)
    for (const command of commands.toReversed()) {
      expect(await ledgerOf(project.database)).toEqual(['001 applied', '002 failed'])
      // Settled for good by the last of them.
      const [, ...words] = command.replace(/ N$/, ' 3').split(' ')
      const ended = await runCli(words, { cwd: project.root, env: { PGPASSWORD: server.password } })
      expect(ended).toMatchObject({ code: 0, stderr: '' })
      if (command.includes('mark-rolled-back')) {
        await project.database.rows('DROP TABLE b')
        expect((await project.run('migrate')).code).toBe(1)
      }
    }
    expect(await ledgerOf(project.database)).toEqual(['001 applied', '002 applied'])
    expect(await choicesOf(project)).toEqual(['continue-at', 'mark-rolled-back', 'mark-applied'])
  })

  test('a rollback that stopped half-way must be told how it goes on, and go on where it is said', async () => {
    const project = await urlProject(server)
    await project.write({
      'migrations/001_a.sql': 'CREATE TABLE public.a (id int);\nCREATE INDEX a_id ON public.a (id);\n',
      'migrations/001_a.rollback.sql':
        'DROP INDEX CONCURRENTLY public.a_id;\nDROP TABLE public.nowhere;\nDROP TABLE public.a;\n',
    })
    await project.succeed('migrate')
    expect((await project.run('rollback', '--yes')).code).toBe(1)
    const ended = await project.run('repair')
    expect(ended.code).toBe(1)
    expect(ended.stdout).toContain('mend what went wrong, and the next "rollback" goes on at statement 2.')
    await project.succeed('repair', '--version', '1', '--choose', 'continue-at', '--statement', '3')
    await project.succeed('rollback', '--yes')
    expect(await tablesOf(project.database)).toEqual([])
    expect(await ledgerOf(project.database)).toEqual([])
  })

  test('a password in the URL must not stand in the command lines', async () => {
    const project = await half()
    const url = `${project.url.replace('postgres@', `postgres:${server.password}@`)}?application_name=it's`
    const ended = await runCli(['db', 'repair', '--url', url], { cwd: project.root })
    expect(ended.stdout).toContain(String.raw`repair --url '${project.url}?application_name=it'\''s' --version 002`)
    expect(`${ended.stdout}${ended.stderr}`).not.toContain(server.password)
  })
})

interface Case {
  readonly offers: readonly { readonly choice: string; readonly command: string }[]
}

describe('on a terminal', () => {
  const what = 'What is to be done? [1-3, or Enter for nothing]'

  test('the answers must be carried out', async () => {
    const project = await half()
    const typed: readonly Typed[] = [
      [what, '3\n'],
      ['still to be run? [1-4, or Enter for nothing]', '3\n'],
    ]
    const ended = await project.runWith(['repair'], { typed })
    expect(
      await project.database.rows('SELECT statements_applied AS n FROM poststack.schema_migrations WHERE name = $1', [
        'emails',
      ]),
    ).toEqual([{ n: 2 }])
    expect(ended.code).toBe(0)
    expect(ended.stdout).toContain('goes on at statement 3 of 4 with the next migrate.')
  })

  test.each([
    ['at the choice', [[what, '\n']]],
    [
      'at the statement',
      [
        [what, '3\n'],
        ['still to be run?', '\n'],
      ],
    ],
  ] as const)('no answer %s must change nothing, and leave the exit code of a half-done one', async (_, typed) => {
    const project = await half()
    const rows = await rowsOf(project)
    const ended = await project.runWith(['repair'], { typed })
    expect(await rowsOf(project)).toEqual(rows)
    expect(ended.code).toBe(1)
  })

  test('of several cases one must be chosen first', async () => {
    const project = await half()
    await project.write({ 'migrations/001_users.sql': `-- a remark\n${files['migrations/001_users.sql']}` })
    const typed: readonly Typed[] = [
      ['Which one is to be settled? [1-2, or Enter for nothing]', '1\n'],
      ['What is to be done? [1, or Enter for nothing]', '1\n'],
    ]
    const ended = await project.runWith(['repair'], { typed })
    expect(await choicesOf(project)).toEqual(['accept-text'])
    expect(await ledgerOf(project.database)).toEqual(['001 applied', '002 failed'])
    expect(ended.code).toBe(0)
  })

  test('what changed since it was shown must not be settled by that answer', async () => {
    const project = await half()
    const meanwhile = async (): Promise<string> => {
      await project.database.rows('ALTER TABLE users ADD COLUMN later int')
      return '1\n'
    }
    const ended = await project.runWith(['repair'], { typed: [[what, meanwhile]] })
    expect(await ledgerOf(project.database)).toEqual(['001 applied', '002 failed'])
    expect(ended.code).toBe(1)
    expect(ended.stdout).toContain('is not as it was when you looked at it. Nothing was changed.')
  })
})

describe('what differs without harm', () => {
  test('must be shown with its difference, and exit with 0', async () => {
    const project = await applied()
    await project.write({
      'migrations/001_users.sql': `-- a remark\n${shopMigrations['migrations/001_users.sql']}`,
      'migrations/002_orders.rollback.sql': 'DROP TABLE IF EXISTS public.orders;\n',
    })
    const rows = await rowsOf(project)
    const ended = await project.succeed('repair')
    expect(await rowsOf(project)).toEqual(rows)
    expect(ended.stderr).toBe('')
    expect(project.mask(ended.stdout)).toMatchInlineSnapshot(`
      "2 things to settle in database DATABASE at 127.0.0.1:PORT; nothing is changed by looking

      In 001_users.sql only comments or blanks changed since it was applied.

      What the ledger has (-) and what the file has (+):

        @@ -1 +1 @@
        +-- a remark
         CREATE TABLE public.users (id bigint PRIMARY KEY, email text NOT NULL);

      What can be done about it:

        accept-text
          Stores the text of the file in the ledger. Nothing is run.
          poststack database repair --url postgresql://postgres@127.0.0.1:PORT/DATABASE --version 001 --choose accept-text

      002_orders.rollback.sql was edited after its migration was applied; a rollback uses what the ledger has.

      What the ledger has (-) and what the file has (+):

        @@ -1 +1 @@
        -DROP TABLE public.orders;
        +DROP TABLE IF EXISTS public.orders;

      What can be done about it:

        store-rollback
          Stores the text of the rollback file in the ledger. Nothing is run.
          poststack database repair --url postgresql://postgres@127.0.0.1:PORT/DATABASE --version 002 --choose store-rollback
      "
    `)
    const one = await project.succeed('repair', '--version', '2')
    expect(one.stdout).not.toContain('accept-text')
    await project.succeed('repair', '--version', '1', '--choose', 'accept-text')
    await project.succeed('repair', '--version', '2', '--choose', 'store-rollback')
    expect(await choicesOf(project)).toEqual(['accept-text', 'store-rollback'])
    expect((await project.succeed('migration-status', '--check')).stdout).toContain('2 applied, 0 pending')
    expect((await project.succeed('repair')).stdout).toContain('nothing to repair')
  })

  test('a file that is gone must be written as it was, with its rollback, and both paths be printed', async () => {
    const project = await applied()
    const lost = ['migrations/002_orders.sql', 'migrations/002_orders.rollback.sql'] as const
    for (const file of lost) await rm(join(project.root, file))
    const ended = await project.succeed('repair', '--version', '2', '--choose', 'write-file')
    for (const file of lost) expect(await readFile(join(project.root, file), 'utf8')).toBe(shopMigrations[file])
    expect(ended.stdout.split('\n').slice(1, 3)).toEqual(lost.map((file) => join(project.root, file)))
    await project.succeed('migration-status', '--check')
  })
})

describe('asked wrongly', () => {
  test.each([
    [['--choose', 'mark-applied'], '--choose does not say which migration it is for'],
    [['--version', '2', '--choose', 'continue-at'], 'continue-at does not say at which statement'],
    [['--version', '2', '--choose', 'mark-applied', '--statement', '2'], '--statement belongs to --choose continue-at'],
    [['--version', '2', '--statement', '2'], '--statement belongs to --choose continue-at'],
    [['--version', '2', '--choose', 'continue-at', '--statement', '5'], 'has the statements 1 to 4'],
    [['--version', '2', '--choose', 'accept-text'], '"accept-text" is no way to settle migration "002 emails"'],
    [['--version', '7', '--choose', 'mark-applied'], 'The ledger has no migration 7'],
    [['--version', '2', '--choose', 'mark-aplied'], 'mark-applied'],
  ])('%j must be refused, and nothing be changed', async (words, said) => {
    const project = await half()
    const rows = await rowsOf(project)
    const ended = await project.run('repair', ...words)
    expect(await rowsOf(project)).toEqual(rows)
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toContain(said)
  })

  test('a database without a ledger has nothing to repair, and gets none', async () => {
    const project = await urlProject(server)
    await project.write(shopMigrations)
    const ended = await project.succeed('repair')
    expect(project.mask(ended.stdout)).toBe('nothing to repair in database DATABASE at 127.0.0.1:PORT\n')
    expect(await project.database.rows("SELECT FROM pg_namespace WHERE nspname = 'poststack'")).toEqual([])
  })
})
