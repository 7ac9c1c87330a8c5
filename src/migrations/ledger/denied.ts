/**
 * What the server refuses about the ledger, in words a person can act on.
 */
import { PoststackError } from '../../errors.ts'
import { isServerError, type ServerError } from '../connection.ts'
import type { Queryable } from '../types.ts'

/** What was to be done with the ledger. */
export type LedgerWish = 'read' | 'write' | 'create' | 'upgrade'

/**
 * An error of the server as one that says which right is missing (`LEDGER_DENIED`), or that the ledger cannot be used; any other as it is.
 * `poststack.schema_migrations` is there unless the wish is to create it.
 */
export async function explainDenied(client: Queryable, error: unknown, wish: LedgerWish): Promise<unknown> {
  if (!isServerError(error)) return error
  if (error.code !== '42501') return wish === 'read' || wish === 'write' ? unusable(error, wish) : error
  const who = await askWho(client)
  const { role, database } = who
  const [does, hint] = {
    read: [`read the ledger of database ${database}`, grantHint(role, 'SELECT')],
    write: [`use the ledger of database ${database}`, grantHint(role, 'SELECT, INSERT, UPDATE, DELETE')],
    upgrade: [
      `bring the ledger of database ${database}, which an older Poststack made, up to date`,
      'Run it once as the role that owns schema poststack and its tables.',
    ],
    create: [`create the ledger in database ${database}`, createHint(who)],
  }[wish] as [string, string]
  return new PoststackError(
    'LEDGER_DENIED',
    `Role ${role} may not ${does}: ${error.message}.${wish === 'read' ? '' : ' Nothing was done.'}`,
    { hint, details: { role, database, sqlstate: error.code }, cause: error },
  )
}

/** As SQL needs them. */
interface Who {
  readonly role: string
  readonly database: string
  /** The role may make schemas. */
  readonly mayCreate: boolean
}

async function askWho(client: Queryable): Promise<Who> {
  const { rows } = await client.query(
    `SELECT pg_catalog.quote_ident(current_user) AS role, pg_catalog.quote_ident(pg_catalog.current_database()) AS database,
  pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') AS may_create`,
  )
  const row = rows[0] ?? {}
  return { role: String(row['role']), database: String(row['database']), mayCreate: row['may_create'] === true }
}

function grantHint(role: string, rights: string): string {
  return (
    `As the ledger's owner run: GRANT USAGE ON SCHEMA poststack TO ${role}; ` +
    `GRANT ${rights} ON ALL TABLES IN SCHEMA poststack TO ${role};`
  )
}

function createHint({ role, database, mayCreate }: Who): string {
  return mayCreate
    ? `As the owner of schema poststack run: GRANT USAGE, CREATE ON SCHEMA poststack TO ${role};`
    : `As the database's owner run: GRANT CREATE ON DATABASE ${database} TO ${role};`
}

// Never `DATABASE_UNREACHABLE`: a run takes that for a lost connection.
function unusable(error: ServerError, wish: 'read' | 'write'): PoststackError {
  const what = `The ledger cannot be ${wish === 'read' ? 'read' : 'written'}`
  return new PoststackError('STEP_FAILED', `${what}: ${error.message} (SQLSTATE ${error.code}).`, {
    hint:
      error.code === '57014'
        ? 'Somebody cancelled it, or the statement_timeout of the role or the database is too short for it: run again, or allow it more time.'
        : 'Mend what the server complains about, then try again.',
    details: { sqlstate: error.code },
    cause: error,
  })
}
