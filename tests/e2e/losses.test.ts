/**
 * Pending migrations that take data away: told, and a backup offered to who can be asked.
 */
import { expect, test } from 'vitest'
import { tempProject } from '../support/project.ts'
import { database, itemsMigration } from '../support/services.ts'

const tables = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1"
const question = 'Make a backup first? [Y/n/q]'

test('up must offer a backup before a migration takes data away, and only warn where nobody can be asked', async () => {
  const project = await tempProject({ runtime: 'native' })
  await project.write({
    ...itemsMigration,
    'migrations/002_more.sql': 'CREATE TABLE more (id int);\nCREATE TABLE passing ();\nDROP TABLE passing;\n',
    'migrations/003_none.sql': 'DROP TABLE IF EXISTS nothing_yet;\n',
  })
  await project.declare({ db: database(project) })
  // A database that is only made now has nothing to lose.
  expect((await project.succeed('up')).stderr).not.toContain('--backup')

  await project.write({ 'migrations/004_drop.sql': '-- no longer read\nDROP TABLE items;\n' })
  const { stdout } = await project.succeed('plan')
  expect(stdout).toContain('1 pending: 004_drop.sql; 004_drop.sql drops table items  [data-loss]')
  const left = await project.runWith(['up'], { typed: [[question, 'q\n']] })
  expect(left.code).toBe(2)
  expect(left.stdout).toContain('004_drop.sql, line 2, drops table items')
  expect(left.stdout).toContain('Nothing was changed.')
  expect(await project.sql(tables)).toEqual([['items'], ['more']])

  const without = await project.runWith(['up'], { typed: [[question, 'n\n']] })
  expect(without).toMatchObject({ code: 0 })
  expect(await project.sql(tables)).toEqual([['more']])

  await project.write({ 'migrations/005_empty.sql': 'TRUNCATE more;\n' })
  const told = await project.succeed('up')
  expect(told.stderr).toContain('005_empty.sql, line 1, empties table more. `up --backup` makes a backup first.')
  expect((await project.succeed('up')).stderr).toBe('')
})
