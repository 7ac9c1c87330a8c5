/**
 * Who stands in the way of a statement that waits for a lock on a table or row.
 */
import type { Queryable } from '../types.ts'
import {
  describeSession,
  formatAge,
  lookAfresh,
  readSession,
  type SessionFacts,
  sessionColumns,
  shortStatement,
  textOf,
} from './sessions.ts'

/** A session whose lock another one waits for. Its statement is the one it runs, or the last one it ran. */
export interface Blocker extends SessionFacts {
  /** PostgreSQL's word: `active`, `idle in transaction` and so on; absent where our role may not see it. */
  readonly state: string | undefined
}

/**
 * The sessions that keep the backend `pid` waiting at this moment, the oldest transaction first; none if it does not wait.
 * Ask it on another connection than the one that waits; an open transaction does not matter. A pid of 0 stands for a
 * transaction that was prepared for two-phase commit and belongs to no session.
 */
export async function findBlockers(client: Queryable, pid: number): Promise<readonly Blocker[]> {
  await lookAfresh(client)
  const { rows } = await client.query(selectBlockers, [pid])
  return rows.map((row) => ({ ...readSession(row), state: textOf(row['state']) }))
}

/** Sessions that an error of the server names by their numbers, as a deadlock does, as they are now; never the one of `own`. */
export async function findNamed(client: Queryable, text: string, own: number): Promise<readonly Blocker[]> {
  const pids = (text.match(/\d+/g) ?? []).map(Number).filter((pid) => pid < 2 ** 31 && pid !== own)
  await lookAfresh(client)
  const { rows } = await client.query(
    `SELECT a.pid, a.state, ${sessionColumns('a')}, ${shortStatement('a')} AS statement FROM pg_catalog.pg_stat_activity a
WHERE a.pid = ANY ($1) AND a.datname = pg_catalog.current_database() ORDER BY a.xact_start NULLS LAST, a.pid`,
    [pids],
  )
  return rows.map((row) => ({ ...readSession(row), state: textOf(row['state']) }))
}

// Parallel workers are listed under their leader's number, once each.
const selectBlockers = `
SELECT b.pid, a.state, ${sessionColumns('a')}, ${shortStatement('a')} AS statement
FROM (SELECT DISTINCT p.pid FROM pg_catalog.unnest(pg_catalog.pg_blocking_pids($1)) AS p (pid)) b
LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = b.pid
ORDER BY a.xact_start NULLS LAST, b.pid`

/** A blocker in one sentence part, for people. */
export function describeBlocker(blocker: Blocker): string {
  if (blocker.pid === 0) return 'a transaction prepared for two-phase commit (see pg_prepared_xacts)'
  const facts = [...describeSession(blocker)]
  if (blocker.ageMs !== undefined) facts.push(`transaction open for ${formatAge(blocker.ageMs)}`)
  if (blocker.state !== undefined && blocker.state !== 'active') facts.push(blocker.state)
  if (blocker.statement !== undefined)
    facts.push(`${blocker.state === 'active' ? 'running' : 'last ran'}: ${blocker.statement}`)
  return facts.join(', ')
}
