/**
 * What a user writes: `defineConfig`, `postgres()`, `container()` and the types behind them.
 *
 * This module is loaded by every config, so it imports nothing but `options*.ts` and `reference.ts` beside it.
 */
import type { ContainerOptions } from './options-container.ts'
import type { Hook, Hooks, LogOptions, PostgresOptions, Reference, RememberedHook, RuntimeChoice } from './options.ts'
import { portReference, reference, withMistyped } from './reference.ts'

export type { Condition, RuntimeChoice } from './options.ts'

export interface DefineContext {
  /** The environment variables the config may read. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Free text from `--mode`, for configs that differ by purpose. @default 'development' */
  readonly mode: string
  /** The directory the command was started in, absolute. */
  readonly cwd: string
}

/** What a config says beside its services. */
export interface StackOptions {
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
  /** Programs of the project that are run at certain moments, made with `hook()`. A change touches nothing that runs. */
  readonly hooks?: Hooks | undefined
  /** Where Poststack writes down what it does, and how much of it. A change touches nothing that runs. @default `info`, in `./logs` */
  readonly logs?: LogOptions | undefined
  /**
   * Configs that this one is laid upon: each is the object, the function or the promise that another file exports or that a preset makes. Later ones
   * win over earlier ones, and this config over all. A service of the same name and kind is merged option by option; of the options `env`, `ports`,
   * `settings`, `labels`, `extraHosts`, `build` and `dependsOn` (with conditions) key by key, and every other one as a whole. `image` and `build`
   * replace each other, and so do databases with and without `url`. Hooks and `logs` are taken key by key.
   */
  readonly extends?: ConfigExport | readonly ConfigExport[] | undefined
  /** Profiles that are asked for beside those of `--profile`: services that name one of them run, too. @default none */
  readonly profiles?: readonly string[] | undefined
}

/** The whole stack, as written in `poststack.config.ts`. */
export interface StackConfig<Services extends ServiceMap = ServiceMap> extends StackOptions {
  /** The members of the stack by name. Names are lower-case letters, digits and `-`, at most 40 characters; they are host names on the stack's network, so `localhost` is none. Not needed with `extends`. */
  readonly services: Services
}

/** A stack whose services are those of the configs that it extends. */
export interface LayeredConfig extends StackOptions {
  /** See `StackOptions`. */
  readonly extends: NonNullable<StackOptions['extends']>
  readonly services?: undefined
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
  const service: PostgresService = {
    kind: 'postgres',
    [serviceBrand]: { id, kind: 'postgres', options },
    url: reference(id, 'url'),
    host: reference(id, 'host'),
    port: reference(id, 'port'),
    database: reference(id, 'database'),
    user: reference(id, 'user'),
    password: reference(id, 'password'),
  }
  return withMistyped(service, id)
}

/**
 * Declares any other container of the stack: an application, a worker, a one-off job.
 *
 * @example
 * const web = container({ build: { dockerfile: './containers/web/Dockerfile' }, env: { DATABASE_URL: db.url } })
 */
export function container<const Port extends string = never>(options: ContainerOptions<Port>): ContainerService<Port> {
  const id = nextId()
  const service: ContainerService<Port> = {
    kind: 'container',
    [serviceBrand]: { id, kind: 'container', options },
    host: reference(id, 'host'),
    port: portReference(id, 'port'),
    url: portReference(id, 'url'),
  }
  return withMistyped(service, id)
}

/**
 * A script or a command for `hooks`.
 *
 * @example
 * defineConfig({ hooks: { afterMigrate: hook('./hooks/refresh-views.ts'), beforeUp: hook(['npm', 'run', 'codegen']) }, services: {} })
 */
export function hook(script: string, options: { readonly once: 'per-content' }): RememberedHook
export function hook(what: string | readonly string[]): Hook
export function hook(what: string | readonly string[], options: Pick<RememberedHook, 'once'> = {}): RememberedHook {
  return typeof what === 'string' ? { script: what, ...options } : { command: what, ...options }
}

/** What a config file may export: the stack, a promise of it, or a function that makes it. */
export type ConfigExport<Services extends ServiceMap = ServiceMap> =
  | StackConfig<Services>
  | LayeredConfig
  | Promise<StackConfig<Services> | LayeredConfig>
  | ((context: DefineContext) => StackConfig<Services> | LayeredConfig | Promise<StackConfig<Services> | LayeredConfig>)

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
export function defineConfig(
  config: (context: DefineContext) => LayeredConfig,
): (context: DefineContext) => LayeredConfig
export function defineConfig(
  config: (context: DefineContext) => Promise<LayeredConfig>,
): (context: DefineContext) => Promise<LayeredConfig>
export function defineConfig(config: Promise<LayeredConfig>): Promise<LayeredConfig>
export function defineConfig(config: LayeredConfig): LayeredConfig
// The object stands last: when nothing fits, TypeScript explains the last one.
export function defineConfig<const Services extends ServiceMap>(config: StackConfig<Services>): StackConfig<Services>
export function defineConfig(config: ConfigExport): ConfigExport {
  const definitions = (globalThis as { [definedKey]?: Definitions })[definedKey]
  // What is no config at all is told where it is read.
  if (Object(config) === config) definitions?.set(config, new Error('defined').stack ?? '')
  return config
}

/** Where each config was defined, as the stack of an error. Only the process that evaluates a config has one. */
export type Definitions = WeakMap<object, string>
export const definedKey = Symbol.for('poststack.defined')

/** One counter for all copies of this package in the process, so that ids never meet. */
function nextId(): number {
  const shared = globalThis as { [counterKey]?: number }
  const id = (shared[counterKey] ?? 0) + 1
  shared[counterKey] = id
  return id
}
