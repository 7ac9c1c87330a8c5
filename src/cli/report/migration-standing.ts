/**
 * How the migrations of a database stand, as data.
 */
import type { LockHolder } from '../../migrations/lock/lock.ts'
import type { MigrationState, StateCounts } from '../../migrations/status.ts'

export interface MigrationStanding extends StateCounts {
  /** Absolute path. */
  readonly folder: string
  /** Whether the database has a ledger at all. */
  readonly ledger: boolean
  /** The connection goes through a pooler. */
  readonly pooled: boolean
  /** Who is at work on the database now; absent when nobody is. What is half-done is then that run's doing. */
  readonly run?: LockHolder
  readonly migrations: readonly MigrationState[]
  /** What is wrong with files that cannot be used, and with rollbacks whose migration is gone. */
  readonly problems: readonly { readonly file: string; readonly message: string; readonly hint: string }[]
}
