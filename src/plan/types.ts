/**
 * The plain data that planning turns on: what is wanted, what is there, and the steps from one to the other.
 * No secret value stands in any of it: secrets are named, and told apart by keyed digests.
 */
import type { BuildConfig, Config, Dependency, HookEvent, SecretPart } from '../config/types.ts'
import type { MigrationFolder, Seed } from '../migrations/types.ts'
import type { BusyPort, ObservedDatabase, ObservedProbe } from './answers.ts'
import type { ContainerSpec, RecordedSpec } from './spec-types.ts'

export type {
  ContainerSpec,
  PostgresSpec,
  RecordedSpec,
  SpecHealthcheck,
  SpecMount,
  SpecPort,
  SpecText,
} from './spec-types.ts'

/** An object of the engine, by the id it had when observed, or by the name an earlier step gives it. */
export interface Target {
  readonly name: string
  readonly id?: string
  /** Whose a container must be that is found by its name: something else may have taken that meanwhile. */
  readonly owner?: Pick<Owner, 'stack' | 'project'> | undefined
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

/** What some engines change in a container that is there, with the new values. */
export interface ChangeableFields {
  readonly memoryBytes?: number
  readonly cpus?: number
  readonly restart?: NonNullable<ContainerSpec['restart']>
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
      /** What its context holds, where that is much and nothing is left out. */
      readonly bulk?: ContextBulk
    }
  | {
      readonly kind: 'pull'
      readonly ref: string
      readonly platform?: string
      /** Absent: it is pulled when it is missing. */
      readonly policy?: 'always' | 'never'
    }

export interface ContextBulk {
  readonly files: number
  readonly bytes: number
  /** The entry of the context that has most of it. */
  readonly most: string
}

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
      /** A regular expression that the answer must match. */
      readonly body?: string
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
  /** Where this machine reaches the published ports of a container that is no server of ours. */
  readonly urls?: readonly string[]
  readonly dependsOn: readonly Dependency[]
  readonly probe: Probe
  readonly readyTimeoutMs: number
  /** Only where it does not run without being named: the profiles that would ask for it. Its files were not read. */
  readonly idle?: readonly string[]
  /** Present where migrations are declared. */
  readonly migrations:
    | {
        readonly target: DatabaseTarget
        readonly folder: MigrationFolder
        /** What is run once for its content before the migrations: a remembered hook. */
        readonly before?: readonly Seed[]
        /** In their order; absent where none are declared. */
        readonly seeds?: readonly Seed[]
      }
    | undefined
}

/** The stack as declared: a pure function of config, migration files and secret digests. */
export interface Desired {
  readonly stack: string
  /** Identifies the checkout: the first 12 hex digits of the SHA-256 of the project's real path. */
  readonly project: string
  /** Absolute path, for people: it tells two checkouts apart in messages. */
  readonly root: string
  /** No config file says any of this. */
  readonly conventional?: boolean | undefined
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
  readonly hooks?: Config['hooks']
  /** Digests of the hooks that the stack remembers for their content. */
  readonly hookContents?: Readonly<Partial<Record<HookEvent, string>>>
  /** Secrets that were made just now, as nothing was kept: generated passwords that fit no data of before. */
  readonly unkept: readonly string[]
}

/** What of the declaration is recorded in the databases of the stack. */
export interface DeclaredStack {
  readonly stack: string
  readonly project: string
  readonly root: string
  /** Sorted by name. */
  readonly services: readonly DeclaredService[]
  /** All services of the stack, not only those that were asked for. */
  readonly whole: boolean
}

export interface DeclaredService {
  readonly name: string
  readonly kind: DesiredService['kind']
  readonly image: string | undefined
  readonly specDigest: string | undefined
  readonly addresses: readonly string[]
  readonly isJob: boolean
  /** It does not run without being named: only what there is of it is recorded. */
  readonly idle?: true
}

// ---- observed ----------------------------------------------------------------------------------------------------

export type RuntimeName = 'podman' | 'docker' | 'native' | 'memory'

/** Whose an object is, read from its labels. What Poststack did not make has none. */
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
  /**
   * The spec from its label, with the values that hold now in those fields that the engine changes in place; absent when there is none or it
   * cannot be read.
   */
  readonly spec: RecordedSpec | undefined
  /** Host ports it holds now. */
  readonly ports: readonly { readonly host: number; readonly hostAddress: string; readonly protocol?: 'udp' }[]
  /** The engine says that it was killed for the memory it used; never of some engines. */
  readonly outOfMemory?: true
  /** When its main process was started last, in the engine's words; only where one container was looked at by itself. */
  readonly startedAt?: string
  /** When it ended last before that start, if ever, in the engine's words; where `startedAt` is told. */
  readonly endedBefore?: string
  /** How often the engine has restarted it after it had ended, since a person or Poststack started it; where one was looked at by itself. */
  readonly restarts?: number
  /** As `restarts`, of one that runs since a moment only: it may be between two crashes. Told by a look at all containers. */
  readonly restartedLately?: number
  /** The command of its health check, that of its image included; only where one container was looked at by itself. */
  readonly healthcheck?: readonly string[]
  /** Where a record holds the name that cannot be read: its paths, and the process of its server if that still runs. */
  readonly damaged?: { readonly file: string; readonly folder: string; readonly pid?: number }
}

export interface ObservedVolume {
  readonly name: string
  readonly owner: Owner | undefined
  readonly key: string | undefined
  /** Major version of PostgreSQL: on engines the one it was made for, on native the one whose data it holds, if any. */
  readonly postgres: number | undefined
  /** Present where it holds no data but remembers a job that has ended well, and by which spec. */
  readonly job?: { readonly service: string; readonly digest: string; readonly data?: Readonly<Record<string, number>> }
  /** Which data of its key these are: data that were made anew have another number. Absent: 0. */
  readonly generation?: number
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
  /** `linux/amd64`, `linux/arm64/v8`; absent where it is not known. */
  readonly platform?: string
  /** Whether it brings a health check along; absent where it is not known. */
  readonly hasHealthcheck?: boolean
  /** Major version of the PostgreSQL in it, where it says so as the official image does. */
  readonly postgres?: number
}

/** What one look at an engine gives: everything of ours, and whatever else holds a name that we want. */
export interface RuntimeSnapshot {
  readonly containers: readonly ObservedContainer[]
  readonly volumes: readonly ObservedVolume[]
  readonly networks: readonly ObservedNetwork[]
  /** Only refs that were asked for and exist. */
  readonly images: readonly ObservedImage[]
}

export interface Observed extends RuntimeSnapshot {
  readonly runtime: RuntimeName
  /** False for the native runtime: it has no images and no networks, and runs PostgreSQL services only. */
  readonly containersPossible: boolean
  /** Whether what runs can be given other limits and another restart policy. */
  readonly changesInPlace: boolean
  /** By service. */
  readonly probes: Readonly<Record<string, ObservedProbe>>
  /** By service, for services with migrations. */
  readonly databases: Readonly<Record<string, ObservedDatabase>>
  readonly busyPorts: readonly BusyPort[]
  /** Paths that containers are to mount, and that lead nowhere. */
  readonly missingPaths: readonly string[]
}
