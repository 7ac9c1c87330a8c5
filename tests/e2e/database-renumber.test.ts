/**
 * `database renumber`: the files, git's index and the ledger first, and words second.
 */
import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runCli } from '../support/cli.ts'
import { ledgerOf } from '../support/migrations.ts'
import { startPostgres, type TestServer } from '../support/postgres.ts'
import { urlProject, type UrlProject } from '../support/url-project.ts'

let server: TestServer

beforeAll(async () => {
  server = await startPostgres()
})

afterAll(async () => {
  await server.stop()
})

const gitEnv = {
  PATH: process.env['PATH'],
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'a',
  GIT_AUTHOR_EMAIL: 'a@example.org',
  GIT_COMMITTER_NAME: 'a',
  GIT_COMMITTER_EMAIL: 'a@example.org',
}

async function git({ root }: UrlProject, ...args: readonly string[]): Promise<string> {
  return (await promisify(execFile)('git', args, { cwd: root, env: gitEnv })).stdout
}

/** Writes migrations and commits them. */
async function commit(project: UrlProject, ...files: readonly string[]): Promise<void> {
  await project.write(Object.fromEntries(files.map((file) => [`migrations/${file}`, `SELECT '${file}';\n`])))
  await git(project, 'add', '-A')
  await git(project, 'commit', '-qm', files.join(' '))
}

const filesOf = async ({ root }: UrlProject): Promise<readonly string[]> =>
  (await readdir(join(root, 'migrations'))).toSorted()

/** Two branches took number 002, and the one that was not merged first has the other merged into it. */
async function merged(): Promise<UrlProject> {
  const project = await urlProject(server)
  await git(project, 'init', '-q', '-b', 'main')
  await commit(project, '001_start.sql')
  await git(project, 'checkout', '-qb', 'feature')
  await commit(project, '002_mine.sql', '002_mine.rollback.sql')
  await commit(project, '003_more.sql')
  await git(project, 'checkout', '-q', 'main')
  await commit(project, '002_theirs.sql')
  await git(project, 'checkout', '-q', 'feature')
  await git(project, 'merge', '-q', 'main', '-m', 'merge')
  return project
}

/** One number, two files, and no git to tell which was first. */
async function clash(): Promise<UrlProject> {
  const project = await urlProject(server)
  await project.write({ 'migrations/001_a.sql': 'SELECT 1;\n', 'migrations/001_b.sql': 'SELECT 2;\n' })
  return project
}

const before = ['001_start.sql', '002_mine.rollback.sql', '002_mine.sql', '002_theirs.sql', '003_more.sql']
const after = ['001_start.sql', '002_theirs.sql', '003_mine.rollback.sql', '003_mine.sql', '004_more.sql']

describe('after a merge', () => {
  test('must show what it would rename and why, and do nothing without an answer', async () => {
    const project = await merged()
    const ended = await project.run('renumber')
    expect(await filesOf(project)).toEqual(before)
    expect(await git(project, 'status', '--short')).toBe('')
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(project.mask(ended.stderr)).toMatchInlineSnapshot(`
      "error  this would rename 3 files in ROOT/migrations:  [CONSENT_NEEDED]
               002_mine.sql           -> 003_mine.sql           (number 002 is taken by 002_theirs.sql, which the base branch has)
               002_mine.rollback.sql  -> 003_mine.rollback.sql  (it takes 002_mine.sql back)
               003_more.sql           -> 004_more.sql           (it comes after 002_mine.sql)

               Looked at: base branch main; what is applied in database DATABASE at 127.0.0.1:PORT.
             Nothing was done.

             try: run it again with --yes if that is what you want
      "
    `)
  })

  test('--yes must rename with git, so that the next migrate applies everything', async () => {
    const project = await merged()
    expect((await project.run('migrate')).code).toBe(2)
    const ended = await project.succeed('renumber', '--yes')
    expect(await filesOf(project)).toEqual(after)
    expect((await git(project, 'status', '--short')).trim().split('\n')).toEqual([
      'R  migrations/002_mine.rollback.sql -> migrations/003_mine.rollback.sql',
      'R  migrations/002_mine.sql -> migrations/003_mine.sql',
      'R  migrations/003_more.sql -> migrations/004_more.sql',
    ])
    expect(project.mask(ended.stdout)).toBe('3 files renamed in ROOT/migrations\n')
    await project.succeed('migrate')
    expect(await ledgerOf(project.database)).toEqual(['001 applied', '002 applied', '003 applied', '004 applied'])
    const again = await project.succeed('renumber')
    expect(again).toMatchObject({ stderr: '' })
    expect(project.mask(again.stdout)).toBe('nothing to renumber in ROOT/migrations\n')
  })

  test.each([
    ['y\n', 0, after],
    ['n\n', 2, before],
  ])('the answer %j on a terminal must count', async (typed, code, files) => {
    const project = await merged()
    const ended = await project.runWith(['renumber'], { typed })
    expect(await filesOf(project)).toEqual(files)
    expect(ended.code).toBe(code)
  })

  test('what the base branch has must stay; what is applied here has to be taken back first, and can be', async () => {
    const project = await merged()
    await git(project, 'rm', '-q', 'migrations/002_theirs.sql')
    await project.succeed('migrate', '--target-version', '2')
    await git(project, 'reset', '-q', '--hard')
    const ended = await project.run('renumber', '--yes', '--base', 'main')
    expect(await filesOf(project)).toEqual(before)
    expect(ended).toMatchObject({ code: 2, stderr: '' })
    expect(project.mask(ended.stdout)).toMatchInlineSnapshot(`
      "002_mine.sql has to move, because number 002 is taken by 002_theirs.sql, which the base branch has, but it is applied in this database.
        try: Take back what is applied from number 002 on (poststack database rollback --url postgresql://postgres@127.0.0.1:PORT/DATABASE --target-version 001), then renumber it and migrate again.
      "
    `)
    await project.succeed('rollback', '--target-version', '001', '--migrations', 'migrations', '--yes')
    await project.succeed('renumber', '--yes')
    expect(await filesOf(project)).toEqual(after)
    await project.succeed('migrate')
    expect(await ledgerOf(project.database)).toEqual(['001 applied', '002 applied', '003 applied', '004 applied'])
  })

  test('what no renaming mends must be told with the way out', async () => {
    const project = await urlProject(server)
    await git(project, 'init', '-q', '-b', 'main')
    await commit(project, '001_start.sql')
    await git(project, 'checkout', '-qb', 'feature')
    await commit(project, '002_mine.sql')
    await project.succeed('migrate')
    await git(project, 'checkout', '-q', 'main')
    await commit(project, '003_theirs.sql')
    await git(project, 'checkout', '-q', 'feature')
    await git(project, 'merge', '-q', 'main', '-m', 'merge')
    const ended = await project.run('renumber')
    expect(await filesOf(project)).toEqual(['001_start.sql', '002_mine.sql', '003_theirs.sql'])
    expect(ended).toMatchObject({ code: 2, stderr: '' })
    expect(project.mask(ended.stdout)).toMatchInlineSnapshot(`
      "002_mine.sql is applied in this database, but it is not in the base branch, and the base branch has the later 003_theirs.sql already.
        try: Take back what is applied from number 002 on (poststack database rollback --url postgresql://postgres@127.0.0.1:PORT/DATABASE --target-version 001), then renumber it and migrate again.
      "
    `)
    const { last } = await project.json('renumber')
    expect(last).toMatchObject({ type: 'renumber-result', moves: [], problems: [{ file: '002_mine.sql' }] })
    // What can be renamed is, and the problem stays one.
    await commit(project, '003_more.sql')
    const both = await project.json('renumber', '--yes')
    expect(await filesOf(project)).toEqual(['001_start.sql', '002_mine.sql', '003_theirs.sql', '004_more.sql'])
    expect(both).toMatchObject({ code: 2, last: { problems: [{ file: '002_mine.sql' }] } })
  })

  test('--json must tell what was renamed, by what it was decided, and where', async () => {
    const project = await merged()
    const { code, lines, last } = await project.json('renumber', '--base', 'main', '--yes')
    expect(code).toBe(0)
    expect(lines).toHaveLength(1)
    expect(last).toEqual({
      version: 1,
      type: 'renumber-result',
      database: expect.objectContaining({ user: 'postgres' }) as unknown,
      folder: join(project.root, 'migrations'),
      base: 'main',
      ledger: true,
      continued: false,
      moves: [
        {
          from: '002_mine.sql',
          to: '003_mine.sql',
          because: 'number 002 is taken by 002_theirs.sql, which the base branch has',
        },
        { from: '002_mine.rollback.sql', to: '003_mine.rollback.sql', because: 'it takes 002_mine.sql back' },
        { from: '003_more.sql', to: '004_more.sql', because: 'it comes after 002_mine.sql' },
      ],
      problems: [],
    })
  })

  test('a run that was cut off must be finished, and said to be', async () => {
    const project = await merged()
    const { last } = await project.json('renumber', '--yes')
    await git(project, 'reset', '-q', '--hard')
    await git(project, 'mv', 'migrations/003_more.sql', 'migrations/004_more.sql')
    const moves = (last['moves'] as readonly object[]).toReversed()
    const journal = 'migrations/.poststack-renumber.json'
    await project.write({ [journal]: JSON.stringify({ version: 1, moves }) })
    const ended = await project.succeed('renumber', '--yes')
    expect(await filesOf(project)).toEqual(after)
    expect(ended.stderr).toContain('This will finish an earlier renumbering and rename')
    await expect(readFile(join(project.root, journal), 'utf8')).rejects.toThrow('ENOENT')
  })

  test.each([
    [['--base', 'nowhere'], '"nowhere" cannot be the base branch'],
    [
      ['--move', '002_theirs.sql', '--move', 'migrations/001_start.sql'],
      '--move 001_start.sql: this file does not have to move',
    ],
    [['--migrations', 'nowhere'], 'There is no folder'],
  ])('%j must be refused before anything is renamed', async (words, said) => {
    const project = await merged()
    const ended = await project.run('renumber', '--yes', ...words)
    expect(await filesOf(project)).toEqual(before)
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toContain(said)
  })
})

describe('where neither git nor the database tells', () => {
  test('without a terminal it must be told how to say it', async () => {
    const project = await clash()
    const ended = await project.run('renumber', '--yes')
    expect(await filesOf(project)).toEqual(['001_a.sql', '001_b.sql'])
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toMatchInlineSnapshot(`
      "error  2 files have number 001, and neither git nor the database tells which was first:  [CONSENT_NEEDED]
               1  001_a.sql
               2  001_b.sql
             Nothing was done.

             try: Run it again and say which file is to get a new number, for example: --move 001_b.sql
      "
    `)
  })

  test('--move must decide it, as a name or as a path', async () => {
    const project = await clash()
    await project.succeed('renumber', '--yes', '--move', 'migrations/001_a.sql')
    expect(await filesOf(project)).toEqual(['001_b.sql', '002_a.sql'])
  })

  test('on a terminal the person must be asked which one stays, until the answer is one', async () => {
    const project = await clash()
    const ended = await project.runWith(['renumber'], {
      typed: [
        ['[1-2, or Enter for nothing]', '3\n'],
        ['"3" is not a number from 1 to 2.', '2\n'],
        ['Rename it? [y/N]', 'y\n'],
      ],
    })
    expect(await filesOf(project)).toEqual(['001_b.sql', '002_a.sql'])
    expect(ended.code).toBe(0)
  })

  test('no answer on a terminal must mean that nothing is done', async () => {
    const project = await clash()
    const ended = await project.runWith(['renumber', '--yes'], { typed: [['Enter for nothing]', '\n']] })
    expect(await filesOf(project)).toEqual(['001_a.sql', '001_b.sql'])
    expect(ended.code).toBe(2)
  })

  test('what is applied must decide it', async () => {
    const project = await clash()
    await project.write({ 'applied/001_b.sql': 'SELECT 2;\n' })
    await project.succeed('migrate', '--migrations', 'applied')
    await project.succeed('renumber', '--yes')
    expect(await filesOf(project)).toEqual(['001_b.sql', '002_a.sql'])
  })
})

test('a database that does not answer must be said, and the rest still be done', async () => {
  const project = await merged()
  const url = 'postgresql://postgres:secret@127.0.0.1:1/nothing'
  const ended = await runCli(['db', 'renumber', '--yes', '--url', url], { cwd: project.root })
  expect(await filesOf(project)).toEqual(after)
  expect(ended.code).toBe(0)
  expect(ended.stderr).toContain('nothing listens there. So it is not known which migrations are applied there.')
  expect(ended.stderr).toContain('Looked at: base branch main; no database, because it does not answer.')
  expect(ended.stderr).not.toContain('secret')
})
