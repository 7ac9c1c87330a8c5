/**
 * A database made anew from migrations, put in the place of the one that has its name. All of it happens beside the old one, up to one
 * transaction that changes the names: wherever it is cut, the name leads to the old database or to the new one, and the other is cleared
 * away by whoever makes a throw-away database next.
 */
import { pause } from '../../abort.ts'
import { isPoststackError, PoststackError } from '../../errors.ts'
import { type Connect, type Connection, isServerError } from '../connection.ts'
import { withOwnPath } from '../own-path.ts'
import { migrate } from '../run/migrate.ts'
import type { RunOptions } from '../run/run.ts'
import type { MigrationFolder } from '../types.ts'
import { withinDatabase } from './beyond.ts'
import { ownLimit, type ServerAccess, withScratch } from './scratch.ts'
import { copySetting, type DatabaseSetting, readSettings } from './settings.ts'
import { identifier } from '../sql/quote.ts'

export interface ReplayOptions extends Pick<RunOptions, 'onEvent' | 'gitCommit'> {
  readonly connectTo: ServerAccess['connectTo']
  /** The name that the new database takes over. */
  readonly database: string
  readonly folder: MigrationFolder
  /** The newest of the folder that is applied in silence; those after it are told about. */
  readonly silentUpTo: string | undefined
  /** Gets who is about to be disconnected from the old database; empty when there is nobody. */
  readonly onSessions: (applications: readonly string[]) => void
  readonly signal: AbortSignal
  readonly toolVersion: string
}

/**
 * What is in the old database is gone afterwards. Fails, and leaves it as it is, when a migration does; with `STEP_FAILED` where the database
 * has what a new one would lack, or cannot be freed of its sessions.
 */
export async function replay(options: ReplayOptions): Promise<void> {
  const { connectTo, database, folder, silentUpTo, signal, toolVersion } = options
  for (const { file, sql } of folder.migrations) {
    const [taken] = withinDatabase(sql).taken
    if (taken !== undefined) throw kept(database, `${file} reaches beyond its database (${taken})`)
  }
  // Nobody can rename the database that he is connected to.
  const connect = connectTo(database === 'postgres' ? 'template1' : 'postgres')
  await withScratch({ connect, connectTo, like: database }, signal, async (make) => {
    const facts = await within(connect, signal, (admin) => readFacts(admin, database))
    const scratch = await make()
    const run = { connect: scratch.connect, signal, toolVersion, lockTimeoutMs: 0 }
    try {
      if (silentUpTo !== undefined) await migrate({ ...run, folder, target: silentUpTo, recordsSchema: false })
      await migrate({ ...run, folder, onEvent: options.onEvent, gitCommit: options.gitCommit })
    } catch (error) {
      throw beside(database, error)
    }
    await scratch.leave()
    await within(connect, signal, (admin) => takeOver(admin, { ...options, facts, made: scratch.name }))
  })
}

async function within<T>(connect: Connect, signal: AbortSignal, body: (admin: Connection) => Promise<T>): Promise<T> {
  const admin = await withOwnPath(connect)({ applicationName: 'poststack replay', signal })
  try {
    return await body(admin)
  } finally {
    await admin.close()
  }
}

interface Facts {
  readonly owner: string
  readonly limit: number
  readonly settings: readonly DatabaseSetting[]
}

const readSql = `SELECT pg_catalog.pg_get_userbyid(d.datdba)::text AS owner, d.datconnlimit AS "limit",
  d.datacl IS NOT NULL AS rights, d.dattablespace <> (SELECT t.dattablespace FROM pg_catalog.pg_database t WHERE t.datname = 'template0') AS elsewhere,
  pg_catalog.shobj_description(d.oid, 'pg_database') IS NOT NULL AS comment,
  EXISTS (SELECT FROM pg_catalog.pg_replication_slots s WHERE s.database = d.datname) AS slots
FROM pg_catalog.pg_database d WHERE d.datname = $1`

/** What belongs to the database and does not come from migrations. What cannot be carried over is not lost without a word. */
async function readFacts(admin: Connection, database: string): Promise<Facts> {
  const [row] = (await admin.query(readSql, [database])).rows
  if (row === undefined) throw kept(database, 'there is none of that name')
  const own = [
    ['rights', 'rights that were granted on it'],
    ['comment', 'a comment'],
    ['elsewhere', 'a tablespace of its own'],
    ['slots', 'replication slots'],
  ].flatMap(([field = '', what = '']) => (row[field] === true ? [what] : []))
  if (own.length > 0) throw kept(database, `it has ${own.join(' and ')}, which a new one would lack`)
  const settings = await readSettings(admin, database)
  return { owner: String(row['owner']), limit: Number(row['limit']), settings }
}

function kept(database: string, why: string): PoststackError {
  return new PoststackError('STEP_FAILED', `Database ${database} cannot be made anew: ${why}. Nothing was done.`, {
    hint: 'Take the migration back instead: --on-edit=rollback, or poststack database rollback.',
    details: { database },
  })
}

/** What a migration fails with speaks of the database that it ran in. */
function beside(database: string, error: unknown): unknown {
  if (!isPoststackError(error)) return error
  const { cause, code, details, hint, message } = error
  const text = `${message}\nThat was a throw-away database; ${database} is as it was.`
  return new PoststackError(code, text, { hint, details, cause })
}

interface TakeOver extends Pick<ReplayOptions, 'database' | 'onSessions' | 'signal'> {
  readonly facts: Facts
  /** The new database, under the name it was made with. */
  readonly made: string
}

async function takeOver(admin: Connection, { database, facts, made, onSessions, signal }: TakeOver): Promise<void> {
  const [old, fresh, between] = [identifier(database), identifier(made), identifier(`${made}_`)]
  await admin.query(`ALTER DATABASE ${fresh} RESET ALL`)
  for (const one of facts.settings) {
    // oxlint-disable-next-line no-await-in-loop -- one connection
    await copySetting(admin, fresh, one)
  }
  const swap = [
    `ALTER DATABASE ${old} RENAME TO ${between}`,
    `ALTER DATABASE ${fresh} RENAME TO ${old}`,
    // From now on it says of itself that it may be cleared away.
    `ALTER DATABASE ${between} RENAME TO ${fresh}`,
    `ALTER DATABASE ${fresh} CONNECTION LIMIT ${String(ownLimit)}`,
    `ALTER DATABASE ${old} CONNECTION LIMIT ${String(facts.limit)}`,
    `ALTER DATABASE ${old} OWNER TO ${identifier(facts.owner)}`,
  ]
  const sessions = await sessionsOf(admin, database)
  onSessions(sessions.map(({ application }) => application))
  for (const until = performance.now() + freeMs; ;) {
    // oxlint-disable-next-line no-await-in-loop -- somebody may connect again between the two
    await endSessions(admin, [database, made])
    // oxlint-disable-next-line no-await-in-loop
    const error = await inTransaction(admin, swap)
    if (error === undefined) return
    if (!isServerError(error) || error.code !== '55006' || performance.now() > until) throw refused(database, error)
    // oxlint-disable-next-line no-await-in-loop
    await pause(100, signal)
  }
}

/** So long somebody may connect again and again before the database is given up. PostgreSQL itself waits 5 s each time. */
const freeMs = 15_000

async function inTransaction(admin: Connection, statements: readonly string[]): Promise<unknown> {
  await admin.query('BEGIN READ WRITE')
  try {
    // oxlint-disable-next-line no-await-in-loop -- one connection
    for (const statement of statements) await admin.query(statement)
    await admin.query('COMMIT')
    return undefined
  } catch (error) {
    await admin.query('ROLLBACK')
    return error
  }
}

const sessionsSql = `FROM pg_catalog.pg_stat_activity a WHERE a.datname = ANY ($1) AND a.pid <> pg_catalog.pg_backend_pid()`

async function sessionsOf(admin: Connection, database: string): Promise<readonly { readonly application: string }[]> {
  const text = `SELECT a.application_name AS application ${sessionsSql} AND a.backend_type = 'client backend' ORDER BY a.pid`
  const { rows } = await admin.query(text, [[database]])
  return rows.map(({ application }) => ({ application: String(application) }))
}

async function endSessions(admin: Connection, databases: readonly string[]): Promise<void> {
  await admin.query(`SELECT pg_catalog.pg_terminate_backend(a.pid) ${sessionsSql}`, [databases])
}

function refused(database: string, error: unknown): unknown {
  if (!isServerError(error)) return error
  return new PoststackError(
    'STEP_FAILED',
    `Database ${database} could not be put in the place of the old one: ${error.message}. The old one is there as it was.`,
    {
      hint:
        error.code === '55006'
          ? 'End what connects to it again and again, and save again.'
          : 'Mend what the server complains about, and save again.',
      details: { database, sqlstate: error.code },
      cause: error,
    },
  )
}
