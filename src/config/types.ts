/**
 * The config that code may trust: every default filled in, every path absolute, every reference by service name,
 * every secret replaced by its name. Only `parseConfig` makes one.
 */
import type { AutoPort } from './parse/auto-ports.ts'
import type { Condition, LogChoice, RuntimeChoice } from './options.ts'

/** A value that may hold references and secrets: its parts are put together for the service that reads it. */
export type TextPart = string | ReferencePart | SecretPart

export interface ReferencePart {
  readonly kind: 'reference'
  readonly service: string
  /** `url host port database user password` of a PostgreSQL service; `host`, `port:<name>`, `url:<name>` of a container. */
  readonly property: string
}

/** A secret by its name in the `Secrets` that belong to the config, for example `db.password` or `web.env.API_KEY`. */
export interface SecretPart {
  readonly kind: 'secret'
  readonly name: string
  /** `uri`: percent-encoded, for use inside a URL. */
  readonly encoding: 'plain' | 'uri'
}

export type Text = readonly TextPart[]

export interface Dependency {
  readonly service: string
  readonly condition: Condition
}

interface CommonService {
  readonly name: string
  /** Sorted by service name; references are included. */
  readonly dependsOn: readonly Dependency[]
  readonly readyTimeoutMs: number
  /** Only where none of its profiles is asked for and nothing needs it that runs: its profiles. It runs when it is named. */
  readonly idle?: readonly string[] | undefined
}

interface RunService extends CommonService {
  /** Only when declared; else the plan chooses `<stack>-<service>`. */
  readonly containerName: string | undefined
  readonly stopGraceSeconds: number
  readonly restart: 'no' | 'always' | 'unless-stopped' | 'on-failure'
  /** What the engine grants; each only when declared. */
  readonly limits: { readonly memoryBytes?: number; readonly cpus?: number; readonly shmBytes?: number }
  readonly labels: Readonly<Record<string, string>>
  /** Host names beside the service's own, sorted. */
  readonly aliases: readonly string[]
  /** Only when the image is pulled otherwise than when it is missing. */
  readonly pull?: 'always' | 'never'
}

export interface PostgresServiceConfig extends RunService {
  readonly kind: 'postgres'
  readonly version: number
  /** Only when declared; else Poststack's own image of that version. */
  readonly image: string | undefined
  readonly port: number
  readonly hostAddress: string
  readonly user: string
  readonly database: string
  /** Name of the secret: always `<service>.password`. */
  readonly password: SecretPart
  /** Absolute path. */
  readonly migrations: string | undefined
  /** Absolute path of the folder of its seeds. */
  readonly seed?: string | undefined
  readonly settings: Readonly<Record<string, string>>
}

export interface ExternalServiceConfig extends CommonService {
  readonly kind: 'external'
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
  /** Absent when the URL names none. */
  readonly password: SecretPart | undefined
  /** The URL's query as given (`sslmode=require`), without the `?`. */
  readonly parameters: string
  readonly migrations: string | undefined
}

export interface PortConfig {
  readonly name: string
  readonly container: number
  readonly host: number | undefined
  readonly hostAddress: string
  readonly protocol: 'tcp' | 'udp'
}

export interface BuildConfig {
  /** Absolute path. */
  readonly context: string
  /** Absolute path. */
  readonly dockerfile: string
  readonly args: Readonly<Record<string, string>>
  readonly target: string | undefined
  readonly platform?: string
  /** Values of the build's secret mounts by their ids. */
  readonly secrets?: Readonly<Record<string, SecretPart>>
  /** `false`: every step is built anew. */
  readonly cache?: false
  readonly cacheFrom?: readonly string[]
  readonly cacheTo?: readonly string[]
  /** Where the logs of Poststack are in the context, with `/`; absent for another place, and for the usual one. */
  readonly logs?: string
}

export type MountConfig =
  | { readonly kind: 'volume'; readonly volume: string; readonly target: string; readonly readOnly: boolean }
  | { readonly kind: 'bind'; readonly source: string; readonly target: string; readonly readOnly: boolean }
  | { readonly kind: 'tmpfs'; readonly bytes: number; readonly target: string }

export type ReadyConfig =
  | { readonly kind: 'running' }
  | {
      readonly kind: 'http'
      readonly port: string
      readonly path: string
      readonly status: number | undefined
      readonly body: string | undefined
    }
  | { readonly kind: 'tcp'; readonly port: string }
  | {
      readonly kind: 'postgres'
      readonly port: string
      readonly user: string
      readonly database: string
      readonly password: SecretPart | undefined
    }
  | { readonly kind: 'exec'; readonly command: readonly string[] }
  | { readonly kind: 'log'; readonly pattern: string }

export interface HealthcheckConfig {
  readonly command: readonly string[]
  readonly intervalSeconds: number
  readonly timeoutSeconds: number
  readonly retries: number
  readonly startSeconds: number
}

export interface ContainerServiceConfig extends RunService {
  readonly kind: 'container'
  /** Exactly one of `image` and `build` is there. */
  readonly image: string | undefined
  readonly build: BuildConfig | undefined
  readonly platform: string | undefined
  readonly command: readonly string[] | undefined
  readonly entrypoint: readonly string[] | undefined
  readonly env: Readonly<Record<string, Text>>
  readonly ports: readonly PortConfig[]
  readonly mounts: readonly MountConfig[]
  readonly workdir: string | undefined
  readonly user: string | undefined
  readonly init: boolean
  readonly stopSignal: string | undefined
  /** Sorted. */
  readonly capAdd: readonly string[]
  /** Sorted. */
  readonly capDrop: readonly string[]
  /** Host name to IP address or `host-gateway`. */
  readonly extraHosts: Readonly<Record<string, string>>
  /** `false`: the image's is switched off; absent: it is left as it is. */
  readonly healthcheck: HealthcheckConfig | false | undefined
  readonly ready: ReadyConfig
  readonly job: boolean
}

export type ServiceConfig = PostgresServiceConfig | ExternalServiceConfig | ContainerServiceConfig

/** An image that is built but not run: a project container found without a config file. */
export interface ImageConfig {
  readonly name: string
  readonly build: BuildConfig
}

export type HookEvent = 'beforeUp' | 'afterReady' | 'beforeMigrate' | 'afterMigrate' | 'beforeDown'

export type HookConfig = (
  | { readonly kind: 'script'; /** Absolute path. */ readonly path: string }
  | { readonly kind: 'command'; readonly command: readonly string[] }
) & {
  /** It is run once for its content: in each database where it is about one, else in the stack. */
  readonly once: boolean
}

export interface LogsConfig {
  /** Absolute path. */
  readonly folder: string
  readonly level: LogChoice
}

export interface Config {
  readonly name: string
  /** There is no config file: conventions apply, and whoever wants something else has to write one. */
  readonly conventional?: boolean | undefined
  readonly runtime: RuntimeChoice
  readonly hooks?: Readonly<Partial<Record<HookEvent, HookConfig>>> | undefined
  /** What Poststack writes down. Absent for the usual: `info`, in `logs` of the project. */
  readonly logs?: LogsConfig | undefined
  /** Absolute real path of the folder of the config file: the project. */
  readonly root: string
  /** Absolute; holds a folder with a Dockerfile for each image of the project. Absent where that is `containers` in the project. */
  readonly containers?: string | undefined
  /** Sorted by name. */
  readonly services: readonly ServiceConfig[]
  /** Sorted by name. */
  readonly images: readonly ImageConfig[]
  /** Host ports that were declared as `'auto'`. Their numbers in `services` are those preferred, until they are settled. */
  readonly autoPorts: readonly AutoPort[]
}
