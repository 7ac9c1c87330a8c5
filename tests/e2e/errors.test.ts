/**
 * What goes wrong on runtimes: the whole text that a stranger reads, the exit code, and that the next run is not blocked.
 */
import { rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { appliedMigrations, tempProject } from '../support/project.ts'
import { database, debianImage, itemsMigration } from '../support/services.ts'
import { lookAt, realRuntimes } from '../support/world.ts'

/** Holds a port until the function that it returns is called, or the test ends. */
async function hold(port: number): Promise<() => Promise<void>> {
  const server = createServer()
  await new Promise<void>((resolve) => {
    server.listen(port, '127.0.0.1', resolve)
  })
  const release = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => {
        resolve()
      })
    })
  onTestFinished(release)
  return release
}

const job = "container({ build: { dockerfile: './Dockerfile' }, job: true })"

const engines = await realRuntimes()

describe.each(engines)('$title', ({ name: runtime, missing }) => {
  const obligation = (text: string, body: () => Promise<void>): void => {
    test.skipIf(missing !== undefined)(`${runtime}: ${text}`, body)
  }

  obligation('a broken migration must leave nothing of itself, and be shown at the place of the error', async () => {
    const project = await tempProject({ runtime })
    await project.write({
      ...itemsMigration,
      'migrations/002_prices.sql':
        'CREATE TABLE prices (n integer);\n\nALTER TABLE items\n  ADD COLUMN price numeric(10, 2),\n  ADD COLUMN currency txt;\n',
    })
    await project.declare({ db: database(project) })
    const ended = await project.run('up')
    expect(await project.sql(appliedMigrations)).toEqual([['001_items applied']])
    expect(await project.sql("SELECT to_regclass('prices')")).toEqual([[null]])
    expect(ended.code).toBe(1)
    const error = ended.stderr.slice(ended.stderr.indexOf('error  '))
    expect(project.mask(error)).toMatchInlineSnapshot(`
      "error  002_prices.sql, line 5, column 23: type "txt" does not exist (SQLSTATE 42704)  [MIGRATION_FAILED]

               3 | ALTER TABLE items
               4 |   ADD COLUMN price numeric(10, 2),
             > 5 |   ADD COLUMN currency txt;
                 |                       ^

             1 of 2 pending migrations applied; 002_prices.sql was rolled back, so the database is as after 001_items.sql.

             try: Something it needs is not there: correct 002_prices.sql, or add the migration that makes it before this one; then run again.
      "
    `)

    await project.write({ 'migrations/002_prices.sql': 'CREATE TABLE prices (n integer);\n' })
    await project.succeed('up')
    expect(await project.sql(appliedMigrations)).toEqual([['001_items applied'], ['002_prices applied']])
  })

  obligation('a busy port must be found before anything is made, and its holder named', async () => {
    const project = await tempProject({ runtime })
    await project.write(itemsMigration)
    await project.declare({ db: database(project) })
    const release = await hold(project.port)
    const ended = await project.run('up')
    expect(await project.world.containers()).toEqual([])
    expect(await project.world.volumes()).toEqual([])
    expect(ended.code).toBe(1)
    expect(ended.stderr).toContain(`(pid ${String(process.pid)})`)
    expect(project.mask(ended.stderr)).toMatchInlineSnapshot(`
      "error  nothing was done. db: port PORT on 127.0.0.1 is held by process node (pid N)  [PORT_IN_USE]

             try: stop what holds it
             try: give db another host port in the config
      "
    `)
    await release()
    await project.succeed('up')
  })

  const other = runtime === 'native' ? 'podman' : 'native'
  const otherMissing = missing ?? engines.find(({ name }) => name === other)?.missing
  test.skipIf(otherMissing !== undefined)(
    `${runtime}: a port that the stack holds itself on ${other} must be told as such`,
    async () => {
      const project = await tempProject({ runtime: other })
      await project.declare({ db: database(project, { fields: '' }) })
      await project.succeed('up')
      const ended = await project.runWith(['up', '--runtime', runtime], { bare: true })
      expect(ended.code).toBe(1)
      expect(ended.stderr).toContain(`this stack runs on ${other} already, and holds port ${String(project.port)}`)
      expect(ended.stderr).toContain(`try: poststack down --runtime ${other}`)
      expect(await project.sql('SELECT 1')).toEqual([[1]])
    },
  )

  test.skipIf(otherMissing !== undefined)(
    `${runtime}: a stack that is there must be found without --runtime, and only what belongs to it go with down`,
    async () => {
      const project = await tempProject({ runtime })
      const elsewhere = lookAt({ ...project, runtime: other, temporary: join(project.root, '../tmp') })
      onTestFinished(() => elsewhere.destroy())
      await project.declare({ db: database(project, { fields: '' }) })
      // The other one keeps data of it, and this one runs it.
      for (const word of ['up', 'down']) {
        const ended = await project.runWith([word, '--runtime', other], { bare: true })
        expect([ended.stderr, ended.code]).toEqual([expect.anything(), 0])
      }
      await project.succeed('up')
      expect((await project.runWith(['up'], { bare: true })).stdout).toContain(`on ${runtime} (nothing to do`)
      const down = await project.runWith(['down', '--volumes', '--yes'], { bare: true })
      expect([down.code, await project.world.containers(), await project.world.volumes()]).toEqual([0, [], []])
      expect(await elsewhere.volumes()).toEqual([`${project.stack}-db-data`])
      // What is left of it is there, so that is where it comes up again.
      expect((await project.runWith(['status'], { bare: true })).stdout).toContain(` on ${other}: `)
    },
  )

  obligation('a port that another stack holds must be named with that stack', async () => {
    const [one, two] = [await tempProject({ runtime }), await tempProject({ runtime })]
    await one.declare({ db: database(one, { fields: '' }) })
    await one.succeed('up')
    await two.declare({ db: database(two, { port: one.port, fields: '' }) })
    const ended = await two.run('up')
    expect(await two.world.containers()).toEqual([])
    expect(ended.code).toBe(1)
    // The native runtime's servers are processes, and a process has no stack's name.
    const holder =
      runtime === 'native'
        ? `the native PostgreSQL of the stack in ${one.root} (pid `
        : `${runtime} container ${one.stack}-db (stack ${one.stack}, service db, ${one.root})`
    expect(ended.stderr).toContain(`is held by ${holder}`)
    // Asked by another engine, whose own containers these are not.
    const asking = runtime === 'podman' ? 'docker' : 'podman'
    if (engines.find(({ name }) => name === asking)?.missing === undefined) {
      const asked = await two.runWith(['up', '--runtime', asking], { bare: true })
      expect(asked.code).toBe(1)
      expect(asked.stderr).toContain(`is held by ${holder}`)
    }
    expect(await one.sql('SELECT 1')).toEqual([[1]])
  })

  obligation(
    'a database or password that the data do not know must be told as such, and the old one must still fit',
    async () => {
      const project = await tempProject({ runtime })
      await project.write(itemsMigration)
      await project.declare({ db: database(project) })
      await project.succeed('up')
      // Known beforehand, so the server that runs is not even restarted, and the old word fits at once.
      const before = await project.world.only('db')
      await project.declare({ db: database(project, { fields: "migrations: './migrations', database: 'orders'" }) })
      const renamed = await project.run('up')
      expect(renamed.code).toBe(1)
      expect(renamed.stderr).toContain('[DATABASE_MISSING]')
      expect(renamed.stderr).toContain('try: set `database` back to "poststack"')
      expect(await project.world.only('db')).toEqual(before)
      await project.declare({ db: database(project) })
      expect((await project.succeed('up')).stdout).toContain('nothing to do')

      await project.succeed('down')
      // A generated password that is lost is made anew, and given to the role that the data have.
      await rm(join(project.root, '.poststack/secrets.json'))
      await project.succeed('up')
      expect((await project.succeed('up')).stdout).toContain('nothing to do')
      expect(await project.sql('SELECT body FROM items')).toEqual([['first']])
    },
  )

  obligation('a version whose image or programs are missing must leave nothing that bars another version', async () => {
    const project = await tempProject({ runtime })
    const lacking = runtime === 'native' ? 'version: 13' : "version: 16, image: 'localhost/nope/pg:16'"
    await project.declare({ db: database(project, { fields: lacking }) })
    const ended = await project.run('up')
    expect(await project.world.containers()).toEqual([])
    expect(await project.world.volumes()).toEqual([])
    expect(ended.code).not.toBe(0)
    expect(ended.stderr).toContain(runtime === 'native' ? '[POSTGRES_BINARIES_MISSING]' : '[PULL_FAILED]')

    await project.declare({ db: database(project, { fields: 'version: 17' }) })
    await project.succeed('up')
    expect(await project.sql("SELECT current_setting('server_version_num')::int / 10000")).toEqual([[17]])
  })

  if (runtime === 'native') return

  obligation('a missing Dockerfile must be told before anything is made', async () => {
    const project = await tempProject({ runtime })
    await project.declare({ job })
    const ended = await project.run('up')
    expect(await project.world.containers()).toEqual([])
    expect(ended.code).toBe(2)
    expect(project.mask(ended.stderr)).toMatchInlineSnapshot(`
      "error  services.job.build.dockerfile: There is no Dockerfile at ROOT/Dockerfile.  [BUILD_CONTEXT_INVALID]

             try: Make one, or name another file with \`dockerfile\`, for example Containerfile.
      "
    `)
    await project.write({ Dockerfile: `FROM ${debianImage}\nCMD ["true"]\n` })
    await project.succeed('up')
  })

  obligation('a failing Dockerfile must be told with its step, and leave the rest as it was', async () => {
    const project = await tempProject({ runtime })
    await project.write({
      ...itemsMigration,
      Dockerfile: `FROM ${debianImage}\nRUN echo first && ls /nowhere\n`,
      '.dockerignore': '*\n',
    })
    await project.declare({ db: database(project), job })
    const ended = await project.run('up')
    expect((await project.world.containers()).filter(({ service }) => service === 'job')).toEqual([])
    expect(ended.code).toBe(1)
    // Engines and their versions word it differently; step, reason and way out must be there with each.
    const text = project.mask(ended.stderr)
    expect(text).toMatch(/error {2}Building STACK\/job:\w+ failed at "RUN echo first && ls \/nowhere": /)
    expect(text).toMatch(/\| .*cannot access '\/nowhere': No such file or directory/)
    expect(text).toContain(
      'try: Mend ROOT/Dockerfile or what it copies, then run the command again. What runs now was not touched.\n',
    )
    await project.write({ Dockerfile: `FROM ${debianImage}\nCMD ["true"]\n` })
    await project.succeed('up')
    expect(await project.sql('SELECT body FROM items')).toEqual([['first']])
  })
})
