/**
 * From a container's record to a running server.
 */
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { throwIfAborted } from '../../abort.ts'
import { isCode, PoststackError } from '../../errors.ts'
import { runProgram } from '../exec.ts'
import { findBinaries } from './binaries.ts'
import type { Binaries, Place } from './binaries.ts'
import { clearAbandoned, createCluster, hasCluster } from './cluster.ts'
import { folderOf } from './folders.ts'
import { dataOf, readContainers, runningServer } from './records.ts'
import type { Container } from './records.ts'
import { launchServer, serverOn } from './server.ts'
import { openWay, requireUser, userForExisting, userForNew } from './user.ts'
import type { Surroundings } from './user.ts'
import type { Revealed } from '../runtime.ts'

/** What the runtime was made with. */
export interface NativeContext extends Omit<Surroundings, 'signal'> {
  readonly places: (major: number) => readonly Place[]
}

interface StartOptions {
  readonly files: Revealed
  readonly signal: AbortSignal
}

/** Brings a container's server up: makes its data directory if there is none, and leaves one that runs alone. */
export async function startContainer(
  context: NativeContext,
  container: Container,
  { files, signal }: StartOptions,
): Promise<void> {
  const { folders } = context
  const { server } = container.record
  if (process.platform === 'win32')
    throw new PoststackError('RUNTIME_MISSING', 'The native runtime does not run on Windows itself.', {
      hint: 'Run Poststack in WSL, or use podman or docker.',
    })
  const surroundings: Surroundings = { ...context, signal }
  if ((await runningServer(folders, container, signal)) !== undefined) return
  const volumeFolder = folderOf(folders.volumes, server.volume)
  const data = await dataOf(folders, server.volume)
  if ((await stat(volumeFolder).catch(() => undefined)) === undefined)
    throw new PoststackError(
      'ENGINE_REFUSED',
      `${container.name} was not started: its volume ${server.volume} is gone.`,
      {
        hint: 'Run the command again: a missing volume is made anew, and empty.',
        details: { volume: server.volume },
      },
    )
  await refuseSharedVolume(context, container, signal)
  const fresh = !(await hasCluster(volumeFolder))
  const binaries = await binariesFor(context, server.postgres.version, { thorough: fresh, signal })
  if (fresh) {
    const runAs = await userForNew(binaries, surroundings, volumeFolder)
    const password = passwordIn(files, container)
    await createCluster({ volumeFolder, binaries, server, password, runAs, env: context.env, signal })
  } else {
    await clearAbandoned(volumeFolder, signal)
  }
  await checkMajor(data, server.postgres.version)
  const runAs = await userForExisting(data, surroundings)
  await openWay(runAs, surroundings, volumeFolder)
  await launchServer({ container, binaries, data, volumeFolder, runAs }, surroundings)
}

/** Two servers on one data directory destroy it. PostgreSQL has a lock of its own; this one can name the other. */
async function refuseSharedVolume(
  { folders }: NativeContext,
  container: Container,
  signal: AbortSignal,
): Promise<void> {
  const { volume } = container.record.server
  const { containers } = await readContainers(folders)
  for (const other of containers) {
    if (other.record.id === container.record.id || other.record.server.volume !== volume) continue
    if ((await runningServer(folders, other, signal)) !== undefined)
      throw volumeInUse(volume, `container ${other.name}`)
  }
  const server = await serverOn(await dataOf(folders, volume), signal)
  if (server !== undefined && (await runningServer(folders, container, signal)) === undefined)
    throw volumeInUse(volume, `another server (pid ${String(server.pid)})`)
}

async function checkMajor(data: string, wanted: number): Promise<void> {
  const text = await readFile(join(data, 'PG_VERSION'), 'utf8').catch((error: unknown) => {
    if (isCode(error, 'ENOENT')) return ''
    // Another user's data: said better when the user is chosen.
    if (isCode(error, 'EACCES')) return String(wanted)
    throw error
  })
  const found = text.trim()
  if (found === String(wanted)) return
  throw new PoststackError(
    'ENGINE_REFUSED',
    found === ''
      ? `${data} is not a data directory of PostgreSQL.`
      : `The data in ${data} were made by PostgreSQL ${found}, and version ${String(wanted)} is declared.`,
    {
      hint: found === '' ? 'Move it away.' : `Declare version ${found}, or dump the data and start with a new volume.`,
    },
  )
}

/** Fails with `POSTGRES_BINARIES_MISSING` unless a server of the major can be run here. */
export async function requireBinaries(context: NativeContext, major: number, signal: AbortSignal): Promise<void> {
  await binariesFor(context, major, { thorough: false, signal })
}

/** The same, and fails with `PROGRAM_MISSING` or `RUNTIME_MISSING` where a new one would have no user to run as. */
export async function requireServer(context: NativeContext, major: number, signal: AbortSignal): Promise<void> {
  const binaries = await binariesFor(context, major, { thorough: false, signal })
  await requireUser(binaries, { ...context, signal })
}

export async function binariesFor(
  { folders, env, places }: NativeContext,
  major: number,
  { thorough, signal }: { readonly thorough: boolean; readonly signal: AbortSignal },
): Promise<Binaries> {
  return findBinaries({
    major,
    places: places(major),
    libraries: folders.libraries,
    thorough,
    askVersion: async (program, more) => {
      try {
        const call = { program, args: ['--version'], env: { ...env, ...more }, ownGroup: true }
        const request = { ...call, signal, timeoutMs: 10_000 }
        const { exitCode, stdout, lastLines: words } = await runProgram(request)
        return exitCode === 0 ? stdout.trim() : `cannot be run here: ${words.at(-1) ?? `exit code ${String(exitCode)}`}`
      } catch (error) {
        throwIfAborted(signal)
        return `cannot be run here: ${error instanceof Error ? error.message : String(error)}`
      }
    },
  })
}

export function passwordIn(files: Revealed, { name, record }: Container): string {
  const path = record.server.passwordFile
  const contents = Object.values(files)
  const password = (path === undefined ? undefined : files[path]) ?? (contents.length === 1 ? contents[0] : undefined)
  if (password === undefined) throw new Error(`container ${name} was started without its password`)
  if (password === '' || /[\r\n\0]/.test(password))
    throw new PoststackError('ENGINE_REFUSED', `The password of ${name} is empty or has a line break in it.`, {
      hint: 'Declare one without.',
    })
  return password
}

export function volumeInUse(volume: string, by: string): PoststackError {
  return new PoststackError(
    'ENGINE_REFUSED',
    `Volume ${volume} is in use by ${by}: a volume has one server at a time.`,
    {
      hint: 'Stop the other one first.',
      details: { volume },
    },
  )
}
