/**
 * `poststack watch` while somebody saves without end.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { appliedMigrations, tempProject } from '../support/project.ts'
import { database, itemsMigration } from '../support/services.ts'
import { startWatch } from '../support/watching.ts'

const columns = `SELECT string_agg(column_name, ' ') FROM information_schema.columns WHERE table_name = 'saves'`

test('a thousand saves in a row must end with the last of them in the ledger, and cost no memory', async () => {
  const project = await tempProject({ runtime: 'native' })
  await project.write({ ...itemsMigration, 'migrations/007_saves.rollback.sql': 'DROP TABLE saves;\n' })
  await project.write({ 'migrations/007_saves.sql': 'CREATE TABLE saves (save_0 int);\n' })
  await project.declare({ db: database(project) })
  const watch = await startWatch(project)
  const memory = async (): Promise<number> => {
    const status = await readFile(`/proc/${String(watch.pid)}/status`, 'utf8')
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024
  }
  const saves = async (from: number, to: number): Promise<void> => {
    for (let save = from; save <= to; save += 1) {
      const text = `CREATE TABLE saves (save_${String(save)} int);\n`
      // oxlint-disable-next-line no-await-in-loop -- one after the other, as a person saves
      await writeFile(join(project.root, 'migrations/007_saves.sql'), text)
      // oxlint-disable-next-line no-await-in-loop
      await sleep(5)
    }
    const applied = [[`save_${String(to)}`]]
    await expect
      .poll(() => project.sql(columns), { timeout: 20_000 })
      .toEqual(applied)
      .catch((error: unknown) => {
        const said = watch.unheard().slice(-20)
        throw new Error(`the watch has said at last:\n${said.map((event) => JSON.stringify(event)).join('\n')}`, {
          cause: error,
        })
      })
  }
  // Once all that is ever loaded has been, and the heap has the size of the work.
  await saves(1, 500)
  const before = await memory()
  await saves(501, 1_000)
  expect((await memory()) - before).toBeLessThan(50)
  expect(await project.sql(appliedMigrations)).toEqual([['001_items applied'], ['007_saves applied']])
  // Longer than the watch waits before it acts.
  await sleep(1_200)
  const told = watch.unheard().filter(({ type }) => type === 'watch-changed')
  expect(told.length).toBeGreaterThan(0)
  expect(told.length).toBeLessThan(200)
  expect(watch.unheard().filter(({ type }) => type === 'watch-failed')).toEqual([])
  expect((await watch.end()).code).toBe(0)
  expect((await project.succeed('container', 'logs', 'db')).stdout).not.toContain('there is no transaction in progress')
})
