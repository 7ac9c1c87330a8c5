/**
 * The native runtime: PostgreSQL servers as plain processes, for machines without a container engine. A "container" is a server and its
 * record, a "volume" a folder with its data directory. There are no images and no networks, so the plan never asks for any.
 */
import { resolve } from 'node:path'
import { compareText } from '../../config/text-order.ts'
import { throwIfAborted } from '../../abort.ts'
import { ExitCode, exitCodeOf, isPoststackError, PoststackError } from '../../errors.ts'
import { label } from '../../plan/labels.ts'
import type { RuntimeSnapshot, Target } from '../../plan/types.ts'
import { usualPlaces } from './binaries.ts'
import type { Place } from './binaries.ts'
import { deleteFolder, folderOf, makeFolders, nativeFolders, sweep } from './folders.ts'
import { observeDamaged } from './damaged.ts'
import { watchEnds } from './ends.ts'
import { readServerLog } from './follow.ts'
import { lastLines } from './log.ts'
import {
  createRecord,
  createVolumeRecord,
  dataOf,
  findContainer,
  logOf,
  observeContainer,
  observeVolumes,
  readContainers,
  removeRecord,
  renameRecord,
  runningServer,
} from './records.ts'
import type { Container } from './records.ts'
import { setStoppedPassword } from './password.ts'
import { serverOn, shutDown } from './server.ts'
import { requireBinaries, requireServer, startContainer, volumeInUse } from './start.ts'
import type { NativeContext } from './start.ts'
import type { Runtime, Scope } from '../runtime.ts'

export interface NativeOptions {
  /** The project's folder, absolute. */
  readonly root: string
  /** Only PATH and the library path are taken from it: variables like PGPORT or TZ would change what a server does. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Where to look for PostgreSQL's programs of a major. Default: the usual places. */
  readonly binaries?: (major: number) => readonly Place[]
}

export function createNativeRuntime(options: NativeOptions): Runtime {
  const context = contextOf(options)
  const { folders } = context
  return {
    name: 'native',
    containersPossible: false,
    changesInPlace: false,
    ...createReads(context),
    ...createContainerWrites(context),
    ...createVolumeWrites(context),
    buildImage: () => notHere('builds no images'),
    tagImage: () => notHere('has no images'),
    pullImage: () => notHere('pulls no images'),
    updateContainer: () => notHere('has no limits'),
    createNetwork: () => notHere('has no networks'),
    builtImages: () => Promise.resolve([]),
    // There is none, and what is gone already is done.
    removeNetwork: () => Promise.resolve(),
    removeImage: () => Promise.resolve(),
    watchEnds: (scope, ends) => watchEnds(folders, scope, ends),
    close: () => Promise.resolve(),
  }
}

/** Why new servers of a major version cannot run here; nothing where they can. */
export async function whyNoServer({
  major,
  signal,
  ...options
}: NativeOptions & { readonly major: number; readonly signal: AbortSignal }): Promise<PoststackError | undefined> {
  try {
    await requireServer(contextOf(options), major, signal)
    return undefined
  } catch (error) {
    if (isPoststackError(error) && exitCodeOf(error) === ExitCode.machineLacks) return error
    throw error
  }
}

function contextOf(options: NativeOptions): NativeContext {
  const root = resolve(options.root)
  const env = programEnvironment(options.env ?? {})
  const places = options.binaries ?? ((major: number) => usualPlaces(major, root, env['PATH']))
  return { folders: nativeFolders(root), env, places }
}

function createReads(
  context: NativeContext,
): Pick<Runtime, 'observe' | 'inspect' | 'portHolder' | 'logs' | 'readLogs' | 'exec' | 'attach'> {
  const { folders } = context
  const refuse = async (target: Target, signal: AbortSignal): Promise<never> => {
    throwIfAborted(signal)
    throw noCommands((await existing(context, target)).name)
  }
  return {
    observe: (scope, { signal }) => observe(context, scope, signal),
    inspect: async (target, { signal }) => {
      throwIfAborted(signal)
      const container = await findContainer(folders, target)
      return container === undefined ? undefined : observeContainer(folders, container, signal)
    },
    portHolder: async (host, { protocol, signal }) => {
      throwIfAborted(signal)
      if (protocol === 'udp') return undefined
      const { containers } = await readContainers(folders)
      for (const container of containers.filter(({ record }) => record.server.port === host)) {
        if ((await runningServer(folders, container, signal)) === undefined) continue
        const stack = container.record.labels[label.stack]
        return `container ${container.name}${stack === undefined ? '' : ` of stack ${stack}`}`
      }
      return undefined
    },
    logs: async (target, lines, { signal }) => {
      throwIfAborted(signal)
      return lastLines(logOf(await existing(context, target)), lines)
    },
    readLogs: async (target, request, { signal }) => {
      throwIfAborted(signal)
      const container = await existing(context, target)
      const isRunning = async (): Promise<boolean> => (await runningServer(folders, container, signal)) !== undefined
      await readServerLog({ path: logOf(container), request, signal, isRunning })
    },
    exec: (target, _command, { signal }) => refuse(target, signal),
    attach: (target, _request, { signal }) => refuse(target, signal),
  }
}

function noCommands(name: string): PoststackError {
  return new PoststackError(
    'ENGINE_REFUSED',
    `Commands cannot be run in ${name}: the native runtime has no containers.`,
    { hint: 'Run it on this machine, with the connection variables set: poststack exec -- <command>' },
  )
}

async function observe({ folders }: NativeContext, scope: Scope, signal: AbortSignal): Promise<RuntimeSnapshot> {
  throwIfAborted(signal)
  const { containers, strangers } = await readContainers(folders)
  const wanted = ({ name, record: { labels } }: Container) =>
    scope.containerNames.includes(name) ||
    (labels[label.stack] === scope.stack && labels[label.project] === scope.project)
  const known = await Promise.all(containers.filter(wanted).map((one) => observeContainer(folders, one, signal)))
  const damaged = strangers.filter((name) => scope.containerNames.includes(name))
  const unknown = await Promise.all(damaged.map((name) => observeDamaged(folders, name, signal)))
  const volumes = await observeVolumes(folders)
  return {
    containers: [...known, ...unknown].toSorted((one, other) => compareText(one.name, other.name)),
    volumes: volumes.filter(
      ({ name, owner }) =>
        scope.volumeNames.includes(name) || (owner?.stack === scope.stack && owner.project === scope.project),
    ),
    networks: [],
    images: [],
  }
}

type ContainerWrites =
  | 'createContainer'
  | 'startContainer'
  | 'setStoppedPassword'
  | 'stopContainer'
  | 'renameContainer'
  | 'removeContainer'

function createContainerWrites(context: NativeContext): Pick<Runtime, ContainerWrites> {
  const { folders } = context
  return {
    createContainer: async (plan, _env, { signal }) => {
      throwIfAborted(signal)
      await makeFolders(folders)
      await sweep(folders.servers)
      // Before the old server makes room for one that cannot run.
      if (plan.spec.postgres !== undefined) await requireBinaries(context, plan.spec.postgres.version, signal)
      await createRecord(folders, plan)
    },
    startContainer: async (target, files, { signal }) => {
      throwIfAborted(signal)
      await startContainer(context, await existing(context, target), { files, signal })
    },
    setStoppedPassword: async (target, files, { signal }) => {
      throwIfAborted(signal)
      await setStoppedPassword(context, await existing(context, target), { files, signal })
    },
    stopContainer: async (target, graceSeconds, { signal }) => {
      throwIfAborted(signal)
      const container = await findContainer(folders, target)
      if (container === undefined) return
      const server = await runningServer(folders, container, signal)
      if (server === undefined) return
      const data = await dataOf(folders, container.record.server.volume)
      await shutDown(container, server, { data, graceMs: graceSeconds * 1000, signal })
    },
    renameContainer: async (target, to, { signal }) => {
      throwIfAborted(signal)
      await renameRecord(folders, await existing(context, target), to)
    },
    removeContainer: async (target, { signal }) => {
      throwIfAborted(signal)
      const container = await findContainer(folders, target)
      if (container === undefined) return
      if ((await runningServer(folders, container, signal)) !== undefined)
        throw new PoststackError('ENGINE_REFUSED', `Container ${container.name} is running.`, {
          hint: 'Stop it first.',
        })
      await removeRecord(folders, container)
    },
  }
}

function createVolumeWrites(context: NativeContext): Pick<Runtime, 'createVolume' | 'removeVolume'> {
  const { folders } = context
  return {
    createVolume: async (name, labels, { signal }) => {
      throwIfAborted(signal)
      await makeFolders(folders)
      await sweep(folders.volumes)
      // Nothing is made for a server that cannot run.
      const major = Number(labels[label.postgres] ?? 0)
      if (major > 0) await requireServer(context, major, signal)
      await createVolumeRecord(folders, name, labels)
    },
    removeVolume: async (target, { signal }) => {
      throwIfAborted(signal)
      const folder = folderOf(folders.volumes, target.name)
      const { containers } = await readContainers(folders)
      const user = containers.find(({ record }) => record.server.volume === target.name)
      if (user !== undefined)
        throw new PoststackError('ENGINE_REFUSED', `Volume ${target.name} is used by container ${user.name}.`, {
          hint: 'Remove the container first.',
        })
      const server = await serverOn(await dataOf(folders, target.name), signal)
      if (server !== undefined) throw volumeInUse(target.name, `a server (pid ${String(server.pid)})`)
      await deleteFolder(folders, folder)
    },
  }
}

async function existing({ folders }: NativeContext, target: Target): Promise<Container> {
  const container = await findContainer(folders, target)
  if (container === undefined)
    throw new PoststackError('ENGINE_REFUSED', `There is no container ${target.name}.`, {
      hint: 'Something else removed it; run the command again.',
      details: { container: target.name },
    })
  return container
}

function programEnvironment(env: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> {
  const taken = ['LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH'].flatMap((name) => {
    const value = env[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  const path = env['PATH'] ?? '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
  return { ...Object.fromEntries(taken), PATH: path, LC_ALL: 'C', TZ: 'UTC' }
}

function notHere(what: string): Promise<never> {
  return Promise.reject(new Error(`the native runtime ${what}: the plan must not ask for it`))
}
