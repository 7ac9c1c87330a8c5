/**
 * `poststack/run`: the stack, for scripts that `poststack run` starts.
 */
import type { ConfigExport, ServiceMap } from './config/define.ts'
import type { HandedContainer, HandedDatabase } from './config/handed.ts'
import { stackKey, type HandedStack } from './config/child/script-protocol.ts'
import { PoststackError } from './errors.ts'
import { createSql } from './execute/database/sql.ts'
import type { Sql } from './execute/sql.ts'

export type { Sql } from './execute/sql.ts'

/**
 * Tells which config the stack is of, so that `stack.services` knows its services. Without it they are known by their names only.
 *
 * @example
 * declare module 'poststack/run' {
 *   interface Register { config: typeof import('./poststack.config.ts').default }
 * }
 */
export interface Register {}

export type RunDatabase = HandedDatabase

export type RunContainer = HandedContainer

export type RunService = RunDatabase | RunContainer

type ServicesOf<Config> =
  Config extends ConfigExport<infer Services extends ServiceMap>
    ? // The services of layers have names that are not known here.
      string extends keyof Services
      ? UnknownServices
      : {
          readonly [Name in keyof Services]: Services[Name] extends { readonly kind: 'postgres' }
            ? RunDatabase
            : RunContainer
        }
    : never

type RegisteredServices = Register extends { readonly config: infer Config } ? ServicesOf<Config> : UnknownServices

type UnknownServices = Readonly<Record<string, RunService | undefined>>

/** The stack that a script was started for. */
export interface RunStack {
  readonly name: string
  /** Folder of the config file, absolute. */
  readonly root: string
  /** The only database, or the one that `--service` names. Fails with `USAGE` when there is none, or several and none was chosen. */
  readonly db: RunDatabase
  /** Statements in that database. Connects with the first one; the script ends without closing it. */
  readonly sql: Sql
  /** Each service by its name. */
  readonly services: RegisteredServices
}

function handed(): HandedStack {
  const { [stackKey]: found } = globalThis as { readonly [stackKey]?: HandedStack }
  if (found !== undefined) return found
  throw new PoststackError('USAGE', 'There is no stack: this program was not started by Poststack.', {
    hint: 'Start it with: poststack run <script>',
  })
}

function chosenDatabase(): HandedDatabase {
  const { chosen, services } = handed()
  const service = chosen === undefined ? undefined : services[chosen]
  if (service?.kind === 'postgres') return service
  const names = Object.entries(services).flatMap(([name, { kind }]) => (kind === 'postgres' ? [name] : []))
  if (names.length === 0)
    throw new PoststackError('USAGE', 'The stack has no database.', { hint: 'Declare one with postgres().' })
  throw new PoststackError('USAGE', `The stack has several databases: ${names.join(', ')}.`, {
    hint: 'Name one: poststack run --service <name> <script>. Or take its url from stack.services.',
  })
}

let opened: Sql | undefined

function openSql(): Sql {
  const { host, port, user, database, password, parameters } = chosenDatabase()
  const to = { host, port, user, database, password, parameters }
  return createSql({ ...to, applicationName: 'poststack run', connectTimeoutMs: 15_000 })
}

/**
 * The stack, as this machine reaches it. Its parts are looked up when they are read; outside of `poststack run` that fails with `USAGE`.
 *
 * @example
 * import { stack } from 'poststack/run'
 * const [row] = await stack.sql`SELECT count(*) FROM users`
 */
export const stack: RunStack = {
  get name() {
    return handed().name
  },
  get root() {
    return handed().root
  },
  get db() {
    return chosenDatabase()
  },
  get sql() {
    opened ??= openSql()
    return opened
  },
  get services() {
    return handed().services as RegisteredServices
  },
}
