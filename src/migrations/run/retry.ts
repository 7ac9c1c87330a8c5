/**
 * What stands in the way of a file's locks: seen while it waits, named when it gives up, and tried again in between.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { pause } from '../../abort.ts'
import { isPoststackError, PoststackError } from '../../errors.ts'
import { describeBlocker, findBlockers, findNamed } from '../lock/blockers.ts'
import { isRaised, isServerError } from '../connection.ts'
import { throwIfStopped } from './guard.ts'
import type { Job, RetryLimits, Run } from './run.ts'
import { stayIdle } from './session.ts'

const firstPauseMs = 500
const longestPauseMs = 30_000
const sampleMs = 500
const firstSampleMs = 100
// A look that is under way when the try ends still says who was in the way; no more than this is waited for it.
const lastLookMs = 500

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
      // oxlint-disable-next-line no-await-in-loop
      const blockers = isInTheWay(error) ? await watch.last(error) : []
      if (!isInTheWay(error) || isOwnWords(error, blockers)) throw error
      const spentMs = performance.now() - began
      if (tries >= limits.attempts || spentMs >= limits.totalMs) throw gaveUp(error, blockers, tries)
      // oxlint-disable-next-line no-await-in-loop -- for the pause
      await stayIdle(run.work)
      const pauseMs = pauseBefore(tries, Math.random())
      const { file, version } = job
      const deadlock = isDeadlock(error) ? ({ deadlock: true } as const) : {}
      run.emit({ type: 'migration-retrying', version, file, attempt: tries, pauseMs, blockers, ...deadlock })
      // oxlint-disable-next-line no-await-in-loop
      await pause(pauseMs, AbortSignal.any([run.signal, run.lock.lost])).catch(() => undefined)
      throwIfStopped(run, job)
    } finally {
      watch.stop()
    }
  }
}

function isInTheWay(error: unknown): error is PoststackError {
  return isPoststackError(error) && inTheWay.includes(error.details['sqlstate'])
}

/** One that a function raises by itself counts only where somebody was seen in the way, as behind a lock time-out that it caught. */
function isOwnWords({ cause }: PoststackError, blockers: readonly string[]): boolean {
  return blockers.length === 0 && isServerError(cause) && isRaised(cause)
}

function isDeadlock({ details }: PoststackError): boolean {
  return details['sqlstate'] === '40P01'
}

interface Watch {
  /** Those seen last, in words; of a deadlock in which none was seen, those that the server names. */
  last(failure: PoststackError): Promise<readonly string[]>
  stop(): void
}

/** Looks from a connection of its own, again and again, who the working session waits for, and says so. */
function watchBlockers(run: Run, job: Job): Watch {
  const began = performance.now()
  // Often enough that those who are in the way are known however short the time-out is.
  const timeoutMs = job.program.directives.lockTimeoutMs ?? run.lockTimeoutMs
  const soonMs = timeoutMs === 0 ? firstSampleMs : Math.max(10, Math.min(firstSampleMs, timeoutMs / 4))
  let looking: Promise<void> | undefined
  let stopped = false
  let pid = 0
  let blockers: readonly string[] = []
  const look = async (): Promise<void> => {
    if (run.working === undefined) return
    ;({ pid } = run.working)
    // The file may have ended before it is this one's turn.
    const found = await run.look(async (session) => (stopped ? [] : findBlockers(session, pid))).catch(() => [])
    if (stopped || found.length === 0) return
    blockers = found.map(describeBlocker)
    const waitedMs = Math.round(performance.now() - began)
    run.emit({ type: 'migration-blocked', version: job.version, file: job.file, blockers, waitedMs })
  }
  let timer = setTimeout(function again() {
    looking ??= look().finally(() => {
      looking = undefined
    })
    const isShort = timeoutMs !== 0 && timeoutMs < 2 * sampleMs && blockers.length === 0
    timer = setTimeout(again, isShort ? soonMs : sampleMs)
    timer.unref()
  }, soonMs)
  timer.unref()
  return {
    last: async (failure) => {
      if (blockers.length === 0) await Promise.race([looking, sleep(lastLookMs, undefined, { ref: false })])
      if (blockers.length === 0 && isDeadlock(failure)) blockers = await namedBy(run, failure, pid).catch(() => [])
      return blockers
    },
    stop: () => {
      stopped = true
      clearTimeout(timer)
    },
  }
}

async function namedBy(run: Run, { cause }: PoststackError, pid: number): Promise<readonly string[]> {
  const text = isServerError(cause) ? (cause.detail ?? '') : ''
  return (await run.look((session) => findNamed(session, text, pid))).map(describeBlocker)
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
