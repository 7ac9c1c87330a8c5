/**
 * The plain data that planning turns on: what is wanted, what is there, and the steps from one to the other.
 * No secret value stands in any of it: secrets are named, and told apart by keyed digests.
 */
import type { ErrorCode } from '../errors.ts'
import type { BuildConfig, Dependency, SecretPart } from '../config/types.ts'
import type { AppliedMigration, MigrationFolder } from '../migrations/types.ts'

// ---- the canonical spec of a container ---------------------------------------------------------------------------

/** Text of an environment variable or file once references are resolved; secret parts stay names. */
export type SpecText = string | { readonly parts: readonly (string | SecretPart)[] }

export interface SpecPort {
  readonly container: number
  /** Absent: open to the stack's network only. */
  readonly host?: number
  readonly hostAddress?: string
  readonly protocol: 'tcp' | 'udp'
}

export type SpecMount =
  | {
      readonly kind: 'volume'
      /** Key of a `DesiredVolume`. */ readonly volume: string
      readonly target: string
      readonly readOnly?: boolean
    }
  | { readonly kind: 'bind'; readonly source: string; readonly target: string; readonly readOnly?: boolean }

/**
 * Everything about a container whose change asks for a new container. It stands, with secrets as digests, in the container's
 * label, so a later run can say which field changed. A field that has its default is left out: that way a later version of
 * Poststack can add fields without making every recorded spec look changed.
 */
export interface ContainerSpec {
  /** Fully qualified (`docker.io/library/nginx:1`), or a local tag for images that are built (`shop/web`). */
  readonly image: string
  /** Fingerprint of the build's inputs, for images of the project. */
  readonly fingerprint?: string
  readonly command?: readonly string[]
  readonly entrypoint?: readonly string[]
  readonly env?: Readonly<Record<string, SpecText>>
  /** Files with a secret, put in place before each start: path inside the container to content. */
  readonly files?: Readonly<Record<string, SpecText>>
  readonly ports?: readonly SpecPort[]
  readonly mounts?: readonly SpecMount[]
  readonly workdir?: string
  readonly user?: string
  readonly restart?: 'always' | 'unless-stopped' | 'on-failure'
  readonly stopSignal?: string
  readonly stopGraceSeconds?: number
  readonly shmBytes?: number
  /** A PostgreSQL server, in the terms that the native runtime needs; containers get the same through `env` and `command`. */
  readonly postgres?: PostgresSpec
}

export interface PostgresSpec {
  readonly version: number
  readonly user: string
  readonly database: string
  readonly password: SecretPart
  readonly settings?: Readonly<Record<string, string>>
}

/** A spec as it stands in a label: each text with secrets is `{ secret: <keyed digest> }`. */
export type RecordedSpec = Readonly<Record<string, unknown>>

/** An object of the engine, by the id it had when observed, or by the name an earlier step gives it. */
export interface Target {
  readonly name: string
  readonly id?: string
}

/** A container as it is made: the spec with names resolved, and the labels that make it ours. */
export interface ContainerPlan {
  readonly name: string
  readonly service: string
  readonly spec: ContainerSpec
  /** Volume key to the engine's name. */
  readonly volumes: Readonly<Record<string, string>>
  readonly network: string | undefined
  /** Host names on that network. */
  readonly aliases: readonly string[]
  readonly labels: Readonly<Record<string, string>>
}

// ---- desired -----------------------------------------------------------------------------------------------------

export type DesiredImage =
  | {
      readonly kind: 'build'
      readonly ref: string
      /** Other names that it gets: `shop/web:latest` beside the name with the fingerprint. */
      readonly aliases: readonly string[]
      readonly build: BuildConfig
      /** Stands in the image's label; another one there means the image is out of date. */
      readonly fingerprint: string
      /** Poststack's own image: built when it is missing, but never rebuilt by an `up`, so that a new version of Poststack restarts nothing. */
      readonly shipped: boolean
      /** Refs of images that must be there first. */
      readonly needs: readonly string[]
    }
  | { readonly kind: 'pull'; readonly ref: string }

export interface DesiredVolume {
  /** Unique in the stack: `db-data`. */
  readonly key: string
  /** Preferred name in the engine: `shop-db-data`. */
  readonly name: string
  /** Service whose data it holds; volumes of a PostgreSQL service are never shared. */
  readonly service: string | undefined
  /** Major version of the PostgreSQL that keeps its data in it. */
  readonly postgres: number | undefined
}

/** How to find out that a service is as its dependants need it. */
export type Probe =
  | { readonly kind: 'running' }
  | { readonly kind: 'postgres'; readonly connection: DatabaseTarget }
  | {
      readonly kind: 'http'
      readonly hostAddress: string
      readonly port: number
      readonly path: string
      readonly status?: number
    }
  | { readonly kind: 'tcp'; readonly hostAddress: string; readonly port: number }
  | { readonly kind: 'exec'; readonly command: readonly string[] }
  | { readonly kind: 'log'; readonly pattern: string }
  | { readonly kind: 'completed' }

/** A database as seen from the host. */
export interface DatabaseTarget {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
  readonly password: SecretPart | undefined
  /** Query part of an external URL, such as `sslmode=require`. */
  readonly parameters?: string
}

export interface DesiredService {
  readonly name: string
  readonly kind: 'postgres' | 'external' | 'container'
  /** Absent for external databases. */
  readonly container:
    | {
        /** Preferred name. */ readonly name: string
        /** The name was declared: no other one will do. */ readonly declared: boolean
        readonly spec: ContainerSpec
      }
    | undefined
  readonly dependsOn: readonly Dependency[]
  readonly probe: Probe
  readonly readyTimeoutMs: number
  /** Present where migrations are declared. */
  readonly migrations: { readonly target: DatabaseTarget; readonly folder: MigrationFolder } | undefined
}

/** The stack as declared: a pure function of config, migration files and secret digests. */
export interface Desired {
  readonly stack: string
  /** Identifies the checkout: the first 12 hex digits of the SHA-256 of the project's real path. */
  readonly project: string
  /** Absolute path, for people: it tells two checkouts apart in messages. */
  readonly root: string
  /** Preferred name of the network that the stack's containers share; absent when the stack runs none. */
  readonly network: string | undefined
  /** Sorted by ref. */
  readonly images: readonly DesiredImage[]
  /** Sorted by key. */
  readonly volumes: readonly DesiredVolume[]
  /** Sorted by name. */
  readonly services: readonly DesiredService[]
  /** Keyed digest of each secret by its name. */
  readonly digests: Readonly<Record<string, string>>
}

// ---- observed ----------------------------------------------------------------------------------------------------

export type RuntimeName = 'podman' | 'docker' | 'native' | 'memory'

/** Whose an object is, read from its labels. `undefined` fields mean: not made by Poststack. */
export interface Owner {
  readonly stack: string
  readonly project: string
  readonly root: string
}

export interface ObservedContainer {
  readonly id: string
  readonly name: string
  /** Absent when the labels are not Poststack's. */
  readonly owner: Owner | undefined
  /** Absent when the container is not Poststack's. */
  readonly service: string | undefined
  readonly state: 'created' | 'running' | 'exited' | 'restarting' | 'paused' | 'dead'
  /** Present once the main process has ended. */
  readonly exitCode: number | undefined
  /** Id of the image it was made from. */
  readonly imageId: string
  /** The spec from its label; absent when there is none or it cannot be read. */
  readonly spec: RecordedSpec | undefined
  /** Host ports it holds now. */
  readonly ports: readonly { readonly host: number; readonly hostAddress: string }[]
}

export interface ObservedVolume {
  readonly name: string
  readonly owner: Owner | undefined
  readonly key: string | undefined
  /** Major version of the PostgreSQL whose data it holds, as recorded when it was made. */
  readonly postgres: number | undefined
}

export interface ObservedNetwork {
  readonly id: string
  readonly name: string
  readonly owner: Owner | undefined
}

export interface ObservedImage {
  readonly ref: string
  readonly id: string
  /** From Poststack's label. */
  readonly fingerprint: string | undefined
}

/** What one look at an engine gives: everything of ours, and whatever else holds a name that we want. */
export interface RuntimeSnapshot {
  readonly containers: readonly ObservedContainer[]
  readonly volumes: readonly ObservedVolume[]
  readonly networks: readonly ObservedNetwork[]
  /** Only refs that were asked for and exist. */
  readonly images: readonly ObservedImage[]
}

export interface ObservedProbe {
  /** `ready`: one probe succeeded just now. `not-ready`: it failed. `unknown`: nothing to ask, as nothing runs. */
  readonly state: 'ready' | 'not-ready' | 'unknown'
  /** Why not, in a sentence. */
  readonly reason?: string
}

export type ObservedDatabase =
  /** Nothing to ask yet: the server does not run. */
  | { readonly state: 'unknown' }
  /** It runs, but does not let us in. */
  | { readonly state: 'unreachable'; readonly code: ErrorCode; readonly reason: string }
  /** The ledger's rows sorted by version; an empty list when there is no ledger yet. */
  | { readonly state: 'read'; readonly applied: readonly AppliedMigration[] }

/** A host port that a service wants and that something else holds. */
export interface BusyPort {
  readonly host: number
  readonly hostAddress: string
  /** Who holds it, as exactly as can be found out: "container other-db", "process postgres (pid 123)", "another process". */
  readonly holder: string
}

export interface Observed extends RuntimeSnapshot {
  readonly runtime: RuntimeName
  /** False for the native runtime: it has no images and no networks, and runs PostgreSQL services only. */
  readonly containersPossible: boolean
  /** By service. */
  readonly probes: Readonly<Record<string, ObservedProbe>>
  /** By service, for services with migrations. */
  readonly databases: Readonly<Record<string, ObservedDatabase>>
  readonly busyPorts: readonly BusyPort[]
}
