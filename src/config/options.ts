/** The options of the services: what a user writes inside `postgres()` and `container()`. Types only. */

/** What runs the services. `auto` takes podman, then docker, if it answers; else native when only PostgreSQL services are declared. */
export type RuntimeChoice = 'auto' | 'podman' | 'docker' | 'native'

/**
 * When a dependency counts as met: `started` (its container runs), `ready` (its probe answers), `migrated` (a PostgreSQL
 * service is ready and every migration is applied), `completed` (a job ended with exit code 0).
 */
export type Condition = 'started' | 'ready' | 'migrated' | 'completed'

// Registered, because a config may get `postgres` from one copy of this package and be read by another.
export const referenceBrand = Symbol.for('poststack.reference')

/** What a reference carries: the service it points at and which of its properties. */
export interface ReferenceMark {
  readonly service: number
  readonly property: string
}

/**
 * A value that Poststack fills in when it knows it: an address, a port, a password. Use it as a value in another
 * service's `env`, alone or inside a template string; doing so makes that service wait for this one.
 */
export interface Reference {
  readonly [referenceBrand]: ReferenceMark
  /** The place holder that template strings carry; Poststack finds it again when the config is read. */
  toString(): string
}

/** A value of an environment variable. Numbers and booleans are written as text. */
export type EnvValue = string | number | boolean | Reference

export interface CommonOptions {
  /**
   * Services that must be up first: names (each with its natural condition: `migrated` for PostgreSQL, `completed` for a job,
   * else `ready`) or names with a condition. References in `env` make these edges by themselves.
   */
  readonly dependsOn?: readonly string[] | Readonly<Record<string, Condition>> | undefined
  /**
   * Name of the container. Changing it recreates the container; data volumes are kept.
   * @default '<stack>-<service>'
   */
  readonly containerName?: string | undefined
  /**
   * Seconds that the service may take to become ready after its start, 1 to 3600. A change touches nothing that runs.
   * @default 60
   */
  readonly readyTimeoutSeconds?: number | undefined
  /**
   * Seconds between the stop signal and the kill, 0 to 3600. A change recreates the container.
   * @default 10 (PostgreSQL: 30)
   */
  readonly stopGraceSeconds?: number | undefined
  /**
   * What the engine does when the container's process ends. A change recreates the container.
   * @default 'no'
   */
  readonly restart?: 'no' | 'always' | 'unless-stopped' | 'on-failure' | undefined
}

/** A PostgreSQL server that Poststack runs. */
export interface ManagedPostgresOptions extends CommonOptions {
  readonly url?: undefined
  /**
   * Major version, 13 to 18. The data directory belongs to one major: a change is refused while the old volume exists.
   * @default 17
   */
  readonly version?: number | undefined
  /**
   * An image that follows the conventions of the official `postgres` image, instead of Poststack's own. Must be of the major in `version`.
   * A change recreates the container; the volume is kept. Not used by the native runtime.
   * @default 'poststack/postgres:<version>', built from the Dockerfile that Poststack ships
   */
  readonly image?: string | undefined
  /**
   * Port on the host, 1 to 65535. A change recreates the container; the volume is kept.
   * @default 5432
   */
  readonly port?: number | undefined
  /**
   * Address on the host that the port is bound to. A change recreates the container.
   * @default '127.0.0.1'
   */
  readonly hostAddress?: string | undefined
  /**
   * Role that owns the database, made at the first start of an empty volume.
   * @default 'poststack'
   */
  readonly user?: string | undefined
  /**
   * Password of that role, taken at the first start of an empty volume. Best read from the environment.
   * @default a generated one, kept in `.poststack/secrets.json` (mode 0600)
   */
  readonly password?: string | undefined
  /**
   * Database, made at the first start of an empty volume.
   * @default 'poststack'
   */
  readonly database?: string | undefined
  /** Folder of the migrations, relative to the config file. Without it nothing is migrated. */
  readonly migrations?: string | undefined
  /**
   * Server settings (`shared_buffers`, `log_statement` …) given on the server's command line. A change recreates the container; the volume is kept.
   */
  readonly settings?: Readonly<Record<string, string | number | boolean>> | undefined
}

/** A PostgreSQL database that somebody else runs: Poststack manages its migrations only, and never creates or deletes it. */
export interface ExternalPostgresOptions {
  /** `postgres://user:password@host:port/database`. Best read from the environment. */
  readonly url: string
  /** Folder of the migrations, relative to the config file. Without it nothing is migrated. */
  readonly migrations?: string | undefined
  /** Services that must be up before the migrations are applied, as for every other service. */
  readonly dependsOn?: CommonOptions['dependsOn']
  /** Seconds that the database may take to answer, 1 to 3600. @default 60 */
  readonly readyTimeoutSeconds?: number | undefined
}

export type PostgresOptions = ManagedPostgresOptions | ExternalPostgresOptions

export interface PortOptions {
  /** Port inside the container, 1 to 65535. */
  readonly container: number
  /** Port on the host, 1 to 65535. Without it the port is open to the other services only. */
  readonly host?: number | undefined
  /** Address on the host. @default '127.0.0.1' */
  readonly hostAddress?: string | undefined
  /** What is spoken on the port. @default 'tcp' */
  readonly protocol?: 'tcp' | 'udp' | undefined
}

export interface BuildOptions {
  /**
   * Folder sent to the engine, relative to the config file. `.dockerignore` in it is honoured; `.poststack/` is never sent.
   * @default '.', the folder of the config file
   */
  readonly context?: string | undefined
  /** Path of the Dockerfile, relative to the config file. */
  readonly dockerfile: string
  /** Build arguments. They can be read back from the image: no secrets here. */
  readonly args?: Readonly<Record<string, string>> | undefined
  /** Stage of the Dockerfile to build. @default the last one */
  readonly target?: string | undefined
}

/** A place inside the container that keeps its data elsewhere: a named volume or a folder or file of the host. */
export type VolumeOptions =
  | {
      /** Name of a volume of this stack; the engine's volume is called `<stack>-<name>`. `down` keeps it. */
      readonly volume: string
      /** Absolute path inside the container. */
      readonly target: string
      /** Whether the container may only read it. A change recreates the container. @default false */
      readonly readOnly?: boolean | undefined
    }
  | {
      /** File or folder of the host, relative to the config file. */
      readonly bind: string
      /** Absolute path inside the container. */
      readonly target: string
      /** Whether the container may only read it. A change recreates the container. @default false */
      readonly readOnly?: boolean | undefined
    }

/** How Poststack finds out that a container is ready. Probes run from the host, every 100 ms with back-off, until `readyTimeoutSeconds`. */
export type ReadyOptions<Port extends string = string> =
  | {
      /** A published port that must answer HTTP. */
      readonly http: Port
      /** Path that is asked for, with a query if it needs one. @default '/' */
      readonly path?: string | undefined
      /** Status that counts as ready. @default any from 200 to 399 */
      readonly status?: number | undefined
    }
  | {
      /** A published port that must accept a TCP connection. */
      readonly tcp: Port
    }
  | {
      /** A command run in the container that must end with exit code 0. */
      readonly exec: readonly string[]
    }
  | {
      /** A JavaScript regular expression that one line of the container's log must match. */
      readonly log: string
    }

export type ContainerOptions<Port extends string = string> = ContainerFields<Port> & ImageSource

/** Exactly one of the two. */
export type ImageSource =
  | {
      /** Image to run. A change recreates the container. */
      readonly image: string
      readonly build?: undefined
    }
  | {
      readonly image?: undefined
      /** How to build the image. A change of the Dockerfile or of a file it copies rebuilds the image and recreates the container. */
      readonly build: BuildOptions
    }

export interface ContainerFields<Port extends string = string> extends CommonOptions {
  /** Arguments for the entrypoint. A change recreates the container. @default the image's */
  readonly command?: readonly string[] | undefined
  /** Program to run. A change recreates the container. @default the image's */
  readonly entrypoint?: readonly string[] | undefined
  /** Environment variables; values may be references. A change recreates the container. */
  readonly env?: Readonly<Record<string, EnvValue>> | undefined
  /** Ports by name (`http`, `metrics` …). A change recreates the container. */
  readonly ports?: Readonly<Record<Port, PortOptions>> | undefined
  /** Volumes and host paths. A change recreates the container; volumes are kept. */
  readonly volumes?: readonly VolumeOptions[] | undefined
  /** Working directory, an absolute path inside the container. A change recreates the container. @default the image's */
  readonly workdir?: string | undefined
  /** `user` or `user:group`. A change recreates the container. @default the image's */
  readonly user?: string | undefined
  /** When the container counts as ready. @default as soon as it runs */
  readonly ready?: ReadyOptions<NoInfer<Port>> | undefined
  /**
   * A one-off: it must end with exit code 0 and is not run again until its declaration or image changes.
   * @default false
   */
  readonly job?: boolean | undefined
}
