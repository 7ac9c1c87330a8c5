/**
 * The config that code may trust: every default filled in, every path absolute, every reference by service name,
 * every secret replaced by its name. Only `parseConfig` makes one.
 */
import type { Condition, RuntimeChoice } from './options.ts'

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
}

interface RunService extends CommonService {
  /** Only when declared; else the plan chooses `<stack>-<service>`. */
  readonly containerName: string | undefined
  readonly stopGraceSeconds: number
  readonly restart: 'no' | 'always' | 'unless-stopped' | 'on-failure'
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
}

export type MountConfig =
  | { readonly kind: 'volume'; readonly volume: string; readonly target: string; readonly readOnly: boolean }
  | { readonly kind: 'bind'; readonly source: string; readonly target: string; readonly readOnly: boolean }

export type ReadyConfig =
  | { readonly kind: 'running' }
  | { readonly kind: 'http'; readonly port: string; readonly path: string; readonly status: number | undefined }
  | { readonly kind: 'tcp'; readonly port: string }
  | { readonly kind: 'exec'; readonly command: readonly string[] }
  | { readonly kind: 'log'; readonly pattern: string }

export interface ContainerServiceConfig extends RunService {
  readonly kind: 'container'
  /** Exactly one of `image` and `build` is there. */
  readonly image: string | undefined
  readonly build: BuildConfig | undefined
  readonly command: readonly string[] | undefined
  readonly entrypoint: readonly string[] | undefined
  readonly env: Readonly<Record<string, Text>>
  readonly ports: readonly PortConfig[]
  readonly mounts: readonly MountConfig[]
  readonly workdir: string | undefined
  readonly user: string | undefined
  readonly ready: ReadyConfig
  readonly job: boolean
}

export type ServiceConfig = PostgresServiceConfig | ExternalServiceConfig | ContainerServiceConfig

/** An image that is built but not run: a project container found without a config file. */
export interface ImageConfig {
  readonly name: string
  readonly build: BuildConfig
}

export interface Config {
  readonly name: string
  readonly runtime: RuntimeChoice
  /** Absolute real path of the folder of the config file: the project. */
  readonly root: string
  /** Sorted by name. */
  readonly services: readonly ServiceConfig[]
  /** Sorted by name. */
  readonly images: readonly ImageConfig[]
}
