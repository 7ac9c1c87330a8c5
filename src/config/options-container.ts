/** The options of `container()`: what a user writes. Types only. */
import type { CommonOptions, EnvValue, PullPolicy } from './options.ts'

export interface PortOptions {
  /** Port inside the container, 1 to 65535. */
  readonly container: number
  /**
   * Port on the host, 1 to 65535; or `'auto'` for one from 20000 on that is free, the same one each time while it is. Without it the port is
   * open to the other services only.
   */
  readonly host?: number | 'auto' | undefined
  /** Address on the host. @default '127.0.0.1' */
  readonly hostAddress?: string | undefined
  /** What is spoken on the port. @default 'tcp' */
  readonly protocol?: 'tcp' | 'udp' | undefined
}

export interface BuildOptions {
  /**
   * Folder sent to the engine, relative to the config file. `.dockerignore` in it is honoured; without one all of it is sent, `.git` and
   * `node_modules` too, which `plan` warns of where it is much. `.poststack/` is never sent.
   * @default '.', the folder of the config file
   */
  readonly context?: string | undefined
  /**
   * Path of the Dockerfile, relative to the config file.
   * @default `containers/<service>/Dockerfile`, else `containers/<service>/Containerfile`
   */
  readonly dockerfile?: string | undefined
  /** Build arguments. They can be read back from the image: no secrets here. */
  readonly args?: Readonly<Record<string, string>> | undefined
  /** Stage of the Dockerfile to build. @default the last one */
  readonly target?: string | undefined
  /**
   * Values for `RUN --mount=type=secret,id=<name>`, handed over in files that are gone after the build. A change alone builds nothing. Best
   * read from the environment. Docker needs BuildKit for them.
   */
  readonly secrets?: Readonly<Record<string, string>> | undefined
  /** Whether steps that were built before are taken from the engine's cache. A change alone builds nothing. @default true */
  readonly cache?: boolean | undefined
  /** Images, or BuildKit's sources, to take built steps from. A change alone builds nothing. */
  readonly cacheFrom?: readonly string[] | undefined
  /** Images, or BuildKit's destinations, that built steps are put to. A change alone builds nothing. */
  readonly cacheTo?: readonly string[] | undefined
}

/** A place inside the container with data of its own: a named volume, a folder or file of the host, or memory. */
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
      /**
       * File or folder of the host, relative to the config file; it has to be there. A change of what is in a read-only file of up to 16 MB recreates the container; what
       * is in a folder, and in a file that may be written, the container sees as it is.
       */
      readonly bind: string
      /** Absolute path inside the container. */
      readonly target: string
      /** Whether the container may only read it. A change recreates the container. @default false */
      readonly readOnly?: boolean | undefined
    }
  | {
      /** A folder in memory, empty at each start, of at most this size: a whole number with `kB`, `MB` or `GB`. */
      readonly tmpfs: string
      /** Absolute path inside the container. */
      readonly target: string
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
      /** A JavaScript regular expression that the first 64 kB of the answer must match. @default any answer */
      readonly body?: string | undefined
    }
  | {
      /** A published port where a PostgreSQL server must let `user` into `database` and answer a query. */
      readonly postgres: Port
      /** Role for the probe. @default 'postgres' */
      readonly user?: string | undefined
      /** Password of that role. Best read from the environment. */
      readonly password?: string | undefined
      /** Database for the probe. @default the name of the role */
      readonly database?: string | undefined
    }
  | {
      /** A published port that must accept a TCP connection and not close it at once. */
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

/** A check that the engine runs by itself, for `podman ps` and `docker ps`. Poststack goes by `ready`, or runs the check itself where none is declared. */
export interface HealthcheckOptions {
  /** A command run in the container; exit code 0 means healthy. It is also the probe where no `ready` is declared. */
  readonly command: readonly string[]
  /** Seconds between two checks, 1 to 3600. @default 30 */
  readonly intervalSeconds?: number | undefined
  /** Seconds that one check may take, 1 to 3600. @default 30 */
  readonly timeoutSeconds?: number | undefined
  /** Failures in a row that make the container unhealthy, 1 to 100. @default 3 */
  readonly retries?: number | undefined
  /** Seconds after the start in which failures do not count, 0 to 3600. @default 0 */
  readonly startSeconds?: number | undefined
}

export type ContainerOptions<Port extends string = string> = ContainerFields<Port> & ImageSource

/** Exactly one of the two. */
export type ImageSource =
  | {
      /** Image to run. A change recreates the container. */
      readonly image: string
      /** When it is pulled. A change touches nothing that runs. @default 'missing' */
      readonly pull?: PullPolicy | undefined
      readonly build?: undefined
    }
  | {
      readonly image?: undefined
      readonly pull?: undefined
      /** How to build the image. A change of the Dockerfile or of a file it copies rebuilds the image and recreates the container. */
      readonly build: BuildOptions
    }

export interface ContainerFields<Port extends string = string> extends CommonOptions {
  /** Arguments for the entrypoint. A change recreates the container. @default the image's */
  readonly command?: readonly string[] | undefined
  /** Program to run. A change recreates the container. @default the image's */
  readonly entrypoint?: readonly string[] | undefined
  /**
   * Platform of the image, such as `linux/arm64`, when it is built or pulled. A change rebuilds the image, or recreates the container.
   * @default the engine's own
   */
  readonly platform?: string | undefined
  /** Environment variables; values may be references. A change recreates the container. */
  readonly env?: Readonly<Record<string, EnvValue>> | undefined
  /**
   * Files with further variables, relative to the config file, as lines `NAME=value`; later ones win, and `env` wins over all. A change of
   * what is in them recreates the container.
   */
  readonly envFile?: string | readonly string[] | undefined
  /** Ports by name (`http`, `metrics` …). A change recreates the container. */
  readonly ports?: Readonly<Record<Port, PortOptions>> | undefined
  /** Volumes and host paths. A change recreates the container; volumes are kept. */
  readonly volumes?: readonly VolumeOptions[] | undefined
  /** Working directory, an absolute path inside the container. A change recreates the container. @default the image's */
  readonly workdir?: string | undefined
  /** `user` or `user:group`. A change recreates the container. @default the image's */
  readonly user?: string | undefined
  /** Whether the engine starts a small init in it, which passes signals on and reaps orphans. A change recreates the container. @default false */
  readonly init?: boolean | undefined
  /** Signal that asks it to end, such as `SIGQUIT`. A change recreates the container. @default the image's, else SIGTERM */
  readonly stopSignal?: string | undefined
  /** Capabilities of the kernel that it gets beside the engine's usual ones, such as `NET_ADMIN`. A change recreates the container. */
  readonly capAdd?: readonly string[] | undefined
  /** Capabilities that it does not get; `ALL` for every one. A change recreates the container. */
  readonly capDrop?: readonly string[] | undefined
  /** Further host names inside it, each with an IP address, or with `host-gateway` for this machine. A change recreates the container. */
  readonly extraHosts?: Readonly<Record<string, string>> | undefined
  /** A health check for the engine; `false` switches the image's off. A change recreates the container. @default the image's */
  readonly healthcheck?: HealthcheckOptions | false | undefined
  /** When the container counts as ready. @default when it has run for half a second and its `healthcheck`, or else that of its image, succeeds */
  readonly ready?: ReadyOptions<NoInfer<Port>> | undefined
  /**
   * A one-off: it must end with exit code 0, and has then run once for all, `down` and another `up` included. It runs again when its
   * declaration, its image or one of its secrets changes, and when the data is new that it or a service it waits for keeps in a volume.
   * `down --volumes` forgets it.
   * @default false
   */
  readonly job?: boolean | undefined
}
