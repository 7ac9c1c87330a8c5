/**
 * What every run that changes a database shares: the lock, a session to work in, who does it, and how far it has come.
 */
import { hostname, userInfo } from 'node:os'
import { interruptionWith } from '../../abort.ts'
import type { Connect, Connection } from '../connection.ts'
import type { MigrationEvent } from '../events.ts'
import type { LedgerAuthor, RecordedMigration } from '../ledger/record.ts'
import type { Program } from '../sql/program.ts'
import { asking, ownPath } from '../own-path.ts'
import type { SqlText } from '../types.ts'
import { acquireLock, describeHolder, type MigrationLock } from '../lock/lock.ts'
import { createObserver, type Observer } from './observer.ts'
import { endOrphans } from './orphans.ts'
import { isPooled } from '../lock/pooler.ts'
import { sessionRules, type SessionRules } from './session.ts'

export interface RunOptions {
  readonly connect: Connect
  /** Opens the session that the files run in, where that is to be another than `connect` opens. */
  readonly connectWork?: Connect | undefined
  /** Stops the run: the statement is cancelled and rolled back, and the call fails with an interruption. */
  readonly signal: AbortSignal
  readonly toolVersion: string
  readonly onEvent?: ((event: MigrationEvent) => void) | undefined
  /** How long to wait for another run, in milliseconds. @default 300 000 */
  readonly lockWaitMs?: number | undefined
  /**
   * How long a statement may wait for a lock on a table before its file is rolled back and tried again, in milliseconds; 0 waits
   * without an end. Short, because everybody who comes later queues behind a statement that waits. @default 3 000
   */
  readonly lockTimeoutMs?: number | undefined
  /** How long a statement may run, in milliseconds; never for CONCURRENTLY. @default the server's own setting */
  readonly statementTimeoutMs?: number | undefined
  /** How often, and for how long in all, a file that could not get its locks is tried again. @default 20 times within 5 minutes */
  readonly retry?: RetryLimits | undefined
  /** Whether to write down the schema at the end, for later comparison. @default true */
  readonly recordsSchema?: boolean | undefined
  /** Commit of the checkout that the files are from, for the record; asked only when something is to be done. */
  readonly gitCommit?: (() => Promise<string | undefined>) | undefined
}

export interface RetryLimits {
  readonly attempts: number
  readonly totalMs: number
}

/** One text to carry out: a migration, or the way back of one. */
export interface Job {
  readonly direction: 'apply' | 'rollback'
  readonly version: string
  readonly name: string
  readonly checksum: string
  /** What messages call it: the file's name, or that it comes from the ledger. */
  readonly file: string
  readonly text: SqlText
  readonly program: Program
  /** The migration as its row has it. */
  readonly recorded: RecordedMigration
}

/** How far a run has come. */
export interface Progress {
  readonly direction: Job['direction']
  /** What the jobs are. @default 'migration' */
  readonly noun?: 'migration' | 'seed' | 'hook' | 'file'
  /** All that this run is to do, in order. */
  readonly jobs: readonly Pick<Job, 'version' | 'file'>[]
  /** How many of them are done. */
  readonly done: number
  /** File or label of the newest migration that the database had before this run. */
  readonly before: string | undefined
}

/** A run with the lock held. */
export interface Run {
  readonly work: Connection
  readonly lock: MigrationLock
  /**
   * Looks around while the work waits, on a connection of its own. Never the one with the lock: a CREATE INDEX CONCURRENTLY that meets a
   * transaction in the moment of a query waits for the end of that transaction.
   */
  readonly look: Observer['look']
  author: LedgerAuthor
  readonly signal: AbortSignal
  readonly emit: (event: MigrationEvent) => void
  readonly rules: SessionRules
  readonly retry: RetryLimits
  readonly lockTimeoutMs: number
  readonly recordsSchema: boolean
  /** The connection goes through a pooler, so no session of its own outlives a transaction. */
  readonly pooled: boolean
  progress: Progress
  /** The text that the server works on now, and the backend that does. */
  working: { readonly file: string; readonly pid: number } | undefined
}

const defaultRetry: RetryLimits = { attempts: 20, totalMs: 300_000 }
const defaultLockTimeoutMs = 3_000

/** Takes the lock, opens the session, and frees both whatever comes of the work. */
export async function withRun<T>(options: RunOptions, body: (run: Run) => Promise<T>): Promise<T> {
  const { connect, signal } = options
  const { emit, throwThrown } = telling(options.onEvent)
  const self = selfName()
  const lock = await takeLock(options, emit, self)
  try {
    const work = await (options.connectWork ?? connect)({ applicationName: `poststack migrate ${self}`, signal })
    const observer = createObserver(() => asking(connect)({ applicationName: `poststack watch ${self}`, signal }))
    try {
      const pooled = await isPooled(work)
      // Until a file begins. Somebody else's session is left as it is.
      if (!pooled && !work.borrowed) await work.query(`SET ${ownPath}`)
      if (!pooled) await endOrphans(work, { signal, emit })
      const run: Run = {
        work,
        lock,
        look: observer.look,
        author: { appliedBy: userName(), host: hostname(), toolVersion: options.toolVersion, gitCommit: undefined },
        signal,
        emit,
        rules: await sessionRules(work, {
          lockTimeoutMs: options.lockTimeoutMs ?? defaultLockTimeoutMs,
          statementTimeoutMs: options.statementTimeoutMs,
        }),
        retry: options.retry ?? defaultRetry,
        lockTimeoutMs: options.lockTimeoutMs ?? defaultLockTimeoutMs,
        recordsSchema: options.recordsSchema ?? true,
        pooled,
        progress: { direction: 'apply', jobs: [], done: 0, before: undefined },
        working: undefined,
      }
      work.onNotice((notice) => {
        // What the server says about our own statements is of no interest.
        if (run.working !== undefined) emit({ type: 'server-notice', file: run.working.file, ...notice })
      })
      const result = await body(run)
      throwThrown()
      return result
    } finally {
      await observer.close()
      await work.close()
    }
  } finally {
    await lock.release()
  }
}

async function takeLock(
  { connect, lockWaitMs, signal }: Pick<RunOptions, 'connect' | 'lockWaitMs' | 'signal'>,
  emit: Run['emit'],
  self: string,
): Promise<MigrationLock> {
  return await acquireLock({
    connect,
    applicationName: `poststack lock ${self}`,
    signal,
    timeoutMs: lockWaitMs ?? 300_000,
    onWaiting: (holder, waitedMs) =>
      emit({ type: 'lock-waiting', holder, description: describeHolder(holder), waitedMs }),
  }).catch((error: unknown) => {
    throw signal.aborted ? interruptionWith(signal, 'nothing was begun.', { hint: 'Run again.' }) : error
  })
}

/** Waits until no other run has the lock, as a run of one's own would; fails as that does. */
export async function waitForOthers(
  options: Pick<RunOptions, 'connect' | 'lockWaitMs' | 'onEvent' | 'signal'>,
): Promise<void> {
  const { emit } = telling(options.onEvent)
  const lock = await takeLock(options, emit, selfName())
  await lock.release()
}

/**
 * What a listener throws must not end the process, as it would where nobody waits for it, nor a file that is half done: it comes out when the
 * run has ended well.
 */
function telling(listener: RunOptions['onEvent']): { readonly emit: Run['emit']; readonly throwThrown: () => void } {
  const thrown: unknown[] = []
  const emit: Run['emit'] = (event) => {
    try {
      listener?.(event)
    } catch (error) {
      thrown.push(error)
    }
  }
  const throwThrown = (): void => {
    if (thrown.length > 0) throw thrown[0]
  }
  return { emit, throwThrown }
}

/** Has the run record the commit of the checkout; asked for only when something is going to be written. */
export async function recordCommit(run: Run, options: RunOptions): Promise<void> {
  const gitCommit = await options.gitCommit?.()
  run.author = { ...run.author, gitCommit }
}

function selfName(): string {
  return `${hostname().slice(0, 30)}:${process.pid}`
}

// A user id without a name, as in many containers, has no user name to give.
function userName(): string {
  try {
    return userInfo().username
  } catch {
    return 'unknown'
  }
}
