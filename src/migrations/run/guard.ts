/**
 * Work that the caller, or the loss of the lock, may stop at any moment.
 */
import { cancelUntil } from '../heeding.ts'
import { isServerError, type ServerError } from '../connection.ts'
import { bookkeepingFailed, connectionLost, lockLost, onStandby, stoppedOnRequest } from './failure.ts'
import type { Job, Run } from './run.ts'
import { isLost, rollback } from './session.ts'

/**
 * Does a piece of work. When it is to stop, the running statement is cancelled and the transaction rolled back. Every error leaves
 * here as one that says how far the run has come.
 */
export async function guarded<T>(run: Run, job: Job | undefined, work: () => Promise<T>): Promise<T> {
  const stop = AbortSignal.any([run.signal, run.lock.lost])
  const over = new AbortController()
  let cancelled: Promise<void> | undefined
  const cancel = (): void => {
    cancelled ??= cancelUntil(run.work, over.signal)
  }
  try {
    throwIfStopped(run, job)
    stop.addEventListener('abort', cancel)
    const result = await work()
    over.abort()
    stop.removeEventListener('abort', cancel)
    await cancelled
    throwIfStopped(run, job)
    return result
  } catch (error) {
    over.abort()
    stop.removeEventListener('abort', cancel)
    // The request must have reached the server before anything else is sent, or it would hit that instead.
    await cancelled
    await rollback(run.work)
    throwIfStopped(run, job)
    if (isServerError(error)) {
      if (await isOfStandby(run, error)) throw onStandby(job, error, run.progress)
      throw bookkeepingFailed(job, error, run.progress)
    }
    if (isLost(error)) throw connectionLost(job, run.progress, { during: 'run', cause: error })
    throw error
  }
}

/** The codes with which a standby refuses to write are those of other refusals, too. */
async function isOfStandby({ work }: Run, { code }: ServerError): Promise<boolean> {
  if (code !== '25006' && code !== '0A000') return false
  const { rows } = await work.query('SELECT pg_catalog.pg_is_in_recovery() AS standby').catch(() => ({ rows: [] }))
  return rows[0]?.['standby'] === true
}

/** Commits, after `guarded` and never in it: nothing is cancelled any more, and what is done is not told as stopped. */
export async function commit(run: Run, job: Job | undefined): Promise<void> {
  try {
    await run.work.query('COMMIT')
  } catch (error) {
    if (isServerError(error)) throw bookkeepingFailed(job, error, run.progress)
    throw connectionLost(job, run.progress, { during: 'commit', cause: error })
  }
}

export function isStopped({ signal, lock }: Run): boolean {
  return signal.aborted || lock.lost.aborted
}

export function throwIfStopped(run: Run, job: Job | undefined): void {
  if (run.signal.aborted) throw stoppedOnRequest(run.signal, job, run.progress)
  if (run.lock.lost.aborted) throw lockLost(job, run.progress)
}
