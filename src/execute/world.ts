/**
 * What carrying out a plan needs of the world: a runtime, databases, secrets, and somebody to tell. Everything is handed in,
 * so the same executor runs against real engines and against the tests' memory.
 */
import type { Secrets } from '../config/secrets.ts'
import type { ErrorCode } from '../errors.ts'
import type { Emit } from '../events.ts'
import type { StackRecord } from '../migrations/ledger/stack-tables.ts'
import type { MigrationEvent } from '../migrations/events.ts'
import type { MigrationFolder, Seed } from '../migrations/types.ts'
import type { BusyPort, ObservedDatabase } from '../plan/answers.ts'
import type { HostPort } from '../plan/reconcile/held-ports.ts'
import type { DatabaseTarget, DesiredService } from '../plan/types.ts'
import type { Runtime } from '../runtime/runtime.ts'

export type DatabaseProbe =
  | { readonly ready: true }
  | { readonly ready: false; readonly code: ErrorCode; readonly reason: string }

export interface MigrateRequest {
  /** Name of the service whose database it is. */
  readonly service: string
  readonly target: DatabaseTarget
  readonly folder: MigrationFolder
  /** The plan has told already what is to be known of applied files. */
  readonly warned: boolean
  readonly signal: AbortSignal
  readonly onEvent: (event: MigrationEvent) => void
}

export interface SeedRequest extends Omit<MigrateRequest, 'folder' | 'warned'> {
  readonly seeds: readonly Seed[]
  /** Runs a script to its end, and fails when that is not a good one. */
  readonly runScript: (path: string, signal: AbortSignal) => Promise<void>
}

export interface MigrationRun {
  readonly version: string
  readonly name: string
  readonly durationMs: number
}

export interface RecordRequest {
  readonly target: DatabaseTarget
  readonly record: StackRecord
  readonly signal: AbortSignal
  /** Said while a migration run holds a lock that is needed, once a second. */
  readonly onWaiting: (holder: string) => void
}

/** PostgreSQL as observing and executing need it. */
export interface Databases {
  /** Loads ahead of time what asking one takes: to be called when there is something else to wait for. */
  prepare(): void
  /** One attempt: connect to the target database as the target role and ask it something. */
  probe(target: DatabaseTarget, signal: AbortSignal): Promise<DatabaseProbe>
  /** Reads the ledger and what is recorded beside it, and looks at the texts that are pending; creates nothing and takes no lock. */
  read(declared: NonNullable<DesiredService['migrations']>, signal: AbortSignal): Promise<ObservedDatabase>
  /** Applies what is pending under the lock and returns what was applied. */
  migrate(request: MigrateRequest): Promise<readonly MigrationRun[]>
  /** Runs the seeds that are missing under the lock and returns their files. */
  seed(request: SeedRequest): Promise<readonly string[]>
  /** Writes what differs from the record. False: the tables of these names are not ours, and were left alone. */
  record(request: RecordRequest): Promise<boolean>
}

/** Which of these host ports something else holds now, and who. */
export type FindBusyPorts = (wanted: readonly HostPort[], signal: AbortSignal) => Promise<readonly BusyPort[]>

/** Which of these paths, to be mounted, are known to lead nowhere. */
export type FindMissing = (paths: readonly string[]) => Promise<readonly string[]>

export interface ScriptRun {
  /** Absolute path. */
  readonly file: string
  /** Whose database is meant; the only one without it. */
  readonly service?: string | undefined
  readonly signal: AbortSignal
  /** Gets each line that it prints, secrets masked. */
  readonly onLine: (line: string) => void
}

export type CommandRun = Omit<ScriptRun, 'file'> & {
  /** A program and its arguments. */
  readonly command: readonly string[]
}

export interface World {
  readonly runtime: Runtime
  readonly databases: Databases
  readonly busyPorts: FindBusyPorts
  readonly missingPaths: FindMissing
  readonly secrets: Secrets
  readonly emit: Emit
  /** Runs a script of the project in the environment of the stack. Fails with `SCRIPT_FAILED` unless it ends with 0. */
  readonly runScript: (run: ScriptRun) => Promise<void>
  /** The same for a program with its arguments, in the folder of the project. */
  readonly runCommand: (run: CommandRun) => Promise<void>
  /** Where the output of builds is kept: `containers` in the folder for logs. Without it, it is only told. */
  readonly logFolder?: string
  readonly signal: AbortSignal
}
