/**
 * pg_dump and pg_restore on a folder of files: one of this machine works on the folder itself, one in a container on a folder there, which
 * is copied.
 */
import { randomBytes } from 'node:crypto'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { AttachedProgram } from '../../runtime/runtime.ts'
import { packFiles, unpackFiles } from '../../runtime/folder-archive.ts'
import { type PipedStreams, runPiped } from '../../runtime/piped-program.ts'
import { bytesOf, createMeter, type Measure, measureFolder } from './meter.ts'
import type { FailedProgram, FoundProgram } from './program.ts'

export interface FolderWork {
  /** Absolute path; it is there. */
  readonly folder: string
  readonly signal: AbortSignal
  readonly onBytes: (bytes: number) => void
  /** Ends what the program does in the server: in a container it goes on when its caller is gone. */
  readonly endSession: () => Promise<void>
}

export type Dumped = Measure | (FailedProgram & { readonly bytes: number })

/** What pg_dump has written is in the folder; where it failed, part of it may be. */
export async function dumpFolder(program: FoundProgram, work: FolderWork): Promise<Dumped> {
  const { folder, signal } = work
  // What an earlier try has left; pg_dump wants it empty.
  for (const name of await readdir(folder)) await rm(join(folder, name))
  const failure =
    program.inside === undefined
      ? await dumpHere(program, work)
      : await withPlace(program.inside, work, (place) => dumpInside(program, { ...work, ...place }))
  return failure === undefined
    ? await measureFolder(folder, signal)
    : { ...failure, bytes: await bytesOf(folder).catch(() => 0) }
}

/** What pg_restore has failed with; nothing when it has not. */
export async function restoreFolder(program: FoundProgram, work: FolderWork): Promise<FailedProgram | undefined> {
  const { folder, signal } = work
  if (program.inside === undefined) return await runOn(program, folder, { signal })
  return await withPlace(program.inside, work, async ({ path, run }) => {
    const meter = createMeter(work.onBytes)
    const files = await packFiles(folder)
    const [copied, packed] = await Promise.allSettled([
      run(['sh', '-c', 'mkdir -m 700 "$0" && tar -xf - -C "$0"', path], { input: meter.through }),
      pipeline(files, meter.through),
    ])
    if (packed.status === 'rejected' && !signal.aborted && isDiskError(packed.reason)) throw packed.reason
    if (copied.status === 'rejected') throw copied.reason
    return copied.value ?? (await runOn(program, path, { signal }))
  })
}

const tellEveryMs = 500

async function dumpHere(program: FoundProgram, { folder, onBytes, signal }: FolderWork): Promise<Failure> {
  const tell = setInterval(() => {
    bytesOf(folder).then(onBytes, () => undefined)
  }, tellEveryMs)
  try {
    return await runOn(program, `--file=${folder}`, { signal })
  } finally {
    clearInterval(tell)
  }
}

async function dumpInside(
  program: FoundProgram,
  { folder, onBytes, path, run, signal }: FolderWork & Place,
): Promise<Failure> {
  const failure = await runOn(program, `--file=${path}`, { signal })
  if (failure !== undefined) return failure
  const { through } = createMeter(onBytes)
  const [ran, unpacked] = await Promise.allSettled([
    run(['tar', '-cf', '-', '-C', path, '.'], { output: through }),
    unpackFiles(through, folder),
  ])
  // A full disk here is the reason why the program broke off.
  if (unpacked.status === 'rejected' && !signal.aborted && isDiskError(unpacked.reason)) throw unpacked.reason
  if (ran.status === 'rejected') throw ran.reason
  if (ran.value === undefined && unpacked.status === 'rejected') throw unpacked.reason
  return ran.value
}

export function isDiskError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error
}

type Failure = FailedProgram | undefined

interface Place {
  /** A path in the container, of which nothing is there yet. */
  readonly path: string
  readonly run: (command: readonly string[], streams: Pick<PipedStreams, 'input' | 'output'>) => Promise<Failure>
}

const placePrefix = 'poststack-backup-'
const removingMs = 20_000

/** What is left of runs that were killed goes with it. */
const removal = `rm -rf "$0"; find /tmp -maxdepth 1 -name '${placePrefix}*' -mmin +1440 -exec rm -rf {} +`

/** A place in the container that is gone afterwards, whatever comes of it. */
async function withPlace<Result>(
  inside: NonNullable<FoundProgram['inside']>,
  { endSession, signal }: FolderWork,
  body: (place: Place) => Promise<Result>,
): Promise<Result> {
  const path = `/tmp/${placePrefix}${randomBytes(6).toString('hex')}`
  const remove = await inside(['sh', '-c', removal, path])
  let done = false
  try {
    const result = await body({
      path,
      run: async (command, streams) => failureOf(await runPiped(await inside(command), { ...streams, signal })),
    })
    done = true
    return result
  } finally {
    // It would go on writing there.
    if (!done) await endSession()
    await runPiped(remove, { signal: AbortSignal.timeout(removingMs) }).catch(() => undefined)
  }
}

async function runOn(
  program: AttachedProgram,
  argument: string,
  streams: Pick<PipedStreams, 'signal'>,
): Promise<Failure> {
  return failureOf(await runPiped({ ...program, args: [...program.args, argument] }, streams))
}

function failureOf({ exitCode, lastLines }: Awaited<ReturnType<typeof runPiped>>): Failure {
  return exitCode === 0 ? undefined : { exitCode, words: lastLines.join('\n') }
}
