import { execFile } from 'node:child_process'
import { link, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import {
  carryOutRenumber,
  prepareRenumber,
  type Renumbering,
  type RenumberOptions,
} from '../../../src/execute/renumber.ts'
import type { Move } from '../../../src/migrations/files/renumber.ts'
import { configProject } from '../../support/config-project.ts'
import { failureOf } from '../../support/migrations.ts'

const run = promisify(execFile)
const env = {
  PATH: process.env['PATH'],
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'a',
  GIT_AUTHOR_EMAIL: 'a@example.org',
  GIT_COMMITTER_NAME: 'a',
  GIT_COMMITTER_EMAIL: 'a@example.org',
}

interface Repository {
  readonly folder: string
  readonly git: (...args: readonly string[]) => Promise<string>
  /** Writes files into the folder and commits them. */
  readonly commit: (...files: readonly string[]) => Promise<void>
}

async function repository(): Promise<Repository> {
  const root = await configProject({ 'db/migrations/001_start.sql': 'select 1' })
  const folder = join(root, 'db/migrations')
  const git = async (...args: readonly string[]): Promise<string> =>
    (await run('git', args, { cwd: folder, env })).stdout
  const commit = async (...files: readonly string[]): Promise<void> => {
    for (const file of files)
      // oxlint-disable-next-line no-await-in-loop
      await writeFile(join(folder, file), `select '${file}'`)
    await git('add', '-A', '.')
    await git('commit', '-qm', `add ${files.join(' ')}`)
  }
  await git('init', '-q', '-b', 'main', root)
  await commit()
  return { folder, git, commit }
}

function options(folder: string, more: Partial<RenumberOptions> = {}): RenumberOptions {
  return { folder, env, signal: new AbortController().signal, applied: undefined, ...more }
}

async function renumber(folder: string, more: Partial<RenumberOptions> = {}): Promise<Renumbering> {
  const found = await prepareRenumber(options(folder, more))
  await carryOutRenumber(options(folder), found.moves)
  return found
}

function shown(moves: readonly Move[]): readonly string[] {
  return moves.map(({ from, to }) => `${from} -> ${to}`)
}

test('of two branches that took one number, the one that is not on the base branch moves, with git mv', async () => {
  const { folder, git, commit } = await repository()
  await git('checkout', '-qb', 'feature')
  await commit('002_mine.sql', '002_mine.rollback.sql')
  await commit('003_übermorgen.sql')
  await git('checkout', '-q', 'main')
  await commit('002_theirs.sql')
  await git('checkout', '-q', 'feature')
  await git('merge', '-q', 'main', '-m', 'merge')
  const found = await renumber(folder)
  expect(found.base).toBe('main')
  expect(shown(found.moves)).toEqual([
    '003_übermorgen.sql -> 004_übermorgen.sql',
    '002_mine.rollback.sql -> 003_mine.rollback.sql',
    '002_mine.sql -> 003_mine.sql',
  ])
  const after = ['001_start.sql', '002_theirs.sql', '003_mine.rollback.sql', '003_mine.sql', '004_übermorgen.sql']
  expect((await readdir(folder)).toSorted()).toEqual(after)
  expect((await git('-c', 'core.quotePath=off', 'status', '--short')).trim().split('\n')).toEqual([
    'R  002_mine.rollback.sql -> 003_mine.rollback.sql',
    'R  002_mine.sql -> 003_mine.sql',
    'R  003_übermorgen.sql -> 004_übermorgen.sql',
  ])
  expect((await renumber(folder)).moves).toEqual([])
})

test('after both branches were merged, the one that was merged later moves', async () => {
  const { folder, git, commit } = await repository()
  await git('checkout', '-qb', 'early')
  await commit('002_early_work.sql')
  await git('checkout', '-qb', 'second', 'main')
  await commit('002_second.sql')
  await git('checkout', '-q', 'main')
  await git('merge', '-q', '--no-ff', 'second', '-m', 'second')
  await git('merge', '-q', '--no-ff', 'early', '-m', 'early')
  const found = await renumber(folder)
  expect(found.moves).toEqual([
    {
      from: '002_early_work.sql',
      to: '003_early_work.sql',
      because: 'number 002 is taken by 002_second.sql, which came to the base branch first',
    },
  ])
})

test('origin/main comes before a local main, and --base before both', async () => {
  const { folder, git, commit } = await repository()
  await git('update-ref', 'refs/remotes/origin/main', 'HEAD')
  await commit('002_a.sql')
  await git('tag', 'v1')
  await commit('002_b.sql')
  const asked = await prepareRenumber(options(folder))
  expect([asked.base, asked.choices]).toEqual(['origin/main', [{ version: '002', files: ['002_a.sql', '002_b.sql'] }]])
  const told = await prepareRenumber(options(folder, { base: 'v1' }))
  expect([told.base, shown(told.moves)]).toEqual(['v1', ['002_b.sql -> 003_b.sql']])
  for (const base of ['nowhere', '--help', '']) {
    // oxlint-disable-next-line no-await-in-loop
    expect((await failureOf(prepareRenumber(options(folder, { base })))).code).toBe('USAGE')
  }
})

test('files that git does not follow are renamed plainly, and count as not on the base', async () => {
  const { folder, git, commit } = await repository()
  await commit('002_a.sql')
  await writeFile(join(folder, '002_new.sql'), 'select 2')
  const { moves } = await renumber(folder)
  expect(shown(moves)).toEqual(['002_new.sql -> 003_new.sql'])
  expect(await readFile(join(folder, '003_new.sql'), 'utf8')).toBe('select 2')
  expect(await git('status', '--short', '.')).toBe('?? 003_new.sql\n')
})

test('without a repository, without git and without a commit the person is asked, unless the database knows', async () => {
  const root = await configProject({ 'm/1_a.sql': 'select 1', 'm/1_b.sql': 'select 2' })
  const folder = join(root, 'm')
  const choices = [{ version: '1', files: ['1_a.sql', '1_b.sql'] }]
  expect(await prepareRenumber(options(folder))).toMatchObject({ choices, base: undefined })
  expect(await prepareRenumber(options(folder, { env: { PATH: '/nowhere' } }))).toMatchObject({ choices })
  expect((await failureOf(prepareRenumber(options(folder, { base: 'main' })))).code).toBe('USAGE')
  await run('git', ['init', '-q', root], { env })
  expect(await prepareRenumber(options(folder))).toMatchObject({ choices, base: undefined })
  const applied = [{ version: '1', name: 'b', checksum: 'of an older text' }]
  expect(shown((await renumber(folder, { applied })).moves)).toEqual(['1_a.sql -> 2_a.sql'])
  expect((await readdir(folder)).toSorted()).toEqual(['1_b.sql', '2_a.sql'])
})

test('a folder that is not there is told', async () => {
  const root = await configProject({})
  expect((await failureOf(prepareRenumber(options(join(root, 'm'))))).code).toBe('MIGRATION_MISSING')
})

const chain: readonly Move[] = [
  { from: '006_x.sql', to: '007_x.sql', because: 'second' },
  { from: '005_x.rollback.sql', to: '006_x.rollback.sql', because: 'rollback' },
  { from: '005_x.sql', to: '006_x.sql', because: 'first' },
]
const before = { '005_x.sql': 'five', '005_x.rollback.sql': 'back', '006_x.sql': 'six' }
const after = { '006_x.sql': 'five', '006_x.rollback.sql': 'back', '007_x.sql': 'six' }

async function contents(folder: string): Promise<Readonly<Record<string, string>>> {
  const files = await readdir(folder)
  return Object.fromEntries(
    await Promise.all(files.map(async (file) => [file, await readFile(join(folder, file), 'utf8')])),
  )
}

test('a cut after any step must be continued by the next run', async () => {
  for (let cut = 0; cut <= chain.length; cut++) {
    for (const half of [false, true]) {
      // oxlint-disable-next-line no-await-in-loop
      const root = await configProject(before)
      // oxlint-disable-next-line no-await-in-loop
      await leaveCut(root, cut, half)
      // oxlint-disable-next-line no-await-in-loop
      const found = await prepareRenumber(options(root))
      expect([found.continues, found.moves]).toEqual([true, chain])
      // oxlint-disable-next-line no-await-in-loop
      await carryOutRenumber(options(root), found.moves)
      // oxlint-disable-next-line no-await-in-loop
      expect(await contents(root)).toEqual(after)
    }
  }
})

/** The folder as a run leaves it that is killed after `cut` moves, `half` with the next one between its two steps. */
async function leaveCut(root: string, cut: number, half: boolean): Promise<void> {
  await writeFile(join(root, '.poststack-renumber.json'), JSON.stringify({ version: 1, moves: chain }))
  for (const { from, to } of chain.slice(0, cut))
    // oxlint-disable-next-line no-await-in-loop
    await rename(join(root, from), join(root, to))
  const next = chain[cut]
  if (half && next !== undefined) await link(join(root, next.from), join(root, next.to))
}

test('nothing must be overwritten, and nothing be moved when one cannot be', async () => {
  const root = await configProject({ ...before, '006_x.rollback.sql': 'mine' })
  const error = await failureOf(carryOutRenumber(options(root), chain))
  expect([error.code, error.message]).toEqual([
    'NAME_TAKEN',
    '005_x.rollback.sql was to become 006_x.rollback.sql, but a file of that name is there.',
  ])
  expect(await contents(root)).toEqual({ ...before, '006_x.rollback.sql': 'mine' })
  await rm(join(root, '006_x.rollback.sql'))
  await symlink('nowhere', join(root, '007_x.sql'))
  expect((await failureOf(carryOutRenumber(options(root), chain))).code).toBe('NAME_TAKEN')
  await rm(join(root, '007_x.sql'))
  await rm(join(root, '006_x.sql'))
  expect((await failureOf(carryOutRenumber(options(root), chain))).code).toBe('MIGRATION_MISSING')
  expect((await readdir(root)).toSorted()).toEqual(['005_x.rollback.sql', '005_x.sql'])
})

test('git that refuses must leave what the next run finishes', async () => {
  const { folder, git, commit } = await repository()
  await commit('002_a.sql')
  await writeFile(join(folder, '002_b.sql'), '')
  await writeFile(join(folder, '003_c.sql'), '')
  await git('add', '-A')
  const lock = join(folder, '../../.git/index.lock')
  await writeFile(lock, '')
  const { moves } = await prepareRenumber(options(folder))
  const error = await failureOf(carryOutRenumber(options(folder), moves))
  expect(error.code).toBe('STEP_FAILED')
  expect(error.message).toContain('Another git process')
  await rm(lock)
  const again = await renumber(folder)
  expect([again.continues, again.moves]).toEqual([true, moves])
  expect((await readdir(folder)).toSorted()).toEqual(['001_start.sql', '002_a.sql', '003_b.sql', '004_c.sql'])
})

test('a journal that is damaged or leads out of the folder must not be followed', async () => {
  const root = await configProject({ 'm/005_x.sql': '' })
  await mkdir(join(root, 'other'))
  const outside = { version: 1, moves: [{ from: '005_x.sql', to: '../other/1_x.sql', because: '' }] }
  for (const text of ['{', '{}', '[]', JSON.stringify(outside)]) {
    // oxlint-disable-next-line no-await-in-loop
    await writeFile(join(root, 'm/.poststack-renumber.json'), text)
    // oxlint-disable-next-line no-await-in-loop
    expect((await failureOf(prepareRenumber(options(join(root, 'm'))))).code).toBe('MIGRATION_INVALID')
  }
})
