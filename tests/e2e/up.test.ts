/**
 * `up`, `plan`, `status` and `down` on every runtime: each test looks at what exists first, and at words second.
 */
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { appliedMigrations, ledgerRows, tempProject, type Project } from '../support/project.ts'
import { freePort } from '../support/ports.ts'
import { database, debianImage, echo, fetchText, itemsMigration } from '../support/services.ts'
import { realRuntimes } from '../support/world.ts'

/** What must not change when nothing was declared anew. */
async function stateOf(project: Project) {
  return {
    containers: await project.world.containers(),
    volumes: await project.world.volumes(),
    ledger: await project.sql(ledgerRows),
    files: await project.files(),
  }
}

/** A job that leaves one line for each of its runs. */
const job = (word: string): string =>
  `container({ image: '${debianImage}', command: ['sh', '-c', 'echo ${word} >> /out/runs'], volumes: [{ bind: './out', target: '/out' }], job: true })`

describe.each(await realRuntimes())('$title', ({ name: runtime, missing }) => {
  const obligation = (text: string, body: () => Promise<void>): void => {
    test.skipIf(missing !== undefined)(`${runtime}: ${text}`, body)
  }

  describe('a stack that is up', () => {
    let project: Project

    afterAll(async () => {
      if (missing === undefined) await project.destroy()
    })

    beforeAll(async () => {
      if (missing !== undefined) return
      project = await tempProject({ runtime, shared: true })
      await project.write(itemsMigration)
      await project.declare({ db: database(project) })
    })

    obligation('a first up must leave the database running, ready and migrated', async () => {
      const ended = await project.run('up')
      expect(await project.world.only('db')).toMatchObject({ running: true, name: `${project.stack}-db` })
      expect(await project.sql('SELECT body FROM items')).toEqual([['first']])
      expect(await project.sql(appliedMigrations)).toEqual([['001_items applied']])
      expect(ended).toMatchObject({ code: 0 })
      expect(ended.stdout).toContain(`${project.stack} is as declared on ${runtime} (`)
      expect(ended.stdout).toContain(`db  postgresql://poststack@127.0.0.1:${String(project.port)}/poststack`)
      expect(ended.stderr).toMatch(/ok +db +applied +001_items/)
    })

    obligation('an unchanged up must restart nothing, write nothing, and say so', async () => {
      const before = await stateOf(project)
      const ended = await project.run('up')
      expect(await stateOf(project)).toEqual(before)
      expect(ended).toMatchObject({ code: 0, stderr: '' })
      expect(ended.stdout).toMatch(/ is as declared on \w+ \(nothing to do, \d/)
    })

    obligation('plan and status must change nothing, and find all as declared', async () => {
      const before = await stateOf(project)
      const plan = await project.run('plan', '--check')
      const status = await project.run('status', '--check')
      expect(await stateOf(project)).toEqual(before)
      expect(plan).toMatchObject({ code: 0, stderr: '' })
      expect(plan.stdout).toBe(`${project.stack} on ${runtime}: everything is as declared\n`)
      expect(status).toMatchObject({ code: 0, stderr: '' })
      expect(status.stdout).toMatch(/^ {2}db {2}ready {2}1 applied {2}postgresql:/m)
    })

    obligation('a new migration must be planned, then applied, without touching the server', async () => {
      const server = await project.world.only('db')
      await project.write({ 'migrations/002_tags.sql': 'ALTER TABLE items ADD COLUMN tags text[];\n' })
      const plan = await project.run('plan', '--check')
      const pending = await project.run('status')
      expect(await project.sql(ledgerRows)).toHaveLength(1)
      expect(plan.code).toBe(3)
      expect(plan.stdout).toMatch(/1 step[\s\S]*migrate/)
      expect(plan.stdout).toContain('002_tags')
      expect(pending.stdout).toContain('1 applied, 1 pending')

      const up = await project.run('up')
      expect(await project.sql(appliedMigrations)).toEqual([['001_items applied'], ['002_tags applied']])
      expect(await project.sql('SELECT tags FROM items')).toEqual([[null]])
      expect(await project.world.only('db')).toEqual(server)
      expect(up.code).toBe(0)
      expect((await project.run('status')).stdout).toContain('2 applied')
    })

    obligation('down must stop everything and keep the data for the next up', async () => {
      const volumes = await project.world.volumes()
      const down = await project.run('down')
      expect(await project.world.containers()).toEqual([])
      expect(await project.world.volumes()).toEqual(volumes)
      expect(down.code).toBe(0)
      expect(down.stdout).toContain('its volumes are kept')
      await project.succeed('down')

      const up = await project.run('up')
      expect(await project.sql('SELECT body FROM items')).toEqual([['first']])
      expect(await project.sql(ledgerRows)).toHaveLength(2)
      expect(up.code).toBe(0)
    })

    obligation('down --volumes must delete nothing when nobody can be asked', async () => {
      const before = await stateOf(project)
      const ended = await project.run('down', '--volumes')
      expect(await stateOf(project)).toMatchObject({ ...before, files: expect.anything() as unknown })
      expect(ended).toMatchObject({ code: 2, stdout: '' })
      expect(ended.stderr).toContain(`${project.stack}-db-data`)
      expect(ended.stderr).toContain('--yes')
    })

    obligation('down --volumes must ask on a terminal, and keep the data on anything but yes', async () => {
      const before = await stateOf(project)
      const ended = await project.runWith(['down', '--volumes'], { typed: 'n\n' })
      expect(await stateOf(project)).toMatchObject({ ...before, files: expect.anything() as unknown })
      expect(ended.stdout).toContain(`volume:${project.stack}-db-data`)
      expect(ended.stdout).toContain('Delete? [y/N]')
      expect(ended.stdout).toContain('Nothing was changed.')
      expect(ended.stdout).not.toContain('--yes')
      expect(ended.code).toBe(2)
    })

    obligation('down --volumes with a yes on the terminal must delete the data', async () => {
      const ended = await project.runWith(['down', '--volumes'], { typed: 'y\n' })
      expect(await project.world.containers()).toEqual([])
      expect(await project.world.volumes()).toEqual([])
      expect(ended.code).toBe(0)
    })

    obligation('down --volumes --yes must delete the data, and the next up must start anew', async () => {
      await project.succeed('up')
      await project.sql("INSERT INTO items (body) VALUES ('second')")
      const ended = await project.run('down', '--volumes', '--yes')
      expect(await project.world.volumes()).toEqual([])
      expect(ended.code).toBe(0)
      expect(ended.stdout).toContain('its data is deleted')

      await project.succeed('up')
      expect(await project.sql('SELECT body FROM items')).toEqual([['first']])
    })
  })

  describe('a stack of two services', () => {
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
    const answer = async (): Promise<unknown> =>
      runtime === 'native'
        ? (await project.sql("SELECT current_setting('app.word')", { port, service: 'app' }))[0]?.[0]
        : fetchText(port)

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

    obligation('up with a service must start that one only', async () => {
      const ended = await project.run('up', 'db')
      expect((await project.world.containers()).map(({ service }) => service)).toEqual(['db'])
      expect(await project.sql('SELECT body FROM items')).toEqual([['first']])
      expect(ended.code).toBe(0)
      await project.succeed('up')
      expect(await answer()).toBe('hello')
    })

    obligation('a changed value must recreate its service only, and the plan must name the field', async () => {
      const [db, app] = [await project.world.only('db'), await project.world.only('app')]
      await project.declare({ db: database(project), app: second('bonjour') })
      const plan = await project.run('plan', '--check')
      const up = await project.run('up')
      expect(await project.world.only('db')).toEqual(db)
      const now = await project.world.only('app')
      expect(now.id).not.toBe(app.id)
      expect(now).toMatchObject({ name: app.name, running: true })
      expect(await answer()).toBe('bonjour')
      expect(plan.code).toBe(3)
      const path = runtime === 'native' ? 'settings.app.word' : 'env.WORD'
      expect(plan.stdout).toContain(`${path}: hello -> bonjour\n`)
      expect(plan.stdout).not.toMatch(/service:db +(?! |record )/)
      expect(up.code).toBe(0)
    })

    obligation('a replacement that does not get ready must leave the old one answering', async () => {
      const before = await project.world.only('app')
      await project.declare({ db: database(project), app: second('farewell', true) })
      const ended = await project.run('up')
      const after = await project.world.only('app')
      expect(after).toMatchObject({ name: before.name, running: true })
      if (runtime !== 'native') expect(after.id).toBe(before.id)
      // It was started again, and needs its moment.
      await expect.poll(answer, { timeout: 10_000 }).toBe('bonjour')
      expect(ended.code).toBe(1)
      expect(ended.stderr).toMatch(
        runtime === 'native' ? /invalid value for parameter "shared_buffers"/ : /told to crash/,
      )

      await project.declare({ db: database(project), app: second('bonjour') })
      await project.succeed('plan', '--check')
    })

    obligation('a service that the config no longer has must go, and its data must stay', async () => {
      const db = await project.world.only('db')
      const volumes = await project.world.volumes()
      await project.declare({ db: database(project) })
      const ended = await project.run('up')
      expect(await project.world.containers()).toEqual([db])
      expect(await project.world.volumes()).toEqual(volumes)
      expect(ended.code).toBe(0)
    })
  })

  if (runtime === 'native') return

  obligation('a job must run once, and again when it is declared anew', async () => {
    const project = await tempProject({ runtime })
    await project.write(itemsMigration)
    const runs = async (): Promise<unknown> => readFile(`${project.root}/out/runs`, 'utf8')
    await project.write({ 'out/runs': '' })
    await project.declare({ job: job('one') })
    await project.succeed('up')
    expect(await runs()).toBe('one\n')
    await project.succeed('plan', '--check')
    expect((await project.run('up')).stdout).toContain('nothing to do')
    expect(await runs()).toBe('one\n')

    await project.declare({ job: job('two') })
    await project.succeed('up')
    expect(await runs()).toBe('one\ntwo\n')
  })
})
