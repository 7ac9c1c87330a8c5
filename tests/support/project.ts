/**
 * A throw-away project: a folder with a config, migrations and Dockerfiles, and the program run in it. Everything that was
 * made for it is removed again, found by its labels or its folder, also when the test fails.
 */
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readFile, readdir, realpath, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Client } from 'pg'
import { onTestFinished } from 'vitest'
import { runCli, startCli, type CliOptions, type Ended, type RunningCli } from './cli.ts'
import { freePort } from './ports.ts'
import { lookAt, type RealRuntime, type World } from './world.ts'

export interface ProjectOptions {
  readonly runtime: RealRuntime
  /** @default a name that nobody else has */
  readonly stack?: string
  /** Tests share the project, and the suite destroys it. Without it the project ends with the test that made it. */
  readonly shared?: boolean
}

export interface Project {
  readonly runtime: RealRuntime
  readonly root: string
  readonly stack: string
  /** Free when the project was made; for its first PostgreSQL service. */
  readonly port: number
  /** What exists for this project, seen without Poststack. */
  readonly world: World
  /** Writes files by their paths; folders are made. */
  write(files: Readonly<Record<string, string>>): Promise<void>
  /** Writes `poststack.config.ts` with these services, each as its TypeScript expression. */
  declare(services: Readonly<Record<string, string>>): Promise<void>
  /** Runs the program in the folder, on the project's runtime. */
  run(...words: readonly string[]): Promise<Ended>
  /** The same, and fails with all that was said unless it exits with 0. */
  succeed(...words: readonly string[]): Promise<Ended>
  /** `run` with an environment, a terminal, or without the `--runtime` flag. */
  runWith(words: readonly string[], options: Partial<CliOptions> & { readonly bare?: boolean }): Promise<Ended>
  start(words: readonly string[], options?: Partial<CliOptions>): RunningCli
  /** A query as the declared role; rows as arrays. */
  sql(query: string, login?: Login): Promise<readonly (readonly unknown[])[]>
  /** Path, size and time of change of every file and folder, servers' own data apart. */
  files(): Promise<Readonly<Record<string, string>>>
  /** A text of the program without what differs from run to run: names, paths, ports, processes, times. */
  mask(text: string): string
  destroy(): Promise<void>
}

export interface Login {
  readonly service?: string
  readonly port?: number
  readonly password?: string
}

export async function tempProject(options: ProjectOptions): Promise<Project> {
  const { runtime } = options
  const parent = await realpath(await mkdtemp(join(tmpdir(), 'poststack-e2e-')))
  // The native runtime's servers run as an ordinary user, who has to get through.
  await chmod(parent, 0o755)
  const root = join(parent, 'project')
  const temporary = join(parent, 'tmp')
  await mkdir(root)
  await mkdir(temporary)
  await chmod(temporary, 0o1777)
  const stack = options.stack ?? `e2e-${randomBytes(4).toString('hex')}`
  const port = await freePort()
  const world = lookAt({ runtime, root, stack, temporary })
  const destroy = async (): Promise<void> => {
    await world.destroy()
    await rm(parent, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 })
  }
  if (options.shared !== true) onTestFinished(destroy)

  const cliOptions = ({ env, ...rest }: Partial<CliOptions>): CliOptions => ({
    cwd: root,
    env: { TMPDIR: temporary, ...env },
    ...rest,
  })
  const project: Project = {
    runtime,
    root,
    stack,
    port,
    world,
    async write(files) {
      for (const path of Object.keys(files)) await mkdir(dirname(join(root, path)), { recursive: true })
      // In one go, as an editor saves all: a watch on a busy machine would take what comes later for another change.
      for (const [path, text] of Object.entries(files)) writeFileSync(join(root, path), text)
    },
    declare: (services) => project.write({ 'poststack.config.ts': configText(stack, services) }),
    run: (...words) => project.runWith(words, {}),
    async succeed(...words) {
      const ended = await project.run(...words)
      if (ended.code !== 0)
        throw new Error(
          `poststack ${words.join(' ')} exited with ${String(ended.code)}:\n${ended.stderr}${ended.stdout}`,
        )
      return ended
    },
    runWith: (words, { bare = false, ...more }) =>
      runCli(bare ? words : [...words, '--runtime', runtime], cliOptions(more)),
    start: (words, more = {}) => startCli([...words, '--runtime', runtime], cliOptions(more)),
    sql: (query, login = {}) => ask({ root, port }, query, login),
    files: () => filesOf(root),
    mask: (text) => maskText(text, { root, stack, port, runtime }),
    destroy,
  }
  return project
}

/** A config file with these services. */
function configText(stack: string, services: Readonly<Record<string, string>>): string {
  const lines = Object.entries(services).map(([name, expression]) => `const ${name} = ${expression}\n`)
  return [
    "import { container, defineConfig, postgres } from 'poststack'\n",
    ...lines,
    `export default defineConfig({ name: '${stack}', services: { ${Object.keys(services).join(', ')} } })\n`,
  ].join('\n')
}

function maskText(
  text: string,
  { root, stack, port, runtime }: Pick<Project, 'root' | 'stack' | 'port' | 'runtime'>,
): string {
  return (
    text
      .replaceAll(root, 'ROOT')
      .replaceAll(stack, 'STACK')
      .replaceAll(String(port), 'PORT')
      .replaceAll(new RegExp(`\\b${runtime}\\b`, 'g'), 'RUNTIME')
      .replaceAll(/pid \d+/g, 'pid N')
      .replaceAll(/\b\d+(\.\d+)? (ms|s)\b/g, 'TIME')
      // Columns are as wide as the names and times above.
      .replaceAll(/^ {2}(ok|failed|stopped) .*$/gm, (line) => `  ${line.trim().replaceAll(/ {2,}/g, '  ')}`)
  )
}

/** The generated passwords and the key, as the project keeps them. */
export async function secretsOf(
  root: string,
): Promise<{ readonly key: string; readonly passwords: Readonly<Record<string, string>> }> {
  return JSON.parse(await readFile(join(root, '.poststack/secrets.json'), 'utf8')) as Awaited<
    ReturnType<typeof secretsOf>
  >
}

/** Which migrations the ledger has, as `001_items applied`. */
export const appliedMigrations =
  "SELECT version_text || '_' || name || ' ' || state FROM poststack.schema_migrations ORDER BY version"

/** Rows of the ledger, whole: an unchanged run must not even touch their times. */
export const ledgerRows =
  'SELECT version_text, name, state, applied_at::text, xmin::text FROM poststack.schema_migrations ORDER BY version'

async function ask(
  { root, port }: { readonly root: string; readonly port: number },
  query: string,
  login: Login,
): Promise<readonly (readonly unknown[])[]> {
  const password = login.password ?? (await secretsOf(root)).passwords[`${login.service ?? 'db'}.password`]
  const client = new Client({
    host: '127.0.0.1',
    port: login.port ?? port,
    user: 'poststack',
    database: 'poststack',
    ...(password === undefined ? {} : { password }),
  })
  client.on('error', () => undefined)
  await client.connect()
  try {
    const { rows } = await client.query<unknown[]>({ text: query, rowMode: 'array' })
    return rows
  } finally {
    await client.end()
  }
}

async function filesOf(root: string): Promise<Readonly<Record<string, string>>> {
  const entries = await readdir(root, { recursive: true })
  const ours = entries.filter((path) => !/\/volumes\/[^/]+\/data(\/|$)/.test(path))
  const facts = await Promise.all(
    ours.map(async (path) => {
      const { mtimeMs, size } = await stat(join(root, path))
      return [path, `${String(size)} ${String(mtimeMs)}`] as const
    }),
  )
  return Object.fromEntries(facts.toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
