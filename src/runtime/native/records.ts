/**
 * What the native runtime writes down: of each container a record beside its log, of each volume its labels beside its data.
 * Never a password.
 */
import { randomUUID } from 'node:crypto'
import { readFile, realpath, rename } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { unreadable, writing } from '../../config/state-folder.ts'
import { isCode, PoststackError } from '../../errors.ts'
import { isOurs } from '../../plan/names.ts'
import type { ContainerPlan, ObservedContainer, ObservedVolume, PostgresSpec, Target } from '../../plan/types.ts'
import { carriesLabels, labelledContainer, labelledVolume, ownerOf } from '../labels.ts'
import type { Labels } from '../labels.ts'
import { deleteFolder, folderOf, makeFolderWith, namesIn, replaceJson, syncFolder } from './folders.ts'
import type { NativeFolders } from './folders.ts'
import { lastLines } from './log.ts'
import { isServer, readProcess } from './process.ts'
import type { LiveProcess } from './process.ts'

/** `container.json`, a format that later versions must read. */
export interface ContainerRecord {
  readonly version: 1
  /** Stays the same through renames. */
  readonly id: string
  readonly labels: Labels
  readonly server: ServerPlan
}

export interface ServerPlan {
  readonly postgres: Omit<PostgresSpec, 'password'>
  readonly port: number
  readonly address: string
  /** Name of the volume with its data. */
  readonly volume: string
  /** Where containers find the password: the key of it among the files that a start is given. */
  readonly passwordFile: string | undefined
}

/** `server.json`: the last start. */
export interface LastRun {
  readonly pid: number
  readonly started: string | undefined
  /** Once it has ended before our eyes. */
  readonly exitCode?: number
}

export interface Container {
  readonly name: string
  readonly folder: string
  readonly record: ContainerRecord
}

export function logOf(container: Container): string {
  return join(container.folder, 'server.log')
}

export async function createRecord(folders: NativeFolders, plan: ContainerPlan): Promise<void> {
  const record: ContainerRecord = { version: 1, id: randomUUID(), labels: plan.labels, server: serverPlan(plan) }
  if (!(await makeFolderWith(folderOf(folders.servers, plan.name), 'container.json', record)))
    throw taken(folders, plan.name)
}

/** Every container that has a readable record, and the names of folders without one. */
export async function readContainers(
  folders: NativeFolders,
): Promise<{ readonly containers: readonly Container[]; readonly strangers: readonly string[] }> {
  const names = await namesIn(folders.servers)
  const read = await Promise.all(names.map((name) => readContainer(folders, name)))
  return {
    containers: read.filter((one) => one !== undefined),
    strangers: names.filter((_, index) => read[index] === undefined),
  }
}

/** By its id when the target has one, as the name may be another's by now. */
export async function findContainer(folders: NativeFolders, target: Target): Promise<Container | undefined> {
  const named = await readContainer(folders, target.name)
  if (target.id === undefined) {
    const { owner } = target
    return owner === undefined || isOurs(ownerOf(named?.record.labels ?? {}), owner) ? named : undefined
  }
  if (named?.record.id === target.id) return named
  const { containers } = await readContainers(folders)
  return containers.find(({ record }) => record.id === target.id)
}

export async function renameRecord(folders: NativeFolders, container: Container, to: string): Promise<void> {
  if (container.name === to) return
  const target = folderOf(folders.servers, to)
  await writing(target, async () => {
    try {
      await rename(container.folder, target)
      await syncFolder(folders.servers)
    } catch (error) {
      throw isCode(error, 'ENOTEMPTY', 'EEXIST', 'ENOTDIR') ? taken(folders, to) : error
    }
  })
}

export async function removeRecord(folders: NativeFolders, container: Container): Promise<void> {
  await deleteFolder(folders, container.folder)
}

async function readLastRun(container: Container): Promise<LastRun | undefined> {
  return (await readJson(join(container.folder, 'server.json'))) as LastRun | undefined
}

export async function writeLastRun(container: Container, run: LastRun): Promise<void> {
  await replaceJson(join(container.folder, 'server.json'), run)
}

/** The data directory of a volume by its real path, as processes show it. */
export async function dataOf(folders: NativeFolders, volume: string): Promise<string> {
  const data = join(folderOf(folders.volumes, volume), 'data')
  const volumes = await realpath(dirname(data)).catch(() => dirname(data))
  return join(volumes, basename(data))
}

/**
 * The running server of a container. It is looked for in two places, because a run that was cut off right after the start had no
 * time to note the process: PostgreSQL notes it too.
 */
export async function runningServer(
  folders: NativeFolders,
  container: Container,
  signal: AbortSignal,
): Promise<LiveProcess | undefined> {
  const mark = { id: container.record.id, data: await dataOf(folders, container.record.server.volume) }
  const noted = await readLastRun(container)
  const ended = noted?.exitCode !== undefined
  if (noted !== undefined && !ended) {
    const process = await readProcess(noted.pid, signal)
    if (process !== undefined && process.started === noted.started && isServer(process, mark)) return process
  }
  const process = await readProcess((await readPostmasterFile(mark.data)).pid, signal)
  return process !== undefined && isServer(process, mark) ? process : undefined
}

export interface PostmasterFile {
  /** 0 when there is no such file, or none that makes sense. */
  readonly pid: number
  readonly there: boolean
  /** The server has its port. */
  readonly listens: boolean
}

/** PostgreSQL's own note of its process, `postmaster.pid`. */
export async function readPostmasterFile(data: string): Promise<PostmasterFile> {
  try {
    const lines = (await readFile(join(data, 'postmaster.pid'), 'utf8')).split('\n')
    const pid = Number(lines[0])
    return { pid: Number.isSafeInteger(pid) ? pid : 0, there: true, listens: (lines[5] ?? '').trim() !== '' }
  } catch (error) {
    if (isCode(error, 'ENOENT', 'ENOTDIR')) return { pid: 0, there: false, listens: false }
    throw unreadable(data, error)
  }
}

export async function observeContainer(
  folders: NativeFolders,
  container: Container,
  signal: AbortSignal,
): Promise<ObservedContainer> {
  const { id, labels, server } = container.record
  const running = await runningServer(folders, container, signal)
  const last = running === undefined ? await readLastRun(container) : undefined
  const ended = last === undefined ? 'created' : 'exited'
  return {
    id,
    name: container.name,
    ...labelledContainer(labels),
    state: running === undefined ? ended : 'running',
    exitCode: last === undefined ? undefined : await exitCodeOf(folders, container, last),
    imageId: '',
    ports: running === undefined ? [] : [{ host: server.port, hostAddress: server.address }],
  }
}

/** Nobody waits for a detached process, so how it ended shows only in what it left. */
async function exitCodeOf(folders: NativeFolders, container: Container, last: LastRun): Promise<number> {
  if (last.exitCode !== undefined) return last.exitCode
  const note = await readPostmasterFile(await dataOf(folders, container.record.server.volume))
  // It removes its note on every way out but a kill: as an engine says it, 128 and the number of SIGKILL.
  if (note.pid === last.pid) return 137
  const words = await lastLines(logOf(container), 3)
  return words.some((line) => line.includes('database system is shut down')) ? 0 : 1
}

export async function createVolumeRecord(folders: NativeFolders, name: string, labels: Labels): Promise<void> {
  if (await makeFolderWith(folderOf(folders.volumes, name), 'volume.json', { version: 1, labels })) return
  const there = await readVolumeLabels(folders, name)
  if (there !== undefined && carriesLabels(there, labels)) return
  throw new PoststackError('NAME_TAKEN', `A volume named ${name} is there already, and it is not the one wanted.`, {
    hint: `Look at ${folderOf(folders.volumes, name)}: move it away if its data is needed.`,
    details: { name },
  })
}

export async function observeVolumes(folders: NativeFolders): Promise<readonly ObservedVolume[]> {
  const names = await namesIn(folders.volumes)
  return Promise.all(
    names.map(async (name) => {
      const volume = labelledVolume((await readVolumeLabels(folders, name)) ?? {})
      return { name, ...volume, postgres: await majorOfData(folders, name, volume.postgres) }
    }),
  )
}

/** Read from the data themselves: a volume that no server was ever started on is anybody's. */
async function majorOfData(
  folders: NativeFolders,
  volume: string,
  recorded: number | undefined,
): Promise<number | undefined> {
  const file = join(folderOf(folders.volumes, volume), 'data', 'PG_VERSION')
  try {
    const major = Number((await readFile(file, 'utf8')).trim())
    return major > 0 ? major : undefined
  } catch (error) {
    if (isCode(error, 'ENOENT', 'ENOTDIR')) return undefined
    // Another user's data: what the volume was made for is the best that is known.
    if (isCode(error, 'EACCES')) return recorded
    throw unreadable(file, error)
  }
}

async function readContainer(folders: NativeFolders, name: string): Promise<Container | undefined> {
  const folder = folderOf(folders.servers, name)
  const record: Partial<ContainerRecord> | undefined = await readJson(join(folder, 'container.json'))
  if (record?.version !== 1 || record.id === undefined || record.labels === undefined || record.server === undefined)
    return undefined
  return { name, folder, record: record as ContainerRecord }
}

async function readVolumeLabels(folders: NativeFolders, name: string): Promise<Labels | undefined> {
  const path = join(folderOf(folders.volumes, name), 'volume.json')
  const file: { readonly labels?: Labels } | undefined = await readJson(path)
  return file?.labels
}

/** The object in a JSON file; undefined when it is missing or is not one. */
async function readJson(path: string): Promise<object | undefined> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (isCode(error, 'ENOENT', 'ENOTDIR', 'EISDIR')) return undefined
    throw unreadable(path, error)
  }
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

function serverPlan({ name, spec, volumes }: ContainerPlan): ServerPlan {
  const port = spec.ports?.[0]
  const mount = spec.mounts?.find((one) => one.kind === 'volume')
  const volume = mount === undefined ? undefined : volumes[mount.volume]
  if (spec.postgres === undefined)
    throw new PoststackError(
      'ENGINE_REFUSED',
      `${name} is not a PostgreSQL service, and the native runtime runs no other.`,
      {
        hint: 'Run the stack with podman or docker.',
      },
    )
  if (port?.host === undefined || volume === undefined)
    throw new Error(`the plan of container ${name} has no host port or no volume`)
  const { password: _, ...postgres } = spec.postgres
  return {
    postgres,
    port: port.host,
    address: port.hostAddress ?? '127.0.0.1',
    volume,
    passwordFile: Object.keys(spec.files ?? {})[0],
  }
}

function taken(folders: NativeFolders, name: string): PoststackError {
  return new PoststackError('NAME_TAKEN', `A container named ${name} is there already.`, {
    hint: `Look at ${folderOf(folders.servers, name)}: move it away if it is nobody's.`,
    details: { name },
  })
}
