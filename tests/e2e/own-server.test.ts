/**
 * Whose server a command comes to. The declared port may be another checkout's, or anybody's with the same role and password; and the stack's own
 * server may have another one. What is connected to is the stack's own server, where it is, or nothing.
 */
import { randomBytes } from 'node:crypto'
import { parseEnv } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'
import { freePort } from '../support/ports.ts'
import { startPostgres, type TestServer } from '../support/postgres.ts'
import { tempProject, type Project } from '../support/project.ts'
import { itemsMigration } from '../support/services.ts'
import { realRuntimes } from '../support/world.ts'

const patient = { timeout: 120_000 }

const changing = [
  ['db', 'migrate'],
  ['db', 'drop-schema', '--yes'],
] as const
const others = [
  ['db', 'rollback', '--yes'],
  ['db', 'create-schema'],
  ['db', 'query', 'DROP TABLE items'],
  ['db', 'migration-status'],
  ['db', 'test-connection'],
  ['run', 'drop.ts'],
] as const

/** Each must end with the code, and name who listens there; what connects to no database, says so and goes on. */
async function refuseAll(
  project: Project,
  holder: string,
  commands: readonly (readonly string[])[] = changing,
): Promise<void> {
  for (const words of commands) {
    const ended = await project.run(...words)
    expect([words, ended.code, ended.stdout]).toEqual([words, 1, ''])
    expect(ended.stderr).toContain('db does not run: there is no container of it, and port')
    expect(ended.stderr).toContain(holder)
    expect(ended.stderr).toContain('[NOT_RUNNING]')
    // What follows a script is the script's.
    const given = words[0] === 'run' ? '' : `--runtime ${project.runtime} `
    expect(ended.stderr).toContain(`try: Start it: poststack ${given}up db`)
  }
  const words = ['--runtime', project.runtime, 'exec', '--', 'echo', 'was run']
  const led = await project.runWith(words, { bare: true })
  expect([led.code, led.stdout, led.stderr]).toEqual([1, '', expect.stringContaining('[NOT_RUNNING]')])
  const printed = await project.succeed('env')
  expect(printed.stderr).toContain('warning  db does not run: there is no container of it, and port')
  // What needs only files asks nobody.
  expect((await project.succeed('db', 'list-backups')).stderr).toBe('')
}

const dropping = {
  ...itemsMigration,
  'migrations/002_feature.sql': 'DROP TABLE items;\n',
  'migrations/002_feature.rollback.sql': 'CREATE TABLE items ();\n',
  'drop.ts': "import { stack } from 'poststack/run'\nawait stack.sql`DROP TABLE items`\n",
}

describe.each(await realRuntimes())('$title', ({ name: runtime, missing }) => {
  const obligation = (text: string, body: () => Promise<void>): void =>
    test.skipIf(missing !== undefined)(`${runtime}: ${text}`, patient, body)

  obligation('no command may touch the server of another checkout, which has the same name and port', async () => {
    const stack = `e2e-${randomBytes(4).toString('hex')}`
    const one = await tempProject({ runtime, stack })
    const other = await tempProject({ runtime, stack })
    const db = `postgres({ port: ${String(one.port)}, password: 'dev', migrations: './migrations' })`
    await one.write(itemsMigration)
    await one.declare({ db })
    await one.succeed('up')
    await other.write(dropping)
    await other.declare({ db })
    await refuseAll(other, one.root, [...changing, ...others])
    const rows = await one.succeed('db', 'query', 'SELECT count(*) FROM items')
    expect(rows.stdout).toMatch(/\b1\b/)
    expect((await one.succeed('db', 'migration-status')).stdout).toContain('1 applied')
  })

  describe('with a foreign server on the declared port', () => {
    let server: TestServer | undefined

    afterAll(() => server?.stop())

    obligation('nothing may be done there, and its own server must be found on the port that it has', async () => {
      server = await startPostgres()
      const foreign = await server.createDatabase()
      const { user, database, password = '', port } = foreign.target
      await foreign.rows('CREATE TABLE items (id int)')
      const project = await tempProject({ runtime })
      const fields = `user: '${user}', database: '${database}', password: '${password}', migrations: './migrations'`
      await project.write(dropping)
      await project.declare({ db: `postgres({ port: ${String(port)}, ${fields} })` })
      await refuseAll(project, 'is held by process postgres')

      const moved = await freePort()
      await project.succeed('container', 'start', '--postgres-port', String(moved))
      expect((await project.succeed('db', 'migrate')).stdout).toContain('2 migrations applied')
      const connected = await project.succeed('db', 'test-connection', '--json')
      expect(JSON.parse(connected.stdout)).toMatchObject({ database: { port: moved } })
      const variables = parseEnv((await project.succeed('env')).stdout)
      expect(variables).toMatchObject({ PGPORT: String(moved), DB_URL: expect.stringContaining(`:${String(moved)}/`) })
      const seen = ['--runtime', runtime, 'exec', '--', 'sh', '-c', 'echo $PGPORT']
      expect((await project.runWith(seen, { bare: true })).stdout).toBe(`${String(moved)}\n`)
      await project.write({ 'port.ts': "import { stack } from 'poststack/run'\nconsole.log(stack.db.port)\n" })
      expect((await project.succeed('run', 'port.ts')).stdout).toBe(`${String(moved)}\n`)
      const ledger = 'SELECT count(*) FROM poststack.schema_migrations'
      const psql = ['--runtime', runtime, 'psql', '--', '-XAtc', ledger]
      expect(await project.runWith(psql, { bare: true })).toMatchObject({ code: 0, stdout: '2\n' })
      // Looking moves nothing back.
      await project.succeed('container', 'health')
      expect((await project.succeed('container', 'status')).stdout).toContain(`:${String(moved)}/`)
      await project.succeed('db', 'rollback', '--yes')
      await project.succeed('db', 'drop-schema', '--yes')
      // The other one has what it had.
      expect(await foreign.rows('SELECT tablename::text FROM pg_tables WHERE tablename !~ $1', ['^(pg|sql)_'])).toEqual(
        [{ tablename: 'items' }],
      )

      // Whoever means the other one says so.
      await project.succeed('container', 'stop')
      const login = `postgresql://${user}:${password}@127.0.0.1:${String(port)}/${database}`
      const named = await project.succeed('db', 'migration-status', '--url', login)
      expect(named.stdout).toContain('0 applied, 2 pending')
    })
  })
})
