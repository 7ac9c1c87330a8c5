/**
 * Takes migrations back, the newest first, with the text that was stored when they were applied: it works after the file is
 * gone, and it is the way back of what the database has, not of what the file says today.
 */
import { PoststackError } from '../../errors.ts'
import { ensureLedger, ledgerLayout } from '../ledger/layout.ts'
import { type LedgerRow, readLedgerRows } from '../ledger/rows.ts'
import { equals, ownPath } from '../own-path.ts'
import type { MigrationFolder, SqlText } from '../types.ts'
import { canonicalVersion, compareVersions } from '../version.ts'
import { standsAsDone } from './as-done.ts'
import { commit, guarded } from './guard.ts'
import { lockLost } from './failure.ts'
import { prepareJobs } from './prepare.ts'
import { retrying } from './retry.ts'
import { halfApplied, irreversible } from './rollback-refused.ts'
import { holdsLock } from '../lock/lock.ts'
import {
  durationSince,
  insertEventFromDone,
  recordEnd,
  recordFailed,
  type RowWork,
  runFile,
  stopBefore,
} from './run-file.ts'
import { runParts } from './run-parts.ts'
import { type Job, type Run, type RunOptions, recordCommit, withRun } from './run.ts'
import { resetSession } from './session.ts'

export interface RollbackOptions extends RunOptions {
  /** The newest version that stays; `0` takes back everything. */
  readonly target?: string | undefined
  /** How many to take back. @default 1, unless there is a target */
  readonly steps?: number | undefined
  /** For the files' own rollbacks: to say where they differ from the stored ones, and to use them when asked to. */
  readonly folder?: MigrationFolder | undefined
  /** Take the files' rollbacks instead of the stored ones. @default false */
  readonly useFile?: boolean | undefined
  /**
   * Versions that a person agreed to, the newest first. If others would be taken back, because somebody else has migrated meanwhile,
   * nothing is. @default whatever is the newest under the lock
   */
  readonly agreed?: readonly string[] | undefined
}

export interface RollbackResult {
  /** In the order they were taken back: the newest first. */
  readonly rolledBack: readonly { readonly version: string; readonly name: string; readonly durationMs: number }[]
  /** How many the database still has. */
  readonly left: number
}

/** A migration to be taken back, and the text to do it with. */
export interface RollbackChoice {
  readonly row: LedgerRow
  readonly text: SqlText
  readonly file: string
  /** What a person should know about the text. */
  readonly notice: string | undefined
}

/**
 * Takes back the newest migration, or all above a target. The whole chain is checked before the first step. Each is taken back
 * with its ledger row, or not at all. Fails with `MIGRATION_IRREVERSIBLE` where one has no rollback, `MIGRATION_UNKNOWN` for a target
 * that is not applied, `MIGRATION_UNFINISHED` where one is half-applied.
 */
export async function rollback(options: RollbackOptions): Promise<RollbackResult> {
  return await withRun(options, (run) => rollbackLocked(run, options))
}

async function rollbackLocked(run: Run, options: RollbackOptions): Promise<RollbackResult> {
  run.progress = { ...run.progress, direction: 'rollback' }
  const rows = await guarded(run, undefined, async () => {
    // Older ledgers are brought along; where there is none, nothing is made: there is nothing to take back.
    if ((await ledgerLayout(run.work)) === undefined) return []
    await ensureLedger(run.work, run.author.toolVersion)
    return readLedgerRows(run.work)
  })
  const choices = chooseRollbacks(rows, options)
  refuseOthers(choices, options.agreed)
  const jobs = await guarded(run, undefined, () => prepareJobs(run, choices.map(rollbackJob)))
  await refuseChangedRollback(jobs, choices)
  for (const { file, notice } of choices) if (notice !== undefined) run.emit({ type: 'notice', file, message: notice })
  await recordCommit(run, options)
  run.progress = { direction: 'rollback', jobs, done: 0, before: undefined }
  const rolledBack: { version: string; name: string; durationMs: number }[] = []
  for (const [index, job] of jobs.entries()) {
    const row = choices[index]?.row
    const { version, name, file } = job
    // oxlint-disable-next-line no-await-in-loop -- each takes back what the one before stood on
    await stopBefore(run)
    run.emit({ type: 'migration-started', version, name, file, number: index + 1, total: jobs.length })
    // oxlint-disable-next-line no-await-in-loop
    const durationMs = await rollbackOne(run, job, { row, last: index === jobs.length - 1 })
    run.progress = { ...run.progress, done: index + 1 }
    rolledBack.push({ version, name, durationMs })
    run.emit({ type: 'migration-rolled-back', version, name, file, durationMs })
  }
  if (jobs.length > 0) await recordEnd(run)
  return { rolledBack, left: rows.length - rolledBack.length }
}

/** Which to take back and with what, the newest first. Pure; every problem of the chain is told at once. */
export function chooseRollbacks(
  rows: readonly LedgerRow[],
  { target, steps, folder, useFile = false }: Pick<RollbackOptions, 'target' | 'steps' | 'folder' | 'useFile'>,
): readonly RollbackChoice[] {
  checkRequest(target, steps)
  const sorted = rows.toSorted((a, b) => compareVersions(b.version, a.version))
  if (target !== undefined) checkTarget(target, sorted)
  const wanted =
    target === undefined
      ? sorted.slice(0, steps ?? 1)
      : sorted.filter(({ version }) => compareVersions(version, target) > 0)
  const stuck = wanted.find(({ unfinished }) => unfinished !== undefined && unfinished.state !== 'rolling-back')
  if (stuck !== undefined) throw halfApplied(stuck)
  const files = new Map(folder?.migrations.map((file) => [canonicalVersion(file.version), file]))
  const choices: RollbackChoice[] = []
  const without: LedgerRow[] = []
  for (const row of wanted) {
    const file = files.get(canonicalVersion(row.version))?.rollback
    const choice = useFile ? fromFile(row, file) : fromLedger(row, file)
    if (choice === undefined) without.push(row)
    else choices.push(choice)
  }
  if (without.length > 0) throw irreversible(without, useFile)
  return choices
}

/** What is taken back is never guessed: an empty target would stand for 0, and that for everything. */
function checkRequest(target: unknown, steps: unknown): void {
  if (target !== undefined && steps !== undefined) throw usage('A rollback takes a target or steps, not both.')
  if (target !== undefined && (typeof target !== 'string' || !/^\d+$/.test(target)))
    throw usage('The target of a rollback must be the digits of a version.')
  if (steps !== undefined && (typeof steps !== 'number' || !Number.isInteger(steps) || steps < 1))
    throw usage('The steps of a rollback must be a whole number from 1 on.')
}

function usage(what: string): PoststackError {
  return new PoststackError('USAGE', `${what} Nothing was rolled back.`, {
    hint: 'Give the number of the migration that stays as the newest (0 for none) as target, or how many to take back, from 1 on, as steps.',
  })
}

type RollbackFile = NonNullable<MigrationFolder['migrations'][number]['rollback']>

function fromLedger(row: LedgerRow, file: RollbackFile | undefined): RollbackChoice | undefined {
  if (row.rollback === undefined) return undefined
  const differs = file !== undefined && file.checksum !== row.rollback.checksum
  return {
    row,
    text: row.rollback,
    file: file !== undefined && !differs ? file.file : `rollback of "${row.version} ${row.name}" (as stored)`,
    notice: differs
      ? `the text stored when it was applied is used; ${file.file} was edited since (--use-file takes the file)`
      : undefined,
  }
}

function fromFile(row: LedgerRow, file: RollbackFile | undefined): RollbackChoice | undefined {
  return file === undefined ? undefined : { row, text: file, file: file.file, notice: undefined }
}

/** A migration to be taken back, before the text for it is compiled. */
export function rollbackJob({ row, text, file }: RollbackChoice): Omit<Job, 'program'> {
  const { version, name, checksum, upSql, rollback: stored } = row
  const recorded = { version, name, checksum, sql: upSql, rollback: stored }
  return { direction: 'rollback', version, name, checksum, file, text, recorded }
}

/** What was done of a rollback that stopped half-way must stand in its text as it was done; the rest may be another. */
export async function refuseChangedRollback(jobs: readonly Job[], choices: readonly RollbackChoice[]): Promise<void> {
  for (const [index, { row, file }] of choices.entries()) {
    const done = row.unfinished?.applied ?? 0
    const job = jobs[index]
    // oxlint-disable-next-line no-await-in-loop -- at most one row is half-done
    if (job !== undefined && (await standsAsDone(job, row))) continue
    const message = `The rollback of "${row.version} ${row.name}" stopped after ${done} of its statements, and these stand otherwise in ${file}. Nothing was rolled back.`
    throw new PoststackError('MIGRATION_CHANGED', message, {
      hint: `Have the first ${done === 1 ? 'statement' : `${done} statements`} as they were carried out; what comes after may be corrected. Or settle it by hand: poststack database repair`,
      details: { version: row.version, statementsApplied: done },
    })
  }
}

interface OneOptions {
  readonly row: LedgerRow | undefined
  readonly last: boolean
}

async function rollbackOne(run: Run, job: Job, { row, last }: OneOptions): Promise<number> {
  const began = performance.now()
  const resumes = row?.unfinished !== undefined
  try {
    if (!resumes && job.program.parts.every(({ kind }) => kind === 'group')) {
      await retrying(run, job, async () => {
        await guarded(run, job, async () => {
          await resetSession(run.work)
          await runFile(run, job, rollbackRow(run, job), { began, durable: last })
        })
        await commit(run, job)
      })
    } else {
      await runInParts(run, job, { row, began })
    }
  } catch (error) {
    await recordFailed(run, job, error)
    throw error
  }
  return Math.round(performance.now() - began)
}

/** The row of a migration that is taken back in one transaction: gone when it commits. */
function rollbackRow(run: Run, job: Job): RowWork {
  const version = canonicalVersion(job.version)
  return {
    begin: `UPDATE poststack.schema_migrations SET state = 'rolling-back' WHERE version ${equals} ${version} AND state ${equals} 'applied'
RETURNING pg_catalog.txid_current()::pg_catalog.text AS transaction, pg_catalog.pg_backend_pid() AS pid`,
    finish: (fence, { durationMs }) => `
WITH done AS (
  DELETE FROM poststack.schema_migrations WHERE version = ${version} AND state = 'rolling-back' AND ${fence}
  RETURNING version, version_text, name, checksum, ${durationMs} AS duration_ms)
${insertEventFromDone('rolled-back', run.author)}`,
  }
}

async function runInParts(
  run: Run,
  job: Job,
  { row, began }: { readonly row: LedgerRow | undefined; readonly began: number },
): Promise<void> {
  const { work } = run
  const version = canonicalVersion(job.version)
  const applied = row?.unfinished?.applied ?? 0
  await guarded(run, job, async () => {
    await resetSession(work)
    await work.query(`BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL ${ownPath}`)
    const update = `UPDATE poststack.schema_migrations SET state = 'rolling-back', error = NULL, statements_applied = $2, statements_total = $3,
  statements_chain = CASE WHEN $2 = 0 THEN NULL ELSE statements_chain END, rollback_sql = $4, rollback_checksum = $5
WHERE version = $1 AND ${holdsLock(run.lock.pid)} RETURNING version`
    // The text goes with its progress: what is done of the file's is not what would be done of the stored one.
    const { sql, checksum } = job.text
    const { rows } = await work.query(update, [version, applied, job.program.statements.length, sql, checksum])
    if (rows.length === 0) throw lockLost(job, run.progress)
    await work.query('COMMIT')
  })
  await runParts(run, job, { applied, runningStatement: row?.runningStatement, context: row?.context })
  await guarded(run, job, async () => {
    await work.query('BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE')
    await work.query(run.rules.takeBack)
    const { rows } = await work.query(`
WITH done AS (
  DELETE FROM poststack.schema_migrations WHERE version = ${version} AND ${holdsLock(run.lock.pid)}
  RETURNING version, version_text, name, checksum, ${durationSince(began)} AS duration_ms)
${insertEventFromDone('rolled-back', run.author)}`)
    if (rows.length === 0) throw lockLost(job, run.progress)
  })
  await commit(run, job)
}

function refuseOthers(choices: readonly RollbackChoice[], agreed: readonly string[] | undefined): void {
  const versions = choices.map(({ row }) => row.version)
  if (agreed === undefined || versions.join(' ') === agreed.join(' ')) return
  throw new PoststackError(
    'CONSENT_NEEDED',
    `The database was migrated by another run meanwhile: ${listed(versions)} would be taken back now, and not ${listed(agreed)}. Nothing was rolled back.`,
    { hint: 'Look again: poststack database migration-status', details: { agreed, versions } },
  )
}

function listed(versions: readonly string[]): string {
  return versions.length === 0 ? 'nothing' : versions.join(', ')
}

function checkTarget(target: string, rows: readonly LedgerRow[]): void {
  const canonical = canonicalVersion(target)
  if (canonical === '0' || rows.some(({ version }) => canonicalVersion(version) === canonical)) return
  const newest =
    rows[0] === undefined ? 'none is applied' : `the newest applied is "${rows[0].version} ${rows[0].name}"`
  throw new PoststackError(
    'MIGRATION_UNKNOWN',
    `Migration ${target} is not applied, so there is no going back to it: ${newest}. Nothing was rolled back.`,
    {
      hint: 'Name the number of an applied migration, which then stays as the newest: poststack database migration-status lists them.',
      details: { target },
    },
  )
}
