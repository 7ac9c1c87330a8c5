/**
 * The description of the original, line by line: its variables, its files, its options with their defaults, project containers, and the
 * commands about config and logs. The rest is in `seed-readme.test.ts`.
 */
import { readFile, rm, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect } from 'vitest'
import type { Ended } from '../support/cli.ts'
import { tempProject, type Project } from '../support/project.ts'
import { elsewhere, followSeed, type SeedRow } from '../support/seed-rows.ts'
import { database } from '../support/services.ts'

let project: Project

beforeAll(async () => {
  project = await tempProject({ runtime: 'native', shared: true })
  await project.write({ 'migrations/001_one.sql': 'CREATE TABLE one (id int);\n' })
})

afterAll(() => project.destroy())

type Variables = Readonly<Record<string, string>>

const native: Variables = { POSTSTACK_CONTAINER_RUNTIME: 'native' }
const run = (words: string, env: Variables = native): Promise<Ended> =>
  project.runWith(words.split(' '), { bare: true, env })

async function succeed(words: string, env?: Variables): Promise<string> {
  const ended = await run(words, env)
  expect([words, ended.code, ended.stderr]).toEqual([words, 0, expect.anything()])
  return ended.stdout
}

/** Value and origin of a setting, as `config-show --origin` tells them. */
async function shown(setting: string, env: Variables = native): Promise<readonly string[]> {
  const lines = (await succeed('config-show --origin', env)).split('\n').map((line) => line.trim().split(/ {2,}/))
  return lines.find(([path]) => path === setting)?.slice(1) ?? []
}

const atLevel = (word: string): Promise<Ended> => run('config-validate', { ...native, POSTSTACK_LOG_LEVEL: word })

const container = 'services.postgres.containerName'
const port = 'services.postgres.port'

const variables: readonly SeedRow[] = [
  {
    line: 'export POSTSTACK_DATABASE_URL="postgresql://user:password@localhost:5432/poststack"',
    effect: 'the database that the database commands act on',
    check: async () => {
      const env = { POSTSTACK_DATABASE_URL: 'postgresql://user:password@127.0.0.1:9/poststack' }
      const ended = await run('database test-connection', env)
      expect([ended.code, ended.stdout]).toEqual([1, ''])
      expect(ended.stderr).toContain('POSTSTACK_DATABASE_URL (environment) names the database')
      expect(ended.stderr).toContain('127.0.0.1:9 cannot be reached')
      expect(ended.stderr).not.toContain('password@')
    },
  },
  {
    line: 'export POSTSTACK_LOG_LEVEL="INFO" (DEBUG, INFO, WARNING, ERROR)',
    effect: 'each of them is taken, and no other word',
    check: async () => {
      for (const word of ['DEBUG', 'INFO', 'WARNING', 'ERROR'])
        expect([word, (await atLevel(word)).code]).toEqual([word, 0])
      expect((await atLevel('LOUD')).code).toBe(2)
    },
  },
  {
    line: 'export POSTSTACK_CONTAINER_RUNTIME="podman" (podman or docker)',
    effect: 'what runs the containers; a flag wins over it',
    check: async () => {
      for (const runtime of ['podman', 'docker'])
        expect(await shown('runtime', { POSTSTACK_CONTAINER_RUNTIME: runtime })).toEqual([
          runtime,
          '$POSTSTACK_CONTAINER_RUNTIME (environment)',
        ])
      expect(await succeed('config-show --runtime native', { POSTSTACK_CONTAINER_RUNTIME: 'podman' })).toMatch(
        /runtime +native\n/,
      )
    },
  },
  {
    line: 'export POSTSTACK_POSTGRES_CONTAINER_NAME="my-project-postgres"; export POSTSTACK_POSTGRES_HOST_PORT="5434"',
    effect: 'name and port of the container',
    check: async () => {
      const env = {
        ...native,
        POSTSTACK_POSTGRES_CONTAINER_NAME: 'my-project-postgres',
        POSTSTACK_POSTGRES_HOST_PORT: '5434',
      }
      expect(await shown(container, env)).toEqual([
        'my-project-postgres',
        '$POSTSTACK_POSTGRES_CONTAINER_NAME (environment)',
      ])
      expect(await shown(port, env)).toEqual(['5434', '$POSTSTACK_POSTGRES_HOST_PORT (environment)'])
    },
  },
  {
    line: 'echo "POSTSTACK_POSTGRES_CONTAINER_NAME=my-project-postgres" > .env; echo "POSTSTACK_POSTGRES_HOST_PORT=5434" >> .env',
    effect: 'the same; a variable of the process wins over the file',
    check: async () => {
      const name = 'POSTSTACK_POSTGRES_CONTAINER_NAME'
      await project.write({ '.env': `${name}=my-project-postgres\nPOSTSTACK_POSTGRES_HOST_PORT=5434\n` })
      expect(await shown(container)).toEqual(['my-project-postgres', `$${name} (.env:1)`])
      expect(await shown(port)).toEqual(['5434', '$POSTSTACK_POSTGRES_HOST_PORT (.env:2)'])
      expect(await shown(container, { ...native, [name]: 'another' })).toEqual(['another', `$${name} (environment)`])
      await rm(join(project.root, '.env'))
    },
  },
  {
    line: 'poststack --config-file config.yaml command',
    effect: 'the command works with what the file says',
    adapted:
      'DESIGN 2: a config declares services, so the file has the form of poststack.config.ts, not a list of options',
    check: async () => {
      await project.write({
        'config.yaml': 'services:\n  postgres:\n    kind: postgres\n    port: 5435\n    containerName: from-yaml\n',
      })
      const text = await succeed('--config-file config.yaml config-show')
      expect(text).toMatch(/containerName +from-yaml\n/)
      expect(text).toMatch(/port +5435\n/)
    },
  },
  {
    line: 'postgres_container_name (default: poststack-postgres), postgres_host_port (default: 5432), migrations_path (default: ./migrations)',
    effect: 'so without any config',
    check: async () => {
      expect(await shown(container)).toEqual(['poststack-postgres', 'convention'])
      expect(await shown(port)).toEqual(['5432', 'convention'])
      expect(await shown('services.postgres.migrations')).toEqual(['./migrations', 'convention'])
    },
  },
  {
    line: 'POSTSTACK_MIGRATIONS_PATH',
    effect: 'the folder of the migrations',
    check: async () => {
      const env = { ...native, POSTSTACK_MIGRATIONS_PATH: './sql' }
      expect((await shown('services.postgres.migrations', env))[0]).toBe('./sql')
    },
  },
]

const containers: readonly SeedRow[] = [
  {
    line: 'mkdir containers; containers/apache/Dockerfile; {project_name}/{container_name}; the context is the project',
    effect: 'each folder with a Dockerfile is a project container, and built as such',
    check: elsewhere('e2e/seed-container.test.ts', 'COPY containers/apache/page /page'),
  },
  {
    line: 'echo "POSTSTACK_PROJECT_CONTAINERS_PATH=./containers" >> .env (default: ./containers)',
    effect: 'where they are looked for',
    check: async () => {
      expect((await run('container build-project')).stderr).toContain(`${project.root}/containers/*/Dockerfile`)
      await project.write({ '.env': 'POSTSTACK_PROJECT_CONTAINERS_PATH=./boxes\n' })
      expect((await run('container build-project')).stderr).toContain(`${project.root}/boxes/*/Dockerfile`)
      await rm(join(project.root, '.env'))
    },
  },
  {
    line: 'poststack container build-project --help',
    effect: 'what it does, with its flags',
    check: async () => {
      const help = await succeed('container build-project --help')
      for (const flag of ['--container', '--no-cache']) expect(help).toContain(flag)
    },
  },
  {
    line: 'poststack container build-project [--container apache] [--no-cache]; podman images | grep "$(basename $(pwd))"',
    effect: 'all, one, or anew; `container list` shows the images',
    check: elsewhere('e2e/seed-container.test.ts', "'build-project', '--container', 'apache', '--no-cache'"),
  },
  {
    line: 'the Apache and PHP stack: FROM poststack/base-debian:latest, podman run … --env-file .env my-project/apache',
    effect: 'a page out of the database',
    adapted: 'DESIGN 1: the container is declared beside the database, so `up` runs it and hands it the way in',
    check: elsewhere('e2e/examples.test.ts', 'apache-php'),
  },
  {
    line: 'Run multiple Poststack projects simultaneously with different container names and ports',
    effect: 'both run, and neither touches the other',
    check: elsewhere('e2e/seed-container.test.ts', 'two projects with nothing but a .env each must run beside'),
  },
]

const upkeep: readonly SeedRow[] = [
  {
    line: 'poststack config-show; poststack config-validate',
    effect: 'the config as it is understood, without secrets; that it is right, or every mistake in it',
    check: async () => {
      await project.declare({
        db: database(project, { fields: "password: 'open-sesame', migrations: './migrations'" }),
      })
      const text = await succeed('config-show')
      expect(text).toMatch(/services\.db\.password +\*\*\*/)
      expect(text).not.toContain('open-sesame')
      expect(await succeed('config-validate')).toContain('is right')
    },
  },
  {
    line: 'log_dir: Directory for log files (default: logs)',
    effect: 'logs go there; of less weight than the level, nothing does',
    check: async () => {
      await succeed('up', { ...native, POSTSTACK_LOG_DIR: 'journal', POSTSTACK_LOG_LEVEL: 'ERROR' })
      await project.write({ 'migrations/002_two.sql': 'SELECT none;\n' })
      const env = { ...native, POSTSTACK_LOG_DIR: 'journal', POSTSTACK_LOG_LEVEL: 'ERROR' }
      expect((await run('up', env)).code).toBe(1)
      const text = await readFile(join(project.root, 'journal/poststack.log'), 'utf8')
      expect(new Set([...text.matchAll(/"level":"(\w+)"/g)].map(([, level]) => level))).toEqual(new Set(['error']))
      await project.write({ 'migrations/002_two.sql': 'SELECT 1;\n' })
      await succeed('up')
    },
  },
  {
    line: 'poststack logs list [--category main|container|database]',
    effect: 'the files of each',
    check: async () => {
      const all = await succeed('logs list')
      for (const category of ['main', 'database']) {
        expect(all).toMatch(new RegExp(`poststack\\.log +${category} `))
        expect(await succeed(`logs list --category ${category}`)).toContain('1 file in')
      }
      expect(await succeed('logs list --category container')).toContain('no logs in')
    },
  },
  {
    line: 'poststack logs size; poststack logs clean [--days 7]',
    effect: 'how much there is; what is older goes, and nothing else',
    check: async () => {
      expect(await succeed('logs size')).toMatch(/main +1 file/)
      const weekAgo = new Date(Date.now() - 8 * 24 * 60 * 60 * 1000)
      await utimes(join(project.root, 'logs/poststack.log'), weekAgo, weekAgo)
      expect(await succeed('logs clean --days 9')).toBe('nothing to delete\n')
      await succeed('logs clean')
      expect(await succeed('logs list --category main')).toContain('no logs in')
      expect(await succeed('logs list')).toContain('database/poststack.log')
    },
  },
  {
    line: 'poststack version',
    effect: 'the version of the package',
    check: async () => {
      expect(await succeed('version')).toMatch(/^poststack \d+\.\d+\.\d+\n$/)
    },
  },
]

followSeed('Configuration', variables)
followSeed('Project containers', containers)
followSeed('Config and logs', upkeep)
