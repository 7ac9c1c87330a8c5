/**
 * Frees the migration lock by force: ends the session that holds it.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { PoststackError } from '../../errors.ts'
import { isServerError } from '../connection.ts'
import type { Queryable } from '../types.ts'
import { holdsLock } from './lock.ts'

// A session that is told to end is gone in milliseconds, unless its machine or disk hangs.
const goneWithinMs = 5_000

/**
 * Ends the backend `pid` if it holds the lock of this database at this very moment, and waits until the lock is free. Returns
 * false, having done nothing, if it does not hold it. Fails with `STEP_FAILED` if the role may not do that, or the server does not.
 */
export async function terminateHolder(client: Queryable, pid: number): Promise<boolean> {
  if (!(await terminate(client, pid))) return false
  const until = performance.now() + goneWithinMs
  do {
    // oxlint-disable-next-line no-await-in-loop -- looks again until it is gone
    const { rows } = await client.query(`SELECT ${holdsLock(pid)} AS held`)
    if (rows[0]?.['held'] !== true) return true
    // oxlint-disable-next-line no-await-in-loop
    await sleep(25)
  } while (performance.now() < until)
  throw new PoststackError(
    'STEP_FAILED',
    `The session with pid ${pid} was told to end, and still holds the migration lock after ${goneWithinMs / 1000} s.`,
    { hint: 'Look at the server: its machine or disk may hang. Then try again.', details: { pid } },
  )
}

async function terminate(client: Queryable, pid: number): Promise<boolean> {
  try {
    // One statement: between a look and the deed the number could go to somebody else.
    const { rows } = await client.query(
      `SELECT CASE WHEN ${holdsLock(pid)} THEN pg_catalog.pg_terminate_backend(${pid}) ELSE false END AS ended`,
    )
    return rows[0]?.['ended'] === true
  } catch (error) {
    if (!isServerError(error) || error.code !== '42501') throw error
    const message = `The role that is connected may not end the session with pid ${pid}: ${error.message}.`
    const hint = 'Connect as the role that session belongs to, as a member of pg_signal_backend, or as a superuser.'
    throw new PoststackError('STEP_FAILED', message, { hint, details: { pid, sqlstate: error.code }, cause: error })
  }
}
