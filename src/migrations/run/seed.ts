/**
 * Seeds a database with what it lacks, under the migration lock: two runs at once would fill it twice.
 */
import { isPoststackError, PoststackError } from '../../errors.ts'
import { ensureLedger } from '../ledger/layout.ts'
import { insertSeeded, readSeeded } from '../ledger/seeded.ts'
import { holdsLock } from '../lock/lock.ts'
import { pendingSeeds } from '../seeds/resolve.ts'
import type { Seed } from '../types.ts'
import { lockLost, migrationFailed } from './failure.ts'
import { commit, guarded } from './guard.ts'
import { prepareJobs } from './prepare.ts'
import { type Job, type Run, type RunOptions, withCommit, withRun } from './run.ts'
import { sendPart } from './send.ts'
import { resetSession } from './session.ts'

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
  await withCommit(run, options)
  run.progress = { direction: 'apply', noun: 'seed', jobs: pending.map(stepOf), done: 0, before: undefined }
  for (const [index, one] of pending.entries()) {
    const job = jobs.find(({ file }) => file === one.file)
    // oxlint-disable-next-line no-await-in-loop -- each may build on the one before
    await (job === undefined ? seedScript(run, one, options) : seedText(run, one, job))
    run.progress = { ...run.progress, done: index + 1 }
  }
  return pending.map(({ file }) => file)
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
  const { work, rules, progress } = run
  await guarded(run, job, async () => {
    await resetSession(work)
    await work.query(rules.begin(job.program.directives, true))
    for (const part of job.program.parts) {
      // oxlint-disable-next-line no-await-in-loop -- at most one, as the text runs in one transaction
      const { refusal, inTransaction } = await sendPart(run, job, part, part.first)
      run.running = undefined
      if (refusal !== undefined) throw migrationFailed(job, refusal, progress)
      if (!inTransaction) throw escaped(job)
    }
    const { error } = await work.script(`SET CONSTRAINTS ALL IMMEDIATE; ${rules.takeBack}`)
    if (error !== undefined) throw migrationFailed(job, { error }, progress)
    await record(run, one, job)
  })
  await commit(run, job)
}

async function seedScript(run: Run, one: Seed, { runScript }: SeedOptions): Promise<void> {
  if (one.content.kind !== 'script') return
  const { path } = one.content
  const { work, rules } = run
  const stop = AbortSignal.any([run.signal, run.lock.lost])
  try {
    await runScript(path, stop)
  } catch (error) {
    if (!isPoststackError(error) || stop.aborted) throw error
    const { done, jobs } = run.progress
    const message = `${error.message}\n${String(done)} of ${String(jobs.length)} pending seeds applied; what ${one.file} has done by itself stays.`
    throw new PoststackError(error.code, message, { hint: error.hint, details: error.details, cause: error })
  }
  await guarded(run, undefined, async () => {
    await work.query('BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE')
    await work.query(rules.takeBack)
    await record(run, one, undefined)
    await work.query('COMMIT')
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
