/**
 * Writes what is declared and what runs into the database's tables, and makes those first where a ledger has none yet.
 */
import { hostname } from 'node:os'
import { onAbort, throwIfAborted } from '../../abort.ts'
import { PoststackError } from '../../errors.ts'
import { type Connect, type Connection, isServerError, type ServerError } from '../connection.ts'
import { cancelUntil } from '../heeding.ts'
import { ensureStackTables, readStackTables, writeStackTables, type StackRecord } from '../ledger/stack-tables.ts'
import { acquireLock, describeHolder } from '../lock/lock.ts'

export interface RecordOptions {
  readonly connect: Connect
  readonly record: StackRecord
  /** Stops it: what runs is cancelled and nothing of it stays. */
  readonly signal: AbortSignal
  readonly toolVersion: string
  /** Said while a migration run holds the lock that making the tables needs, once a second. */
  readonly onWaiting: (holder: string) => void
}

/** As long as a migration run waits for another one. */
const lockTimeoutMs = 300_000

/**
 * Makes the tables say what the record says; rows that do already are not written. False: nothing was written, because tables
 * of these names were not made by Poststack. Fails with `STEP_FAILED` when the server refuses.
 */
export async function recordStack(options: RecordOptions): Promise<boolean> {
  const { connect, record, signal, toolVersion } = options
  const connection = await connect({ applicationName: `poststack record ${self()}`, signal })
  const over = new AbortController()
  const takeBack = onAbort(signal, () => void cancelUntil(connection, over.signal))
  try {
    const found = await readStackTables(connection)
    if (found === 'foreign' || (found === undefined && !(await createTables(connection, options)))) return false
    throwIfAborted(signal)
    await writeStackTables(connection, record, toolVersion)
    return true
  } catch (error) {
    throwIfAborted(signal)
    throw isServerError(error) ? refused(error) : error
  } finally {
    takeBack()
    over.abort()
    await connection.close()
  }
}

/** PostgreSQL's own `CREATE` fails when two sessions race, so only the holder of the migration lock makes tables. */
async function createTables(connection: Connection, { connect, signal, onWaiting }: RecordOptions): Promise<boolean> {
  const lock = await acquireLock({
    connect,
    applicationName: `poststack lock ${self()}`,
    signal,
    timeoutMs: lockTimeoutMs,
    onWaiting: (holder) => onWaiting(describeHolder(holder)),
  })
  try {
    return await ensureStackTables(connection)
  } finally {
    await lock.release()
  }
}

function self(): string {
  return `${hostname().slice(0, 30)}:${process.pid}`
}

function refused(error: ServerError): PoststackError {
  const hint =
    error.code === '42501'
      ? 'The tables poststack.system_info, poststack.services and poststack.containers must belong to the role that the stack declares; as their owner run ALTER TABLE … OWNER TO it.'
      : 'Everything else is done. Mend what the server complains about, then run again.'
  return new PoststackError(
    'STEP_FAILED',
    `What runs could not be recorded in schema poststack: ${error.message} (SQLSTATE ${error.code}).`,
    { hint, details: { sqlstate: error.code }, cause: error },
  )
}
