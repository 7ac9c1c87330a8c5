/**
 * Programs that a person works with: in the container of a service, or beside it on this machine.
 */
import { openSecrets } from '../config/secrets.ts'
import { PoststackError } from '../errors.ts'
import type { FoundProgram, ProgramOptions } from '../execute/backup/program.ts'
import { hostProgram } from '../execute/backup/host-program.ts'
import { observeRuntime } from '../execute/observe.ts'
import { chooseDatabase, type DatabaseChoice, type DatabaseService } from '../plan/choose-database.ts'
import { readNames } from '../execute/read-desired.ts'
import { currentContainer } from '../plan/current.ts'
import { databaseTarget } from '../plan/desired.ts'
import { loginUrl } from '../plan/login-url.ts'
import { postgresPort } from '../plan/references.ts'
import type { DatabaseTarget, ObservedContainer } from '../plan/types.ts'
import { withoutDatabase } from '../plan/variables.ts'
import { findProgram } from '../runtime/find-program.ts'
import { installCommands } from '../runtime/install.ts'
import type { AttachedProgram, Revealed, Runtime } from '../runtime/runtime.ts'
import { databasesOf, type Opened, ownServers, type SelectRuntime } from './opened.ts'
import type { PsqlOptions } from './options.ts'

/** The container of a service that runs, or `NOT_RUNNING`. */
export async function runningContainer(opened: Opened, runtime: Runtime, service: string): Promise<ObservedContainer> {
  const desired = readNames(opened.parsed.config)
  const { containers } = await observeRuntime(desired, { runtime, signal: opened.signal })
  const found = currentContainer(service, containers, desired)
  if (found?.state === 'running') return found
  const state = found === undefined ? 'there is no container of it' : `its container ${found.name} is ${found.state}`
  throw new PoststackError('NOT_RUNNING', `${service} does not run: ${state}.`, {
    hint: `Start it: poststack container start ${service}`,
    details: { service, state: found?.state },
  })
}

/** psql in the server's own container, where its version fits; else the one of this machine. */
export async function psqlProgram(
  opened: Opened,
  select: SelectRuntime,
  options: PsqlOptions,
): Promise<AttachedProgram> {
  const { config, literals } = opened.parsed
  const service = chooseDatabase(config, chosen(opened, options))
  const declared = databaseTarget(service)
  const target = { ...declared, database: options.database ?? declared.database }
  const secrets = await openSecrets({ root: config.root, config, literals, create: false })
  const env = target.password === undefined ? {} : { PGPASSWORD: secrets.reveal(target.password) }
  const { args = [], terminal = false } = options
  if (service.kind === 'postgres') {
    const runtime = await select(databasesOf(opened))
    const inside = await insideOf(opened, runtime, { service: service.name, program: 'psql' })
    if (inside !== undefined) {
      const request = { command: ['psql', ...loginInside(target), ...args], env, terminal }
      return runtime.attach(inside, request, { signal: opened.signal })
    }
  }
  const address = await addressNow(opened, select, service)
  return psqlHere(opened, { target: { ...target, ...address }, env, args })
}

/** A program of PostgreSQL for a declared database, in the server's own container; else one of this machine that fits the server. */
export async function databaseProgram(
  opened: Opened,
  select: SelectRuntime,
  choice: DatabaseChoice,
  options: ProgramOptions,
): Promise<FoundProgram> {
  const { config, literals } = opened.parsed
  const { env, signal } = opened
  const service = chooseDatabase(config, choice)
  const { password, ...declared } = databaseTarget(service)
  const secrets = await openSecrets({ root: config.root, config, literals, create: false })
  const target = { ...declared, password: password === undefined ? undefined : secrets.reveal(password) }
  const { applicationName, args, database, program } = options
  if (service.kind === 'postgres') {
    const runtime = await select(databasesOf(opened))
    const inside = await insideOf(opened, runtime, { service: service.name, program })
    if (inside !== undefined) {
      const command = [program, ...loginInside({ ...target, database }), ...args]
      const login = target.password === undefined ? {} : { PGPASSWORD: target.password }
      const run = (words: readonly string[], variables: Revealed): Promise<AttachedProgram> =>
        runtime.attach(inside, { command: words, env: variables, terminal: false }, { signal })
      return {
        ...(await run(command, { PGAPPNAME: applicationName, ...login })),
        inside: (words) => run(words, {}),
      }
    }
  }
  const address = await addressNow(opened, select, service)
  return hostProgram({ ...target, ...address }, options, { env, signal, folders: [config.root] })
}

/** Where a program of this machine finds the server. Fails with `NOT_RUNNING` unless that is the one of the stack. */
async function addressNow(
  opened: Opened,
  select: SelectRuntime,
  service: DatabaseService,
): Promise<Pick<DatabaseTarget, 'host' | 'port'>> {
  const { config } = opened.parsed
  const { absence, config: now } = await ownServers(opened, select, { ...config, services: [service] })
  const absent = await absence(service.name)
  if (absent !== undefined) throw absent.error
  const { host, port } = databaseTarget(chooseDatabase(now, { service: service.name }))
  return { host, port }
}

function loginInside({ database, user }: Pick<DatabaseTarget, 'database' | 'user'>): readonly string[] {
  return ['--host=127.0.0.1', `--port=${String(postgresPort)}`, `--username=${user}`, `--dbname=${database}`]
}

/** Which service is meant: `--database` may name any database of a server, and where it is a declared one, it tells the service. */
function chosen({ parsed }: Opened, { database, service }: PsqlOptions): { service?: string; database?: string } {
  const declared = parsed.config.services.some((one) => one.kind !== 'container' && one.database === database)
  if (service !== undefined) return { service }
  return database !== undefined && declared ? { database } : {}
}

/** The container of a server, if it has the program. Fails with `NOT_RUNNING`. */
async function insideOf(
  opened: Opened,
  runtime: Runtime,
  { service, program }: { readonly service: string; readonly program: string },
): Promise<ObservedContainer | undefined> {
  if (!runtime.containersPossible) return undefined
  const container = await runningContainer(opened, runtime, service)
  const { exitCode } = await runtime.exec(container, [program, '--version'], { signal: opened.signal })
  return exitCode === 0 ? container : undefined
}

interface PsqlHere {
  readonly target: DatabaseTarget
  readonly env: Revealed
  readonly args: readonly string[]
}

async function psqlHere({ env: outer }: Opened, { target, env, args }: PsqlHere): Promise<AttachedProgram> {
  if ((await findProgram('psql', outer)) === undefined)
    throw new PoststackError('PROGRAM_MISSING', 'There is no psql, neither beside the server nor on this machine.', {
      hint: `Run SQL without it: poststack database query "SELECT …"\nOr install the client: ${installCommands('psql')}.`,
      details: { program: 'psql' },
    })
  return { program: 'psql', args: ['-d', loginUrl(target), ...args], env: { ...withoutDatabase(outer), ...env } }
}
