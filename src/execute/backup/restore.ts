/**
 * A backup becomes a database of its own, is compared with what it is of, and only then gets its name. The one that had the name before
 * is kept under another. Until that moment nothing is changed, whenever it is cut off.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { lstat, open } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { isCode, isPoststackError, PoststackError } from '../../errors.ts'
import type { Connect, Connection } from '../../migrations/connection.ts'
import { type Scratch, withScratch } from '../../migrations/verify/scratch.ts'
import { runPiped } from '../../runtime/piped-program.ts'
import { failed, type FindProgram, type Progress } from './backup.ts'
import { compareStates, type Comparison } from './compare.ts'
import { createMeter, readManifest, refusedBy } from './files.ts'
import type { BackupFormat, Manifest } from './manifest.ts'
import { beginReading, readState } from './read-state.ts'
import { swapIn } from './swap.ts'

/** A backup as it was found. */
export interface FoundBackup {
  readonly file: string
  readonly bytes: number
  readonly dump: BackupFormat
  /** Absent for a file of pg_dump that nothing stands beside: then what comes of it cannot be compared. */
  readonly manifest: Manifest | undefined
}

/** Looks at the file and at what stands beside it. Fails with `BACKUP_INVALID` when it is no backup, or another one than it was. */
export async function findBackup(file: string): Promise<FoundBackup> {
  const found = await lstat(file).catch((error: unknown) => {
    throw refusedBy(file, error)
  })
  if (found.isDirectory()) throw invalid(file, 'it is a folder, and a backup of Poststack is a file')
  const manifest = await readManifest(file)
  if (manifest !== undefined && manifest.bytes !== found.size)
    throw invalid(
      file,
      `it has ${String(found.size)} bytes, and its manifest says ${String(manifest.bytes)}: it is not whole`,
    )
  return { file, bytes: found.size, dump: await formatOf(file), manifest }
}

async function formatOf(file: string): Promise<BackupFormat> {
  try {
    const handle = await open(file, 'r')
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(262), 0, 262, 0)
      const head = buffer.subarray(0, bytesRead)
      if (head.subarray(0, 5).toString('latin1') === 'PGDMP') return 'custom'
      if (head.subarray(257, 262).toString('latin1') === 'ustar') throw invalid(file, 'it is a tar archive')
      if (bytesRead === 0) throw invalid(file, 'it is empty')
      return 'plain'
    } finally {
      await handle.close()
    }
  } catch (error) {
    throw refusedBy(file, error)
  }
}

export interface RestoreRequest {
  /** To any database of the server. */
  readonly connectTo: (database: string) => Connect
  /** The database that is connected when nothing else is said; it says how a new one is to be made. */
  readonly database: string
  /** Name that the copy gets. One that has it now is kept aside. */
  readonly name: string
  readonly backup: FoundBackup
  /** Without owners and rights: what is made belongs to the role that connects. */
  readonly noOwner: boolean
  readonly program: FindProgram
  readonly signal: AbortSignal
  readonly onProgress: (progress: Progress) => void
  readonly now: Date
}

export interface Restored {
  /** Where the database is now that had the name before; absent where none had it. */
  readonly kept?: string
  /** What is printed in other words than in the backup, or could not be compared. */
  readonly notes: readonly string[]
  readonly durationMs: number
}

/**
 * Makes the copy, compares it, and gives it its name in one transaction. Fails with `BACKUP_INVALID` when the file or the copy is not what
 * the manifest says, and with `BACKUP_FAILED`; then everything is as before.
 */
export async function restoreBackup(request: RestoreRequest): Promise<Restored> {
  const { backup, connectTo, database, name, signal } = request
  const began = performance.now()
  const connect = await besides([name, database], connectTo, signal)
  return await withScratch({ connect, connectTo, like: database, bare: true }, signal, async (make) => {
    const scratch = await make()
    const { notes } = await fill(scratch, { ...request, what: 'restoring' })
    await scratch.leave()
    const kept = await swapIn({
      connect,
      scratch: scratch.name,
      name,
      around: backup.manifest?.state,
      signal,
      now: request.now,
    })
    return { ...(kept === undefined ? {} : { kept }), notes, durationMs: Math.round(performance.now() - began) }
  })
}

export interface VerifyRequest extends Omit<RestoreRequest, 'name' | 'now'> {
  readonly backup: FoundBackup & { readonly manifest: Manifest }
}

/** Makes the copy, compares it, and drops it. Fails as `restoreBackup` does. */
export async function verifyBackup(request: VerifyRequest): Promise<Pick<Restored, 'notes'>> {
  const { connectTo, database, signal } = request
  const connect = connectTo(database)
  return await withScratch({ connect, connectTo, like: database, bare: true }, signal, async (make) => {
    return await fill(await make(), { ...request, what: 'verifying' })
  })
}

interface Filling extends Omit<RestoreRequest, 'name' | 'now'> {
  readonly what: Progress['what']
}

async function fill(scratch: Scratch, request: Filling): Promise<Pick<Comparison, 'notes'>> {
  const { backup, noOwner, signal } = request
  const session = await scratch.connect({ applicationName: 'poststack restore', signal })
  try {
    const { rows } = await session.query(
      "SELECT pg_catalog.current_setting('server_version_num')::int / 10000 AS major",
    )
    await feed(scratch.name, Number(rows[0]?.['major']), request)
    const { manifest } = backup
    if (manifest === undefined)
      return { notes: ['the copy could not be compared: the backup has no manifest beside it'] }
    const { schemaOnly, state } = manifest
    const { notes, wrong } = compareStates(state, await stateOf(session, schemaOnly), { withoutOwners: noOwner })
    if (wrong.length > 0) throw different(backup.file, wrong)
    return { notes }
  } finally {
    await session.close()
  }
}

async function stateOf(session: Connection, schemaOnly: boolean): ReturnType<typeof readState> {
  await beginReading(session)
  const state = await readState(session, { schemaOnly })
  await session.query('COMMIT')
  return state
}

async function feed(database: string, major: number, request: Filling): Promise<void> {
  const { backup, onProgress, program, signal, what } = request
  const { bytes: total, dump, file, manifest } = backup
  const [name, args] = dump === 'custom' ? restoreArguments(request) : psqlArguments(request)
  const found = await program({ program: name, args, major, database, applicationName: 'poststack restore' })
  const meter = createMeter((bytes) => {
    onProgress({ what, bytes, total })
  })
  const source = createReadStream(file)
  const [ran] = await Promise.allSettled([
    runPiped(found, { input: meter.through, signal }),
    pipeline(source, meter.through),
  ])
  if (source.errored !== null && !isCode(source.errored, ...endedFirst) && !signal.aborted)
    throw refusedBy(file, source.errored)
  if (ran.status === 'rejected') throw ran.reason
  const { exitCode, lastLines } = ran.value
  if (exitCode !== 0) {
    const error = failed(name, database, { exitCode, words: lastLines.join('\n') })
    throw new PoststackError(error.code, `${error.message}\nNothing was changed.`, {
      hint: error.hint,
      details: error.details,
    })
  }
  if (manifest === undefined) return
  // pg_restore need not read what comes behind the end of the archive.
  const sha256 = meter.bytes() === total ? meter.sha256() : await digestOf(file)
  if (sha256 !== manifest.sha256)
    throw invalid(file, 'its checksum is not the one in its manifest: it was damaged or changed')
}

/** What a stream fails with when the program at its end has ended before it had read all. */
const endedFirst = ['EPIPE', 'ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE']

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}

function restoreArguments({ noOwner }: Filling): readonly ['pg_restore', readonly string[]] {
  const owners = noOwner ? ['--no-owner', '--no-privileges'] : []
  return ['pg_restore', ['--no-password', '--exit-on-error', ...owners]]
}

function psqlArguments({ backup: { file }, noOwner }: Filling): readonly ['psql', readonly string[]] {
  if (noOwner)
    throw new PoststackError('USAGE', `--no-owner is not possible for ${file}: owners stand in its text.`, {
      hint: 'Make the backup with --format custom; or make the roles first.',
    })
  return ['psql', ['--no-password', '--no-psqlrc', '--quiet', '--output=/dev/null', '--set=ON_ERROR_STOP=1']]
}

/** A way to a database that is none of these: nobody may be in one that gets another name. */
async function besides(
  names: readonly string[],
  connectTo: RestoreRequest['connectTo'],
  signal: AbortSignal,
): Promise<Connect> {
  const candidates = ['postgres', 'template1'].filter((name) => !names.includes(name))
  let reason: unknown
  for (const candidate of candidates) {
    const connect = connectTo(candidate)
    try {
      const connection = await connect({ applicationName: 'poststack restore', signal })
      await connection.close()
      return connect
    } catch (error) {
      if (!isPoststackError(error) || error.code !== 'DATABASE_MISSING') throw error
      reason = error
    }
  }
  throw new PoststackError(
    'BACKUP_FAILED',
    `There is no database to work from while ${names[0] ?? ''} gets its name: neither ${candidates.join(' nor ')}.`,
    { hint: 'Make one: CREATE DATABASE postgres', cause: reason },
  )
}

function invalid(file: string, why: string): PoststackError {
  return new PoststackError('BACKUP_INVALID', `${file} cannot be used: ${why}.`, {
    hint: 'Take another backup: poststack database list-backups',
    details: { file },
  })
}

function different(file: string, wrong: readonly string[]): PoststackError {
  const lines = wrong.slice(0, 20).map((line) => `- ${line}`)
  const more = wrong.length > lines.length ? [`- and ${String(wrong.length - lines.length)} more`] : []
  return new PoststackError(
    'BACKUP_INVALID',
    [
      `What was made from ${file} is not what was backed up:`,
      ...lines,
      ...more,
      'The copy was dropped; nothing was changed.',
    ].join('\n'),
    {
      hint: 'Take another backup, or find out what differs with pg_restore by hand.',
      details: { file, differences: wrong },
    },
  )
}
