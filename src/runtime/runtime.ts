/**
 * What Poststack needs of whatever runs services. `podman`, `docker`, `native` and the tests' `memory` all implement this
 * and pass one conformance suite; no engine's own type appears here.
 *
 * Every call takes an `AbortSignal`, has a deadline of its own, and fails with a `PoststackError`.
 */
import type { BuildConfig } from '../config/types.ts'
import type { ContainerPlan, ObservedContainer, RuntimeName, RuntimeSnapshot, Target } from '../plan/types.ts'

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
}

export interface ExecResult {
  readonly exitCode: number
  /** Both streams together, at most the last 64 KiB. */
  readonly output: string
}

export interface Runtime {
  readonly name: RuntimeName
  /** False where only PostgreSQL services can run and images and networks do not exist. */
  readonly containersPossible: boolean
  /** One read-only look. Deterministic order: everything sorted by name. */
  observe(scope: Scope, options: CallOptions): Promise<RuntimeSnapshot>
  /** One container, or nothing when it is gone. */
  inspect(target: Target, options: CallOptions): Promise<ObservedContainer | undefined>
  /** The holder of a host port among this engine's containers, as text for people. */
  portHolder(host: number, options: CallOptions): Promise<string | undefined>
  buildImage(request: BuildRequest, options: OutputOptions): Promise<void>
  pullImage(ref: string, options: OutputOptions): Promise<void>
  /** Done if it is there already with the same labels; a foreign one of that name is an error, `NAME_TAKEN`. */
  createNetwork(name: string, labels: Readonly<Record<string, string>>, options: CallOptions): Promise<void>
  createVolume(name: string, labels: Readonly<Record<string, string>>, options: CallOptions): Promise<void>
  /** Makes the container without starting it. A container of that name is an error, `NAME_TAKEN`. */
  createContainer(container: ContainerPlan, env: Revealed, options: CallOptions): Promise<void>
  /** Puts the files in place and starts it. A container that runs already is left alone. */
  startContainer(target: Target, files: Revealed, options: CallOptions): Promise<void>
  /** Asks it to stop, kills it after the grace time, and returns when it has ended. A stopped one is left alone. */
  stopContainer(target: Target, graceSeconds: number, options: CallOptions): Promise<void>
  renameContainer(target: Target, to: string, options: CallOptions): Promise<void>
  /** Removes a stopped container, never a named volume. One that is gone already is done. */
  removeContainer(target: Target, options: CallOptions): Promise<void>
  removeNetwork(target: Target, options: CallOptions): Promise<void>
  /** Deletes the data. One that is gone already is done. */
  removeVolume(target: Target, options: CallOptions): Promise<void>
  /** The last lines of a container's output, oldest first. */
  logs(target: Target, lines: number, options: CallOptions): Promise<readonly string[]>
  exec(target: Target, command: readonly string[], options: CallOptions): Promise<ExecResult>
  /** Frees connections and helper processes; what runs goes on running. */
  close(): Promise<void>
}
