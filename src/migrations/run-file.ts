/**
 * One file: ledger row, SQL, checks. The order of the steps is the whole safety of it.
 */
import { type Connection, isServerError, type ServerError } from './connection.ts'
import { lockLost, migrationEscaped, migrationFailed, type Progress, recordedElsewhere } from './failure.ts'
import { type LedgerAuthor, recordEscape, recordStart } from './ledger.ts'
import { holdsLock, type MigrationLock } from './lock.ts'
import type { MigrationEvent } from './events.ts'
import { resetSession, rollback, takeBack } from './session.ts'
import type { Migration } from './types.ts'
import { canonicalVersion } from './version.ts'

/** A run with the lock held. */
export interface Run {
  readonly work: Connection
  readonly lock: MigrationLock
  readonly author: LedgerAuthor
  readonly signal: AbortSignal
  readonly emit: (event: MigrationEvent) => void
  /** Statements that begin a file's transaction. */
  begin: string
  progress: Progress
  /** The file whose SQL the server works on now. */
  running: string | undefined
}

/**
 * Runs one file in a transaction that is left open, with the ledger's row completed in it: what is left to do is to commit.
 * Fails with what went wrong and where; the transaction is the caller's to roll back.
 */
export async function runFile(run: Run, migration: Migration, started: number): Promise<void> {
  const { work, progress } = run
  const transaction = await begin(run, migration)
  run.running = migration.file
  const result = await work.script(migration.sql)
  if (result.error !== undefined) {
    run.running = undefined
    if (await escapedBefore(run, migration, result.inTransaction)) throw await escaped(run, migration, result.error)
    throw migrationFailed(migration, { error: result.error, completed: result.completed }, progress)
  }
  if (!result.inTransaction) throw await escaped(run, migration, undefined)
  // Constraints that wait for the end are checked now, still as the file left the session; after that the session is ours again.
  const checked = await work.script(`SET CONSTRAINTS ALL IMMEDIATE; ${takeBack}`)
  run.running = undefined
  if (checked.error !== undefined)
    throw migrationFailed(migration, { error: checked.error, completed: undefined }, progress)
  const durationMs = Math.round((performance.now() - started) * 1000) / 1000
  const { rows } = await work.query(finish(run, migration, { transaction, durationMs, statements: result.completed }))
  if (rows.length > 0) return
  const still = await work.query(`SELECT pg_catalog.txid_current_if_assigned()::text AS transaction`)
  if (still.rows[0]?.['transaction'] !== transaction) throw await escaped(run, migration, undefined)
  throw lockLost(migration, progress)
}

async function begin(run: Run, migration: Migration): Promise<string> {
  await run.work.query(run.begin)
  try {
    // First of all, so that a second run of the same file, should there ever be one, waits here and then fails.
    return await recordStart(run.work, migration, run.author)
  } catch (error) {
    if (isServerError(error) && error.code === '23505') throw recordedElsewhere(migration, run.progress, error)
    throw error
  }
}

interface FinishFacts {
  readonly transaction: string
  readonly durationMs: number
  readonly statements: number
}

// The fence: the row is completed only in the transaction the file began in, and only while our lock still stands.
function finish(run: Run, migration: Migration, facts: FinishFacts): string {
  return `
UPDATE poststack.schema_migrations
SET state = 'applied', applied_at = pg_catalog.clock_timestamp(), duration_ms = ${facts.durationMs},
  statements_total = ${facts.statements}, statements_applied = ${facts.statements}
WHERE version = ${canonicalVersion(migration.version)} AND state = 'running'
  AND pg_catalog.txid_current_if_assigned() = ${facts.transaction} AND ${holdsLock(run.lock.pid)}
RETURNING version`
}

// After an error the transaction is rolled back; a row that is still there was committed by the file itself.
async function escapedBefore(run: Run, migration: Migration, inTransaction: boolean): Promise<boolean> {
  await rollback(run.work)
  if (!inTransaction) return true
  const text = `SELECT FROM poststack.schema_migrations WHERE version = ${canonicalVersion(migration.version)}`
  const { rows } = await run.work.query(text)
  return rows.length > 0
}

async function escaped(run: Run, migration: Migration, error: ServerError | undefined): Promise<unknown> {
  run.running = undefined
  await rollback(run.work)
  await resetSession(run.work)
  const failure = migrationEscaped(migration, error, run.progress)
  await recordEscape(run.work, migration, run.author, error?.message ?? 'the file ended its own transaction')
  return failure
}
