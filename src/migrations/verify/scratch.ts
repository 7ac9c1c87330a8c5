/**
 * Databases to try things in, which are gone afterwards. Those of a run that was killed are cleared away by the next.
 */
import { randomBytes } from 'node:crypto'
import { throwIfAborted } from '../../abort.ts'
import { PoststackError } from '../../errors.ts'
import { type Connect, type Connection, isServerError } from '../connection.ts'
import { isPooled } from '../lock/pooler.ts'
import { stayIdle } from '../run/session.ts'
import { keepSessions } from './sessions.ts'
import { withOwnPath } from '../own-path.ts'
import { literal } from '../sql/quote.ts'
import { copySettingsFor, type DatabaseSetting, readSettings } from './settings.ts'

/** A way to every database of one server. */
export interface ServerAccess {
  readonly connect: Connect
  /** The same server and role, another database. */
  readonly connectTo: (database: string) => Connect
}

/** What the databases are to be like. */
export interface ScratchKind {
  /** The database whose encoding and locale they get. @default the one that `connect` leads to */
  readonly like?: string
  /** Without what the server puts into each new database: a dump brings all of it. @default false */
  readonly bare?: boolean
}

/** A database of our own. Its sessions are kept and handed out again, as each is used for a moment only. */
export interface Scratch {
  readonly connect: Connect
  /** Makes it anew: empty, or as a copy of another. What was in it is gone. */
  reset(from?: Scratch): Promise<void>
  /** Ends its sessions, so that it can be copied. */
  leave(): Promise<void>
  readonly name: string
}

const prefix = 'poststack_verify_'
// A limit that nobody reaches, and that nobody else sets: with it a database says from its very first moment that it is one of ours.
export const ownLimit = 7_117
// What PostgreSQL sets while it drops a database: one that was cut off in that is good for nothing.
const halfDropped = -2
// "psvf": tells apart from the migration lock. The second number is a hash of the database's name.
const lockClass = 0x70737666

/**
 * Calls `body` with a way to make databases on the server, like the one of `connect` or of the name `like`. Whether it ends well or not, what then
 * has their names is dropped. Fails with `DATABASE_POOLED` through a pooler, and with `STEP_FAILED` where the role may not create databases.
 */
export async function withScratch<T>(
  { connect, connectTo, ...kind }: ServerAccess & ScratchKind,
  signal: AbortSignal,
  body: (make: () => Promise<Scratch>) => Promise<T>,
): Promise<T> {
  const admin = await withOwnPath(connect)({ applicationName: 'poststack verify', signal })
  const made: Scratch[] = []
  try {
    if (await isPooled(admin)) throw pooled()
    if (await isStandby(admin)) throw standby()
    // It waits for whatever is tried.
    await stayIdle(admin)
    await dropDead(admin)
    const settings = kind.bare === true ? [] : await readSettings(admin, kind.like ?? (await nameOf(admin)))
    const like = { settings, clause: await emptyLike(admin, kind, { connectTo, signal }) }
    const result = await body(async () => {
      const scratch = await makeScratch(admin, connectTo, like)
      made.push(scratch)
      await scratch.reset()
      return scratch
    })
    await clear(admin, made)
    return result
  } catch (error) {
    // What went wrong first is what to tell; a database that stays is cleared by the next run.
    await clear(admin, made).catch(() => undefined)
    throw error
  } finally {
    await admin.close()
  }
}

interface Likeness {
  readonly clause: string
  /** A copy of a database does not bring these. */
  readonly settings: readonly DatabaseSetting[]
}

async function makeScratch(admin: Connection, connectTo: ServerAccess['connectTo'], like: Likeness): Promise<Scratch> {
  const name = `${prefix}${randomBytes(6).toString('hex')}`
  // Held by this session for as long as the database is in use: where nobody holds it, nobody uses the database any more.
  await admin.query('SELECT pg_catalog.pg_advisory_lock($1, pg_catalog.hashtext($2))', [lockClass, name])
  const sessions = keepSessions(connectTo(name))
  const leave = async (): Promise<void> => await sessions.end()
  return {
    name,
    connect: sessions.connect,
    leave,
    reset: async (from) => {
      await leave()
      await drop(admin, name)
      await from?.leave()
      await create(admin, name, from === undefined ? like.clause : `TEMPLATE ${from.name}`)
      await copySettingsFor(admin, name, like.settings)
    },
  }
}

async function create(admin: Connection, name: string, clause: string): Promise<void> {
  try {
    await admin.query(`CREATE DATABASE ${name} ${clause} CONNECTION LIMIT ${ownLimit}`)
    // Nothing in it has to outlive the server.
    await admin.query(`ALTER DATABASE ${name} SET synchronous_commit = off`)
  } catch (error) {
    if (!isServerError(error)) throw error
    throw new PoststackError(
      'STEP_FAILED',
      `A database to try the migrations in could not be made: ${error.message}.`,
      {
        hint:
          error.code === '42501'
            ? 'Give the role the right (ALTER ROLE … CREATEDB), or verify with another --url whose server may be used for it.'
            : 'Mend what the server complains about, then run again.',
        details: { sqlstate: error.code },
        cause: error,
      },
    )
  }
}

/** How to create a database with the encoding and the locale of that one, or of this, where the server's default is another. */
export async function clauseLike(admin: Connection, { like, bare = false }: ScratchKind = {}): Promise<string> {
  // As JSON, because which of these columns exist depends on the server's version.
  const { rows } = await admin.query(
    `SELECT pg_catalog.to_jsonb(d) AS d, pg_catalog.pg_encoding_to_char(d.encoding)::text AS encoding FROM pg_catalog.pg_database d
WHERE d.datname IN (coalesce($1::pg_catalog.name, pg_catalog.current_database()), 'template1')
ORDER BY d.datname = coalesce($1::pg_catalog.name, pg_catalog.current_database())`,
    [like ?? null],
  )
  const facts = rows.map(({ d, encoding }) => {
    const { datcollate, datctype, datlocprovider, datlocale, daticulocale } = d as Readonly<Record<string, unknown>>
    const own = datlocale ?? daticulocale
    const provider =
      datlocprovider === 'i'
        ? ` LOCALE_PROVIDER icu ICU_LOCALE ${literal(String(own))}`
        : datlocprovider === 'b'
          ? ` LOCALE_PROVIDER builtin BUILTIN_LOCALE ${literal(String(own))}`
          : datlocprovider === 'c'
            ? ' LOCALE_PROVIDER libc'
            : ''
    return `TEMPLATE template0 ENCODING ${literal(String(encoding))} LC_COLLATE ${literal(String(datcollate))} LC_CTYPE ${literal(String(datctype))}${provider}`
  })
  const [first, second] = facts
  if (bare) return second ?? first ?? ''
  return second === undefined || first === second ? '' : second
}

/** The same, and empty: what the server puts into each new database may be extensions, but no tables. */
async function emptyLike(
  admin: Connection,
  kind: ScratchKind,
  { connectTo, signal }: Pick<ServerAccess, 'connectTo'> & { readonly signal: AbortSignal },
): Promise<string> {
  const clause = await clauseLike(admin, kind)
  if (clause !== '' || !(await holdsTables(connectTo('template1'), signal))) return clause
  return await clauseLike(admin, { ...kind, bare: true })
}

/** Where the role may not look, or it is not there, the server's own word on it counts. */
async function holdsTables(connect: Connect, signal: AbortSignal): Promise<boolean> {
  try {
    const session = await connect({ applicationName: 'poststack verify', signal })
    try {
      const { rows } =
        await session.query(`SELECT FROM pg_catalog.pg_class c WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e') LIMIT 1`)
      return rows.length > 0
    } finally {
      await session.close()
    }
  } catch {
    throwIfAborted(signal)
    return false
  }
}

async function nameOf(admin: Connection): Promise<string> {
  const { rows } = await admin.query('SELECT pg_catalog.current_database()::pg_catalog.text AS name')
  return String(rows[0]?.['name'])
}

async function drop(admin: Connection, name: string): Promise<void> {
  await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
}

async function clear(admin: Connection, made: readonly Scratch[]): Promise<void> {
  for (const scratch of made) {
    // oxlint-disable-next-line no-await-in-loop -- one connection
    await scratch.leave()
    // oxlint-disable-next-line no-await-in-loop
    await drop(admin, scratch.name)
  }
}

/** Databases of runs that were killed: marked as ours, and nobody holds their lock, which shows from every database of the server. */
async function dropDead(admin: Connection): Promise<void> {
  const { rows } = await admin.query(
    `SELECT d.datname::text AS name FROM pg_catalog.pg_database d
WHERE d.datname ~ '^${prefix}[0-9a-f]{12}$' AND d.datconnlimit IN (${ownLimit}, ${halfDropped})
  AND pg_catalog.pg_has_role(d.datdba, 'USAGE')
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.locktype = 'advisory' AND l.granted AND l.classid = ${lockClass}
    AND l.objsubid = 2 AND l.objid::pg_catalog.int8 = pg_catalog.hashtext(d.datname::text)::pg_catalog.int8 & 4294967295)`,
  )
  for (const row of rows) {
    // oxlint-disable-next-line no-await-in-loop -- one connection
    await drop(admin, String(row['name']))
  }
}

async function isStandby(admin: Connection): Promise<boolean> {
  const { rows } = await admin.query('SELECT pg_catalog.pg_is_in_recovery() AS standby')
  return rows[0]?.['standby'] === true
}

function standby(): PoststackError {
  return new PoststackError(
    'STEP_FAILED',
    'The server is a standby, which takes no writes, and trying migrations needs databases of its own.',
    {
      hint: 'Give the address of the primary, or of another server to try them on: --url postgresql://user@host:5432/database',
    },
  )
}

function pooled(): PoststackError {
  return new PoststackError(
    'DATABASE_POOLED',
    'The connection goes through a pooler, and trying migrations needs databases of its own.',
    {
      hint: "Give the server's own address: --url postgresql://user@host:5432/database",
    },
  )
}
