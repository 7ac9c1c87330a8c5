/**
 * Sessions of runs that are dead. A process that was killed is gone at once, and its lock with it, but the server goes on
 * with the statement it was given until it next looks for its client: a CREATE INDEX CONCURRENTLY may still be building.
 * Whoever holds the lock knows that no other run lives, so what is left of one is ended before anything else is done.
 */
import { pause } from '../../abort.ts'
import { PoststackError } from '../../errors.ts'
import type { MigrationEvent } from '../events.ts'
import { equals } from '../own-path.ts'
import type { Queryable } from '../types.ts'

interface OrphanOptions {
  readonly signal: AbortSignal
  readonly emit: (event: MigrationEvent) => void
}

const graceMs = 15_000

const selectOrphans = `
SELECT a.pid, a.application_name AS application FROM pg_catalog.pg_stat_activity a
WHERE a.datname ${equals} pg_catalog.current_database() AND a.pid OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid()
  AND pg_catalog.starts_with(a.application_name, 'poststack migrate ') ORDER BY a.pid`

/** Ends the sessions of dead runs, and returns when they are gone. Only with the lock held, and on a direct connection. */
export async function endOrphans(client: Queryable, { signal, emit }: OrphanOptions): Promise<void> {
  const began = performance.now()
  for (let first = true; ; first = false) {
    // oxlint-disable-next-line no-await-in-loop -- looks until there is nothing more to see
    const { rows } = await client.query(selectOrphans)
    if (rows.length === 0) return
    if (performance.now() - began > graceMs) throw stillThere(rows)
    for (const row of rows) {
      const pid = Number(row['pid'])
      if (first) {
        emit({
          type: 'notice',
          message: `ended the session that an earlier run left behind (pid ${pid}, ${String(row['application'])})`,
        })
      }
      // A role that may not do this waits until the server has noticed by itself.
      // oxlint-disable-next-line no-await-in-loop
      await client.query('SELECT pg_catalog.pg_terminate_backend($1)', [pid]).catch(() => undefined)
    }
    // oxlint-disable-next-line no-await-in-loop
    await pause(50, signal)
  }
}

function stillThere(rows: readonly Readonly<Record<string, unknown>>[]): PoststackError {
  const pids = rows.map((row) => String(row['pid'])).join(', ')
  return new PoststackError(
    'LOCK_TIMEOUT',
    `A session of an earlier run is still at work on this database (pid ${pids}).`,
    {
      hint: `Wait until it has ended, or end it as its role or a superuser: select pg_terminate_backend(${pids.split(', ')[0] ?? ''});`,
      details: { pids },
    },
  )
}
