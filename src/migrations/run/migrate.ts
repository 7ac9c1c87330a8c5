/**
 * Applies pending migrations: lock, ledger, decision, then one file after the other. The order of the steps is the whole
 * safety of it; each says what would break without it.
 */
import { passedOverNotice } from '../files/nested.ts'
import { ensureLedger } from '../ledger/layout.ts'
import { recordStart } from '../ledger/record.ts'
import { readLedgerBeside, reformattedWords } from '../ledger/reformatted.ts'
import { type LedgerRow, readLedgerRows } from '../ledger/rows.ts'
import { ownPath } from '../own-path.ts'
import { resolveMigrations } from '../resolve.ts'
import type { AppliedMigration, MigrationFolder } from '../types.ts'
import { canonicalVersion } from '../version.ts'
import { standsAsDone } from './as-done.ts'
import { lockLost } from './failure.ts'
import { commit, guarded } from './guard.ts'
import { holdsLock } from '../lock/lock.ts'
import { prepareMigrations } from './prepare.ts'
import { problemsError } from './refused.ts'
import { retrying } from './retry.ts'
import { applyRow, insertEventFromDone, recordEnd, recordFailed, runFile, stopBefore } from './run-file.ts'
import { type PartsStart, runParts } from './run-parts.ts'
import { type Job, type Run, type RunOptions, recordCommit, withRun } from './run.ts'
import { resetSession } from './session.ts'

export interface MigrateOptions extends RunOptions {
  readonly folder: MigrationFolder
  /** The last version to apply. @default all */
  readonly target?: string | undefined
  /** The person has been told already of which applied files only comments or blanks were edited. @default false */
  readonly warned?: boolean | undefined
}

export interface MigrateResult {
  /** In the order they were applied. */
  readonly applied: readonly { readonly version: string; readonly name: string; readonly durationMs: number }[]
  /** How many the database had before. */
  readonly already: number
}

/**
 * Brings a database to what the folder says. Safe to call at once from any number of processes: they take turns, and those
 * that come late find nothing to do. Fails with a `PoststackError`; what was applied before stays. A file is in the database
 * as a whole, with its ledger row, or not at all; one with statements that cannot share a transaction counts them, and the next
 * run goes on where it stopped.
 */
export async function migrate(options: MigrateOptions): Promise<MigrateResult> {
  return await withRun(options, (run) => migrateLocked(run, options))
}

async function migrateLocked(run: Run, options: MigrateOptions): Promise<MigrateResult> {
  const { folder, target, warned = false } = options
  const ledger = await guarded(run, undefined, async () => {
    // 1. The ledger is made only under the lock: two sessions creating it at once would fail.
    await ensureLedger(run.work, run.author.toolVersion)
    // 2. What is pending is read only under the lock: what was read before may be applied by now.
    return readLedgerBeside(folder.migrations, run.work)
  })
  const { pending, problems, reformatted } = resolveMigrations(folder.migrations, ledger, { target })
  // 3. Everything that can be refused is refused before the first file runs.
  if (problems.length > 0) throw problemsError(problems)
  const passedOver = passedOverNotice(folder.passedOver)
  if (passedOver !== undefined) run.emit({ type: 'notice', ...passedOver })
  for (const { file } of warned ? [] : reformatted) run.emit({ type: 'notice', file, message: reformattedWords })
  if (pending.length === 0) return { applied: [], already: ledger.length }
  const jobs = await guarded(run, undefined, () => prepareMigrations(run, pending))
  const started = await guarded(run, undefined, () => unfinishedRow(run, ledger))
  if (started !== undefined) await refuseChanged(jobs, started)
  await recordCommit(run, options)
  const already = ledger.length - (started === undefined ? 0 : 1)
  run.progress = { direction: 'apply', jobs, done: 0, before: newestOf(ledger, folder) }
  const applied: { version: string; name: string; durationMs: number }[] = []
  for (const [index, job] of jobs.entries()) {
    const { version, name, file } = job
    // oxlint-disable-next-line no-await-in-loop -- each file builds on the one before
    await stopBefore(run)
    run.emit({ type: 'migration-started', version, name, file, number: index + 1, total: jobs.length })
    // oxlint-disable-next-line no-await-in-loop
    const durationMs = await applyOne(run, job, {
      started: index === 0 ? started : undefined,
      last: index === jobs.length - 1,
    })
    run.progress = { ...run.progress, done: index + 1 }
    applied.push({ version, name, durationMs })
    run.emit({ type: 'migration-applied', version, name, file, durationMs })
  }
  await recordEnd(run)
  return { applied, already }
}

/** The row that an earlier run left unfinished; there is at most one, as nothing is begun after it. */
export async function unfinishedRow(
  { work }: Pick<Run, 'work'>,
  ledger: readonly AppliedMigration[],
): Promise<LedgerRow | undefined> {
  if (ledger.every(({ unfinished }) => unfinished === undefined)) return undefined
  return (await readLedgerRows(work)).find(({ unfinished }) => unfinished !== undefined)
}

/** What was done of an unfinished file must stand in it as it was done; the rest may be corrected. */
export async function refuseChanged(jobs: readonly Job[], row: LedgerRow): Promise<void> {
  const done = row.unfinished?.applied ?? 0
  const job = jobs.find(({ version }) => canonicalVersion(version) === canonicalVersion(row.version))
  if (job === undefined || (await standsAsDone(job, row))) return
  throw problemsError([
    {
      code: 'MIGRATION_CHANGED',
      version: job.version,
      message: `${job.file} was left after ${done} of its statements, and these were edited since.`,
      hint: `Undo the edit of what stands before statement ${done + 1}; what comes from there on may be corrected. Or settle it by hand: poststack database repair`,
    },
  ])
}

interface OneOptions {
  readonly started: LedgerRow | undefined
  readonly last: boolean
}

async function applyOne(run: Run, job: Job, { started, last }: OneOptions): Promise<number> {
  const began = performance.now()
  try {
    if (started === undefined && job.program.parts.every(({ kind }) => kind === 'group')) {
      await retrying(run, job, async () => {
        await guarded(run, job, async () => {
          await resetSession(run.work)
          await runFile(run, job, applyRow(run, job), { began, durable: last })
        })
        await commit(run, job)
      })
    } else {
      await guarded(run, job, () => resetSession(run.work))
      const start = await guarded(run, job, () => beginParts(run, job, started))
      await runParts(run, job, start)
      await guarded(run, job, () => finishParts(run, job, began))
      await commit(run, job)
    }
  } catch (error) {
    await recordFailed(run, job, error)
    throw error
  }
  return Math.round(performance.now() - began)
}

/** Makes the row that counts, or takes up the one that an earlier run left; committed before anything of the file runs. */
async function beginParts(run: Run, job: Job, row: LedgerRow | undefined): Promise<PartsStart> {
  const { work, author } = run
  const total = job.program.statements.length
  await work.query(`BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL ${ownPath}`)
  if (row === undefined) await recordStart(work, job.recorded, author)
  const update = `UPDATE poststack.schema_migrations
SET state = 'running', error = NULL, statements_total = $2, name = $3, checksum = $4, up_sql = $5, rollback_sql = $6, rollback_checksum = $7
WHERE version = $1 AND ${holdsLock(run.lock.pid)} RETURNING version`
  const { name, checksum, sql, rollback } = job.recorded
  const rollbackValues = [rollback?.sql ?? null, rollback?.checksum ?? null]
  const { rows } = await work.query(update, [
    canonicalVersion(job.version),
    total,
    name,
    checksum,
    sql,
    ...rollbackValues,
  ])
  if (rows.length === 0) throw lockLost(job, run.progress)
  await work.query('COMMIT')
  if (row !== undefined) {
    const message = `goes on at statement ${(row.unfinished?.applied ?? 0) + 1} of ${total}, where an earlier run stopped`
    run.emit({ type: 'notice', file: job.file, message })
  }
  return { applied: row?.unfinished?.applied ?? 0, runningStatement: row?.runningStatement, context: row?.context }
}

/** Completes the row in a transaction that is left open. */
async function finishParts(run: Run, job: Job, began: number): Promise<void> {
  const { work } = run
  await work.query('BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE')
  await work.query(run.rules.takeBack)
  const durationMs = Math.round((performance.now() - began) * 1000) / 1000
  const { rows } = await work.query(`
WITH done AS (
  UPDATE poststack.schema_migrations SET state = 'applied', error = NULL, applied_at = pg_catalog.clock_timestamp(), duration_ms = ${durationMs}
  WHERE version = ${canonicalVersion(job.version)} AND ${holdsLock(run.lock.pid)}
  RETURNING version, version_text, name, checksum, duration_ms)
${insertEventFromDone('applied', run.author)}`)
  if (rows.length === 0) throw lockLost(job, run.progress)
}

function newestOf(ledger: readonly AppliedMigration[], folder: MigrationFolder): string | undefined {
  const newest = ledger.at(-1)
  if (newest === undefined) return undefined
  const version = canonicalVersion(newest.version)
  return folder.migrations.find((migration) => canonicalVersion(migration.version) === version)?.file
}
