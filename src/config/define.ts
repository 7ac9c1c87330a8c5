/**
 * What a user writes: `defineConfig`, `postgres()`, `container()` and the types behind them.
 *
 * This module is loaded by every config, so it imports nothing but `options.ts` beside it.
 */
import { referenceBrand } from './options.ts'
import type { ContainerOptions, PostgresOptions, Reference, RuntimeChoice } from './options.ts'

export type { Condition, RuntimeChoice } from './options.ts'

export interface DefineContext {
  /** The environment variables the config may read. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Free text from `--mode`, for configs that differ by purpose. @default 'development' */
  readonly mode: string
  /** The directory the command was started in, absolute. */
  readonly cwd: string
}

/** The whole stack, as written in `poststack.config.ts`. */
export interface StackConfig<Services extends ServiceMap = ServiceMap> {
  /**
   * Name of the stack: prefix of its containers, volumes and network. Lower-case letters, digits and `-`, at most 40 characters.
   * Changing it makes another stack; what the old name made stays until `poststack down` is run with the old name.
   * @default the name of the config's folder
   */
  readonly name?: string | undefined
  /**
   * What runs the services. `--runtime` on the command line wins.
   * @default 'auto'
   */
  readonly runtime?: RuntimeChoice | undefined
  /** The members of the stack by name. Names are lower-case letters, digits and `-`, at most 40 characters; they are host names on the stack's network. */
  readonly services: Services
}

/** Services by name. */
export type ServiceMap = Readonly<Record<string, PostgresService | ContainerService>>

// Registered symbols: a config may get `postgres` from one copy of this package and be read by another.
export const serviceBrand = Symbol.for('poststack.service')
const counterKey = Symbol.for('poststack.counter')

/** What a service object carries for the reader of the config. `id` tells two services apart before they have names. */
export interface ServiceMark {
  readonly id: number
  readonly kind: 'postgres' | 'container'
  readonly options: PostgresOptions | ContainerOptions
}

interface Marked {
  readonly [serviceBrand]: ServiceMark
}

/** A PostgreSQL service and the references to it. */
export interface PostgresService extends Marked {
  readonly kind: 'postgres'
  /** `postgres://user:password@host:port/database`, as the service that reads it sees the server. */
  readonly url: Reference
  /** Host name or address, as the service that reads it sees the server. */
  readonly host: Reference
  /** Port, as the service that reads it sees the server. */
  readonly port: Reference
  /** Name of the database. */
  readonly database: Reference
  /** Role that owns the database. */
  readonly user: Reference
  /** Password of that role. */
  readonly password: Reference
}

/** A container service and the references to it. */
export interface ContainerService<Port extends string = string> extends Marked {
  readonly kind: 'container'
  /** Host name, as the service that reads it sees the container. */
  readonly host: Reference
  /** The number of a declared port, as the service that reads it sees it. */
  port(name: Port): Reference
  /** `http://host:port` of a declared port, as the service that reads it sees it. */
  url(name: Port): Reference
}

/**
 * Declares a PostgreSQL service: a server that Poststack runs, or with `url` a database that exists already.
 *
 * @example
 * const db = postgres({ version: 17, port: 5433, migrations: './migrations' })
 */
export function postgres(options: PostgresOptions = {}): PostgresService {
  const id = nextId()
  return {
    kind: 'postgres',
    [serviceBrand]: { id, kind: 'postgres', options },
    url: reference(id, 'url'),
    host: reference(id, 'host'),
    port: reference(id, 'port'),
    database: reference(id, 'database'),
    user: reference(id, 'user'),
    password: reference(id, 'password'),
  }
}

/**
 * Declares any other container of the stack: an application, a worker, a one-off job.
 *
 * @example
 * const web = container({ build: { dockerfile: './containers/web/Dockerfile' }, env: { DATABASE_URL: db.url } })
 */
export function container<const Port extends string = never>(options: ContainerOptions<Port>): ContainerService<Port> {
  const id = nextId()
  return {
    kind: 'container',
    [serviceBrand]: { id, kind: 'container', options },
    host: reference(id, 'host'),
    port: (name) => reference(id, `port:${name}`),
    url: (name) => reference(id, `url:${name}`),
  }
}

/** What a config file may export: the stack, a promise of it, or a function that makes it. */
export type ConfigExport<Services extends ServiceMap = ServiceMap> =
  | StackConfig<Services>
  | Promise<StackConfig<Services>>
  | ((context: DefineContext) => StackConfig<Services> | Promise<StackConfig<Services>>)

/**
 * Gives a config its type and returns it unchanged, so that other projects can import and reuse it.
 *
 * @example
 * export default defineConfig({ name: 'shop', services: { db: postgres({ migrations: './migrations' }) } })
 */
export function defineConfig<const Services extends ServiceMap>(
  config: (context: DefineContext) => StackConfig<Services>,
): (context: DefineContext) => StackConfig<Services>
export function defineConfig<const Services extends ServiceMap>(
  config: (context: DefineContext) => Promise<StackConfig<Services>>,
): (context: DefineContext) => Promise<StackConfig<Services>>
export function defineConfig<const Services extends ServiceMap>(
  config: Promise<StackConfig<Services>>,
): Promise<StackConfig<Services>>
// The object stands last: when nothing fits, TypeScript explains the last one.
export function defineConfig<const Services extends ServiceMap>(config: StackConfig<Services>): StackConfig<Services>
export function defineConfig(config: ConfigExport): ConfigExport {
  return config
}

/** Matches one place holder as template strings carry it; the groups are the service's id and the property. */
export const placeholderPattern = /\{\{poststack:(\d+):([a-z]+(?::[^{}]*)?)\}\}/g

function reference(service: number, property: string): Reference {
  return { [referenceBrand]: { service, property }, toString: () => `{{poststack:${String(service)}:${property}}}` }
}

/** One counter for all copies of this package in the process, so that ids never meet. */
function nextId(): number {
  const shared = globalThis as { [counterKey]?: number }
  const id = (shared[counterKey] ?? 0) + 1
  shared[counterKey] = id
  return id
}
