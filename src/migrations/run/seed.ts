/**
 * Seeds a database with what it lacks, under the migration lock: two runs at once would fill it twice.
 */
import { isPoststackError, PoststackError } from '../../errors.ts'
import { isServerError } from '../connection.ts'
import { ensureLedger } from '../ledger/layout.ts'
import { insertSeeded, readSeeded } from '../ledger/seeded.ts'
import { holdsLock } from '../lock/lock.ts'
import { serverPid } from '../lock/pooler.ts'
import { pendingSeeds } from '../seeds/resolve.ts'
import type { Seed } from '../types.ts'
import { countOf, lockLost, migrationFailed } from './failure.ts'
import { commit, guarded, throwIfStopped } from './guard.ts'
import { prepareJobs } from './prepare.ts'
import { retrying } from './retry.ts'
import { type Job, type Progress, type Run, type RunOptions, recordCommit, withRun } from './run.ts'
import { sendPart, whileServerWorks } from './send.ts'
import { resetSession, rollback, stayIdle } from './session.ts'

export interface SeedOptions extends RunOptions {
  readonly seeds: readonly Seed[]
  /** Runs a script to its end, and fails when that is not a good one. */
  readonly runScript: (path: string, signal: AbortSignal) => Promise<void>
}

/**
 * Runs the seeds that the database lacks, and gives their files. Text of SQL is in it as a whole, together with its record, or not at all;
 * a script is recorded when it has ended well. Fails with `SEED_FAILED`; what was seeded before stays.
 */
export async function seed(options: SeedOptions): Promise<readonly string[]> {
  return await withRun({ ...options, recordsSchema: false }, async (run) => {
    try {
      return await seedLocked(run, options)
    } catch (error) {
      throw isPoststackError(error) ? asSeed(error) : error
    }
  })
}

async function seedLocked(run: Run, options: SeedOptions): Promise<readonly string[]> {
  const seeded = await guarded(run, undefined, async () => {
    await ensureLedger(run.work, run.author.toolVersion)
    return await readSeeded(run.work)
  })
  const pending = pendingSeeds(options.seeds, seeded).map((one) => one.seed)
  // Every text is looked at before the first runs.
  const jobs = await guarded(run, undefined, () => prepareJobs(run, pending.flatMap(jobOf)))
  refuseAlone(jobs)
  await recordCommit(run, options)
  run.progress = { direction: 'apply', noun: nounOf(pending), jobs: pending.map(stepOf), done: 0, before: undefined }
  for (const [index, one] of pending.entries()) {
    throwIfStopped(run, undefined)
    const job = jobs.find(({ file }) => file === one.file)
    // oxlint-disable-next-line no-await-in-loop -- each may build on the one before
    await (job === undefined ? seedScript(run, one, options) : seedText(run, one, job))
    run.progress = { ...run.progress, done: index + 1 }
  }
  return pending.map(({ file }) => file)
}

/** Hooks may be among them that are remembered as seeds are. */
function nounOf(pending: readonly Seed[]): 'seed' | 'hook' | 'file' {
  if (pending.every(({ hook }) => hook === undefined)) return 'seed'
  return pending.every(({ hook }) => hook !== undefined) ? 'hook' : 'file'
}

// What a run tells of a file has a version, which seeds have none of.
function stepOf({ file }: Seed): Pick<Job, 'version' | 'file'> {
  return { version: '', file }
}

function jobOf({ content, checksum, file }: Seed): readonly Omit<Job, 'program'>[] {
  if (content.kind === 'script') return []
  const { text } = content
  const recorded = { version: '', name: file, checksum, sql: text.sql, rollback: undefined }
  return [{ direction: 'apply', version: '', name: file, checksum, file, text, recorded }]
}

function refuseAlone(jobs: readonly Job[]): void {
  for (const { file, program } of jobs) {
    const alone = program.parts.find(({ kind }) => kind === 'alone')
    if (alone?.kind !== 'alone') continue
    throw new PoststackError(
      'SEED_FAILED',
      `${file}: ${alone.what} cannot share a transaction, and a seed is one. Nothing was seeded.`,
      {
        hint: 'Put it into a migration, or write the seed as a script.',
        details: { file },
      },
    )
  }
}

async function seedText(run: Run, one: Seed, job: Job): Promise<void> {
  await retrying(run, job, async () => {
    await guarded(run, job, () => runText(run, one, job))
    await commit(run, job)
  })
}

/** In a transaction that is left open. */
async function runText(run: Run, one: Seed, job: Job): Promise<void> {
  const { work, rules, progress } = run
  await resetSession(work)
  await work.query(rules.begin(job.program.directives, true))
  const pid = await serverPid(work)
  for (const part of job.program.parts) {
    // oxlint-disable-next-line no-await-in-loop -- at most one, as the text runs in one transaction
    const sent = await whileServerWorks(run, job, pid, () => sendPart(work, job, part, part.first))
    const { refusal, inTransaction } = sent
    if (refusal !== undefined) throw migrationFailed(job, refusal, progress)
    if (!inTransaction) throw escaped(job)
  }
  const { error } = await work.script(`SET CONSTRAINTS ALL IMMEDIATE; ${rules.takeBack}`)
  if (error !== undefined) throw migrationFailed(job, { error }, progress)
  await record(run, one, job)
}

async function seedScript(run: Run, one: Seed, { runScript }: SeedOptions): Promise<void> {
  if (one.content.kind !== 'script') return
  const { path } = one.content
  await stayIdle(run.work)
  const stop = AbortSignal.any([run.signal, run.lock.lost])
  const { progress } = run
  try {
    await runScript(path, stop)
  } catch (error) {
    if (run.signal.aborted) throw error
    const why = run.lock.lost.aborted ? cutByLoss(one, progress) : error
    if (!isPoststackError(why)) throw why
    const { code, hint, details } = why
    const count = one.hook === undefined ? countOf(progress) : `The next up runs the hook ${one.hook} again`
    const state = `${count}; what ${one.file} has done by itself stays.`
    throw new PoststackError(code, `${why.message}\n${state}`, { hint, details, cause: error })
  }
  await recordScript(run, one)
}

function cutByLoss({ file }: Seed, progress: Progress): PoststackError {
  const { code, hint, details } = lockLost(undefined, progress)
  const message = `The connection that holds the migration lock was lost, so ${file} was stopped.`
  return new PoststackError(code, message, { hint, details })
}

/** It has ended well, so nothing stops the record any more: without one the next run would run it again. */
async function recordScript(run: Run, one: Seed): Promise<void> {
  const { work, rules } = run
  try {
    await work.query('BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE')
    await work.query(`${rules.takeBack}; SET LOCAL lock_timeout = ${recordWaitMs}`)
    await record(run, one, undefined)
    await work.query('COMMIT')
  } catch (error) {
    await rollback(work)
    throw unrecorded(one, run.progress, error)
  }
}

const recordWaitMs = 10_000

function unrecorded({ file }: Seed, progress: Progress, error: unknown): unknown {
  if (!isPoststackError(error) && !isServerError(error)) return error
  const message = `${file} has ended well, but that could not be recorded, so the next run runs it again: ${error.message}`
  return new PoststackError(isPoststackError(error) ? error.code : 'SEED_FAILED', message, {
    hint: `Mend what is in the way, and see to it that ${file} may run twice; then run again.`,
    details: { file, applied: progress.done },
    cause: error,
  })
}

async function record(run: Run, one: Seed, job: Job | undefined): Promise<void> {
  const { work, author, lock, progress } = run
  const { rows } = await work.query(`SELECT ${holdsLock(lock.pid)} AS held`)
  if (rows[0]?.['held'] !== true) throw lockLost(job, progress)
  const duration =
    "pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - pg_catalog.transaction_timestamp()) * 1000"
  await work.query(insertSeeded(one, author, job === undefined ? 'NULL' : duration))
}

function escaped({ file }: Job): PoststackError {
  return new PoststackError(
    'SEED_FAILED',
    `${file} ended the transaction it runs in, so what it did may be in the database in part.`,
    {
      hint: `Take transaction statements out of ${file}: every seed runs in a transaction of its own. Then see what of it the database has.`,
      details: { file },
    },
  )
}

/** The same words, under a code of their own. */
function asSeed(error: PoststackError): PoststackError {
  if (error.code !== 'MIGRATION_FAILED' && error.code !== 'MIGRATION_INVALID') return error
  const { version: _, ...details } = error.details
  return new PoststackError('SEED_FAILED', error.message, { hint: error.hint, details, cause: error.cause })
}
