/**
 * A backup of a whole database, with the ledger: a file or a folder of pg_dump and a manifest beside it, both as of one moment.
 */
import { randomBytes } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { interruption, onAbort } from '../../abort.ts'
import { PoststackError } from '../../errors.ts'
import type { Connect, Connection } from '../../migrations/connection.ts'
import { isPooled } from '../../migrations/lock/pooler.ts'
import { asking } from '../../migrations/own-path.ts'
import { runPiped } from '../../runtime/piped-program.ts'
import { refusedBy } from './disk-words.ts'
import { openPartial, openPartialFolder, type PartialBackup, refuseExisting } from './partial.ts'
import type { BackupFormat, Manifest } from './manifest.ts'
import { createMeter, type Measure } from './meter.ts'
import { type Dumped, dumpFolder, type FolderWork, isDiskError } from './folder-program.ts'
import { failed, type FindProgram, type FoundProgram, type Progress } from './program.ts'
import { beginReading, readSchemas, readState } from './read-state.ts'

export interface BackupRequest {
  readonly connect: Connect
  readonly program: FindProgram
  readonly database: Manifest['database']
  /** Absolute path. */
  readonly file: string
  readonly format: BackupFormat
  /** How many tables are written at once; for a folder only. */
  readonly jobs?: number | undefined
  readonly schemaOnly: boolean
  readonly toolVersion: string
  readonly signal: AbortSignal
  readonly onProgress: (progress: Progress) => void
  /** Called with what was written, before it has its name; what it fails with, the backup fails with. */
  readonly verify?: ((written: WrittenBackup) => Promise<void>) | undefined
}

/** A dump that is whole, wherever it lies now. */
export interface WrittenBackup {
  readonly path: string
  readonly manifest: Manifest
}

/**
 * Makes it. What is written has its name only when all of it is on the disk; whatever comes between leaves nothing, or what says in its
 * name that it is not whole. Fails with `USAGE` when the file is there already, with `BACKUP_FAILED`, and with `DATABASE_POOLED`.
 */
export async function makeBackup(request: BackupRequest): Promise<Manifest> {
  const { file, format, schemaOnly, signal, toolVersion, verify } = request
  await refuseExisting(file)
  const applicationName = `poststack backup ${randomBytes(4).toString('hex')}`
  const reader = await openReader(request)
  // The log begins with it: one that is stopped before anything flows has a line there, too.
  request.onProgress({ what: 'dumping', bytes: 0 })
  const forget = onAbort(signal, () => void reader.connection.cancel())
  let partial: PartialBackup | undefined
  try {
    const time = new Date().toISOString()
    const made: PartialBackup = await (format === 'directory' ? openPartialFolder(file) : openPartial(file))
    partial = made
    // One session shows its moment to the other, so what the manifest counts is what the dump holds.
    const dumping = new AbortController()
    const [written, state] = await both({
      one: () =>
        dump({ ...request, signal: AbortSignal.any([signal, dumping.signal]), partial: made, applicationName, reader }),
      stopOne: () => {
        dumping.abort()
      },
      other: () => readState(reader.connection, { schemaOnly }),
      stopOther: () => stopReading(reader),
      signal,
    })
    // Verifying takes as long as restoring does, and what is dead since that moment is kept for whoever sees it.
    await reader.connection.close()
    const manifest: Manifest = {
      format: 1,
      tool: `poststack ${toolVersion}`,
      time,
      database: request.database,
      dump: format,
      schemaOnly,
      verified: verify !== undefined,
      ...written,
      state,
    }
    await verify?.({ path: made.path, manifest })
    await made.complete(manifest)
    return manifest
  } catch (error) {
    await endSession(request.connect, applicationName)
    throw refusedBy(file, error)
  } finally {
    forget()
    await partial?.close()
    await reader.connection.close()
  }
}

interface Reader {
  readonly connection: Connection
  /** Name of the moment that its transaction sees. */
  readonly moment: string
  readonly major: number
  readonly schemas: readonly string[]
}

async function openReader({ connect, signal }: Pick<BackupRequest, 'connect' | 'signal'>): Promise<Reader> {
  const connection = await asking(connect)({ applicationName: 'poststack backup', signal })
  try {
    if (await isPooled(connection)) throw pooled()
    await beginReading(connection)
    const { rows } = await connection.query(
      `SELECT pg_catalog.pg_export_snapshot() AS moment, pg_catalog.current_setting('server_version_num')::int / 10000 AS major`,
    )
    const schemas = await readSchemas(connection)
    return { connection, moment: String(rows[0]?.['moment']), major: Number(rows[0]?.['major']), schemas }
  } catch (error) {
    await connection.close()
    throw error
  }
}

interface Dump extends BackupRequest {
  readonly partial: PartialBackup
  readonly applicationName: string
  readonly reader: Reader
}

async function dump(request: Dump): Promise<Measure> {
  const { applicationName, database, format, program, reader } = request
  for (const compression of compressions(format, reader.major)) {
    const args = [...dumpArguments(request), ...compression]
    const found = await program({
      program: 'pg_dump',
      args,
      major: reader.major,
      database: database.name,
      applicationName,
    })
    const written = await write(found, request)
    if ('sha256' in written) return written
    const isUnknown = compression.length > 0 && written.bytes === 0 && /compress/i.test(written.words)
    if (!isUnknown) throw failed('pg_dump', database.name, written)
  }
  throw new Error('the last way to compress is none, and is not refused')
}

/** zstd takes half the time and half the room of the default; a program that was built without it says so at once. */
function compressions(format: BackupFormat, major: number): readonly (readonly string[])[] {
  return format !== 'plain' && major >= 16 ? [['--compress=zstd:3'], []] : [[]]
}

function dumpArguments({ format, jobs, reader: { moment, schemas }, schemaOnly }: Dump): readonly string[] {
  const workers = jobs === undefined ? [] : [`--jobs=${String(jobs)}`]
  const whole = ['--no-password', `--format=${format}`, `--snapshot=${moment}`, ...workers]
  if (!schemaOnly) return whole
  // Not pg_dump's own --schema-only: the ledger's rows belong to the schema, or the next `up` would make all of it once more.
  const others = schemas.filter((name) => name !== 'poststack')
  return [...whole, '--no-blobs', ...others.map((name) => `--exclude-table-data="${name.replaceAll('"', '""')}".*`)]
}

async function write(program: FoundProgram, request: Dump): Promise<Dumped> {
  const { applicationName, connect, onProgress, partial, signal } = request
  const onBytes = (bytes: number): void => {
    onProgress({ what: 'dumping', bytes })
  }
  const { handle, path } = partial
  if (handle !== undefined) return await writeFile(program, handle, { onBytes, signal })
  return await dumpFolder(program, {
    folder: path,
    signal,
    onBytes,
    endSession: () => endSession(connect, applicationName),
  })
}

async function writeFile(
  program: FoundProgram,
  handle: FileHandle,
  { onBytes, signal }: Pick<FolderWork, 'onBytes' | 'signal'>,
): Promise<Dumped> {
  const meter = createMeter(onBytes)
  // Not a stream of the file's own, which would not let go of it.
  const disk = async (chunks: AsyncIterable<Buffer>): Promise<void> => {
    for await (const chunk of chunks) await handle.writeFile(chunk)
  }
  const flow = pipeline(meter.through, disk)
  // Whichever fails first, the program is ended, and both have settled before anybody goes on.
  const [ran, flowed] = await Promise.allSettled([runPiped(program, { output: meter.through, signal }), flow])
  if (flowed.status === 'rejected' && !signal.aborted && isDiskError(flowed.reason)) throw flowed.reason
  if (ran.status === 'rejected') throw ran.reason
  if (flowed.status === 'rejected') throw flowed.reason
  const { exitCode, lastLines } = ran.value
  const bytes = meter.bytes()
  if (exitCode !== 0) return { exitCode, words: lastLines.join('\n'), bytes }
  return { bytes, sha256: meter.sha256() }
}

/** What it asks at this moment, and whatever it would ask next: between two questions nothing is there to be cancelled. */
async function stopReading({ connection }: Reader): Promise<void> {
  await connection.cancel()
  await connection.close()
}

interface Both<One, Other> {
  readonly one: () => Promise<One>
  readonly stopOne: () => void
  readonly other: () => Promise<Other>
  readonly stopOther: () => Promise<void>
  readonly signal: AbortSignal
}

/** Both to their end; when one fails, it stops the other, and its error counts. */
async function both<One, Other>(work: Both<One, Other>): Promise<[One, Other]> {
  const failures: unknown[] = []
  const orStop = async <Result>(run: () => Promise<Result>, stop: () => void | Promise<void>): Promise<Result> => {
    try {
      return await run()
    } catch (error) {
      failures.push(error)
      await stop()
      throw error
    }
  }
  const [first, second] = await Promise.allSettled([orStop(work.one, work.stopOther), orStop(work.other, work.stopOne)])
  if (first.status === 'fulfilled' && second.status === 'fulfilled') return [first.value, second.value]
  throw work.signal.aborted ? interruption(work.signal) : failures[0]
}

const endingMs = 5_000

/** In a container the program goes on when its caller is gone; what it waits for or holds in the server ends with its session. */
async function endSession(connect: Connect, applicationName: string): Promise<void> {
  const signal = AbortSignal.timeout(endingMs)
  try {
    const connection = await asking(connect)({ applicationName: 'poststack backup', signal })
    try {
      await connection.query(
        'SELECT pg_catalog.pg_terminate_backend(a.pid) FROM pg_catalog.pg_stat_activity a WHERE a.application_name OPERATOR(pg_catalog.=) $1',
        [applicationName],
      )
    } finally {
      await connection.close()
    }
  } catch {
    // What went wrong before is what to tell.
  }
}

function pooled(): PoststackError {
  return new PoststackError(
    'DATABASE_POOLED',
    'The connection goes through a pooler, and a backup needs the server itself.',
    {
      hint: "Give the server's own address: --url postgresql://user@host:5432/database",
    },
  )
}
