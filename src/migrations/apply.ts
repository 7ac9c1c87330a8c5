/**
 * Applies pending migrations: lock, ledger, decision, then one transaction for each file. The order of the steps is the
 * whole safety of it; each says what would break without it.
 */
import { hostname, userInfo } from 'node:os'
import { throwIfAborted } from '../abort.ts'
import { type Connect, isServerError } from './connection.ts'
import type { MigrationEvent } from './events.ts'
import { bookkeepingFailed, connectionLost, lockLost, problemsError, transactionStatementsError } from './failure.ts'
import { ensureLedger, readLedger } from './ledger.ts'
import { acquireLock, describeHolder } from './lock.ts'
import { resolveMigrations } from './resolve.ts'
import { type Run, runFile } from './run-file.ts'
import { beginStatements, isLost, resetSession, rollback } from './session.ts'
import type { AppliedMigration, Migration, MigrationFolder } from './types.ts'
import { canonicalVersion } from './version.ts'

export interface MigrateOptions {
  readonly connect: Connect
  readonly folder: MigrationFolder
  /** Stops the run: the statement is cancelled and rolled back, and `migrate` fails with an interruption. */
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
      const run: Run = { work, lock, author, signal, emit, progress, begin: '', running: undefined }
      return await migrateLocked(run, options.folder)
    } finally {
      await work.close()
    }
  } finally {
    await lock.release()
  }
}

async function migrateLocked(run: Run, folder: MigrationFolder): Promise<MigrateResult> {
  const ledger = await guarded(run, undefined, async () => {
    run.begin = await beginStatements(run.work)
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
  run.work.onNotice((notice) => {
    // What the server says about our own statements is of no interest.
    if (run.running !== undefined) run.emit({ type: 'server-notice', file: run.running, ...notice })
  })
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
    if (run.progress.done > 0) await resetSession(run.work)
    await runFile(run, migration, started)
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
  throwIfAborted(run.signal)
  if (run.lock.lost.aborted) throw lockLost(migration, run.progress)
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
