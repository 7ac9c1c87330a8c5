/**
 * The state of the session that files run in: each file gets a fresh one, inside a transaction of ours.
 */
import { isPoststackError } from '../errors.ts'
import type { Connection } from './connection.ts'

/** SQL that takes the session back after a file, which may have taken another role and a search_path with its own idea of `=`. */
export const takeBack = 'RESET SESSION AUTHORIZATION; RESET ROLE; SET LOCAL search_path = pg_catalog, pg_temp'

/**
 * The statements that begin a file's transaction. Where the server can, they have it look for the client while it works:
 * else the statement of a process that was killed would run on to its end, and the next run would wait for it.
 */
export async function beginStatements(work: Connection): Promise<string> {
  const begin = 'BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE'
  // Since PostgreSQL 14, and not on every system.
  const { error } = await work.script("SET client_connection_check_interval = '1s'")
  return error === undefined ? `${begin}; SET LOCAL client_connection_check_interval = '1s'` : begin
}

/**
 * Clears what a file set for its session, so that it does not reach the next one: search_path, role, settings,
 * temporary tables, prepared statements, listens, session locks.
 */
export async function resetSession(work: Connection): Promise<void> {
  await work.query('DISCARD ALL')
}

/** Rolls back what is open. On a lost connection the server has done so by itself. */
export async function rollback(work: Connection): Promise<void> {
  try {
    await work.query('ROLLBACK')
  } catch (error) {
    if (!isLost(error)) throw error
  }
}

/** Whether an error means that the connection is gone. */
export function isLost(error: unknown): boolean {
  return isPoststackError(error) && error.code === 'DATABASE_UNREACHABLE'
}
