/**
 * Wherever an `up` is cut, the next one converges: killed at random moments of every kind of run, and interrupted.
 */
import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { appliedMigrations, tempProject, type Project } from '../support/project.ts'
import { chooseSeed, randomNumbers } from '../support/random.ts'
import { buildLeftovers } from '../support/leftovers.ts'
import { freePort } from '../support/ports.ts'
import { database, debianImage, echo, fetchText, itemsMigration } from '../support/services.ts'
import { realRuntimes, type RealRuntime, type Seen } from '../support/world.ts'

const execute = promisify(execFile)

/** CI makes fewer of them on its second Node: where a run is cut is chance, and a Node changes nothing about it. */
const rounds = process.env['POSTSTACK_SHORTENED'] === '1' ? 2 : 20
const filesOfARound = 30

/** What a round changes before its `up` is killed. */
const kinds = ['first start', 'settings', 'migrations', 'replacement', 'build'] as const
type Kind = (typeof kinds)[number]

interface Declared {
  word: number
  work: number
  build: number
}

/** One project through all rounds. */
interface Lab {
  readonly project: Project
  readonly port: number
  readonly declared: Declared
}

async function openLab(runtime: RealRuntime): Promise<Lab> {
  const project = await tempProject({ runtime })
  const lab: Lab = { project, port: await freePort(), declared: { word: 0, work: 0, build: 0 } }
  await project.write({ ...itemsMigration, 'migrations/002_rounds.sql': 'CREATE TABLE rounds (n integer);\n' })
  await declare(lab)
  return lab
}

/** A server, and where there are containers an application and a job with an image of its own. */
async function declare({ project, port, declared }: Lab): Promise<void> {
  const { work, word, build } = declared
  const db = database(project, {
    fields: `migrations: './migrations', settings: { work_mem: '${String(4 + work)}MB' }`,
  })
  if (project.runtime === 'native') return project.declare({ db })
  await project.write({
    Dockerfile: `FROM ${debianImage}\nRUN sleep 1 && echo ${String(build)} > /built\n`,
    '.dockerignore': '*\n',
  })
  const job = "container({ build: { dockerfile: './Dockerfile' }, command: ['cat', '/built'], job: true })"
  return project.declare({ db, app: echo(port, { word: `word-${String(word)}` }), job })
}

async function change(lab: Lab, kind: Kind, round: number): Promise<void> {
  const { declared, project } = lab
  if (kind === 'first start') await project.succeed('down')
  if (kind === 'settings') declared.work += 1
  if (kind === 'replacement') declared.word += 1
  if (kind === 'build') declared.build += 1
  if (kind === 'migrations') {
    const numbers = Array.from({ length: filesOfARound }, (_, n) => String(1000 + round * 100 + n))
    await project.write(
      Object.fromEntries(
        numbers.map((n) => [
          `migrations/${n}_m.sql`,
          `CREATE TABLE m_${n} (n integer);\nINSERT INTO m_${n} VALUES (1);\n`,
        ]),
      ),
    )
  }
  await declare(lab)
}

/** Ledger and tables tell the same story, and every row that was once there still is. */
async function expectData({ project }: Lab, rowsWritten: number): Promise<void> {
  expect(await project.sql('SELECT count(*)::integer FROM rounds')).toEqual([[rowsWritten]])
  const tables = await project.sql(
    "SELECT substr(tablename, 3) || '_m applied' FROM pg_tables WHERE tablename LIKE 'm\\_%' ORDER BY tablename",
  )
  const files = (await readdir(join(project.root, 'migrations'))).filter((name) => name.endsWith('_m.sql'))
  const applied = await project.sql(appliedMigrations)
  expect(applied).toEqual([['001_items applied'], ['002_rounds applied'], ...tables])
  expect(tables).toHaveLength(files.length)
}

async function expectConverged(lab: Lab, rowsWritten: number): Promise<void> {
  const { project, port, declared } = lab
  await project.succeed('up')
  const services = project.runtime === 'native' ? ['db'] : ['app', 'db']
  const containers = await project.world.containers()
  // The job is done once for all: after a `down` it has no container.
  const [jobs, others] = [containers.filter(isJob), containers.filter((one) => !isJob(one))]
  expect(jobs.filter(({ running }) => running)).toEqual([])
  expect(others.map(({ name, running }) => `${name} ${running ? 'up' : 'down'}`).toSorted()).toEqual(
    services.map((name) => `${project.stack}-${name} up`),
  )
  expect(await project.world.volumes()).toEqual([`${project.stack}-db-data`])
  await expectData(lab, rowsWritten)
  expect(await project.sql('SHOW work_mem')).toEqual([[`${String(4 + declared.work)}MB`]])
  if (project.runtime !== 'native') expect(await fetchText(port)).toBe(`word-${String(declared.word)}`)
  await project.succeed('plan', '--check')
}

function isJob({ service }: Seen): boolean {
  return service === 'job'
}

/** Names of half-written files among what Poststack keeps. */
async function drafts({ project }: Lab): Promise<readonly string[]> {
  const entries = await readdir(join(project.root, '.poststack'), { recursive: true })
  return entries.filter((path) => !/\/data(\/|$)/.test(path) && /\.(draft|tmp|new|part)\b/.test(path))
}

/** Helpers of a killed run notice it, or end for want of calls: that may take a minute. */
async function expectNoStrays({ project }: Lab): Promise<void> {
  for (let left = 90; left > 0 && (await project.world.strays()).length > 0; left -= 1) await sleep(1000)
  expect(await project.world.strays()).toEqual([])
}

/** What podman's killed builds leave goes with the next build of the same image. */
async function expectNoLeftovers(lab: Lab): Promise<void> {
  const { project } = lab
  if (project.runtime !== 'podman') return
  lab.declared.build += 1
  await declare(lab)
  await project.succeed('up')
  const dockerfile = join(project.root, 'Dockerfile')
  expect(await buildLeftovers({ context: project.root, dockerfile })).toEqual([])
}

describe.each(await realRuntimes())('$title', ({ name: runtime, missing }) => {
  const possible = kinds.filter((kind) => runtime !== 'native' || (kind !== 'replacement' && kind !== 'build'))

  test.skipIf(missing !== undefined)(
    `${runtime}: an up after one that was killed at any moment must converge and lose nothing`,
    { timeout: 900_000 },
    async () => {
      const seed = chooseSeed()
      const random = randomNumbers(seed)
      const lab = await openLab(runtime)
      const { project } = lab
      const story: string[] = []
      // How long such a run takes here, learned from those that were not cut.
      const lasts = new Map<Kind, number>()
      let rowsWritten = 0
      try {
        for (let round = 0; round < rounds; round += 1) {
          const kind = possible[round % possible.length] ?? 'first start'
          if (round > 0) await change(lab, kind, round)
          const afterMs = Math.round(random() * (lasts.get(kind) ?? 3000))
          story.push(`round ${String(round)}: ${kind}, killed after ${String(afterMs)} ms`)
          const began = performance.now()
          const run = project.start(['up'])
          const { code } = await Promise.race([run.ended, sleep(afterMs, { code: undefined })])
          run.process.kill('SIGKILL')
          await run.ended
          lasts.set(kind, code === undefined ? Math.max(lasts.get(kind) ?? 3000, 500) : performance.now() - began)
          await expectConverged(lab, rowsWritten)
          await project.sql(`INSERT INTO rounds VALUES (${String(round)})`)
          rowsWritten += 1
        }
        expect(await drafts(lab)).toEqual([])
        await expectNoStrays(lab)
        await expectNoLeftovers(lab)
      } catch (error) {
        process.stderr.write(`POSTSTACK_SEED=${String(seed)} brings this run back:\n${story.join('\n')}\n`)
        throw error
      }
    },
  )

  test.skipIf(missing !== undefined).each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)(
    `${runtime}: an up that %s ends must exit with %i, and the next one must converge`,
    async (signal, code) => {
      const lab = await openLab(runtime)
      const { project } = lab
      for (const word of ['created', 'started', 'ready']) {
        const run = project.start(['up'])
        await run.said(`${word} `)
        run.process.kill(signal)
        const ended = await run.ended
        expect([word, ended.code]).toEqual([word, code])
        expect(ended.stdout).toMatch(/ is not as declared on \w+: /)
        await project.succeed('down')
      }
      // In the middle of a migration: nothing of it stays, neither rows nor the statement that the server works on.
      await project.write({ 'migrations/003_slow.sql': 'CREATE TABLE slow (n integer);\nSELECT pg_sleep(60);\n' })
      const run = project.start(['up'])
      await run.said('002_rounds')
      await sleep(300)
      const began = performance.now()
      run.process.kill(signal)
      const ended = await run.ended
      expect(ended.code).toBe(code)
      expect(ended.stderr).toMatch(/: \d of \d pending migrations applied; 003_slow\.sql was rolled back/)
      expect(performance.now() - began).toBeLessThan(10_000)
      expect(await project.sql(appliedMigrations)).toEqual([['001_items applied'], ['002_rounds applied']])
      expect(
        await project.sql(
          "SELECT query FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()",
        ),
      ).toEqual([])
      await project.write({ 'migrations/003_slow.sql': 'CREATE TABLE slow (n integer);\n' })
      await project.succeed('up')
      expect(await project.sql('SELECT * FROM slow')).toEqual([])
      await expectNoStrays(lab)
    },
  )
})

const podman = (await realRuntimes()).find(({ name }) => name === 'podman')

describe.skipIf(podman?.missing !== undefined)('podman', () => {
  /** Each with what podman had done of a start when it was killed. */
  const cuts = {
    'its ports were bound already': async () => undefined,
    'its program ran already': async (id: string) => {
      const { stdout } = await execute('podman', ['inspect', '--format', '{{.OCIRuntime}}', id])
      await execute(stdout.trim(), ['start', id])
    },
  }

  test.each(Object.entries(cuts))('podman: an up must finish a start that was cut off when %s', async (_, more) => {
    const { project } = await openLab('podman')
    await project.succeed('up')
    const { id, name } = await project.world.only('db')
    await execute('podman', ['stop', name])
    await execute('podman', ['init', name])
    await more(id)
    await project.succeed('up')
    expect(await project.world.only('db')).toMatchObject({ id, running: true })
    expect(await project.sql(appliedMigrations)).toHaveLength(2)
  })
})
