/**
 * A backup becomes a database of its own, is compared with what it is of, and only then gets its name. The one that had the name before
 * is kept under another. Until that moment nothing is changed, whenever it is cut off.
 */
import { isPoststackError, PoststackError } from '../../errors.ts'
import type { Connect, Connection } from '../../migrations/connection.ts'
import { asking, withOwnPath } from '../../migrations/own-path.ts'
import { type Scratch, withScratch } from '../../migrations/verify/scratch.ts'
import { compareStates, type Comparison } from './compare.ts'
import { feed } from './feed.ts'
import type { FoundBackup } from './found.ts'
import type { Manifest } from './manifest.ts'
import type { FindProgram, Progress } from './program.ts'
import { beginReading, readState } from './read-state.ts'
import { swapIn } from './swap.ts'

export interface RestoreRequest {
  /** To any database of the server. */
  readonly connectTo: (database: string) => Connect
  /** The database that is connected when nothing else is said; it says how a new one is to be made. */
  readonly database: string
  /** Name that the copy gets. One that has it now is kept aside. */
  readonly name: string
  readonly backup: FoundBackup
  /** How many tables are filled at once; for a folder only. */
  readonly jobs?: number | undefined
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
  const session = await asking(scratch.connect)({ applicationName: 'poststack restore', signal })
  try {
    const { rows } = await session.query(
      "SELECT pg_catalog.current_setting('server_version_num')::int / 10000 AS major",
    )
    await feed({
      ...request,
      database: scratch.name,
      connect: request.connectTo(scratch.name),
      major: Number(rows[0]?.['major']),
    })
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

/** A way to a database that is none of these: nobody may be in one that gets another name. */
async function besides(
  names: readonly string[],
  connectTo: RestoreRequest['connectTo'],
  signal: AbortSignal,
): Promise<Connect> {
  const candidates = ['postgres', 'template1'].filter((name) => !names.includes(name))
  let reason: unknown
  for (const candidate of candidates) {
    const connect = withOwnPath(connectTo(candidate))
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
