/**
 * What the stack's own database says of the stack, after `up`, on every runtime: set against what the engines' own programs show.
 */
import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../support/ports.ts'
import { secretsOf, tempProject, type Project } from '../support/project.ts'
import { database, debianImage, echo, itemsMigration } from '../support/services.ts'
import { realRuntimes } from '../support/world.ts'

const execute = promisify(execFile)

/** Rows of the three tables with the transactions that wrote them: an unchanged run must not even touch those. */
const allRows = `
  SELECT 'info ' || name AS row, value, xmin::text, updated_at::text FROM poststack.system_info
  UNION ALL SELECT 'service ' || name, state, xmin::text, updated_at::text FROM poststack.services
  UNION ALL SELECT 'container ' || name, id, xmin::text, updated_at::text FROM poststack.containers ORDER BY 1`

const serviceRows =
  'SELECT name, stack, kind, runtime, addresses[1], state FROM poststack.services ORDER BY name COLLATE "C"'

/** Service, id and whether it runs, as the database has them. */
const containerRows = `SELECT service, id, state = 'running' FROM poststack.containers ORDER BY service COLLATE "C"`

/** The same, as the engine has them. */
async function containersOf(project: Project): Promise<unknown> {
  const seen = (await project.world.containers()).toSorted((a, b) => (a.service < b.service ? -1 : 1))
  if (project.runtime !== 'native') return seen.map(({ service, id, running }) => [service, id, running])
  // Natively the id that stays is the one in the server's record, not that of its process.
  const records = await project.world.inspectAll()
  const ids = [...records.matchAll(/"id": ?"([^"]+)"/g)].map(([, id]) => id ?? '')
  const known = await project.sql('SELECT id, service FROM poststack.containers')
  const serviceOf = new Map(known.map(([id, service]) => [id, service]))
  expect(new Set(ids.map((id) => serviceOf.get(id)))).toEqual(new Set(seen.map(({ service }) => service)))
  return ids
    .map((id) => [serviceOf.get(id), id, seen.find(({ service }) => service === serviceOf.get(id))?.running])
    .toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1))
}

describe.each(await realRuntimes())('$title', ({ name: runtime, missing }) => {
  const obligation = (text: string, body: () => Promise<void>): void => {
    test.skipIf(missing !== undefined)(`${runtime}: ${text}`, body)
  }
  let project: Project
  let port: number

  /** The second service: a container, or where there are none a second server whose settings change. */
  const second = (word: string, crashes = false): string =>
    runtime === 'native'
      ? database(project, {
          port,
          fields: `settings: { 'app.word': '${word}'${crashes ? ", shared_buffers: 'much'" : ''} }`,
        })
      : echo(port, { word, crashes })

  afterAll(async () => {
    if (missing === undefined) await project.destroy()
  })

  beforeAll(async () => {
    if (missing !== undefined) return
    project = await tempProject({ runtime, shared: true })
    port = await freePort()
    await project.write(itemsMigration)
    await project.declare({ db: database(project), app: second('hello') })
  })

  obligation('after up the database must say what is declared and what runs', async () => {
    const ended = await project.succeed('up')
    const app =
      runtime === 'native'
        ? ['postgres', `postgresql://poststack@127.0.0.1:${String(port)}/poststack`]
        : ['container', `http://127.0.0.1:${String(port)}`]
    expect(await project.sql(serviceRows)).toEqual([
      ['app', project.stack, app[0], runtime, app[1], 'running'],
      [
        'db',
        project.stack,
        'postgres',
        runtime,
        `postgresql://poststack@127.0.0.1:${String(project.port)}/poststack`,
        'running',
      ],
    ])
    expect(await project.sql(containerRows)).toEqual(await containersOf(project))
    expect(await project.sql('SELECT unnest(ports) FROM poststack.containers ORDER BY 1')).toEqual(
      [port, project.port]
        .map((one) => `127.0.0.1:${String(one)}`)
        .toSorted()
        .map((text) => [text]),
    )
    expect(
      await project.sql("SELECT name, value FROM poststack.system_info WHERE name <> 'tool_version' ORDER BY 1"),
    ).toEqual([
      ['ledger_layout', '3'],
      ['root', project.root],
      ['runtime', runtime],
      ['stack', project.stack],
    ])
    expect(ended.stderr).toMatch(/ok +db +recorded +\d+ ms\n$/)
    expect((await project.succeed('plan', '--check')).stdout).toContain('everything is as declared')
  })

  obligation('no password and no digest key must stand in it', async () => {
    const { key, passwords } = await secretsOf(project.root)
    const rows = JSON.stringify([
      await project.sql('SELECT s::text FROM poststack.services s'),
      await project.sql('SELECT c::text FROM poststack.containers c'),
      await project.sql('SELECT i::text FROM poststack.system_info i'),
    ])
    for (const secret of [key, ...Object.values(passwords)]) expect(rows).not.toContain(secret)
  })

  obligation('an unchanged up must write no row', async () => {
    const before = await project.sql(allRows)
    const ended = await project.succeed('up')
    expect(await project.sql(allRows)).toEqual(before)
    expect(ended.stdout).toContain('nothing to do')
    await project.succeed('up', 'db')
    expect(await project.sql(allRows)).toEqual(before)
  })

  obligation(
    'a service that changed must be there with its new container, and the rows of others untouched',
    async () => {
      const before = await project.sql(allRows)
      await project.declare({ db: database(project), app: second('bonjour') })
      await project.succeed('up')
      expect(await project.sql(containerRows)).toEqual(await containersOf(project))
      const same = (await project.sql(allRows)).filter((row) => before.some((old) => old.join(' ') === row.join(' ')))
      expect(same.map(([row]) => row)).toEqual([
        `container ${project.stack}-db`,
        'info ledger_layout',
        'info root',
        'info runtime',
        'info stack',
        'info tool_version',
        'service db',
      ])
      await project.succeed('plan', '--check')
    },
  )

  obligation('rows that somebody changed must be named by the plan, and put right by up', async () => {
    const before = await project.sql(containerRows)
    await project.sql("UPDATE poststack.services SET state = 'failed' WHERE name = 'app'")
    await project.sql("DELETE FROM poststack.containers WHERE service = 'db'")
    const plan = await project.run('plan', '--check')
    expect(plan.code).toBe(3)
    expect(plan.stdout).toContain('record  records of 2 services are out of date')
    expect(plan.stdout).toContain('app.state: failed -> running')
    const up = await project.succeed('up')
    expect(up.stderr).toMatch(/ok +db +recorded +\d+ ms +records of 2 services are out of date\n$/)
    expect(await project.sql(containerRows)).toEqual(before)
    await project.succeed('plan', '--check')
  })

  obligation('a ledger without the tables must get them with the next up', async () => {
    await project.sql('DROP TABLE poststack.containers, poststack.services')
    const plan = await project.run('plan', '--check')
    expect(plan.code).toBe(3)
    expect(plan.stdout).toContain('nothing is recorded yet')
    await project.succeed('up')
    expect(await project.sql(containerRows)).toEqual(await containersOf(project))
    await project.succeed('plan', '--check')
  })

  obligation('after a replacement that failed, the rows must still say what runs', async () => {
    await project.declare({ db: database(project), app: second('farewell', true) })
    expect((await project.run('up')).code).toBe(1)
    expect(await project.sql(containerRows)).toEqual(await containersOf(project))
    await project.declare({ db: database(project), app: second('bonjour') })
    await project.succeed('plan', '--check')
  })

  obligation(
    'a database that others run must be told nothing, nor lose what its own stack recorded there',
    async () => {
      const other = await tempProject({ runtime })
      const { passwords } = await secretsOf(project.root)
      const url = `postgresql://poststack:${String(passwords['db.password'])}@127.0.0.1:${String(project.port)}/poststack`
      const before = await project.sql(allRows)
      await other.write(itemsMigration)
      const shared = `postgres({ url: '${url}', migrations: './migrations' })`
      await other.declare({ db: shared, own: database(other, { fields: '' }) })
      await other.succeed('up')
      expect(await project.sql(allRows)).toEqual(before)
      await other.succeed('plan', '--check')
    },
  )

  obligation('a service that the config no longer has must be gone from the rows, too', async () => {
    await project.declare({ db: database(project) })
    await project.succeed('up')
    expect(await project.sql('SELECT name FROM poststack.services')).toEqual([['db']])
    expect(await project.sql(containerRows)).toEqual(await containersOf(project))
    await project.succeed('plan', '--check')
  })

  obligation('up after down must record the new containers', async () => {
    const before = await project.sql(containerRows)
    await project.succeed('down')
    await project.succeed('up')
    const after = await project.sql(containerRows)
    expect(after).not.toEqual(before)
    expect(after).toEqual(await containersOf(project))
  })

  obligation('where no migration is declared, nothing must be made in the database', async () => {
    const bare = await tempProject({ runtime })
    const schema = "SELECT nspname FROM pg_namespace WHERE nspname = 'poststack'"
    await bare.declare({ db: database(bare, { fields: '' }) })
    await bare.succeed('up')
    expect(await bare.sql(schema)).toEqual([])
    await mkdir(join(bare.root, 'migrations'))
    await bare.declare({ db: database(bare) })
    await bare.succeed('up')
    await bare.succeed('plan', '--check')
    expect(await bare.sql(schema)).toEqual([])
  })

  if (runtime === 'native') return

  obligation('a job must be recorded as completed, and a container made anew from outside be found out', async () => {
    const work = await tempProject({ runtime })
    await work.write(itemsMigration)
    const seed = `container({ image: '${debianImage}', command: ['true'], job: true })`
    await work.declare({ db: database(work), seed, web: echo(await freePort(), { word: 'hello' }) })
    await work.succeed('up')
    expect(await work.sql('SELECT name, state FROM poststack.services ORDER BY 1')).toEqual([
      ['db', 'running'],
      ['seed', 'completed'],
      ['web', 'running'],
    ])
    expect(await work.sql("SELECT state, exit_code, ports FROM poststack.containers WHERE service = 'seed'")).toEqual([
      ['exited', 0, []],
    ])
    expect(await work.sql(containerRows)).toEqual(await containersOf(work))

    await execute(runtime, ['rm', '-f', (await work.world.only('web')).name])
    await work.succeed('up')
    expect(await work.sql(containerRows)).toEqual(await containersOf(work))
    await work.succeed('plan', '--check')
  })
})
