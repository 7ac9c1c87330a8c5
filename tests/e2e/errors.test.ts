/**
 * What goes wrong on runtimes: the whole text that a stranger reads, the exit code, and that the next run is not blocked.
 */
import { readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { appliedMigrations, tempProject } from '../support/project.ts'
import { database, debianImage, itemsMigration } from '../support/services.ts'
import { realRuntimes } from '../support/world.ts'

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

describe.each(await realRuntimes())('$title', ({ name: runtime, missing }) => {
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

             try: Correct 002_prices.sql and run again: nothing of it is in the database.
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

  obligation('a port that another stack holds must be named with that stack', async () => {
    const [one, two] = [await tempProject({ runtime }), await tempProject({ runtime })]
    await one.declare({ db: database(one, { fields: '' }) })
    await one.succeed('up')
    await two.declare({ db: database(two, { port: one.port, fields: '' }) })
    const ended = await two.run('up')
    expect(await two.world.containers()).toEqual([])
    expect(ended.code).toBe(1)
    // The native runtime's servers are processes, and a process has no stack's name.
    expect(ended.stderr).toContain(runtime === 'native' ? 'process postgres (pid' : `${one.stack}-db`)
    expect(await one.sql('SELECT 1')).toEqual([[1]])
  })

  obligation('a password that the data do not know must be told as such, and the old one must still fit', async () => {
    const project = await tempProject({ runtime })
    await project.write(itemsMigration)
    await project.declare({ db: database(project) })
    await project.succeed('up')
    await project.succeed('down')
    const file = join(project.root, '.poststack/secrets.json')
    const secrets = await readFile(file, 'utf8')
    await rm(file)
    const ended = await project.run('up')
    expect(await project.world.volumes()).toEqual([`${project.stack}-db-data`])
    expect(ended.code).toBe(1)
    expect(ended.stderr).toContain('[PASSWORD_REJECTED]')
    const error = ended.stderr.slice(ended.stderr.indexOf('error  '))
    expect(project.mask(error)).toMatchInlineSnapshot(`
      "error  Service db runs, but does not let Poststack in: The server at 127.0.0.1:PORT does not let role "poststack" in: password authentication failed for user "poststack".  [PASSWORD_REJECTED]

             try: A data volume keeps the password of its first start; a new one in the config does not change it. Put the old password back (in the config, or in .poststack/secrets.json where it was generated), or change it in the database (ALTER ROLE … PASSWORD …), or, if the data may go, delete it: poststack down --volumes.
      "
    `)

    await project.write({ '.poststack/secrets.json': secrets })
    await project.succeed('up')
    expect(await project.sql('SELECT body FROM items')).toEqual([['first']])
  })

  if (runtime === 'native') return

  obligation('a missing Dockerfile must be told before anything is made', async () => {
    const project = await tempProject({ runtime })
    await project.declare({ job })
    const ended = await project.run('up')
    expect(await project.world.containers()).toEqual([])
    expect(ended.code).toBe(2)
    expect(project.mask(ended.stderr)).toMatchInlineSnapshot(`
      "error  There is no Dockerfile at ROOT/Dockerfile.  [BUILD_CONTEXT_INVALID]

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
