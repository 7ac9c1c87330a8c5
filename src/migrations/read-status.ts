/**
 * How the migrations of a database stand, read on a session: for the library and for the commands.
 */
import type { Connection } from './connection.ts'
import { readLedgerFacts } from './ledger/facts.ts'
import { findHolder, type LockHolder } from './lock/lock.ts'
import { resolveMigrations } from './resolve.ts'
import { tellInvalid } from './run/prepare.ts'
import { countStates, type MigrationState, migrationStates, type StateCounts } from './status.ts'
import type { Migration } from './types.ts'

export interface ReadStatus {
  readonly states: readonly MigrationState[]
  readonly counts: StateCounts
  /** Who is at work on the database now. What is half-done is then that run's doing. */
  readonly run: LockHolder | undefined
  /** Whether the database has a ledger at all. */
  readonly ledger: boolean
  /** No text of a pending one is wrong in itself. */
  readonly valid: boolean
}

/** `unusable`: versions whose files cannot be used. Creates nothing, takes no lock. */
export async function readStatus(
  connection: Connection,
  files: readonly Migration[],
  unusable: ReadonlySet<string> = new Set(),
): Promise<ReadStatus> {
  // Before the rows: a run that ends meanwhile has then left them as they are.
  const run = await findHolder(connection)
  const busy = run !== undefined
  const facts = await readLedgerFacts(connection, files)
  const rows = facts ?? []
  const invalid = await tellInvalid({ work: connection }, resolveMigrations(files, rows).pending)
  const states = migrationStates(files, rows, { busy, unusable, invalid })
  const counts = countStates(states, { busy })
  return { states, counts, run, ledger: facts !== undefined, valid: invalid.size === 0 }
}
