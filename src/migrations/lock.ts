/**
 * One migration run at a time for each database. The lock belongs to a transaction on a connection of its own, so the server
 * frees it the moment that connection ends, however the process ended. It is asked for again and again instead of waited
 * for in the server: a session that waits inside a statement would deadlock with `CREATE INDEX CONCURRENTLY`. For the same
 * reason its transaction is READ COMMITTED and idle: it holds no snapshot that others have to wait for.
 */
import { pause, throwIfAborted } from '../abort.ts'
import { PoststackError } from '../errors.ts'
import type { Connect, Connection } from './connection.ts'
import type { Queryable } from './types.ts'

/** The session that has the lock, as far as we may see it. */
export interface LockHolder {
  readonly pid: number
  readonly user: string | undefined
  readonly application: string | undefined
  /** Address of the client; absent for a local socket. */
  readonly client: string | undefined
  /** How long it has had the lock. */
  readonly ageMs: number | undefined
  /** What it runs now, if it says. */
  readonly statement: string | undefined
}

export interface LockOptions {
  readonly connect: Connect
  readonly applicationName: string
  readonly signal: AbortSignal
  readonly timeoutMs: number
  /** Called at once and then every second while another session has the lock. */
  readonly onWaiting: (holder: LockHolder | undefined, waitedMs: number) => void
}

export interface MigrationLock {
  /** Backend that holds the lock. */
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
  return `EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE ${lockRow} AND l.pid = ${pid})`
}

const lockRow = `l.locktype = 'advisory' AND l.granted AND l.classid = ${lockClass} AND l.objid = ${lockObject} AND l.objsubid = 2
  AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())`

/** Takes the lock, waiting for whoever has it. Fails with `LOCK_TIMEOUT`, which names the holder, or with the signal's reason. */
export async function acquireLock(options: LockOptions): Promise<MigrationLock> {
  const connection = await options.connect({ applicationName: options.applicationName, signal: options.signal })
  const lost = new AbortController()
  connection.onLost(() => lost.abort())
  try {
    await poll(connection, options)
    const { rows } = await connection.query('SELECT pg_catalog.pg_backend_pid() AS pid')
    return { pid: Number(rows[0]?.['pid']), lost: lost.signal, release: () => connection.close() }
  } catch (error) {
    await connection.close()
    throw error
  }
}

/** Who has the lock now; nobody, if it has just been freed. */
export async function findHolder(client: Queryable): Promise<LockHolder | undefined> {
  const { rows } = await client.query(selectHolder)
  const row = rows[0]
  if (row === undefined) return undefined
  return {
    pid: Number(row['pid']),
    user: textOf(row['user']),
    application: textOf(row['application']),
    client: textOf(row['client']),
    ageMs: row['age_ms'] === null ? undefined : Number(row['age_ms']),
    statement: textOf(row['statement']),
  }
}

/** A holder in one sentence part, for people. */
export function describeHolder(holder: LockHolder | undefined): string {
  if (holder === undefined) return 'a session that has just ended'
  const facts = [`pid ${holder.pid}`]
  if (holder.user !== undefined) facts.push(`user ${holder.user}`)
  if (holder.application !== undefined) facts.push(`application "${holder.application}"`)
  facts.push(holder.client === undefined ? 'local' : `from ${holder.client}`)
  if (holder.ageMs !== undefined) facts.push(`for ${formatAge(holder.ageMs)}`)
  if (holder.statement !== undefined) facts.push(`running: ${holder.statement}`)
  return facts.join(', ')
}

async function poll(connection: Connection, options: LockOptions): Promise<void> {
  const started = performance.now()
  let reportAt = 0
  for (let pauseMs = 25; ; pauseMs = Math.min(pauseMs * 2, 250)) {
    throwIfAborted(options.signal)
    // oxlint-disable-next-line no-await-in-loop -- one try after the other
    if (await tryOnce(connection)) return
    const waitedMs = Math.round(performance.now() - started)
    // oxlint-disable-next-line no-await-in-loop
    const holder = await findHolder(connection)
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

async function tryOnce(connection: Connection): Promise<boolean> {
  await connection.query('BEGIN ISOLATION LEVEL READ COMMITTED')
  await connection.query(noTimeouts)
  const { rows } = await connection.query(
    `SELECT pg_catalog.pg_try_advisory_xact_lock(${lockClass}, ${lockObject}) AS taken`,
  )
  if (rows[0]?.['taken'] === true) return true
  await connection.query('ROLLBACK')
  return false
}

// The lock's transaction is idle for as long as the run takes; no time-out of server, role or database may end it.
// Which of these settings exist depends on the server's version: `transaction_timeout` came with PostgreSQL 17.
const noTimeouts = `
SELECT pg_catalog.set_config(s.name, '0', true) FROM pg_catalog.pg_settings s
WHERE s.name IN ('idle_in_transaction_session_timeout', 'statement_timeout', 'lock_timeout', 'transaction_timeout')`

// The holder's own connection is idle; what its run does is seen on the connection that carries the same host and pid in its name.
const selectHolder = `
SELECT l.pid, a.usename::text AS "user", NULLIF(a.application_name, '') AS application,
  CASE WHEN a.client_addr IS NULL THEN NULL ELSE pg_catalog.host(a.client_addr) END AS client,
  pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - a.xact_start) * 1000 AS age_ms,
  (SELECT pg_catalog.left(pg_catalog.regexp_replace(w.query, '\\s+', ' ', 'g'), 120) FROM pg_catalog.pg_stat_activity w
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
      : `Wait for it and run again. If it hangs, end it with: select pg_terminate_backend(${holder.pid}); its open transaction is rolled back then.`
  return new PoststackError('LOCK_TIMEOUT', message, { hint, details: { holder, waitedMs } })
}

function formatAge(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000))
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
