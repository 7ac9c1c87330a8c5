/** The options of the services: what a user writes inside `postgres()` and `container()`. Types only. */

/**
 * What runs the services. `auto` takes podman, then docker, if it answers; else native when only PostgreSQL services are declared. A stack that is
 * there already stays on the one that runs it, or that has its data.
 */
export type RuntimeChoice = 'auto' | 'podman' | 'docker' | 'native'

/**
 * When a dependency counts as met: `started` (its container was started, and may still end at once), `ready` (its probe answers, or without one
 * it has run for half a second), `migrated` (a PostgreSQL service is ready and every migration is applied), `completed` (a job ended with exit
 * code 0).
 */
export type Condition = 'started' | 'ready' | 'migrated' | 'completed'

/** A program of the project that is run at a moment of a run: exactly one of `script` and `command`. Made by `hook()`. */
export interface Hook {
  /** A TypeScript file, relative to the config file, run as `poststack run` does: guarded, with the grants of the config. */
  readonly script?: string | undefined
  /** A program and its arguments, run in the folder of the config with the variables of `poststack env`. Nothing guards it. */
  readonly command?: readonly string[] | undefined
  readonly once?: undefined
}

/** A script that may be remembered for what it says. */
export interface RememberedHook extends Omit<Hook, 'once'> {
  /**
   * Once for the content of the script and of the project's files that it imports, and again with the next `up` when that changes. `beforeMigrate` and
   * `afterMigrate`: in each database, which remembers it as it does seeds. `beforeUp` and `afterReady`: in the stack, which remembers it
   * until `down --volumes`. Not for commands, nor for `beforeDown`, which is each time.
   * @default each time
   */
  readonly once?: 'per-content' | undefined
}

/** What is run at which moment. A hook that fails stops what comes after it, and is run by the next `up`, as is one that was cut. */
export interface Hooks {
  /** Before anything else, when `up` has something to do. With `once: 'per-content'` a new content is something to do. */
  readonly beforeUp?: RememberedHook | undefined
  /** When all is ready that `up` has started, restarted or waited for; with `once: 'per-content'` also when all was ready before. */
  readonly afterReady?: RememberedHook | undefined
  /**
   * Before migrations are applied to a database, which is then that of `stack.db` and `DATABASE_URL`. With `once: 'per-content'` it needs no pending
   * migration.
   */
  readonly beforeMigrate?: RememberedHook | undefined
  /** After migrations were applied to a database, before its seeds. With `once: 'per-content'` it is one of the seeds, the last. */
  readonly afterMigrate?: RememberedHook | undefined
  /** Before anything is stopped by `down`. */
  readonly beforeDown?: Hook | undefined
}

/**
 * When an image is pulled. `missing`: when it is not on this machine, or for another platform than the declared one. `always`: besides, each
 * `up` begins with asking its registry for a newer one, and recreates what runs an older one. `never`: it must be there.
 */
export type PullPolicy = 'missing' | 'always' | 'never'

// Registered, because a config may get `postgres` from one copy of this package and be read by another.
export const referenceBrand = Symbol.for('poststack.reference')

/** What a reference carries: the service it points at and which of its properties. */
export interface ReferenceMark {
  readonly service: number
  readonly property: string
}

/**
 * A value that Poststack fills in when it knows it: an address, a port, a password. Use it as a value in another
 * service's `env`, alone, inside a template string or inside of what `JSON.stringify` makes; doing so makes that service wait for this
 * one. It cannot be cut, changed or encoded, because the value is not known when the config is evaluated.
 */
export interface Reference {
  readonly [referenceBrand]: ReferenceMark
  /** The place holder that template strings carry; Poststack finds it again when the config is read. */
  toString(): string
  /** The same for `JSON.stringify`. What is filled in is not escaped for JSON. */
  toJSON(): string
}

/** A value of an environment variable. Numbers and booleans are written as text. */
export type EnvValue = string | number | boolean | Reference

/** What is written down of what Poststack does, the least important first; `off` is nothing. */
export type LogChoice = 'debug' | 'info' | 'warning' | 'error' | 'off'

/** Where Poststack writes down what it does. */
export interface LogOptions {
  /**
   * What is written, and all that is more important. `--log-level` and `POSTSTACK_LOG_LEVEL` win. What builds print is kept whatever it is.
   * @default 'info'
   */
  readonly level?: LogChoice | undefined
  /** Folder of the files, relative to the config file; neither the project itself nor one above it. `POSTSTACK_LOG_DIR` wins. @default './logs' */
  readonly folder?: string | undefined
}

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
   * The service runs only when one of these is asked for, by `--profile` or the stack's `profiles`; when it is named; or when a service that
   * runs needs it. What runs of it already is left alone meanwhile. Letters, digits, `_`, `.` and `-`.
   * @default none: it always runs
   */
  readonly profiles?: readonly string[] | undefined
  /**
   * Seconds between the stop signal and the kill, 0 to 3600. A change recreates the container.
   * @default 10 (PostgreSQL: 30)
   */
  readonly stopGraceSeconds?: number | undefined
  /**
   * What the engine does when the container's process ends. Docker, and podman since 5.1, give a change to what runs; else it
   * recreates the container.
   * @default 'no'
   */
  readonly restart?: 'no' | 'always' | 'unless-stopped' | 'on-failure' | undefined
  /**
   * Most memory that the container may use, `6MB` or more: a whole number with `kB`, `MB` or `GB` (1024 of the one before). What uses more
   * is killed. Docker, and podman since 5.1, give another limit to what runs; else a change recreates the container. Not used by the native runtime.
   * @default no limit
   */
  readonly memory?: string | undefined
  /**
   * Most processors that the container may use at once, 0.01 to 1024; `0.5` is half of one. Docker, and podman since 5.1, give another limit to what runs;
   * else a change recreates the container. Not used by the native runtime.
   * @default no limit
   */
  readonly cpus?: number | undefined
  /**
   * Size of `/dev/shm`, written like `memory`. A change recreates the container. Not used by the native runtime.
   * @default the engine's, 64MB (PostgreSQL: 256MB)
   */
  readonly shmSize?: string | undefined
  /** Labels of the container, beside Poststack's own. A change recreates the container. Not used by the native runtime. */
  readonly labels?: Readonly<Record<string, string>> | undefined
  /** Further host names of the service on the stack's network. A change recreates the container. Not used by the native runtime. */
  readonly aliases?: readonly string[] | undefined
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
   * An image that follows the conventions of the official `postgres` image, instead of Poststack's own. Must be of the major in `version`: one that
   * says another one, by `PG_MAJOR` as the official ones do, is refused before anything is made.
   * A change recreates the container; the volume is kept. It is refused where the new image keeps data in another folder of the volume than the
   * old one, as the official images and Poststack's own do: back up, `down --volumes`, `up` and restore. Not used by the native runtime.
   * @default 'poststack/postgres:<version>', built from the Dockerfile that Poststack ships
   */
  readonly image?: string | undefined
  /** When `image` is pulled. A change touches nothing that runs. @default 'missing' */
  readonly pull?: PullPolicy | undefined
  /**
   * Port on the host, 1 to 65535; or `'auto'` for one from 20000 on that is free, the same one each time while it is. A change recreates the
   * container; the volume is kept.
   * @default 5432
   */
  readonly port?: number | 'auto' | undefined
  /**
   * Address on the host that the port is bound to. A change recreates the container.
   * @default '127.0.0.1'
   */
  readonly hostAddress?: string | undefined
  /**
   * Role that owns the database, made at the first start of an empty volume. Another one later is refused unless the volume has it.
   * @default 'poststack'
   */
  readonly user?: string | undefined
  /**
   * Password of that role. Best read from the environment. A change recreates the container and sets it in the server, whose data are kept.
   * @default a generated one, kept in `.poststack/secrets.json` (mode 0600)
   */
  readonly password?: string | undefined
  /**
   * Database, made at the first start of an empty volume. Another one later is refused unless the volume has it.
   * @default 'poststack'
   */
  readonly database?: string | undefined
  /** Folder of the migrations, relative to the config file. Without it nothing is migrated. */
  readonly migrations?: string | undefined
  /**
   * Folder of seeds, relative to the config file: files like `010_users.sql` and `020_orders.ts`, which `up` runs after the migrations, in the
   * order of their numbers, each once for its content. Needs `migrations`.
   */
  readonly seed?: string | undefined
  /**
   * Server settings (`shared_buffers`, `log_statement` …) given on the server's command line.
   * Where it listens and keeps its data (`port`, `listen_addresses`, `data_directory`, `unix_socket_directories`) is not for them. A change recreates the container; the volume is kept.
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
  /** As for every other service. @default none: its migrations are always applied */
  readonly profiles?: CommonOptions['profiles']
  /** Seconds that the database may take to answer, 1 to 3600. @default 60 */
  readonly readyTimeoutSeconds?: number | undefined
}

export type PostgresOptions = ManagedPostgresOptions | ExternalPostgresOptions
