/**
 * What the README promises first: a clone of the repository on a machine without a container engine.
 */
import { execFile } from 'node:child_process'
import { cp, mkdir, readFile, readdir, symlink, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { cleanEnvironment } from '../support/cli.ts'
import { appliedMigrations, ledgerRows, tempProject } from '../support/project.ts'

const execute = promisify(execFile)
const repository = fileURLToPath(new URL('../..', import.meta.url))

/** The files that git would clone, as they are now, on a port that is free. */
async function cloneInto(folder: string, port: number): Promise<void> {
  const { stdout } = await execute('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: repository,
    maxBuffer: 16 * 1024 * 1024,
  })
  for (const file of stdout.split('\0').filter((name) => name !== '')) {
    await cp(join(repository, file), join(folder, file)).catch((error: NodeJS.ErrnoException) => {
      // Deleted, but not yet committed.
      if (error.code !== 'ENOENT') throw error
    })
  }
  const config = join(folder, 'poststack.config.ts')
  const text = await readFile(config, 'utf8')
  expect(text).toContain('port: 5433')
  await writeFile(config, text.replace('port: 5433', `port: ${String(port)}`))
}

/** A folder with everything that is on PATH but container engines. */
async function pathWithoutEngines(folder: string): Promise<string> {
  await mkdir(folder)
  for (const place of (process.env['PATH'] ?? '').split(delimiter)) {
    for (const name of await readdir(place).catch((): string[] => [])) {
      if (/^(podman|docker)/.test(name)) continue
      // The first place wins, as on PATH.
      await symlink(join(place, name), join(folder, name)).catch(() => undefined)
    }
  }
  return folder
}

test('in a clone without an engine, the two words of the README must bring up the stack, and again do nothing', async () => {
  const project = await tempProject({ runtime: 'native', stack: 'poststack' })
  await cloneInto(project.root, project.port)
  const env: NodeJS.ProcessEnv = {
    ...cleanEnvironment(),
    PATH: await pathWithoutEngines(join(project.root, '..', 'bin')),
  }
  delete env['DOCKER_HOST']
  delete env['CONTAINER_HOST']
  const run = (program: string, ...words: readonly string[]): Promise<{ stdout: string; stderr: string }> =>
    execute(program, words, { cwd: project.root, env, maxBuffer: 16 * 1024 * 1024 })

  await run('npm', 'install', '--prefer-offline', '--no-audit', '--no-fund')
  await run('npx', 'poststack', 'up')
  const database = { service: 'postgres' }
  const server = await project.world.only('postgres')
  const ledger = await project.sql(ledgerRows, database)
  expect(server).toMatchObject({ running: true })
  expect(await project.sql(appliedMigrations, database)).toEqual([
    ['001_products applied'],
    ['002_orders applied'],
    ['003_order_totals applied'],
  ])

  const again = await run('npx', 'poststack', 'up')
  expect(await project.world.only('postgres')).toEqual(server)
  expect(await project.sql(ledgerRows, database)).toEqual(ledger)
  expect(again.stdout).toContain('poststack is as declared on native (nothing to do')

  await run('npx', 'poststack', 'plan', '--check')
  await project.write({ 'migrations/004_reviews.sql': 'CREATE TABLE shop.reviews (id bigint);\n' })
  await expect(run('npx', 'poststack', 'plan', '--check')).rejects.toMatchObject({ code: 3 })
}, 300_000)
