/**
 * The state of the session that files run in: each file gets a fresh one, inside a transaction of ours. Through a pooler a
 * session belongs to others a moment later, so there everything is set for one transaction only.
 */
import { isPoststackError } from '../../errors.ts'
import { rollBackOpen, type Connection } from '../connection.ts'
import type { AloneObject, Directives } from '../sql/program.ts'
import { stackTables } from '../ledger/layout.ts'
import { ledgerSchema } from '../schema-name.ts'
import { equals, ownPath } from '../own-path.ts'
import { isKnownPooled, isPooled } from '../lock/pooler.ts'

/** The SQL around a file's own. */
export interface SessionRules {
  /** Begins a file's transaction with its limits; `durable` is false where a later commit makes it durable. */
  begin(directives: Directives, durable: boolean): string
  /** The same limits for the session, for a file in parts: what the file sets itself then holds on from one part to the next. */
  session(directives: Directives): string
  /** Lifts the limits for what `waitsGently`. */
  readonly patient: string
  /** Takes the session back after a file, which may have taken another role and a search_path with its own idea of `=`. */
  readonly takeBack: string
  /** The same until the transaction ends; then the file's own settings hold again, for its next part. */
  readonly takeBackLocally: string
}

export interface SessionLimits {
  readonly lockTimeoutMs: number
  readonly statementTimeoutMs: number | undefined
}

/** A role or database may have it off, and then a string would end elsewhere than where we saw its end. */
const conforming = 'standard_conforming_strings = on'
const localPath = `SET LOCAL ${ownPath}`

/**
 * The role that a stack has by default is called `poststack`, and so is the stack's own schema: the server's default search_path,
 * `"$user", public`, would put a project's tables among ours. They go to `public`, as with every other role. Where earlier ones stand in
 * our schema, it stays in the path, behind. A path that somebody chose is left alone.
 */
function besideOurs(local: 'true' | 'false'): string {
  return `SELECT pg_catalog.set_config('search_path', CASE WHEN EXISTS (
  SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid ${equals} c.relnamespace
  WHERE n.nspname ${equals} '${ledgerSchema}' AND c.relkind ${equals} ANY ('{r,p,v,m}'::pg_catalog."char"[])
    AND c.relname OPERATOR(pg_catalog.<>) ALL ('{${stackTables.join(',')}}'::pg_catalog.name[]))
  THEN 'public, ${ledgerSchema}' ELSE 'public' END, ${local})
WHERE pg_catalog.current_setting('search_path') ${equals} '"$user", public'`
}

/** Finds out what the server can do, and gives the SQL for it. Sets nothing that outlives the call. */
export async function sessionRules(work: Connection, limits: SessionLimits): Promise<SessionRules> {
  // Has the server look for its client while it works: else the statement of a process that was killed would run on to its end,
  // and the next run would wait for it. Since PostgreSQL 14, and not on every system.
  const interval = "client_connection_check_interval = '1s'"
  const { error } = await work.script(`BEGIN; SET LOCAL ${interval}; ROLLBACK`)
  if (error !== undefined) await rollback(work)
  const noticesDeath = error === undefined
  const leaveNothing = await leaving(work)
  const { rows } = await work.query('SELECT session_user::pg_catalog.text AS role')
  const hasOurName = rows[0]?.['role'] === ledgerSchema
  const plainTakeBack = 'RESET SESSION AUTHORIZATION; RESET ROLE'
  return {
    begin: (directives, durable) =>
      [
        'BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE',
        `SET LOCAL ${conforming}`,
        ...(noticesDeath ? [`SET LOCAL ${interval}`] : []),
        ...timeouts('SET LOCAL', directives, limits),
        ...(hasOurName ? [besideOurs('true')] : []),
        ...(durable ? [] : ['SET LOCAL synchronous_commit = off']),
      ].join('; '),
    session: (directives) =>
      [
        `SET ${conforming}`,
        ...(noticesDeath ? [`SET ${interval}`] : []),
        ...timeouts('SET', directives, limits),
        ...(hasOurName ? [besideOurs('false')] : []),
        // What runs outside of a transaction of ours would begin its own as the role or database has it.
        'SET default_transaction_read_only = off',
        "SET default_transaction_isolation = 'read committed'",
      ].join('; '),
    patient: 'SET lock_timeout = 0; SET statement_timeout = 0',
    takeBack: `${leaveNothing}${plainTakeBack}; ${localPath}`,
    takeBackLocally: `SET LOCAL SESSION AUTHORIZATION DEFAULT; SET LOCAL ROLE NONE; ${localPath}`,
  }
}

/**
 * Where the session is not only ours, what a file set for it must be gone when its transaction is: through a pooler the next
 * transaction may be in another session, and somebody else in this one.
 */
async function leaving(work: Connection): Promise<string> {
  // RESET ALL would also take the encoding of our texts to what the server began with.
  const settings = `RESET ALL; SET LOCAL client_encoding = 'UTF8'; `
  if (await isPooled(work))
    return `${settings}DISCARD TEMP; UNLISTEN *; CLOSE ALL; ${forgetPrepared}; SELECT pg_catalog.pg_advisory_unlock_all(); `
  return work.borrowed ? `${settings}${await ownSettings(work)}` : ''
}

// What was prepared through the protocol is the pooler's own to know, which would go on using it: DEALLOCATE ALL would take that, too.
const forgetPrepared = `DO LANGUAGE plpgsql $poststack$ DECLARE name pg_catalog.text; BEGIN
  FOR name IN SELECT p.name FROM pg_catalog.pg_prepared_statements p WHERE p.from_sql LOOP
    EXECUTE pg_catalog.format('DEALLOCATE %I', name);
  END LOOP; END $poststack$`

function timeouts(set: string, directives: Directives, limits: SessionLimits): readonly string[] {
  const statementTimeoutMs = directives.statementTimeoutMs ?? limits.statementTimeoutMs
  return [
    `${set} lock_timeout = ${directives.lockTimeoutMs ?? limits.lockTimeoutMs}`,
    ...(statementTimeoutMs === undefined ? [] : [`${set} statement_timeout = ${statementTimeoutMs}`]),
  ]
}

/** CONCURRENTLY lets others read and write while it waits for them, and a time-out would leave an INVALID index. */
export function waitsGently({ kind }: AloneObject): boolean {
  return kind === 'create-index' || kind === 'drop-index' || kind === 'reindex' || kind === 'detach-partition'
}

// A borrowed session gets back what its owner had set. Role and session authorization have statements of their own, and parameters
// with a dot in their name are not listed.
async function ownSettings(work: Connection): Promise<string> {
  const { rows } = await work.query(`
SELECT pg_catalog.string_agg(pg_catalog.format('SELECT pg_catalog.set_config(%L, %L, false); ', s.name, s.setting), '') AS text
FROM pg_catalog.pg_settings s
WHERE s.source ${equals} 'session' AND s.name OPERATOR(pg_catalog.<>) ALL ('{role,session_authorization}'::pg_catalog.text[])`)
  return typeof rows[0]?.['text'] === 'string' ? rows[0]['text'] : ''
}

/**
 * Clears what a file set for its session, so that it does not reach the next one: search_path, role, settings,
 * temporary tables, prepared statements, listens, session locks. Does nothing where the session is not only ours, through a
 * pooler or handed over by a caller: there `takeBack` has done it inside the file's transaction.
 */
export async function resetSession(work: Connection): Promise<void> {
  if (work.borrowed || (await isPooled(work))) return
  await work.query('DISCARD ALL')
}

/**
 * Has a session outlive a time in which nothing is asked of it, outside of a transaction: a role may have a limit for that, since PostgreSQL 14.
 * It holds until the session is reset. Does nothing where the session is not only ours.
 */
export async function stayIdle(session: Connection): Promise<void> {
  if (session.borrowed || (await isPooled(session))) return
  const setting = "'idle_session_timeout'"
  await session.query(
    `SELECT pg_catalog.set_config(${setting}, '0', false) WHERE pg_catalog.current_setting(${setting}, true) IS NOT NULL`,
  )
}

/**
 * Rolls back what is open. On a lost connection the server has done so by itself. What a file has prepared outlives that; through a pooler
 * the very session is only ours up to the end of the message.
 */
export async function rollback(work: Connection): Promise<void> {
  try {
    if (isKnownPooled(work)) {
      const { inTransaction } = await work.script('')
      if (inTransaction) await work.script(`ROLLBACK; ${forgetPrepared}`)
    } else await rollBackOpen(work)
  } catch (error) {
    if (!isLost(error)) throw error
  }
}

/** Whether an error means that the connection is gone. */
export function isLost(error: unknown): boolean {
  return isPoststackError(error) && error.code === 'DATABASE_UNREACHABLE'
}
