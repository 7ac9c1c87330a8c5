/**
 * The library for one database, `poststack/migrations`: whoever runs it, and without the side of Poststack that runs containers.
 * The database commands are made of the same parts.
 */
import { PoststackError } from './errors.ts'
import { borrowClient, connectLike, type PgClient, type PgPool } from './execute/database/client.ts'
import { connectToUrl } from './execute/database/url.ts'
import type { Connect } from './migrations/connection.ts'
import type { MigrationEvent } from './migrations/events.ts'
import { parseMigrations } from './migrations/files/parse.ts'
import { readMigrations } from './migrations/files/read.ts'
import type { LockHolder } from './migrations/lock/lock.ts'
import { asking } from './migrations/own-path.ts'
import { readStatus } from './migrations/read-status.ts'
import { migrate as runMigrate, type MigrateResult } from './migrations/run/migrate.ts'
import { rollback as runRollback, type RollbackResult } from './migrations/run/rollback.ts'
import type { RetryLimits, RunOptions } from './migrations/run/run.ts'
import { isDone, type MigrationState, type StateCounts } from './migrations/status.ts'
import type { MigrationFolder } from './migrations/types.ts'
import type { RollbackProof } from './migrations/verify/proof.ts'
import { verify as runVerify, type VerifyReport } from './migrations/verify/verify.ts'

declare global {
  // Of Node or of browsers, as the project has it; our types must hold also where it says neither.
  interface AbortSignal {}
}

export { isPoststackError, PoststackError } from './errors.ts'
export type { ErrorCode, ErrorDetails, PoststackErrorOptions } from './errors.ts'
export type { PgClient, PgPool } from './execute/database/client.ts'
export type { ServerNotice } from './migrations/connection.ts'
export type { MigrationEvent } from './migrations/events.ts'
export type { LockHolder } from './migrations/lock/lock.ts'
export type { MigrateResult } from './migrations/run/migrate.ts'
export type { RollbackResult } from './migrations/run/rollback.ts'
export type { RetryLimits } from './migrations/run/run.ts'
export type { MigrationState, StateCounts } from './migrations/status.ts'
export type { MigrationProblemCode, Unfinished } from './migrations/types.ts'
export type { Finding, FindingRule } from './migrations/verify/files.ts'
export type { RollbackProof } from './migrations/verify/proof.ts'
export type { VerifyReport } from './migrations/verify/verify.ts'

/**
 * Which database: a URL; or a connected client of node-postgres, which runs the files while a session like it holds the lock; or a
 * pool, whose settings are used.
 */
export type DatabaseAddress =
  | { readonly url: string; readonly client?: undefined }
  | { readonly client: PgClient | PgPool; readonly url?: undefined }

/** Which migrations: a folder, or the files themselves. */
export type MigrationSource =
  | { readonly dir: string; readonly migrations?: undefined }
  | { readonly migrations: readonly MigrationSourceFile[]; readonly dir?: undefined }

/** A file as it would stand in a folder: `001_users.sql`, `001_users.rollback.sql`. */
export interface MigrationSourceFile {
  readonly file: string
  readonly sql: string
}

export interface DatabaseOptions {
  /** Stops the call: the statement is cancelled and rolled back. @default never */
  readonly signal?: AbortSignal | undefined
}

export interface RunLimits extends DatabaseOptions {
  /** Called with each event. @default none */
  readonly onEvent?: ((event: MigrationEvent) => void) | undefined
  /** How long to wait for another run, in milliseconds. @default 300 000 */
  readonly lockWaitMs?: number | undefined
  /** How long a statement may wait for a lock on a table before its file is rolled back and tried again, in milliseconds. @default 3 000 */
  readonly lockTimeoutMs?: number | undefined
  /** How long a statement may run, in milliseconds; never for CONCURRENTLY. @default the server's own setting */
  readonly statementTimeoutMs?: number | undefined
  /** How often, and for how long in all, a file that could not get its locks is tried again. @default 20 times within 5 minutes */
  readonly retry?: RetryLimits | undefined
}

export type MigrateRequest = DatabaseAddress &
  MigrationSource &
  RunLimits & {
    /** The last version to apply. @default all */
    readonly target?: string | undefined
  }

export type RollbackRequest = DatabaseAddress &
  Partial<MigrationSource> &
  RunLimits & {
    /** The newest version that stays; `0` takes back everything. */
    readonly target?: string | undefined
    /** How many to take back. @default 1, unless there is a target */
    readonly steps?: number | undefined
    /** Take the files' rollbacks instead of the stored ones. @default false */
    readonly useFile?: boolean | undefined
  }

export type StatusRequest = DatabaseAddress & MigrationSource & DatabaseOptions

export type VerifyRequest = StatusRequest & {
  /** Prove every rollback on a throw-away database of the same server. @default false */
  readonly rollbacks?: boolean | undefined
  /** Compare the live schema with the recorded one. @default false */
  readonly drift?: boolean | undefined
  /** Called with each rollback as soon as it is proved. @default none */
  readonly onProof?: ((proof: RollbackProof, number: number, total: number) => void) | undefined
}

export interface DatabaseStatus extends StateCounts {
  readonly migrations: readonly MigrationState[]
  /** Everything is applied, and nothing is wrong. */
  readonly upToDate: boolean
  /** Who is at work on the database now. What is half-done is then that run's doing. */
  readonly run: LockHolder | undefined
}

/**
 * Applies what is pending. Safe to call at once from any number of processes: they take turns. Throws a `PoststackError`; what was
 * applied before stays.
 *
 * @example
 * import { migrate } from 'poststack/migrations'
 * const { applied } = await migrate({ url: 'postgresql://app@localhost/app', dir: './migrations' })
 */
export async function migrate(request: MigrateRequest): Promise<MigrateResult> {
  const folder = await folderOf(request)
  if (request.target !== undefined && typeof request.target !== 'string')
    throw usage('the last version to apply', "target as the digits of a version: '12'")
  return await runMigrate({ ...runOptions(request), folder, target: request.target })
}

/**
 * Takes back the newest migration, or as many as asked for, with the text that was stored when it was applied. Throws a `PoststackError`;
 * the whole chain is checked before the first step.
 */
export async function rollback(request: RollbackRequest): Promise<RollbackResult> {
  const { target, steps, useFile } = request
  const folder = await optionalFolder(request)
  return await runRollback({ ...runOptions(request), folder, target, steps, useFile })
}

/** How every migration stands. Creates nothing, takes no lock. */
export async function status(request: StatusRequest): Promise<DatabaseStatus> {
  const folder = await folderOf(request)
  const { connect: open } = accessTo(request)
  const connection = await asking(open)({ applicationName: 'poststack status', signal: signalOf(request) })
  try {
    const { states, counts, run } = await readStatus(connection, folder.migrations)
    return { migrations: states, ...counts, upToDate: states.every(isDone), run }
  } finally {
    await connection.close()
  }
}

/** Everything that is wrong with files, ledger and schema. Changes nothing in the database; `rollbacks` makes one of its own beside it. */
export async function verify(request: VerifyRequest): Promise<VerifyReport> {
  const { rollbacks, drift, onProof } = request
  const folder = await folderOf(request)
  const access = accessTo(request)
  return await runVerify({
    ...access,
    folder,
    signal: signalOf(request),
    toolVersion: POSTSTACK_VERSION,
    rollbacks,
    drift,
    onProof,
  })
}

async function folderOf({ dir, migrations }: Partial<MigrationSource>): Promise<MigrationFolder> {
  const options = 'dir, or migrations: [{ file, sql }]'
  if (dir !== undefined && migrations !== undefined)
    throw usage('which of the migrations it means', `either ${options}`)
  if (typeof dir === 'string') return await readMigrations(dir)
  if (!Array.isArray(migrations) || !migrations.every(isSourceFile)) throw usage('which migrations', options)
  const files = migrations.map(({ file, sql }) => ({ file, bytes: Buffer.from(sql) }))
  return { path: '', migrations: parseMigrations(files) }
}

// Types are no help to whoever writes JavaScript.
function isSourceFile(value: unknown): value is MigrationSourceFile {
  if (typeof value !== 'object' || value === null) return false
  return 'file' in value && typeof value.file === 'string' && 'sql' in value && typeof value.sql === 'string'
}

async function optionalFolder(source: Partial<MigrationSource>): Promise<MigrationFolder | undefined> {
  return source.dir === undefined && source.migrations === undefined ? undefined : await folderOf(source)
}

function runOptions(request: DatabaseAddress & RunLimits): RunOptions {
  const { onEvent, lockWaitMs, lockTimeoutMs, statementTimeoutMs, retry } = request
  const { connect: open, connectWork } = accessTo(request)
  const limits = { lockWaitMs, lockTimeoutMs, statementTimeoutMs }
  for (const [name, value] of Object.entries(limits)) if (value !== undefined) checkLimit(name, value)
  if (retry !== undefined) {
    checkLimit('retry.attempts', retry?.attempts)
    checkLimit('retry.totalMs', retry?.totalMs)
  }
  const common = { connect: open, connectWork, signal: signalOf(request), toolVersion: POSTSTACK_VERSION }
  return { ...common, onEvent, ...limits, retry }
}

/** As the server keeps its own: a number of 32 bits. What is none would be waited for without an end, or refused much later. */
const mostOfLimit = 2_147_483_647

function checkLimit(name: string, value: unknown): void {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= mostOfLimit) return
  throw usage(`what ${name} is to be`, `${name} as a whole number from 0 to ${String(mostOfLimit)}`)
}

interface Access {
  readonly connect: Connect
  readonly connectTo: (database: string) => Connect
  /** The caller's own client, for what runs in it. */
  readonly connectWork?: Connect | undefined
}

function accessTo(address: DatabaseAddress): Access {
  const options = 'url, or client (a Client or a Pool of node-postgres)'
  if (address.client !== undefined && address.url !== undefined)
    throw usage('which of the databases it means', `either ${options}`)
  if (address.client !== undefined) return accessLike(address.client)
  if (typeof address.url !== 'string') throw usage('which database', options)
  return connectToUrl(address.url)
}

function accessLike(client: PgClient | PgPool): Access {
  const connectTo = (database: string): Connect => connectLike(client, { database })
  // A pool's clients are for many; one of our own does as well.
  if ('totalCount' in client) return { connect: connectLike(client), connectTo }
  return { connect: connectLike(client), connectTo, connectWork: async () => await borrowClient(client) }
}

// Types are no help to whoever reads a URL from a variable that is not set.
function usage(what: string, options: string): PoststackError {
  return new PoststackError('USAGE', `The call does not say ${what}.`, { hint: `Give it ${options}.` })
}

function signalOf({ signal }: DatabaseOptions): AbortSignal {
  return signal ?? new AbortController().signal
}
