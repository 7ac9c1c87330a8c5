/**
 * `poststack/vitest/setup`: Vitest's global setup. Brings the database server of the stack up, and prepares the template that tests get
 * their databases from.
 */
import { createHash } from 'node:crypto'
import type { TestProject } from 'vitest/node'

import type { RuntimeChoice } from '../config/define.ts'
import type { Permissions } from '../config/permissions.ts'
import { PoststackError } from '../errors.ts'
import type { DeclaredDatabase } from '../execute/database/choice.ts'
import { readServiceSeeds } from '../execute/read-desired.ts'
import { openTestRun, type TestRun } from '../execute/test-databases.ts'
import type { Connect } from '../migrations/connection.ts'
import { readMigrations } from '../migrations/files/read.ts'
import { migrate } from '../migrations/run/migrate.ts'
import { seed } from '../migrations/run/seed.ts'
import type { MigrationFolder, Seed } from '../migrations/types.ts'
import { projectId } from '../plan/names.ts'
import { openStack, type Stack } from '../stack.ts'
import { endScript } from '../stack/scripts.ts'
import type { ProvidedDatabases } from './provided.ts'

export interface SetupOptions {
  /** Which PostgreSQL service; needed only where there are several. */
  readonly service?: string | undefined
  /** Where to look for `poststack.config.ts`, from here upward. @default the root of the Vitest project */
  readonly cwd?: string | undefined
  /** The config file, relative to `cwd`, instead of looking for one. */
  readonly configFile?: string | undefined
  /** Handed to the config's function. @default 'test' */
  readonly mode?: string | undefined
  /** A stack beside the one you work with: another server, which needs `port: 'auto'`. @default the stack itself */
  readonly instance?: string | undefined
  /** Wins over the config's `runtime`. */
  readonly runtime?: RuntimeChoice | undefined
  /** What a guarded config may do besides what package.json grants. */
  readonly permissions?: Permissions | undefined
  /** Evaluate the config with every permission. @default false */
  readonly allowAll?: boolean | undefined
  /** @default the environment of the process */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
}

/** For `test.globalSetup` of Vitest's config: the whole path `poststack/vitest/setup`. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  return await setupDatabases(project)
}

/**
 * The same with options, for a global setup of your own. Starts the server where it does not run, and leaves it running: the next run is
 * faster. The declared database itself is left alone. Returns the teardown, which drops all databases of the run.
 *
 * @example
 * export default (project: TestProject) => setupDatabases(project, { service: 'db', instance: 'test' })
 *
 * @throws what `openStack` and `up` fail with, and `MIGRATION_FAILED` when the template cannot be migrated.
 */
export async function setupDatabases(project: TestProject, options: SetupOptions = {}): Promise<() => Promise<void>> {
  const { cwd = project.config.root, env = process.env, mode = 'test', service, ...others } = options
  const { signal } = new AbortController()
  const stack = await openStack({ ...others, cwd, env, mode, signal })
  let run: TestRun | undefined
  try {
    const { owned, service: chosen } = await stack.database({ service })
    if (owned) await start(stack, chosen)
    // Only now, because the first start makes the password.
    const database = await stack.database({ service: chosen })
    const { DATABASE_URL: url = '' } = await stack.variables({ service: chosen })
    const opened = await openTestRun(database, signal)
    run = opened
    let round = 0
    const prepare = async (): Promise<void> => {
      const template = await prepareTemplate({ stack, run: opened, database, signal })
      round += 1
      const provided: ProvidedDatabases = { url, template, prefix: opened.prefix, round }
      project.provide('poststack', provided)
    }
    await prepare()
    // In watch mode the migrations may be others by now.
    project.onTestsRerun(prepare)
    return async () => {
      await opened.close()
      await stack.close()
    }
  } catch (error) {
    await run?.close()
    await stack.close()
    throw error
  }
}

async function start(stack: Stack, service: string): Promise<void> {
  const { ok, results } = await stack.containers.start({ services: [service] })
  if (ok) return
  const error = results.find((result) => result.error !== undefined)?.error
  const { code = 'STEP_FAILED', message = `${service} could not be started`, ...more } = error ?? {}
  throw new PoststackError(code, message, more)
}

interface Preparing {
  readonly stack: Stack
  readonly run: TestRun
  readonly database: DeclaredDatabase
  readonly signal: AbortSignal
}

async function prepareTemplate({ database, run, signal, stack }: Preparing): Promise<string> {
  const { migrations, root, service } = database
  const folder = migrations === undefined ? undefined : await readMigrations(migrations, { root })
  const declared = stack.config.services.find(({ name }) => name === service)
  const { before, after } =
    declared === undefined ? { before: [], after: [] } : await readServiceSeeds(declared, stack.config)
  const family = createHash('sha256')
    .update(`${projectId(root)} ${service}`)
    .digest('hex')
    .slice(0, 8)
  const fill = async (connect: Connect, name: string): Promise<void> => {
    const options = { connect, signal, toolVersion: POSTSTACK_VERSION, lockTimeoutMs: 0 }
    const runScript = async (file: string, ending: AbortSignal): Promise<void> => {
      const script = await stack.script({ file, service, database: name })
      const { PGPASSWORD: password = '' } = await stack.variables({ service })
      const hide = (line: string): string => (password === '' ? line : line.replaceAll(password, '***'))
      await endScript(script, { file, root, signal: ending, hide })
    }
    if (before.length > 0) await seed({ ...options, seeds: before, runScript })
    if (folder !== undefined) await migrate({ ...options, folder })
    if (after.length > 0) await seed({ ...options, seeds: after, runScript })
  }
  return await run.template({ family, key: keyOf(folder, [...before, ...after]), fill })
}

/** Equal for equal contents, whatever the files' times are. */
function keyOf(folder: MigrationFolder | undefined, seeds: readonly Seed[]): string {
  const migrations = (folder?.migrations ?? []).map(({ version, name, checksum, rollback }) => [
    version,
    name,
    checksum,
    rollback?.checksum ?? null,
  ])
  const made = JSON.stringify([POSTSTACK_VERSION, migrations, seeds.map(({ file, checksum }) => [file, checksum])])
  return createHash('sha256').update(made).digest('hex').slice(0, 16)
}
