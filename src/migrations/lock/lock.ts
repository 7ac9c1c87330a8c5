/**
 * One migration run at a time for each database. The lock belongs to a transaction on a connection of its own, so the server
 * frees it the moment that connection ends, however the process ended. It is asked for again and again instead of waited
 * for in the server: a session that waits inside a statement would deadlock with `CREATE INDEX CONCURRENTLY`. For the same
 * reason its transaction is READ COMMITTED and idle: it holds no snapshot that others have to wait for.
 */
import { pause, throwIfAborted } from '../../abort.ts'
import { PoststackError } from '../../errors.ts'
import type { Connect, Connection } from '../connection.ts'
import { equals, ownPath } from '../own-path.ts'
import type { Queryable } from '../types.ts'
import {
  describeSession,
  formatAge,
  lookAfresh,
  readSession,
  type SessionFacts,
  sessionColumns,
  shortStatement,
} from './sessions.ts'

/** The session that has the lock: since when is how old its transaction is, and the statement is what its run works on. */
export type LockHolder = SessionFacts

export interface LockOptions {
  readonly connect: Connect
  readonly applicationName: string
  readonly signal: AbortSignal
  readonly timeoutMs: number
  /** Called at once and then every second while another session has the lock. */
  readonly onWaiting: (holder: LockHolder | undefined, waitedMs: number) => void
}

export interface MigrationLock {
  /** Backend that holds the lock. The open transaction keeps it to this connection, through a pooler too. */
  readonly pid: number
  /** Aborted when the connection with the lock ends before `release`. */
  readonly lost: AbortSignal
  release(): Promise<void>
}

// The first number stands for Poststack ("pstk" in ASCII), the second for what is locked. The space of these is per database.
const lockClass = 0x7073746b
const lockObject = 1

/** SQL condition: the backend `pid` holds the lock at this moment. */
export function holdsLock(pid: number): string {
  return `EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE ${lockRow} AND l.pid ${equals} ${pid})`
}

const lockRow = `l.locktype ${equals} 'advisory' AND l.granted AND l.classid ${equals} ${lockClass} AND l.objid ${equals} ${lockObject} AND l.objsubid ${equals} 2
  AND l.database ${equals} (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname ${equals} pg_catalog.current_database())`

/** Takes the lock, waiting for whoever has it. Fails with `LOCK_TIMEOUT`, which names the holder, or with the signal's reason. */
export async function acquireLock(options: LockOptions): Promise<MigrationLock> {
  const connection = await options.connect({ applicationName: options.applicationName, signal: options.signal })
  const lost = new AbortController()
  connection.onLost(() => lost.abort())
  try {
    const pid = await poll(connection, options)
    return { pid, lost: lost.signal, release: () => connection.close() }
  } catch (error) {
    await connection.close()
    throw error
  }
}

/** Who has the lock now; nobody, if it has just been freed. */
export async function findHolder(client: Queryable): Promise<LockHolder | undefined> {
  await lookAfresh(client)
  const { rows } = await client.query(selectHolder)
  return rows[0] === undefined ? undefined : readSession(rows[0])
}

/** A holder in one sentence part, for people. */
export function describeHolder(holder: LockHolder | undefined): string {
  if (holder === undefined) return 'a session that has just ended'
  const facts = [...describeSession(holder)]
  if (holder.ageMs !== undefined) facts.push(`for ${formatAge(holder.ageMs)}`)
  if (holder.statement !== undefined) facts.push(`running: ${holder.statement}`)
  return facts.join(', ')
}

/** Gives the backend that has the lock. */
async function poll(connection: Connection, options: LockOptions): Promise<number> {
  const started = performance.now()
  let reportAt = 0
  for (let pauseMs = 25; ; pauseMs = Math.min(pauseMs * 2, 250)) {
    throwIfAborted(options.signal)
    // oxlint-disable-next-line no-await-in-loop -- one try after the other
    const pid = await tryOnce(connection)
    if (pid !== undefined) return pid
    const waitedMs = Math.round(performance.now() - started)
    // oxlint-disable-next-line no-await-in-loop
    const holder = await findHolder(connection)
    // oxlint-disable-next-line no-await-in-loop
    await connection.query('ROLLBACK')
    if (waitedMs >= options.timeoutMs) throw timedOut(holder, waitedMs)
    if (waitedMs >= reportAt) {
      options.onWaiting(holder, waitedMs)
      reportAt = waitedMs + 1000
    }
    // Full jitter keeps processes that started together from asking together.
    const jittered = pauseMs / 2 + (Math.random() * pauseMs) / 2
    const untilEnd = Math.max(1, options.timeoutMs - waitedMs)
    // oxlint-disable-next-line no-await-in-loop
    await pause(Math.min(jittered, untilEnd), options.signal)
  }
}

/** Begins the transaction that the lock belongs to, and leaves it open. */
async function tryOnce(connection: Connection): Promise<number | undefined> {
  const { rows } = await connection.query(
    `BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL ${ownPath}; ${noTimeouts};
SELECT pg_catalog.pg_try_advisory_xact_lock(${lockClass}, ${lockObject}) AS taken, pg_catalog.pg_backend_pid() AS pid`,
  )
  return rows[0]?.['taken'] === true ? Number(rows[0]['pid']) : undefined
}

// The lock's transaction is idle for as long as the run takes; no time-out of server, role or database may end it.
// Which of these settings exist depends on the server's version: `transaction_timeout` came with PostgreSQL 17.
const noTimeouts = `
SELECT pg_catalog.set_config(s.name, '0', true) FROM pg_catalog.pg_settings s
WHERE s.name IN ('idle_in_transaction_session_timeout', 'statement_timeout', 'lock_timeout', 'transaction_timeout')`

// The holder's own connection is idle; what its run does is seen on the connection that carries the same host and pid in its name.
const selectHolder = `
SELECT l.pid, ${sessionColumns('a')},
  (SELECT ${shortStatement('w')} FROM pg_catalog.pg_stat_activity w
   WHERE w.pid <> l.pid AND w.datname = a.datname AND w.state = 'active'
     AND w.application_name = pg_catalog.replace(a.application_name, 'poststack lock ', 'poststack migrate ') LIMIT 1) AS statement
FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
WHERE ${lockRow} LIMIT 1`

function timedOut(holder: LockHolder | undefined, waitedMs: number): PoststackError {
  const seconds = waitedMs < 10_000 ? (waitedMs / 1000).toFixed(1) : Math.round(waitedMs / 1000)
  const message = `Another run is migrating this database: its lock was not free after ${seconds} s. It is held by ${describeHolder(holder)}.`
  const hint =
    holder === undefined
      ? 'Run again.'
      : 'Wait for it and run again, or wait longer with --lock-wait (lockWaitMs in a call). If it hangs, end it: poststack database unlock-migrations'
  return new PoststackError('LOCK_TIMEOUT', message, { hint, details: { holder, waitedMs } })
}
