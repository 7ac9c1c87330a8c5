/**
 * One file of which some statements must run outside of a transaction. Its row is committed first and counts what is done, so
 * that a run which is cut, by whatever, goes on at the statement where the one before stopped.
 */
import { hash } from 'node:crypto'
import { isPoststackError } from '../../errors.ts'
import { isServerError } from '../connection.ts'
import type { LedgerRow } from '../ledger/rows.ts'
import type { Part } from '../sql/program.ts'
import { canonicalVersion } from '../version.ts'
import { indexPassed, lockLost, partFailed, type Refusal } from './failure.ts'
import { guarded, isStopped } from './guard.ts'
import { holdsLock } from '../lock/lock.ts'
import { indexUnknown, partRefused, partUnknown } from './part-failure.ts'
import { findPassed } from './passed-index.ts'
import { clearLeftovers, type LeftoverContext, lookBefore, perhapsDone, wasDone } from './recover.ts'
import { pooledError, undoneOf } from './refused.ts'
import { retrying } from './retry.ts'
import type { Job, Run } from './run.ts'
import { sendPart, whileServerWorks } from './send.ts'
import { isLost, rollback, waitsGently } from './session.ts'

/** What is done of a file before this run, from its row. */
export type PartsStart = Pick<LedgerRow, 'runningStatement' | 'context'> & { readonly applied: number }

/**
 * Runs the parts that are not done yet. The row exists and says so; afterwards it says that all are. Fails with the part that
 * failed, told with what is done and how it goes on.
 */
export async function runParts(run: Run, job: Job, start: PartsStart): Promise<void> {
  const { program } = job
  if (run.pooled)
    throw pooledError([{ file: job.file, what: 'what an earlier run left of it' }], undoneOf(job.direction))
  const { runningStatement, context } = start
  if (runningStatement !== undefined && begunContext(context).opaque === true)
    throw partUnknown(job, run.progress, runningStatement)
  let done = start.applied
  await guarded(run, job, async () => {
    await run.work.query(run.rules.session(program.directives))
    await restoreSession(run, job, done)
  })
  for (const part of program.parts) {
    const end = part.first + part.count
    if (end > done) {
      const state = { done, ...begunBefore(job, part, start) }
      const isOpaque = part.kind === 'alone' && part.object.kind === 'opaque'
      // What an opaque statement committed before it was refused would be done twice.
      const limits = isOpaque ? { attempts: 1, totalMs: 0 } : run.retry
      // oxlint-disable-next-line no-await-in-loop -- each builds on the one before
      await retrying(run, job, () => runPart(run, job, part, state), limits)
      done = end
    }
  }
}

/** A part on its way, through all its tries. */
interface PartState {
  /** Statements of the file that are done. */
  readonly done: number
  /** How it was before the first try, in this run or an earlier one, where that began it outside of a transaction. */
  context: LeftoverContext | undefined
  /** SQL that gives the session the limits that it had before the first try. */
  own?: string
  /** It was begun outside of a transaction, and its end is not recorded. */
  begun: boolean
  /** What was begun in this place, in this run or an earlier one, perhaps with another text: what it left is this migration's. */
  ours: boolean
  /** The server has said that it failed, in this run or the one that began it, so its end is known. */
  refused: boolean
}

/** What is kept in the ledger while a statement runs whose end nobody may see. */
interface BegunContext extends LeftoverContext {
  /** Tells the very statement: the file may have been corrected since. */
  readonly chain?: string
  /** Hash over its text as written: another version of the parser makes another chain of it. */
  readonly text?: string
  /** Nobody can tell from the catalog whether it was done. */
  readonly opaque?: boolean
  /** The server has said that it failed. */
  readonly refused?: boolean
}

function begunContext(context: LedgerRow['context']): BegunContext {
  return context ?? {}
}

function begunBefore(job: Job, part: Part, start: PartsStart): Omit<PartState, 'done'> {
  const context = begunContext(start.context)
  const ours = start.runningStatement === part.first + 1
  const now = markOf(job, part)
  const same = ours && (context.chain === now.chain || context.text === now.text)
  if (!same) return { context: undefined, begun: false, ours, refused: false }
  return { context, begun: true, ours, refused: context.refused === true }
}

/** What tells this very statement from another one in its place. */
function markOf({ program, text }: Job, { first }: Part): Required<Pick<BegunContext, 'chain' | 'text'>> {
  const statement = program.statements[first]
  const written = text.sql.slice(statement?.start, statement?.end)
  return { chain: statement?.chain ?? '', text: hash('sha256', written) }
}

async function runPart(run: Run, job: Job, part: Part, state: PartState): Promise<void> {
  try {
    await guarded(run, job, async () => {
      const together = part.kind === 'group' || part.object.kind === 'transactional'
      await (together ? runTogether(run, job, part, state.done) : runAlone(run, job, part, state))
    })
  } catch (error) {
    await recordFailure(run, job, state, error)
    throw error
  }
}

/** Statements and the record of them in one transaction: both or neither. */
async function runTogether(run: Run, job: Job, part: Part, done: number): Promise<void> {
  const { work, rules } = run
  await work.query('BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE')
  const { refusal } = await working(run, job, () => sendPart(work, job, part, done))
  if (refusal !== undefined) throw await failed(run, job, part, { refusal, done })
  const passed = await findPassed(work, job.program, part)
  if (passed !== undefined) {
    await rollback(work)
    throw indexPassed(job, passed, run.progress, { part, done })
  }
  // For the rest of the transaction only: the file's own role and search_path hold on for its next part.
  const check = `SET CONSTRAINTS ALL IMMEDIATE; ${rules.takeBackLocally}`
  const checked = await working(run, job, () => work.script(check))
  if (checked.error !== undefined) throw await failed(run, job, part, { refusal: { error: checked.error }, done })
  await advance(run, job, part.first + part.count)
  await work.query('COMMIT')
}

async function runAlone(run: Run, job: Job, part: Alone, state: PartState): Promise<void> {
  const { work, rules } = run
  const { object } = part
  // Not read again by a later try, which finds the session as the one before left it.
  const own = (state.own ??= await timeoutsOf(run))
  if (waitsGently(object)) await work.query(rules.patient)
  const context = (state.context ??= await lookBefore(work, object))
  await clear(run, job, part, state)
  // Whoever comes after a run that was killed here finds out from the catalog how it ended.
  if (state.begun && (await wasDone(work, object, context))) {
    run.emit({ type: 'notice', file: job.file, message: `${part.what} had been done when the earlier run was cut off` })
  } else {
    const perhaps = state.begun && !state.refused ? await perhapsDone(work, object, context) : []
    if (perhaps.length > 0) throw indexUnknown(job, { progress: run.progress, part, done: state.done }, perhaps)
    await mark(run, job, part, context)
    Object.assign(state, { begun: true, ours: true, refused: false })
    const { refusal } = await working(run, job, () => sendPart(work, job, part, part.first))
    if (refusal !== undefined) {
      state.refused = true
      // Who wants to stop does not wait for the table's users once more; the next run clears away what is left.
      if (isStopped(run) && (object.kind === 'create-index' || object.kind === 'reindex')) {
        const left = `what there is of its index stays, INVALID and used by no query; the next run drops it`
        run.emit({ type: 'notice', file: job.file, message: `${part.what} was stopped: ${left}` })
      }
      if (!isStopped(run)) await clear(run, job, part, { ...state, begun: false }).catch(() => undefined)
      await work.query(own)
      throw await failed(run, job, part, { refusal, done: state.done })
    }
  }
  await work.query('BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE')
  await work.query(`${own}; ${rules.takeBackLocally}`)
  await advance(run, job, part.first + part.count)
  await work.query('COMMIT')
}

type Alone = Extract<Part, { kind: 'alone' }>

/** SQL that sets the session's limits as they are now, perhaps by the file itself. */
async function timeoutsOf(run: Run): Promise<string> {
  const { rows } = await run.work.query(`SELECT pg_catalog.format('SET lock_timeout = %L; SET statement_timeout = %L',
  pg_catalog.current_setting('lock_timeout'), pg_catalog.current_setting('statement_timeout')) AS own`)
  return String(rows[0]?.['own'])
}

async function clear(run: Run, job: Job, part: Alone, { context = {}, begun, ours, done }: PartState): Promise<void> {
  try {
    // It may wait for those who use the table, who then are to be named.
    const cleared = await working(run, job, () => clearLeftovers(run.work, part.object, { context, begun, ours }))
    for (const message of cleared) run.emit({ type: 'notice', file: job.file, message })
  } catch (error) {
    if (!isPoststackError(error) || isLost(error)) throw error
    throw partRefused(job, error, { progress: run.progress, part, done })
  }
}

/** Never through a pooler, so the backend is the one that the session began with. */
async function working<T>(run: Run, job: Job, work: () => Promise<T>): Promise<T> {
  return await whileServerWorks(run, job, run.work.backendPid, work)
}

/** Says in the row that a statement begins whose end nobody may see. Fails when the lock is lost. */
async function mark(run: Run, job: Job, part: Alone, context: LeftoverContext): Promise<void> {
  const begun: BegunContext = {
    ...context,
    ...markOf(job, part),
    opaque: part.object.kind === 'opaque',
  }
  await inOwnTransaction(run, async () => {
    const update = `UPDATE poststack.schema_migrations SET statement_running = $2, statement_context = $3
WHERE version = $1 AND ${holdsLock(run.lock.pid)} RETURNING version`
    const values = [canonicalVersion(job.version), part.first + 1, JSON.stringify(begun)]
    const { rows } = await run.work.query(update, values)
    if (rows.length === 0) throw lockLost(job, run.progress)
  })
}

/** Counts statements as done, in the open transaction, and only while our lock stands. */
async function advance(run: Run, job: Job, done: number): Promise<void> {
  const update = `UPDATE poststack.schema_migrations
SET statements_applied = $2, statements_chain = $3, statement_running = NULL, statement_context = NULL, state = $4, error = NULL
WHERE version = $1 AND ${holdsLock(run.lock.pid)} RETURNING version`
  const chain = job.program.statements[done - 1]?.chain ?? null
  const { rows } = await run.work.query(update, [canonicalVersion(job.version), done, chain, stateOf(job, 'running')])
  if (rows.length === 0) throw lockLost(job, run.progress)
}

function stateOf(job: Job, applying: 'running' | 'failed'): string {
  return job.direction === 'apply' ? applying : 'rolling-back'
}

/** What an earlier run had set for the session is set again: later statements may count on a search_path. */
async function restoreSession(run: Run, job: Job, done: number): Promise<void> {
  const { parts, statements } = job.program
  const cleared = parts.findLast((part) => part.kind === 'alone' && part.what === 'DISCARD ALL' && part.first < done)
  const settings = statements
    .slice(cleared === undefined ? 0 : cleared.first + 1, done)
    .filter(({ setsSession }) => setsSession)
    .map(({ start, end }) => job.text.sql.slice(start, end))
  if (settings.length > 0) await run.work.query(settings.join(';\n'))
}

interface Failed {
  readonly refusal: Refusal
  readonly done: number
}

async function failed(run: Run, job: Job, part: Part, { refusal, done }: Failed): Promise<unknown> {
  await rollback(run.work)
  return partFailed(job, refusal, { progress: run.progress, part, done })
}

/** Leaves in the row why it stopped. Where even that cannot be written, the row says `running`, which goes on in the same way. */
async function recordFailure(run: Run, job: Job, { done, refused }: PartState, error: unknown): Promise<void> {
  const message = error instanceof Error ? error.message : String(error)
  const facts = isPoststackError(error)
    ? { code: error.code, ...pick(error.details, ['sqlstate', 'line', 'column']) }
    : {}
  try {
    await inOwnTransaction(run, async () => {
      await run.work.query(
        `UPDATE poststack.schema_migrations SET state = $2, error = $3,
  statement_running = CASE WHEN $4 AND statement_context ->> 'opaque' = 'true' THEN NULL ELSE statement_running END,
  statement_context = CASE WHEN $4 THEN statement_context || '{"refused": true}' ELSE statement_context END
WHERE version = $1 AND ${holdsLock(run.lock.pid)}`,
        [
          canonicalVersion(job.version),
          stateOf(job, 'failed'),
          JSON.stringify({ ...facts, statement: done + 1, message }),
          refused,
        ],
      )
    })
  } catch (second) {
    if (!isServerError(second) && !isLost(second) && !isPoststackError(second)) throw second
  }
}

async function inOwnTransaction(run: Run, body: () => Promise<void>): Promise<void> {
  await rollback(run.work)
  await run.work.query('BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE')
  await run.work.query(run.rules.takeBackLocally)
  await body()
  await run.work.query('COMMIT')
}

function pick(details: Readonly<Record<string, unknown>>, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.flatMap((name) => (details[name] === undefined ? [] : [[name, details[name]]])))
}
