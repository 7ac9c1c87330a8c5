/**
 * A folder of migrations without any config, and a database that somebody else runs: what `--url` is for.
 */
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { runCli, startCli, type CliOptions, type Ended, type RunningCli } from './cli.ts'
import type { TestDatabase, TestServer } from './postgres.ts'

export interface UrlProject {
  readonly root: string
  /** Without the password, which stands in the environment. */
  readonly url: string
  readonly database: TestDatabase
  /** Writes files by their paths. */
  write(files: Readonly<Record<string, string>>): Promise<void>
  /** Runs `poststack database <words> --url …` in the folder. */
  run(...words: readonly string[]): Promise<Ended>
  /** The same, and fails with all that was said unless it exits with 0. */
  succeed(...words: readonly string[]): Promise<Ended>
  runWith(words: readonly string[], options: Partial<CliOptions>): Promise<Ended>
  /** The lines of `--json`, parsed, and the last of them. */
  json(
    ...words: readonly string[]
  ): Promise<{ readonly code: number | undefined; readonly lines: readonly Line[]; readonly last: Line }>
  start(words: readonly string[]): RunningCli
  /** A text without what differs from run to run. */
  mask(text: string): string
}

export type Line = Readonly<Record<string, unknown>> & { readonly type: string }

export async function urlProject(server: TestServer): Promise<UrlProject> {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'poststack-url-')))
  onTestFinished(() => rm(root, { recursive: true, force: true }))
  const database = await server.createDatabase()
  const { host, port, user, database: name } = database.target
  const url = `postgresql://${user}@${host}:${String(port)}/${name}`
  const options = { cwd: root, env: { PGPASSWORD: server.password } }
  const full = (words: readonly string[]): readonly string[] => ['database', ...words, '--url', url]
  const project: UrlProject = {
    root,
    url,
    database,
    async write(files) {
      for (const [path, text] of Object.entries(files)) {
        await mkdir(dirname(join(root, path)), { recursive: true })
        await writeFile(join(root, path), text)
      }
    },
    run: (...words) => runCli(full(words), options),
    async succeed(...words) {
      const ended = await project.run(...words)
      if (ended.code !== 0)
        throw new Error(`${words.join(' ')} exited with ${String(ended.code)}:\n${ended.stderr}${ended.stdout}`)
      return ended
    },
    runWith: (words, more) => runCli(full(words), { ...options, ...more }),
    async json(...words) {
      const { code, stdout } = await project.run(...words, '--json')
      const lines = stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Line)
      const last = lines.at(-1)
      if (last === undefined) throw new Error('nothing was said')
      return { code, lines, last }
    },
    start: (words) => startCli(full(words), options),
    mask: (text) =>
      text
        .replaceAll(root, 'ROOT')
        .replaceAll(name, 'DATABASE')
        .replaceAll(String(port), 'PORT')
        .replaceAll(/PostgreSQL \d[^\n]*/g, 'PostgreSQL VERSION')
        .replaceAll(/pid \d+/g, 'pid N')
        .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d UTC/g, 'WHEN')
        .replaceAll(/by \S+@\S+/g, 'by WHO')
        .replaceAll(/\b\d+(\.\d+)? (ms|s)\b/g, 'TIME')
        .replaceAll(/^ {2}\S.*$/gm, (line) => `  ${line.trim().replaceAll(/ {2,}/g, '  ')}`),
  }
  return project
}

/** Two tables that build on each other, with their rollbacks. */
export const shopMigrations = {
  'migrations/001_users.sql': 'CREATE TABLE public.users (id bigint PRIMARY KEY, email text NOT NULL);\n',
  'migrations/001_users.rollback.sql': 'DROP TABLE public.users;\n',
  'migrations/002_orders.sql':
    'CREATE TABLE public.orders (id bigint PRIMARY KEY, user_id bigint REFERENCES public.users);\n',
  'migrations/002_orders.rollback.sql': 'DROP TABLE public.orders;\n',
} as const
