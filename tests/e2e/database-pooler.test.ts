/**
 * The database commands through PgBouncer in transaction mode: what works, what is refused, and that it is said beforehand.
 */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { runCli, type Ended } from '../support/cli.ts'
import { ledgerOf, tablesOf } from '../support/migrations.ts'
import { pgbouncerMissing, startPgBouncer, type TestPooler } from '../support/pgbouncer.ts'
import { startPostgres, type TestServer } from '../support/postgres.ts'
import { shopMigrations, urlProject, type UrlProject } from '../support/url-project.ts'

const missing = pgbouncerMissing()
let server: TestServer
let pooler: TestPooler

beforeAll(async () => {
  if (missing !== undefined) return
  server = await startPostgres()
  pooler = await startPgBouncer(server)
})

afterAll(async () => {
  if (missing !== undefined) return
  await pooler.stop()
  await server.stop()
})

beforeEach((context) => {
  if (missing !== undefined) context.skip(missing)
})

const through = (project: UrlProject, ...words: readonly string[]): Promise<Ended> => {
  const { host, port, user, database } = pooler.through(project.database).target
  const url = `postgresql://${user}@${host}:${String(port)}/${database}`
  return runCli(['db', ...words, '--url', url], { cwd: project.root, env: { PGPASSWORD: server.password } })
}

test('transactional files must be applied, and the pooler be told by status and connection', async () => {
  const project = await urlProject(server)
  await project.write(shopMigrations)
  expect((await through(project, 'migrate')).code).toBe(0)
  expect(await ledgerOf(project.database)).toEqual(['001 applied', '002 applied'])
  const connection = await through(project, 'test-connection')
  expect(connection.stdout).toMatch(
    /pooler +yes: migrations with statements outside of a transaction need another way in/,
  )
  const status = await through(project, 'migration-status')
  expect(status.stdout).toContain('The connection goes through a pooler')
  expect((await through(project, 'rollback', '--yes')).code).toBe(0)
  expect(await tablesOf(project.database)).toEqual(['public.users'])
})

test('a file that needs a session must be refused, by the run and by --dry-run, before anything is applied', async () => {
  const project = await urlProject(server)
  await project.write({
    ...shopMigrations,
    'migrations/003_index.sql': 'CREATE INDEX CONCURRENTLY users_email ON users (email);\n',
  })
  for (const words of [['migrate', '--dry-run'], ['migrate']]) {
    const ended = await through(project, ...words)
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toContain('003_index.sql: CREATE INDEX CONCURRENTLY')
    expect(ended.stderr).toContain('[DATABASE_POOLED]')
  }
  expect(await tablesOf(project.database)).toEqual([])
  expect((await project.run('migrate')).code).toBe(0)
  expect(await ledgerOf(project.database)).toHaveLength(3)
})
