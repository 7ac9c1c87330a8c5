/**
 * Databases for tests: copies of a template, which is made once for what it is made from. What a run that was killed has left is cleared
 * away by the next.
 */
import { randomBytes } from 'node:crypto'
import { pause, throwIfAborted } from '../abort.ts'
import { PoststackError } from '../errors.ts'
import { type Connect, type Connection, isServerError } from '../migrations/connection.ts'
import { isPooled } from '../migrations/lock/pooler.ts'
import { clauseLike, type ServerAccess } from '../migrations/verify/scratch.ts'
import { withOwnPath } from '../migrations/own-path.ts'
import type { Sql } from './sql.ts'

const ownPrefix = 'poststack_test_'
const templatePrefix = 'poststack_template_'
// "pstr" and "pstt": tell these locks apart from all others. The second number is a hash of a name.
const runClass = 0x70737472
const templateClass = 0x70737474

/** The databases of one test run. They are its own for as long as its session lives. */
export interface TestRun {
  /** What the names of its databases begin with. */
  readonly prefix: string
  /**
   * The name of a database that holds what `fill` makes in an empty one, for the others to copy. It is made once for a key, whatever run
   * comes first. Those of other keys are dropped when nobody uses them.
   */
  template(request: TemplateRequest): Promise<string>
  /** Drops what this run has made, the template apart. */
  close(): Promise<void>
}

export interface TemplateRequest {
  /** Whose template it is: those of others are left alone. Lower-case letters and digits. */
  readonly family: string
  /** What it is made from. Lower-case letters and digits. */
  readonly key: string
  /** `connect` leads to the database of that name. */
  readonly fill: (connect: Connect, name: string) => Promise<void>
}

/** Fails with `DATABASE_POOLED` through a pooler, and with `STEP_FAILED` where the role may not create databases. */
export async function openTestRun({ connect, connectTo }: ServerAccess, signal: AbortSignal): Promise<TestRun> {
  const admin = await withOwnPath(connect)({ applicationName: 'poststack tests', signal })
  try {
    if (await isPooled(admin)) throw pooled()
    const id = randomBytes(5).toString('hex')
    await admin.query('SELECT pg_catalog.pg_advisory_lock($1, pg_catalog.hashtext($2))', [runClass, id])
    await dropDead(admin)
    const prefix = `${ownPrefix}${id}_`
    return {
      prefix,
      template: async (request) => await ensureTemplate({ admin, connectTo, prefix, signal }, request),
      close: async () => {
        try {
          await dropAll(admin, await namesLike(admin, `^${prefix}`))
        } finally {
          await admin.close()
        }
      },
    }
  } catch (error) {
    await admin.close()
    throw error
  }
}

interface Making {
  readonly admin: Connection
  readonly connectTo: ServerAccess['connectTo']
  readonly prefix: string
  readonly signal: AbortSignal
}

async function ensureTemplate(making: Making, { family, key, fill }: TemplateRequest): Promise<string> {
  const { admin, connectTo, prefix, signal } = making
  const name = `${templatePrefix}${family}_${key}`
  // Held until the run ends: whoever clears templates away leaves this one alone.
  await admin.query('SELECT pg_catalog.pg_advisory_lock_shared($1, pg_catalog.hashtext($2))', [templateClass, name])
  const building = `${name}.building`
  // Polled: a session that waits for a lock holds a snapshot, and CREATE INDEX CONCURRENTLY waits for those.
  while (!(await tryLock(admin, building))) await pause(100, signal)
  try {
    if ((await namesLike(admin, `^${name}$`)).length > 0) return name
    const made = `${prefix}template`
    await dropAll(admin, [made])
    await create(admin, made, await clauseLike(admin))
    await fill(connectTo(made), made)
    throwIfAborted(signal)
    // Nobody may be in a database that is copied.
    await admin.query(`ALTER DATABASE ${made} WITH ALLOW_CONNECTIONS false`)
    await admin.query(`ALTER DATABASE ${made} RENAME TO ${name}`)
    await dropUnused(admin, family, name)
    return name
  } finally {
    await unlock(admin, building)
  }
}

/** Makes a copy with the name. False: there is one already. */
export async function cloneDatabase(sql: Sql, name: string, template: string): Promise<boolean> {
  try {
    await sql.query(`CREATE DATABASE ${name} TEMPLATE ${template}`)
    return true
  } catch (error) {
    if (isServerError(error) && error.code === '42P04') return false
    throw isServerError(error) ? notCreated(error) : error
  }
}

export function dropStatement(name: string): string {
  return `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`
}

async function create(admin: Connection, name: string, clause: string): Promise<void> {
  try {
    await admin.query(`CREATE DATABASE ${name} ${clause}`)
  } catch (error) {
    throw isServerError(error) ? notCreated(error) : error
  }
}

function notCreated(error: Error & { readonly code: string }): PoststackError {
  return new PoststackError('STEP_FAILED', `A database for tests could not be made: ${error.message}.`, {
    hint:
      error.code === '42501'
        ? 'Give the role the right to: ALTER ROLE … CREATEDB.'
        : 'Mend what the server complains about, then run again.',
    details: { sqlstate: error.code },
    cause: error,
  })
}

/** Databases of runs whose session is gone: nobody holds their lock, which shows from every database of the server. */
async function dropDead(admin: Connection): Promise<void> {
  const { rows } = await admin.query(
    `SELECT d.datname::text AS name FROM pg_catalog.pg_database d
WHERE d.datname ~ '^${ownPrefix}[0-9a-f]{10}_' AND pg_catalog.pg_has_role(d.datdba, 'USAGE')
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.locktype = 'advisory' AND l.granted AND l.classid = ${runClass} AND l.objsubid = 2
    AND l.objid::pg_catalog.int8 =
      pg_catalog.hashtext(pg_catalog.substr(d.datname::text, ${ownPrefix.length + 1}, 10))::pg_catalog.int8 & 4294967295)`,
  )
  await dropAll(
    admin,
    rows.map(({ name }) => String(name)),
  )
}

async function dropUnused(admin: Connection, family: string, used: string): Promise<void> {
  for (const name of await namesLike(admin, `^${templatePrefix}${family}_[0-9a-f]+$`)) {
    // oxlint-disable-next-line no-await-in-loop -- one connection
    if (name === used || !(await tryLock(admin, name))) continue
    // oxlint-disable-next-line no-await-in-loop
    await dropAll(admin, [name])
    // oxlint-disable-next-line no-await-in-loop
    await unlock(admin, name)
  }
}

async function namesLike(admin: Connection, pattern: string): Promise<readonly string[]> {
  const { rows } = await admin.query(
    `SELECT datname::text AS name FROM pg_catalog.pg_database WHERE datname ~ $1 AND pg_catalog.pg_has_role(datdba, 'USAGE')`,
    [pattern],
  )
  return rows.map(({ name }) => String(name))
}

async function dropAll(admin: Connection, names: readonly string[]): Promise<void> {
  // oxlint-disable-next-line no-await-in-loop -- one connection
  for (const name of names) await admin.query(dropStatement(name))
}

async function tryLock(admin: Connection, name: string): Promise<boolean> {
  const { rows } = await admin.query('SELECT pg_catalog.pg_try_advisory_lock($1, pg_catalog.hashtext($2)) AS got', [
    templateClass,
    name,
  ])
  return rows[0]?.['got'] === true
}

async function unlock(admin: Connection, name: string): Promise<void> {
  await admin.query('SELECT pg_catalog.pg_advisory_unlock($1, pg_catalog.hashtext($2))', [templateClass, name])
}

function pooled(): PoststackError {
  return new PoststackError(
    'DATABASE_POOLED',
    'The connection goes through a pooler, and databases are made on the server itself.',
    {
      hint: "Give the server's own address in the config.",
    },
  )
}
