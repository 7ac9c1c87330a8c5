/**
 * The description of the original, followed line by line on one project without a config: getting started, the commands, migrations and
 * tables. What it says of configuration and logs is in `seed-readme-config.test.ts`; what needs an engine is in `seed-container.test.ts` and
 * `examples.test.ts`, and named here.
 */
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect } from 'vitest'
import type { Ended } from '../support/cli.ts'
import { freePort } from '../support/ports.ts'
import { secretsOf, tempProject, type Project } from '../support/project.ts'
import { elsewhere, followSeed, type SeedRow } from '../support/seed-rows.ts'

let project: Project
let port: number
/** The URL that the description types at the start, with the password that was made. From then on the server is found where it was started. */
let url: string

beforeAll(async () => {
  project = await tempProject({ runtime: 'native', shared: true })
  port = await freePort()
  await project.write({
    'migrations/001_one.sql': 'CREATE TABLE one (id int);\n',
    'migrations/001_one.rollback.sql': 'DROP TABLE one;\n',
    'migrations/002_two.sql': 'CREATE TABLE two (id int);\n',
    'migrations/002_two.rollback.sql': 'DROP TABLE two;\n',
    'migrations/003_three.sql': 'CREATE TABLE three (id int);\n',
    'migrations/003_three.rollback.sql': 'DROP TABLE three;\n',
  })
})

afterAll(() => project.destroy())

const run = (...words: readonly string[]): Promise<Ended> =>
  project.runWith(words, { bare: true, env: { POSTSTACK_CONTAINER_RUNTIME: 'native' } })

/** Runs a line as it is typed, and gives what was said; fails unless it exits with 0. */
async function typed(line: string, ...more: readonly string[]): Promise<Ended> {
  const ended = await run(...line.split(' ').slice(1), ...more)
  expect([line, ended.code, ended.stderr]).toEqual([line, 0, expect.anything()])
  return ended
}

const sql = (query: string): Promise<readonly (readonly unknown[])[]> =>
  project.sql(query, { service: 'postgres', port })
const tables = async (schema: string): Promise<readonly unknown[]> =>
  (await sql(`SELECT tablename::text FROM pg_tables WHERE schemaname = '${schema}' ORDER BY 1`)).flat()
const versions = async (): Promise<readonly unknown[]> =>
  (await sql("SELECT version_text FROM poststack.schema_migrations WHERE state = 'applied' ORDER BY version")).flat()
const running = async (): Promise<readonly unknown[]> =>
  (await project.world.containers()).filter((one) => one.running).map(({ name }) => name)

const logged = (file: string): Promise<string> => readFile(join(project.root, 'logs', file), 'utf8')

const generated = 'DESIGN 5: passwords are generated, so the URL has another one than poststack_dev'
const noImages = 'DESIGN 5: the native runtime needs no image'

const gettingStarted: readonly SeedRow[] = [
  {
    line: 'pip install poststack',
    effect: 'a program poststack',
    adapted: 'DESIGN: it is written in TypeScript, so npm installs it',
    check: elsewhere('e2e/package.test.ts', 'npx poststack must run in the project'),
  },
  {
    line: 'poststack container build',
    effect: 'it says that this runtime has no images, and leaves nothing',
    adapted: `${noImages}; on engines in seed-container.test.ts`,
    check: async () => {
      const ended = await run('container', 'build')
      expect([ended.code, ended.stdout]).toEqual([4, ''])
      expect(ended.stderr).toContain('choose it: --runtime podman, or --runtime docker')
      expect(await project.world.containers()).toEqual([])
    },
  },
  {
    line: 'poststack container build --image all',
    effect: 'base-debian and postgres are built',
    check: elsewhere('e2e/seed-container.test.ts', "'--image', 'all'"),
  },
  {
    line: 'poststack container start --postgres-port 5433',
    effect: 'a server of the default name answers on that port; progress on stderr, the result on stdout',
    check: async () => {
      const ended = await typed(`poststack container start --postgres-port ${String(port)}`)
      expect(ended.stdout).toMatch(new RegExp(`is started on native .*\\n\\n +postgres +postgresql://.*:${port}/`))
      expect(ended.stderr).toMatch(/ok +postgres +ready/)
      expect(await running()).toEqual(['poststack-postgres'])
      expect(await sql('SELECT current_database()::text, current_user::text')).toEqual([['poststack', 'poststack']])
      const password = (await secretsOf(project.root)).passwords['postgres.password'] ?? ''
      url = `postgresql://poststack:${password}@localhost:${String(port)}/poststack`
    },
  },
  {
    line: 'poststack database create-schema --url "postgresql://poststack:poststack_dev@localhost:5433/poststack"',
    effect: 'schema poststack is there, and no migration was run',
    adapted: generated,
    check: async () => {
      await typed('poststack database create-schema --url', url)
      expect(await tables('poststack')).toContain('schema_migrations')
      expect(await versions()).toEqual([])
    },
  },
  {
    line: 'poststack database migrate --url "postgresql://poststack:poststack_dev@localhost:5433/poststack"',
    effect: 'every pending migration is applied, each told on stderr',
    adapted: generated,
    check: async () => {
      const { stderr, stdout } = await typed('poststack database migrate --url', url)
      expect(stderr.match(/^ {2}ok +00\d_/gm)).toHaveLength(3)
      expect(stdout).toContain('3 migrations applied')
      expect(await versions()).toEqual(['001', '002', '003'])
    },
  },
  {
    line: 'logs/, logs/containers/, logs/database/',
    effect: 'what was done stands in them as lines of JSON, without the password',
    check: async () => {
      expect(await logged('poststack.log')).toContain('"event":"outcome"')
      expect(await logged('containers/poststack.log')).toContain('"command":"container start"')
      expect(await logged('database/poststack.log')).toMatch(/"command":"database migrate".*"file":"003_three\.sql"/)
      for (const file of ['poststack.log', 'containers/poststack.log', 'database/poststack.log'])
        expect(await logged(file)).not.toContain(new URL(url).password)
    },
  },
]

const migrations: readonly SeedRow[] = [
  {
    line: 'migrations/004_add_user_table.sql',
    effect: 'a table in schema poststack, beside those of Poststack',
    check: async () => {
      await project.write({
        'migrations/004_add_user_table.sql': [
          'CREATE TABLE poststack.users (',
          '    id SERIAL PRIMARY KEY,',
          '    username VARCHAR(255) NOT NULL UNIQUE,',
          '    email VARCHAR(255) NOT NULL,',
          '    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP',
          ');\n',
        ].join('\n'),
        'migrations/004_add_user_table.rollback.sql': 'DROP TABLE IF EXISTS poststack.users;\n',
        'migrations/005_later.sql': 'CREATE TABLE later (id int);\n',
        'migrations/005_later.rollback.sql': 'DROP TABLE later;\n',
      })
      await typed('poststack database migrate --target-version 004')
      expect(await versions()).toEqual(['001', '002', '003', '004'])
      expect(await tables('poststack')).toContain('users')
    },
  },
  {
    line: 'poststack database migration-status',
    effect: 'what is applied and what is pending',
    check: async () => {
      const { stdout } = await typed('poststack database migration-status')
      expect(stdout).toContain('4 applied, 1 pending')
      expect(stdout).toMatch(/004 +add_user_table +applied/)
      expect(stdout).toMatch(/005 +later +pending/)
    },
  },
  {
    line: 'poststack database migrate',
    effect: 'all that is pending; two at once do not disturb each other',
    check: async () => {
      const both = await Promise.all([1, 2].map(() => typed('poststack database migrate')))
      expect(both.filter(({ stdout }) => stdout.startsWith('1 migration applied'))).toHaveLength(1)
      expect(both.filter(({ stdout }) => stdout.startsWith('nothing to apply'))).toHaveLength(1)
      expect(await versions()).toEqual(['001', '002', '003', '004', '005'])
    },
  },
  {
    line: 'migrations/004_add_user_table.rollback.sql; poststack database rollback --target-version 003',
    effect: 'the database is as after 003',
    adapted: 'DESIGN 4.7: what deletes shows its target first and wants a yes',
    check: async () => {
      const asked = await run('database', 'rollback', '--target-version', '003')
      expect([asked.code, await versions()]).toEqual([2, ['001', '002', '003', '004', '005']])
      await typed('poststack database rollback --target-version 003 --yes')
      expect(await versions()).toEqual(['001', '002', '003'])
      expect(await tables('poststack')).not.toContain('users')
    },
  },
  {
    line: 'Roll back individual migrations',
    effect: 'without a target, the newest one',
    check: async () => {
      await typed('poststack database rollback --yes')
      expect(await versions()).toEqual(['001', '002'])
      expect(await tables('public')).toEqual(['one', 'two'])
      await typed('poststack database migrate')
    },
  },
  {
    line: 'poststack database verify-migrations',
    effect: 'all is well; and a file that was changed afterwards is told',
    check: async () => {
      expect((await typed('poststack database verify-migrations')).stdout).toContain('nothing is wrong')
      await project.write({ 'migrations/002_two.sql': 'CREATE TABLE two (id bigint);\n' })
      const ended = await run('database', 'verify-migrations')
      expect([ended.code, ended.stdout]).toEqual([1, expect.stringContaining('002_two.sql')])
      await project.write({ 'migrations/002_two.sql': 'CREATE TABLE two (id int);\n' })
    },
  },
]

const operations: readonly SeedRow[] = [
  {
    line: 'poststack database unlock-migrations; poststack database show-schema',
    effect: 'nobody holds the lock; the tables with their columns',
    check: async () => {
      expect((await typed('poststack database unlock-migrations')).stdout).toContain('nobody holds')
      const { stdout } = await typed('poststack database show-schema')
      expect(stdout).toMatch(/poststack\.users +\(table[\s\S]*username +character varying\(255\) +not null/)
    },
  },
  {
    line: 'poststack database test-connection',
    effect: 'who answers, and as which role one is let in',
    check: async () => {
      expect((await typed('poststack database test-connection')).stdout).toMatch(/role +poststack/)
      const wrong = await run('database', 'test-connection', '--url', url.replace(/:[^:@]+@/, ':wrong@'))
      expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining('[PASSWORD_REJECTED]')])
    },
  },
  {
    line: 'poststack database backup',
    effect: 'a file of the whole database, with the ledger',
    check: elsewhere('e2e/database-backup.test.ts', 'a backup must hold all of the database, and a restore'),
  },
  {
    line: 'poststack container status; poststack container health; poststack container list',
    effect: 'the server is found without being named, ready and well; its container, with its state and its port',
    check: async () => {
      expect((await typed('poststack container status')).stdout).toMatch(/poststack-postgres +ready/)
      expect((await typed('poststack container health')).stdout).toContain('all services are well')
      expect((await typed('poststack container list')).stdout).toMatch(
        new RegExp(`poststack-postgres +postgres +running .*127\\.0\\.0\\.1:${port}`),
      )
    },
  },
  {
    line: 'system_info, services, containers, schema_migrations',
    effect: 'the tables are there, and `up` fills them',
    check: async () => {
      await project.write({ '.env': `POSTSTACK_POSTGRES_HOST_PORT=${String(port)}\n` })
      await typed('poststack up')
      for (const table of ['system_info', 'services', 'containers', 'schema_migrations'])
        expect([table, (await sql(`SELECT count(*) > 0 FROM poststack.${table}`))[0]]).toEqual([table, [true]])
      expect(await sql('SELECT name, state FROM poststack.containers')).toEqual([['poststack-postgres', 'running']])
    },
  },
  {
    line: 'poststack database drop-schema',
    effect: 'schema poststack is gone, and the tables of the project stay',
    adapted: 'DESIGN 4.7: what deletes shows its target first and wants a yes',
    check: async () => {
      // A table of the project in it would go with it.
      expect((await run('database', 'drop-schema', '--yes')).stderr).toContain('poststack.users')
      await typed('poststack database rollback --target-version 003 --yes')
      expect((await run('database', 'drop-schema')).code).toBe(2)
      await typed('poststack database drop-schema --yes')
      expect([await tables('poststack'), await tables('public')]).toEqual([[], ['one', 'three', 'two']])
    },
  },
  {
    line: 'poststack container stop --all; poststack container stop my-project-postgres',
    effect: 'the server has ended, and its data are kept',
    check: async () => {
      await typed('poststack container stop poststack-postgres')
      expect(await running()).toEqual([])
      await typed('poststack container start')
      await typed('poststack container stop --all')
      expect(await running()).toEqual([])
      expect(await project.world.volumes()).toHaveLength(1)
    },
  },
  {
    line: 'poststack container remove [--force] my-project-postgres; poststack container clean',
    effect: 'stopped ones go, running ones only by force; data go by a flag of their own',
    adapted: 'DESIGN 4.7: no data is deleted without a flag that says so',
    check: async () => {
      await typed('poststack container start')
      expect((await run('container', 'remove', 'poststack-postgres')).code).toBe(2)
      await typed('poststack container remove --force poststack-postgres')
      expect(await project.world.containers()).toEqual([])
      await typed('poststack container clean')
      expect(await project.world.volumes()).toHaveLength(1)
      await typed('poststack container clean --volumes --yes')
      expect(await project.world.volumes()).toEqual([])
      expect((await readdir(project.root)).toSorted()).toEqual(['.env', '.poststack', 'logs', 'migrations'])
      expect((await stat(join(project.root, '.poststack/secrets.json'))).mode & 0o077).toBe(0)
    },
  },
]

followSeed('Getting started', gettingStarted)
followSeed('Migration system', migrations)
followSeed('Commands', operations)
