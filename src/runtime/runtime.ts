/**
 * What Poststack needs of whatever runs services. `podman`, `docker`, `native` and the tests' `memory` all implement this
 * and pass one conformance suite; no engine's own type appears here.
 *
 * Every call takes an `AbortSignal`, has a deadline of its own, and fails with a `PoststackError`.
 */
import type { BuildConfig } from '../config/types.ts'
import type { BuiltImage } from '../plan/clean.ts'
import type {
  ChangeableFields,
  ContainerPlan,
  ObservedContainer,
  RuntimeName,
  RuntimeSnapshot,
  Target,
} from '../plan/types.ts'

/** What to look for: everything of this stack and project, and whatever holds one of the names. */
export interface Scope {
  readonly stack: string
  readonly project: string
  readonly containerNames: readonly string[]
  readonly volumeNames: readonly string[]
  readonly networkNames: readonly string[]
  readonly imageRefs: readonly string[]
}

/** Options of every call. */
export interface CallOptions {
  readonly signal: AbortSignal
}

export interface OutputOptions extends CallOptions {
  /** Gets each line of output of a long call as it comes. */
  readonly onLine: (line: string) => void
}

/** A container's env and files with the secrets in place; never kept, never shown. */
export type Revealed = Readonly<Record<string, string>>

export interface BuildRequest {
  readonly ref: string
  /** Other names that the image gets. */
  readonly aliases: readonly string[]
  readonly build: BuildConfig
  readonly labels: Readonly<Record<string, string>>
  /** Use nothing of an earlier build. */
  readonly noCache?: boolean
  /** Values of the build's secrets by their ids. */
  readonly secrets?: Revealed
}

export interface PullOptions extends OutputOptions {
  /** Default: the engine's own. */
  readonly platform?: string | undefined
}

export interface EndOptions extends CallOptions {
  /** Gets the service whose container ended. */
  readonly onEnd: (service: string | undefined) => void
}

export interface ExecResult {
  readonly exitCode: number
  /** Both streams together, at most the last 64 KiB. */
  readonly output: string
}

/** A program to start with the streams of whoever starts it. */
export interface AttachedProgram {
  readonly program: string
  readonly args: readonly string[]
  /** The whole environment of the program, `PATH` included. Secrets may stand in it, and nowhere else. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Gets what the program says on descriptor 3, which it has then. */
  readonly report?: ((text: string) => void) | undefined
}

export interface AttachRequest {
  readonly command: readonly string[]
  /** Variables that the command gets besides those of its container. */
  readonly env: Revealed
  /** Whether it gets a terminal of its own: somebody types into it. */
  readonly terminal: boolean
}

export interface LogLine {
  readonly stream: 'stdout' | 'stderr'
  readonly text: string
  /** ISO 8601, where it is known. */
  readonly time: string | undefined
}

export interface LogsRequest {
  /** How many lines of what is there; all when undefined. */
  readonly tail: number | undefined
  /** Only what came from then on. */
  readonly since: Date | undefined
  /** Go on until the container ends. */
  readonly follow: boolean
  readonly onLine: (line: LogLine) => void
}

/** What an engine says of itself, and how it was reached. What it does not say is absent. */
export interface EngineDescription {
  /** Who answers: podman serves Docker's clients, too. */
  readonly flavour: 'podman' | 'docker'
  /** Of the engine; its program may have another one. */
  readonly version: string | undefined
  /** `unix:///run/docker.sock`; absent where Poststack runs podman's service for as long as it needs it. */
  readonly address: string | undefined
  /** What names the address: `DOCKER_HOST`, `Docker's context "colima"`; absent where it is the usual one. */
  readonly from: string | undefined
  /** Runs as an ordinary user. */
  readonly rootless: boolean
  /** Folder of images and volumes; absent where it is on another machine. */
  readonly storage: string | undefined
  /** What lets podman's containers find each other by name. Docker has it built in. */
  readonly names: EngineNames | undefined
}

export interface EngineNames {
  readonly network: 'netavark' | 'cni'
  /** The program that answers: `aardvark-dns`, or the plugin `dnsname`. */
  readonly program: string
  /** Undefined where nobody can tell. */
  readonly there: boolean | undefined
}

/** Whose images. */
export type ImageOwner = Pick<Scope, 'stack' | 'project'>

export interface Runtime {
  readonly name: RuntimeName
  /** False where only PostgreSQL services can run and images and networks do not exist. */
  readonly containersPossible: boolean
  /** Whether `updateContainer` works, and `observe` shows what it has changed. */
  readonly changesInPlace: boolean
  /** The machine of an engine that was said to be elsewhere: what it publishes is open there, and not on this one. */
  readonly remoteHost?: string | undefined
  /** It sees every file of this machine. An engine whose address was given may be in a virtual machine, which has files of its own, too. */
  readonly seesFiles?: boolean
  /** One read-only look. Deterministic order: everything sorted by name. */
  observe(scope: Scope, options: CallOptions): Promise<RuntimeSnapshot>
  /** One container, or nothing when it is gone. */
  inspect(target: Target, options: CallOptions): Promise<ObservedContainer | undefined>
  /** How a container ended last that runs again, if that was lately; only where one is started again by itself. */
  lastExitCode?(target: Target, options: CallOptions): Promise<number | undefined>
  /** The holder of a host port, TCP's without a protocol, among this engine's containers, as text for people. */
  portHolder(
    host: number,
    options: CallOptions & { readonly protocol?: 'udp' | undefined },
  ): Promise<string | undefined>
  buildImage(request: BuildRequest, options: OutputOptions): Promise<void>
  /** Gives an image these names, too, and takes them from any other. */
  tagImage(ref: string, names: readonly string[], options: CallOptions): Promise<void>
  pullImage(ref: string, options: PullOptions): Promise<void>
  /** The images that were built with this owner's labels, sorted by id. */
  builtImages(owner: ImageOwner, options: CallOptions): Promise<readonly BuiltImage[]>
  /** Takes a name from an image, and with the last one the image; by id where it has none. One that is gone already is done, one in use is an error. */
  removeImage(target: Target, options: CallOptions): Promise<void>
  /** Done if it is there already with the same labels; a foreign one of that name is an error, `NAME_TAKEN`. */
  createNetwork(name: string, labels: Readonly<Record<string, string>>, options: CallOptions): Promise<void>
  createVolume(name: string, labels: Readonly<Record<string, string>>, options: CallOptions): Promise<void>
  /** Makes the container without starting it. A container of that name is an error, `NAME_TAKEN`. */
  createContainer(container: ContainerPlan, env: Revealed, options: CallOptions): Promise<void>
  /** Puts the files in place and starts it. A container that runs already is left alone. */
  startContainer(target: Target, files: Revealed, options: CallOptions): Promise<void>
  /** Asks it to stop, kills it after the grace time, and returns when it has ended. A stopped one is left alone. */
  stopContainer(target: Target, graceSeconds: number, options: CallOptions): Promise<void>
  /** Gives a container other limits or another restart policy; one that runs goes on running. */
  updateContainer(target: Target, fields: ChangeableFields, options: CallOptions): Promise<void>
  /**
   * Gives the role of a server that does not run the password in `files`; only where there is no way into one that runs, which elsewhere a
   * command in its container has. Fails with `ENGINE_REFUSED`.
   */
  setStoppedPassword?(target: Target, files: Revealed, options: CallOptions): Promise<void>
  renameContainer(target: Target, to: string, options: CallOptions): Promise<void>
  /** Removes a stopped container, never a named volume. One that is gone already is done. */
  removeContainer(target: Target, options: CallOptions): Promise<void>
  removeNetwork(target: Target, options: CallOptions): Promise<void>
  /** Deletes the data. One that is gone already is done. */
  removeVolume(target: Target, options: CallOptions): Promise<void>
  /** The last lines of a container's output, oldest first. */
  logs(target: Target, lines: number, options: CallOptions): Promise<readonly string[]>
  /** Gives a container's output line by line, oldest first; each stream in its order. */
  readLogs(target: Target, request: LogsRequest, options: CallOptions): Promise<void>
  exec(target: Target, command: readonly string[], options: CallOptions): Promise<ExecResult>
  /** The program that runs a command in a container with its own streams and exit code. `NOT_RUNNING` when the container does not run. */
  attach(target: Target, request: AttachRequest, options: CallOptions): Promise<AttachedProgram>
  /**
   * Tells of each container of this stack that ends or is removed, whoever did it, until the signal is given; then it returns. Where
   * some may have been missed, it tells of nobody in particular.
   */
  watchEnds(scope: Pick<Scope, 'stack' | 'project'>, options: EndOptions): Promise<void>
  /** What the engine is; only where there is one. */
  describe?(options: CallOptions): Promise<EngineDescription>
  /** Frees connections and helper processes; what runs goes on running. */
  close(): Promise<void>
}
