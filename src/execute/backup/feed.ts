/**
 * What a backup holds, into a database that is empty.
 */
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { isCode, isPoststackError, PoststackError } from '../../errors.ts'
import type { Connect } from '../../migrations/connection.ts'
import { runPiped } from '../../runtime/piped-program.ts'
import { refusedBy } from './disk-words.ts'
import { restoreFolder } from './folder-program.ts'
import { type FoundBackup, invalid } from './found.ts'
import { createMeter, digestFile, digestOf, measureFolder } from './meter.ts'
import { failed, type FindProgram, type FoundProgram, type Progress } from './program.ts'
import { isPlainSql, largestText, runSqlText } from './sql-text.ts'

export interface Feeding {
  readonly backup: FoundBackup
  readonly database: string
  /** To that database. */
  readonly connect: Connect
  /** The major version of the server. */
  readonly major: number
  /** How many tables are filled at once; for a folder only. */
  readonly jobs?: number | undefined
  /** Without owners and rights. */
  readonly noOwner: boolean
  readonly program: FindProgram
  readonly signal: AbortSignal
  readonly what: Progress['what']
  readonly onProgress: (progress: Progress) => void
}

/**
 * Gives it to the program that makes a database of it. Fails with `BACKUP_FAILED`, and with `BACKUP_INVALID` when it is not what its
 * manifest says.
 */
export async function feed(request: Feeding): Promise<void> {
  const { backup, database, major, onProgress, program, what } = request
  // The log begins with it: one that is stopped before anything flows has a line there, too.
  onProgress({ what, bytes: 0, total: backup.bytes })
  const isFolder = backup.dump === 'directory'
  // Once more at the end would be too late: what it reads, it reads in its own order, and not all of it.
  if (isFolder) await checkFolder(request)
  const [name, args] = backup.dump === 'plain' ? psqlArguments(request) : restoreArguments(request)
  const found = await program({ program: name, args, major, database, applicationName: 'poststack restore' }).catch(
    async (error: unknown) => {
      if (!isPoststackError(error) || error.code !== 'PROGRAM_MISSING' || name !== 'psql') throw error
      await feedText(request, error)
      return undefined
    },
  )
  if (found === undefined) return
  const failure = isFolder ? await feedFolder(found, request) : await feedFile(found, request)
  if (failure === undefined) return
  const error = failed(name, database, failure)
  throw new PoststackError(error.code, `${error.message}\nNothing was changed.`, {
    hint: error.hint,
    details: error.details,
  })
}

/** Without psql, where the file is one that needs none. Fails with `missing` where it does. */
async function feedText({ backup, connect, signal }: Feeding, missing: PoststackError): Promise<void> {
  const { bytes: total, file, manifest } = backup
  if (total > largestText) throw missing
  const content = await readFile(file).catch((error: unknown) => {
    throw refusedBy(file, error)
  })
  if (manifest !== undefined && digestOf(content) !== manifest.sha256) throw damaged(file)
  const text = content.toString()
  if (!isPlainSql(text)) throw missing
  const session = await connect({ applicationName: 'poststack restore', signal })
  try {
    await runSqlText(session, text, { file, signal })
  } finally {
    await session.close()
  }
}

async function checkFolder({ backup: { file, manifest }, signal }: Feeding): Promise<void> {
  if (manifest === undefined) return
  const { sha256 } = await measureFolder(file, signal).catch((error: unknown) => {
    throw refusedBy(file, error)
  })
  if (sha256 !== manifest.sha256) throw damaged(file)
}

async function feedFolder(
  program: FoundProgram,
  { backup, onProgress, signal, what }: Feeding,
): ReturnType<typeof restoreFolder> {
  const { bytes: total, file: folder } = backup
  const onBytes = (bytes: number): void => {
    onProgress({ what, bytes: Math.min(bytes, total), total })
  }
  try {
    return await restoreFolder(program, { folder, signal, onBytes, endSession: () => Promise.resolve() })
  } catch (error) {
    throw refusedBy(folder, error)
  }
}

async function feedFile(program: FoundProgram, request: Feeding): ReturnType<typeof restoreFolder> {
  const { backup, onProgress, signal, what } = request
  const { bytes: total, file, manifest } = backup
  const meter = createMeter((bytes) => {
    onProgress({ what, bytes, total })
  })
  const source = createReadStream(file)
  const [ran] = await Promise.allSettled([
    runPiped(program, { input: meter.through, signal }),
    pipeline(source, meter.through),
  ])
  if (source.errored !== null && !isCode(source.errored, ...endedFirst) && !signal.aborted)
    throw refusedBy(file, source.errored)
  if (ran.status === 'rejected') throw ran.reason
  const { exitCode, lastLines } = ran.value
  if (exitCode !== 0) return { exitCode, words: lastLines.join('\n') }
  if (manifest === undefined) return undefined
  // pg_restore need not read what comes behind the end of the archive.
  const sha256 = meter.bytes() === total ? meter.sha256() : await digestFile(file, signal)
  if (sha256 !== manifest.sha256) throw damaged(file)
  return undefined
}

function damaged(file: string): PoststackError {
  return invalid(file, 'its checksum is not the one in its manifest: it was damaged or changed')
}

/** What a stream fails with when the program at its end has ended before it had read all. */
const endedFirst = ['EPIPE', 'ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE']

function restoreArguments({ jobs, noOwner }: Feeding): readonly ['pg_restore', readonly string[]] {
  const owners = noOwner ? ['--no-owner', '--no-privileges'] : []
  const workers = jobs === undefined ? [] : [`--jobs=${String(jobs)}`]
  return ['pg_restore', ['--no-password', '--exit-on-error', ...workers, ...owners]]
}

function psqlArguments({ backup: { file }, noOwner }: Feeding): readonly ['psql', readonly string[]] {
  if (noOwner)
    throw new PoststackError('USAGE', `--no-owner is not possible for ${file}: owners stand in its text.`, {
      hint: 'Make the backup with --format custom; or make the roles first.',
    })
  return ['psql', ['--no-password', '--no-psqlrc', '--quiet', '--output=/dev/null', '--set=ON_ERROR_STOP=1']]
}
