/**
 * Other sessions of the server, as far as our role may see them, and how people are told about them.
 */
import type { Queryable } from '../types.ts'

/** A session of the server. What our role may not see is absent. */
export interface SessionFacts {
  readonly pid: number
  readonly user: string | undefined
  readonly application: string | undefined
  /** Address of the client; absent for a local socket. Through a pooler it is the pooler's. */
  readonly client: string | undefined
  /** How long its transaction has been open. */
  readonly ageMs: number | undefined
  /** A statement on one line, cut to 120 characters. */
  readonly statement: string | undefined
}

/** Columns of `readSession`, but the statement, from an alias of pg_stat_activity. */
export function sessionColumns(alias: string): string {
  return `${alias}.usename::text AS "user", NULLIF(${alias}.application_name, '') AS application,
  CASE WHEN ${alias}.client_addr IS NULL THEN NULL ELSE pg_catalog.host(${alias}.client_addr) END AS client,
  pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - ${alias}.xact_start) * 1000 AS age_ms`
}

/**
 * A statement of pg_stat_activity on one line, cut to 120 characters. Of a session that our role may not see the server shows no state,
 * and words of its own for the statement.
 */
export function shortStatement(alias: string): string {
  return `CASE WHEN ${alias}.state IS NOT NULL THEN pg_catalog.left(pg_catalog.regexp_replace(pg_catalog.btrim(${alias}.query, E' \\t\\r\\n'), '\\s+', ' ', 'g'), 120) END`
}

export function readSession(row: Record<string, unknown>): SessionFacts {
  const age = row['age_ms']
  return {
    pid: Number(row['pid']),
    user: textOf(row['user']),
    application: textOf(row['application']),
    client: textOf(row['client']),
    ageMs: age === null || age === undefined ? undefined : Number(age),
    statement: textOf(row['statement']),
  }
}

/**
 * Has the next look at pg_stat_activity see the present: inside a transaction the server shows what the first look saw. A
 * statement of its own, because one that looks has taken its picture before it is run.
 */
export async function lookAfresh(client: Queryable): Promise<void> {
  await client.query('SELECT pg_catalog.pg_stat_clear_snapshot()')
}

/** Who a session is, for people: pid, user, application, where from. */
export function describeSession(session: SessionFacts): readonly string[] {
  const facts = [`pid ${session.pid}`]
  if (session.user !== undefined) facts.push(`user ${session.user}`)
  if (session.application !== undefined) facts.push(`application "${session.application}"`)
  // Who holds or blocks is in a transaction: where not even its age is shown, nor is the address, which then may be any.
  if (session.client !== undefined) facts.push(`from ${session.client}`)
  else if (session.ageMs !== undefined) facts.push('local')
  return facts
}

export function formatAge(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000))
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
