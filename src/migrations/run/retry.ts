/**
 * What stands in the way of a file's locks: seen while it waits, named when it gives up, and tried again in between.
 */
import { pause } from '../../abort.ts'
import { isPoststackError, PoststackError } from '../../errors.ts'
import { type Blocker, describeBlocker, findBlockers } from '../lock/blockers.ts'
import { isRaised, isServerError } from '../connection.ts'
import { throwIfStopped } from './guard.ts'
import type { Job, RetryLimits, Run } from './run.ts'
import { stayIdle } from './session.ts'

const firstPauseMs = 500
const longestPauseMs = 30_000
const sampleMs = 500
// Soon, so that those who are in the way are known however short the time-out is.
const firstSampleMs = 100

/** SQLSTATEs of a file that was rolled back only because somebody else was in the way: no lock in time, deadlock. */
const inTheWay: readonly unknown[] = ['55P03', '40P01']

/** How long to wait before try number `attempt + 1`: full jitter, so that two who met do not meet again. */
function pauseBefore(attempt: number, random: number): number {
  return Math.round(Math.min(longestPauseMs, firstPauseMs * 2 ** (attempt - 1)) * random)
}

/**
 * Tries a file until it gets its locks, within the run's limits. Every failed try has been rolled back as a whole, so nothing
 * is done twice; between tries no lock is held but the migration lock.
 */
export async function retrying<T>(
  run: Run,
  job: Job,
  attempt: () => Promise<T>,
  limits: RetryLimits = run.retry,
): Promise<T> {
  const began = performance.now()
  for (let tries = 1; ; tries++) {
    const watch = watchBlockers(run, job)
    try {
      // oxlint-disable-next-line no-await-in-loop -- one try after the other
      return await attempt()
    } catch (error) {
      const { blockers } = watch
      if (!isPoststackError(error) || !isInTheWay(error, blockers)) throw error
      const spentMs = performance.now() - began
      if (tries >= limits.attempts || spentMs >= limits.totalMs) throw gaveUp(error, blockers, tries)
      // oxlint-disable-next-line no-await-in-loop -- for the pause
      await stayIdle(run.work)
      const pauseMs = pauseBefore(tries, Math.random())
      run.emit({ type: 'migration-retrying', version: job.version, file: job.file, attempt: tries, pauseMs, blockers })
      // oxlint-disable-next-line no-await-in-loop
      await pause(pauseMs, AbortSignal.any([run.signal, run.lock.lost])).catch(() => undefined)
      throwIfStopped(run, job)
    } finally {
      watch.stop()
    }
  }
}

/** One that a function raises by itself counts only where somebody was seen in the way, as behind a lock time-out that it caught. */
function isInTheWay({ details, cause }: PoststackError, blockers: readonly string[]): boolean {
  if (!inTheWay.includes(details['sqlstate'])) return false
  return blockers.length > 0 || !(isServerError(cause) && isRaised(cause))
}

/**
 * Looks from a connection of its own, again and again, who the working session waits for, and says so. A look that is under way at the end
 * of the try says nothing any more. `blockers` are those seen last, in words.
 */
function watchBlockers(run: Run, job: Job): { readonly blockers: readonly string[]; stop(): void } {
  const began = performance.now()
  let asking = false
  let stopped = false
  let blockers: readonly string[] = []
  const look = async (): Promise<void> => {
    if (asking || run.working === undefined) return
    asking = true
    const found = await lookFor(run, run.working.pid).catch(() => [])
    asking = false
    if (stopped || found.length === 0) return
    blockers = found.map(describeBlocker)
    const waitedMs = Math.round(performance.now() - began)
    run.emit({ type: 'migration-blocked', version: job.version, file: job.file, blockers, waitedMs })
  }
  let timer = setTimeout(function again() {
    void look()
    timer = setTimeout(again, sampleMs)
    timer.unref()
  }, firstSampleMs)
  timer.unref()
  return {
    get blockers() {
      return blockers
    },
    stop: () => {
      stopped = true
      clearTimeout(timer)
    },
  }
}

async function lookFor(run: Run, pid: number): Promise<readonly Blocker[]> {
  return await findBlockers(await run.observer(), pid)
}

function gaveUp(error: PoststackError, blockers: readonly string[], tries: number): PoststackError {
  const who = blockers.length === 0 ? [] : ['In the way:', ...blockers.map((one) => `  ${one}`)]
  const times = tries === 1 ? 'It was tried once.' : `It was tried ${tries} times.`
  return new PoststackError(error.code, [error.message, times, ...who].join('\n'), {
    hint: error.hint,
    details: { ...error.details, attempts: tries, blockers },
    cause: error.cause,
  })
}
