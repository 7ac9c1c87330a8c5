/**
 * One file that runs in one transaction: ledger row, SQL, checks. The order of the steps is the whole safety of it.
 */
import { isServerError } from '../connection.ts'
import { literal } from '../sql/quote.ts'
import {
  type EventRecord,
  insertStart,
  type LedgerAuthor,
  type LedgerEvent,
  recordEscape,
  recordEvent,
} from '../ledger/record.ts'
import { type NotAsRecorded, recordSchema } from '../ledger/record-schema.ts'
import { equals } from '../own-path.ts'
import { canonicalVersion } from '../version.ts'
import {
  indexPassed,
  lockLost,
  migrationEscaped,
  migrationFailed,
  recordedElsewhere,
  type Refusal,
  rowGone,
} from './failure.ts'
import { isStopped, throwIfStopped } from './guard.ts'
import { holdsLock } from '../lock/lock.ts'
import { findPassed } from './passed-index.ts'
import type { Job, Run } from './run.ts'
import { summarizeDifferences } from '../snapshot/describe.ts'
import { sendPart, whileServerWorks } from './send.ts'
import { resetSession, rollback } from './session.ts'

/** What a file does to its row, before and after. */
export interface RowWork {
  /** SQL that is first of all in the transaction. Gives its id as `transaction` and the backend as `pid`; no row if the lock was lost. */
  readonly begin: string
  /** SQL that completes the row on the condition `fence`, and returns a row if it did. `durationMs` is SQL, too. */
  finish(fence: string, facts: { readonly durationMs: string; readonly statements: number }): string
}

/**
 * Runs one file in a transaction that is left open, with the ledger's row completed in it: what is left to do is to commit.
 * Fails with what went wrong and where; the transaction is the caller's to roll back.
 */
export async function runFile(
  run: Run,
  job: Job,
  row: RowWork,
  { began, durable }: { readonly began: number; readonly durable: boolean },
): Promise<void> {
  const { work, progress, rules } = run
  const { transaction, pid } = await begin(run, job, { row, durable })
  for (const part of job.program.parts) {
    // oxlint-disable-next-line no-await-in-loop -- at most one, as the file runs in one transaction
    const sent = await whileServerWorks(run, job, pid, () => sendPart(work, job, part, part.first))
    const { refusal, inTransaction } = sent
    if (refusal !== undefined) {
      if (await escapedBefore(run, job, inTransaction)) throw await escaped(run, job, refusal)
      throw migrationFailed(job, refusal, progress)
    }
    if (!inTransaction) throw await escaped(run, job, undefined)
    // oxlint-disable-next-line no-await-in-loop
    const passed = await findPassed(work, job.program, part)
    if (passed !== undefined) throw indexPassed(job, passed, progress)
  }
  const { transaction: same, lock } = fences(run, transaction)
  const facts = { durationMs: durationSince(began), statements: job.program.statements.length }
  // Constraints that wait for the end are checked now, still as the file left the session; after that the session is ours again.
  // The server stops at the first that fails, so these may go in one message.
  const end = `SET CONSTRAINTS ALL IMMEDIATE; ${rules.takeBack}; ${row.finish(`${same} AND ${lock}`, facts)}`
  const { error, completed, lastRows } = await whileServerWorks(run, job, pid, () => work.script(end))
  if (error !== undefined) throw completed === 0 ? migrationFailed(job, { error }, progress) : error
  if (lastRows > 0) return
  const still = await work.query(`SELECT ${same} AS same, ${lock} AS held`)
  if (still.rows[0]?.['same'] !== true) throw await escaped(run, job, undefined)
  throw still.rows[0]['held'] === true ? rowGone(job, progress) : lockLost(job, progress)
}

/** SQL conditions: the transaction is still the one that a file began in, and our lock still stands. */
function fences(run: Run, transaction: string): { readonly transaction: string; readonly lock: string } {
  return {
    transaction: `pg_catalog.txid_current_if_assigned() IS NOT DISTINCT FROM ${transaction}`,
    lock: holdsLock(run.lock.pid),
  }
}

/** The time since then, up to the moment when the server comes to it: what it does before in the same message counts. */
export function durationSince(began: number): string {
  const untilSent = Math.round((performance.now() - began) * 1000) / 1000
  const inMessage = `pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - pg_catalog.statement_timestamp())`
  return `${untilSent} + ${inMessage} * 1000`
}

async function begin(
  { work, rules, progress }: Run,
  job: Job,
  { row, durable }: { readonly row: RowWork; readonly durable: boolean },
): Promise<{ readonly transaction: string; readonly pid: number }> {
  try {
    // The row first of all, so that a second run of the same file, should there ever be one, waits here and then fails.
    const { rows } = await work.query(`${rules.begin(job.program.directives, durable)}; ${row.begin}`)
    if (rows[0] === undefined) throw lockLost(job, progress)
    return { transaction: String(rows[0]['transaction']), pid: Number(rows[0]['pid']) }
  } catch (error) {
    if (isServerError(error) && error.code === '23505') throw recordedElsewhere(job, progress, error)
    throw error
  }
}

/** The row of a migration that is applied in one transaction. */
export function applyRow(run: Run, job: Job): RowWork {
  return {
    begin: insertStart(job.recorded, run.author),
    finish: (fence, { durationMs, statements }) => `
WITH done AS (
  UPDATE poststack.schema_migrations
  SET state = 'applied', applied_at = pg_catalog.clock_timestamp(), duration_ms = ${durationMs},
    statements_total = ${statements}, statements_applied = ${statements}
  WHERE version = ${canonicalVersion(job.version)} AND state = 'running' AND ${fence}
  RETURNING version, version_text, name, checksum, duration_ms)
${insertEventFromDone('applied', run.author)}`,
  }
}

/** SQL that adds a line to the history for the row in `done`, and returns it. */
export function insertEventFromDone(event: LedgerEvent, author: LedgerAuthor): string {
  const { appliedBy, host, gitCommit, toolVersion } = author
  const by = [appliedBy, host, gitCommit, toolVersion].map(literal).join(', ')
  return `INSERT INTO poststack.migration_events
  (event, version, version_text, name, checksum, detail, done_by, host, git_commit, tool_version)
SELECT '${event}', version, version_text, name, checksum, pg_catalog.jsonb_build_object('duration_ms', duration_ms), ${by}
FROM done RETURNING version`
}

// After an error the transaction is rolled back; a row that is as the file's own transaction made it was committed by the file itself.
async function escapedBefore(run: Run, job: Job, inTransaction: boolean): Promise<boolean> {
  await rollback(run.work)
  if (!inTransaction) return true
  const text = `SELECT state FROM poststack.schema_migrations WHERE version ${equals} ${canonicalVersion(job.version)}`
  const { rows } = await run.work.query(text)
  const before = job.direction === 'apply' ? undefined : 'applied'
  return rows[0]?.['state'] !== before
}

async function escaped(run: Run, job: Job, refusal: Refusal | undefined): Promise<unknown> {
  await rollback(run.work)
  await resetSession(run.work)
  const failure = migrationEscaped(job, refusal?.error, run.progress)
  await recordEscape(run.work, job.recorded, run.author, refusal?.error.message ?? 'the file ended its own transaction')
  return failure
}

export async function recordFailed(run: Run, job: Job, error: unknown): Promise<void> {
  const event = job.direction === 'apply' ? 'failed' : 'rollback-failed'
  const message = error instanceof Error ? error.message.split('\n', 1)[0] : String(error)
  await recordEnd(run, { event, migration: job, author: run.author, detail: { message } })
}

/** To be called before each file: a run that is told to stop does not begin another. */
export async function stopBefore(run: Run): Promise<void> {
  if (isStopped(run) && run.progress.done > 0) await recordEnd(run)
  throwIfStopped(run, undefined)
}

/**
 * Leaves what a run has to leave when it ends, be it before its last file: what went wrong, and the schema as it is now. That is read after the
 * last commit and not in its transaction, because it may take seconds, in which nobody could use the tables that the file has changed; a run
 * that is cut before it leaves a record of another migration, which is never taken for one of the newest. Best effort: a run fails for its
 * own reason, not for that of its record. The commit waits for the disk, and with it everything before it is durable.
 */
export async function recordEnd(run: Run, event?: EventRecord): Promise<void> {
  const { work, rules } = run
  try {
    await resetSession(work)
    await work.query('BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE')
    await work.query(`${rules.takeBack}; SET LOCAL lock_timeout = ${recordWaitMs}; SET LOCAL statement_timeout = 0`)
    if (event !== undefined) await recordEvent(work, event)
    if (run.progress.done > 0 && !run.lock.lost.aborted) await recordNewestSchema(run)
    await work.query('COMMIT')
  } catch {
    await rollback(work).catch(() => undefined)
  }
}

/** Nothing that is recorded at the end is worth waiting longer for. */
const recordWaitMs = 3_000

/** Only where no file is half done: the schema then is as the newest migration left it. */
async function recordNewestSchema(run: Run): Promise<void> {
  const { rows } = await run.work.query(`SELECT pg_catalog.max(version)::text AS newest FROM poststack.schema_migrations
HAVING pg_catalog.bool_and(state = 'applied') IS NOT FALSE`)
  if (rows[0] === undefined) return
  const newest = rows[0]['newest']
  await recordSchemaSafely(run, typeof newest === 'string' ? newest : undefined)
}

/** Writes down the schema in the open transaction. What fails there (rights, above all) must not cost the migration itself. */
export async function recordSchemaSafely(run: Run, version: string | undefined): Promise<void> {
  const { work, emit, recordsSchema } = run
  if (!recordsSchema) return
  await work.query('SAVEPOINT poststack_schema')
  try {
    const left = await recordSchema(work, version)
    await work.query('RELEASE SAVEPOINT poststack_schema')
    if (left !== undefined) emit({ type: 'notice', message: notRestored(left) })
  } catch (error) {
    if (!isServerError(error)) throw error
    await work.query('ROLLBACK TO SAVEPOINT poststack_schema')
    emit({ type: 'notice', message: `the schema could not be written down for later comparison: ${error.message}` })
  }
}

function notRestored({ judgement, label }: NotAsRecorded): string {
  const head = `the schema is not as ${label} left it when it was applied`
  if (judgement === undefined) return `${head}; in what is not known, because only its fingerprint is recorded`
  const beyond = judgement.verdict === 'not-restored' ? '' : ', in what PostgreSQL cannot take back'
  return `${head}${beyond}: ${summarizeDifferences(judgement.differences).join('; ')}`
}
