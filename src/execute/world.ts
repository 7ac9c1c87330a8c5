/**
 * What carrying out a plan needs of the world: a runtime, databases, secrets, and somebody to tell. Everything is handed in,
 * so the same executor runs against real engines and against the tests' memory.
 */
import type { Secrets } from '../config/secrets.ts'
import type { ErrorCode } from '../errors.ts'
import type { Emit } from '../events.ts'
import type { MigrationFolder } from '../migrations/types.ts'
import type { BusyPort, DatabaseTarget, ObservedDatabase } from '../plan/types.ts'
import type { Runtime } from '../runtime/runtime.ts'

export type DatabaseProbe =
  | { readonly ready: true }
  | { readonly ready: false; readonly code: ErrorCode; readonly reason: string }

export interface MigrateRequest {
  readonly target: DatabaseTarget
  readonly folder: MigrationFolder
  readonly signal: AbortSignal
  readonly onApplied: (applied: MigrationRun) => void
  /** Said while another run holds the migration lock, once a second. */
  readonly onWaiting: (holder: string) => void
}

export interface MigrationRun {
  readonly version: string
  readonly name: string
  readonly durationMs: number
}

/** PostgreSQL as observing and executing need it. */
export interface Databases {
  /** One attempt: connect to the target database as the target role and ask it something. */
  probe(target: DatabaseTarget, signal: AbortSignal): Promise<DatabaseProbe>
  /** Reads the ledger; creates nothing and takes no lock. */
  read(target: DatabaseTarget, signal: AbortSignal): Promise<ObservedDatabase>
  /** Applies what is pending under the lock and returns what was applied. */
  migrate(request: MigrateRequest): Promise<readonly MigrationRun[]>
}

/** Which of these host ports something else holds now, and who. */
export type FindBusyPorts = (wanted: readonly HostPort[], signal: AbortSignal) => Promise<readonly BusyPort[]>

export type HostPort = Pick<BusyPort, 'host' | 'hostAddress'>

export interface World {
  readonly runtime: Runtime
  readonly databases: Databases
  readonly busyPorts: FindBusyPorts
  readonly secrets: Secrets
  readonly emit: Emit
  readonly signal: AbortSignal
}
