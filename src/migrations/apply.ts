/**
 * Applies pending migrations: lock, ledger, decision, then one transaction for each file. The order of the steps is the
 * whole safety of it; each says what would break without it.
 */
import { hostname, userInfo } from 'node:os'
import { isPoststackError } from '../errors.ts'
import { type Connect, type Connection, isServerError, type ServerError, type ServerNotice } from './connection.ts'
import {
  bookkeepingFailed,
  connectionLost,
  lockLost,
  migrationEscaped,
  migrationFailed,
  problemsError,
  recordedElsewhere,
  type Progress,
  transactionStatementsError,
} from './failure.ts'
import { ensureLedger, type LedgerAuthor, readLedger, recordEscape, recordStart } from './ledger.ts'
import { acquireLock, describeHolder, holdsLock, type LockHolder, type MigrationLock } from './lock.ts'
import { resolveMigrations } from './resolve.ts'
import type { AppliedMigration, Migration, MigrationFolder } from './types.ts'
import { canonicalVersion } from './version.ts'

/** What a run says while it works. */
export type MigrationEvent =
  /** Another session migrates this database; said at once and then every second. */
  | {
      readonly type: 'lock-waiting'
      readonly holder: LockHolder | undefined
      readonly description: string
      readonly waitedMs: number
    }
  | {
      readonly type: 'migration-started'
      readonly version: string
      readonly name: string
      readonly file: string
      readonly number: number
      readonly total: number
    }
  | {
      readonly type: 'migration-applied'
      readonly version: string
      readonly name: string
      readonly file: string
      readonly durationMs: number
    }
  /** Something the server said while a file ran, such as RAISE NOTICE. */
  | ({ readonly type: 'server-notice'; readonly file: string } & ServerNotice)

export interface MigrateOptions {
  readonly connect: Connect
  readonly folder: MigrationFolder
  /** Stops the run: the statement is cancelled and rolled back, and `migrate` fails with the signal's reason. */
  readonly signal: AbortSignal
  readonly toolVersion: string
  readonly onEvent?: (event: MigrationEvent) => void
  /** How long to wait for another run. @default 300 000 */
  readonly lockTimeoutMs?: number
}

export interface MigrateResult {
  /** In the order they were applied. */
  readonly applied: readonly { readonly version: string; readonly name: string; readonly durationMs: number }[]
  /** How many the database had before. */
  readonly already: number
}

interface Run {
  readonly work: Connection
  readonly lock: MigrationLock
  readonly author: LedgerAuthor
  readonly signal: AbortSignal
  readonly emit: (event: MigrationEvent) => void
  progress: Progress
}

/**
 * Brings a database to what the folder says. Safe to call at once from any number of processes: they take turns, and those
 * that come late find nothing to do. Fails with a `PoststackError`; what was applied before stays, and each file is
 * in the database as a whole, with its ledger row, or not at all.
 */
export async function migrate(options: MigrateOptions): Promise<MigrateResult> {
  const { connect, signal, toolVersion } = options
  const emit = options.onEvent ?? (() => {})
  const self = `${hostname().slice(0, 30)}:${process.pid}`
  const lock = await acquireLock({
    connect,
    applicationName: `poststack lock ${self}`,
    signal,
    timeoutMs: options.lockTimeoutMs ?? 300_000,
    onWaiting: (holder, waitedMs) =>
      emit({ type: 'lock-waiting', holder, description: describeHolder(holder), waitedMs }),
  })
  try {
    const work = await connect({ applicationName: `poststack migrate ${self}`, signal })
    try {
      const author = { appliedBy: userName(), host: hostname(), toolVersion }
      const progress = { pending: [], done: 0, before: undefined }
      return await migrateLocked({ work, lock, author, signal, emit, progress }, options.folder)
    } finally {
      await work.close()
    }
  } finally {
    await lock.release()
  }
}

async function migrateLocked(run: Run, folder: MigrationFolder): Promise<MigrateResult> {
  const ledger = await guarded(run, undefined, async () => {
    // 1. The ledger is made only under the lock: two sessions creating it at once would fail.
    await ensureLedger(run.work, run.author.toolVersion)
    // 2. What is pending is read only under the lock: what was read before may be applied by now.
    return readLedger(run.work)
  })
  const { pending, problems } = resolveMigrations(folder.migrations, ledger)
  // 3. Everything that can be refused is refused before the first file runs.
  if (problems.length > 0) throw problemsError(problems)
  const refused = transactionStatementsError(pending)
  if (refused !== undefined) throw refused
  run.progress = { pending, done: 0, before: newestOf(ledger, folder) }
  run.work.onNotice((notice) =>
    run.emit({ type: 'server-notice', file: pending[run.progress.done]?.file ?? '', ...notice }),
  )
  const applied: { version: string; name: string; durationMs: number }[] = []
  for (const [index, migration] of pending.entries()) {
    const { version, name, file } = migration
    run.emit({ type: 'migration-started', version, name, file, number: index + 1, total: pending.length })
    // oxlint-disable-next-line no-await-in-loop -- each file builds on the one before
    const durationMs = await applyOne(run, migration)
    run.progress = { ...run.progress, done: index + 1 }
    applied.push({ version, name, durationMs })
    run.emit({ type: 'migration-applied', version, name, file, durationMs })
  }
  return { applied, already: ledger.length }
}

async function applyOne(run: Run, migration: Migration): Promise<number> {
  const started = performance.now()
  await guarded(run, migration, async () => {
    if (run.progress.done > 0) await resetSession(run)
    const transaction = await begin(run, migration)
    await runFile(run, migration, { transaction, started })
  })
  // From here on nothing is cancelled: the answer to COMMIT must be heard.
  try {
    await run.work.query('COMMIT')
  } catch (error) {
    if (isServerError(error)) throw bookkeepingFailed(migration, error, run.progress)
    throw connectionLost(migration, run.progress, { during: 'commit', cause: error })
  }
  return Math.round(performance.now() - started)
}

// What a file sets must not reach the next one: search_path, role, settings, temporary tables, prepared statements, listens, session locks.
async function resetSession(run: Run): Promise<void> {
  await run.work.query('DISCARD ALL')
}

/**
 * Does a piece of work that the caller, or the loss of the lock, may stop at any moment: then the running statement is
 * cancelled and the transaction rolled back. Every error leaves here as one that says how far the run has come.
 */
async function guarded<T>(run: Run, migration: Migration | undefined, work: () => Promise<T>): Promise<T> {
  const stop = AbortSignal.any([run.signal, run.lock.lost])
  let cancelled: Promise<void> | undefined
  const cancel = (): void => {
    cancelled ??= run.work.cancel()
  }
  try {
    throwIfStopped(run, migration)
    stop.addEventListener('abort', cancel)
    const result = await work()
    stop.removeEventListener('abort', cancel)
    await cancelled
    throwIfStopped(run, migration)
    return result
  } catch (error) {
    stop.removeEventListener('abort', cancel)
    // The request must have reached the server before anything else is sent, or it would hit that instead.
    await cancelled
    await rollback(run.work)
    throwIfStopped(run, migration)
    if (isServerError(error)) throw bookkeepingFailed(migration, error, run.progress)
    if (isLost(error)) throw connectionLost(migration, run.progress, { during: 'run', cause: error })
    throw error
  }
}

function throwIfStopped(run: Run, migration: Migration | undefined): void {
  run.signal.throwIfAborted()
  if (run.lock.lost.aborted) throw lockLost(migration, run.progress)
}

async function begin(run: Run, migration: Migration): Promise<string> {
  await run.work.query('BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE')
  try {
    // First of all, so that a second run of the same file, should there ever be one, waits here and then fails.
    return await recordStart(run.work, migration, run.author)
  } catch (error) {
    if (isServerError(error) && error.code === '23505') throw recordedElsewhere(migration, run.progress, error)
    throw error
  }
}

interface FileRun {
  readonly transaction: string
  readonly started: number
}

async function runFile(run: Run, migration: Migration, { transaction, started }: FileRun): Promise<void> {
  const { work, progress } = run
  const result = await work.script(migration.sql)
  if (result.error !== undefined) {
    if (await escapedBefore(run, migration, result.inTransaction)) throw await escaped(run, migration, result.error)
    throw migrationFailed(migration, { error: result.error, completed: result.completed }, progress)
  }
  if (!result.inTransaction) throw await escaped(run, migration, undefined)
  // Constraints that wait for the end are checked now, still as the file left the session; after that the session is ours again.
  const checked = await work.script(`SET CONSTRAINTS ALL IMMEDIATE; ${ourSession}`)
  if (checked.error !== undefined)
    throw migrationFailed(migration, { error: checked.error, completed: undefined }, progress)
  const durationMs = Math.round((performance.now() - started) * 1000) / 1000
  const { rows } = await work.query(finish(run, migration, { transaction, durationMs, statements: result.completed }))
  if (rows.length > 0) return
  const still = await work.query(`SELECT pg_catalog.txid_current_if_assigned()::text AS transaction`)
  if (still.rows[0]?.['transaction'] !== transaction) throw await escaped(run, migration, undefined)
  throw lockLost(migration, progress)
}

// The file may have taken another role, and a search_path with its own idea of `=`.
const ourSession = 'RESET SESSION AUTHORIZATION; RESET ROLE; SET LOCAL search_path = pg_catalog, pg_temp'

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
  await rollback(run.work)
  await resetSession(run)
  const failure = migrationEscaped(migration, error, run.progress)
  await recordEscape(run.work, migration, run.author, error?.message ?? 'the file ended its own transaction')
  return failure
}

// On a lost connection the server has rolled back by itself.
async function rollback(work: Connection): Promise<void> {
  try {
    await work.query('ROLLBACK')
  } catch (error) {
    if (!isLost(error)) throw error
  }
}

function isLost(error: unknown): boolean {
  return isPoststackError(error) && error.code === 'DATABASE_UNREACHABLE'
}

function newestOf(ledger: readonly AppliedMigration[], folder: MigrationFolder): string | undefined {
  const newest = ledger.at(-1)
  if (newest === undefined) return undefined
  const version = canonicalVersion(newest.version)
  return folder.migrations.find((migration) => canonicalVersion(migration.version) === version)?.file
}

// A user id without a name, as in many containers, has no user name to give.
function userName(): string {
  try {
    return userInfo().username
  } catch {
    return 'unknown'
  }
}
