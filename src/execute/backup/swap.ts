/**
 * Gives a new database the name of another one, which is kept under a name of its own: in one transaction, so that whenever it is cut
 * off, either all of it was done or nothing.
 */
import { pause } from '../../abort.ts'
import { PoststackError } from '../../errors.ts'
import { type Connect, type Connection, isServerError } from '../../migrations/connection.ts'
import { identifier, literal } from '../../migrations/sql/quote.ts'
import { type DatabaseSetting, type DatabaseState, stamp } from './manifest.ts'
import { readSettings } from './read-state.ts'

export interface SwapRequest {
  /** To a database that is none of both. */
  readonly connect: Connect
  readonly scratch: string
  readonly name: string
  /** What the database has around it, as it was backed up; that of the one before where it is not known. */
  readonly around: Pick<DatabaseState, 'settings' | 'comment'> | undefined
  readonly signal: AbortSignal
  readonly now: Date
}

/** Returns the name that the old one has now, if there was one. */
export async function swapIn(request: SwapRequest): Promise<string | undefined> {
  const { connect, name, scratch, signal } = request
  const [session, other] = await Promise.all([
    connect({ applicationName: 'poststack restore', signal }),
    connect({ applicationName: 'poststack restore', signal }),
  ])
  try {
    await session.query('BEGIN')
    const before = await readDatabase(session, name)
    const kept = before === undefined ? undefined : await putAside(session, other, request)
    await dress(session, request, before)
    await session.query(`ALTER DATABASE ${identifier(scratch)} RENAME TO ${identifier(name)}`)
    await session.query('COMMIT')
    return kept
  } catch (error) {
    if (!isServerError(error)) throw error
    throw new PoststackError(
      'BACKUP_FAILED',
      `The copy was made and is whole, but cannot take the name ${name}: ${error.message}.\nIt was dropped; nothing was changed.`,
      { hint: hintFor(error.code, name), details: { sqlstate: error.code }, cause: error },
    )
  } finally {
    // What is not committed is undone with its session.
    await Promise.all([session.close(), other.close()])
  }
}

function hintFor(code: string, name: string): string {
  if (code === '55006') return `Somebody holds on to ${name}: stop what works with it, then run again.`
  if (code === '42501') return 'Connect as the owner of the database, with the right to create databases.'
  return 'Mend what the server complains about, then run again.'
}

interface DatabaseFacts {
  readonly owner: string
  readonly limit: number
  readonly comment: string | undefined
  readonly settings: readonly DatabaseSetting[]
  /** `GRANT … ON DATABASE`, with a place for the name; undefined while it has the default rights. */
  readonly grants: readonly { readonly right: string; readonly to: string; readonly option: boolean }[] | undefined
}

async function readDatabase(session: Connection, name: string): Promise<DatabaseFacts | undefined> {
  const { rows } = await session.query(
    `SELECT d.oid::text AS oid, pg_catalog.pg_get_userbyid(d.datdba)::text AS owner, d.datconnlimit AS connections, d.datacl IS NOT NULL AS granted,
  pg_catalog.shobj_description(d.oid, 'pg_database') AS comment FROM pg_catalog.pg_database d WHERE d.datname = $1`,
    [name],
  )
  const row = rows[0]
  if (row === undefined) return undefined
  const comment = row['comment']
  const grants = await session.query(
    `SELECT a.privilege_type AS right, CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END AS to,
  a.is_grantable AS option FROM pg_catalog.pg_database d CROSS JOIN LATERAL pg_catalog.aclexplode(d.datacl) a WHERE d.datname = $1`,
    [name],
  )
  return {
    owner: String(row['owner']),
    limit: Number(row['connections']),
    comment: typeof comment === 'string' ? comment : undefined,
    settings: await readSettings(session, name),
    grants:
      row['granted'] === true
        ? grants.rows.map((grant) => ({
            right: String(grant['right']),
            to: String(grant['to']),
            option: grant['option'] === true,
          }))
        : undefined,
  }
}

const longestName = 63
const endEveryMs = 50

/**
 * Renaming takes a lock that keeps everybody new out, and then waits some seconds for those who are inside: meanwhile the other session
 * ends theirs.
 */
async function putAside(session: Connection, other: Connection, { name, signal, now }: SwapRequest): Promise<string> {
  const end = `_before_${stamp(now).replace('-', '_')}`
  // A name is cut by the server in bytes.
  let start = name
  while (Buffer.byteLength(start + end) > longestName) start = start.slice(0, -1)
  const aside = start + end
  const renaming = session.query(`ALTER DATABASE ${identifier(name)} RENAME TO ${identifier(aside)}`)
  const settled = renaming.then(
    () => true,
    () => true,
  )
  const isSettledSoon = async (): Promise<boolean> => {
    const rest = pause(endEveryMs, signal).then(() => false)
    // Where the other one wins, nobody asks any more whether this one was cut short.
    rest.catch(() => undefined)
    return await Promise.race([settled, rest])
  }
  do {
    await other.query(
      `SELECT pg_catalog.pg_terminate_backend(a.pid) FROM pg_catalog.pg_stat_activity a
WHERE a.datname = $1 AND a.pid <> pg_catalog.pg_backend_pid() AND a.usesysid IS NOT NULL`,
      [name],
    )
  } while (!(await isSettledSoon()))
  await renaming
  return aside
}

/** Whatever a database has besides what stands in it: owner, rights, limit, comment, settings. */
async function dress(
  session: Connection,
  { around, scratch }: SwapRequest,
  before: DatabaseFacts | undefined,
): Promise<void> {
  const database = identifier(scratch)
  await session.query(`ALTER DATABASE ${database} RESET ALL`)
  await session.query(`ALTER DATABASE ${database} CONNECTION LIMIT ${String(before?.limit ?? -1)}`)
  const comment = around === undefined ? before?.comment : around.comment
  if (comment !== undefined) await session.query(`COMMENT ON DATABASE ${database} IS ${literal(comment)}`)
  for (const { name, role, value } of around?.settings ?? before?.settings ?? [])
    await applySetting(session, { database, name, role, value })
  if (before === undefined) return
  if (before.grants !== undefined) {
    await session.query(`REVOKE ALL ON DATABASE ${database} FROM PUBLIC`)
    for (const { option, right, to } of before.grants)
      await session.query(`GRANT ${right} ON DATABASE ${database} TO ${to}${option ? ' WITH GRANT OPTION' : ''}`)
  }
  // At last: whoever is not its owner any more may do none of this.
  await session.query(`ALTER DATABASE ${database} OWNER TO ${identifier(before.owner)}`)
}

interface Setting {
  readonly database: string
  readonly role: string | undefined
  readonly name: string
  readonly value: string
}

/** Lists of names, whose text is no single value. */
const lists: ReadonlySet<string> = new Set([
  'search_path',
  'temp_tablespaces',
  'session_preload_libraries',
  'local_preload_libraries',
])

async function applySetting(session: Connection, { database, name, role, value }: Setting): Promise<void> {
  const { rows } = await session.query('SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = $1', [role ?? ''])
  if (role !== undefined && rows.length === 0) return
  const on = role === undefined ? `DATABASE ${database}` : `ROLE ${identifier(role)} IN DATABASE ${database}`
  const parts = name.split('.').map(identifier).join('.')
  if (!lists.has(name.toLowerCase())) {
    await session.query(`ALTER ${on} SET ${parts} TO ${literal(value)}`)
    return
  }
  await session.query('SELECT pg_catalog.set_config($1, $2, true)', [name, value])
  await session.query(`ALTER ${on} SET ${parts} FROM CURRENT`)
}
