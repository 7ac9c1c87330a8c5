/**
 * The native runtime: PostgreSQL servers as plain processes, for machines without a container engine. A "container" is a server and its
 * record, a "volume" a folder with its data directory. There are no images and no networks, so the plan never asks for any.
 */
import { resolve } from 'node:path'
import { compareText } from '../config/text-order.ts'
import { throwIfAborted } from '../abort.ts'
import { PoststackError } from '../errors.ts'
import { label } from '../plan/labels.ts'
import type { RuntimeSnapshot, Target } from '../plan/types.ts'
import { usualPlaces } from './native-binaries.ts'
import type { Place } from './native-binaries.ts'
import { deleteFolder, folderOf, makeFolders, nativeFolders, sweep } from './native-folders.ts'
import { lastLines } from './native-log.ts'
import {
  createRecord,
  createVolumeRecord,
  dataOf,
  findContainer,
  logOf,
  observeContainer,
  observeStranger,
  observeVolumes,
  readContainers,
  removeRecord,
  renameRecord,
  runningServer,
} from './native-records.ts'
import type { Container } from './native-records.ts'
import { serverOn, shutDown } from './native-server.ts'
import { startContainer, volumeInUse } from './native-start.ts'
import type { NativeContext } from './native-start.ts'
import { processHoldingPort } from './port-holder.ts'
import type { Runtime, Scope } from './runtime.ts'

export interface NativeOptions {
  /** The project's folder, absolute. */
  readonly root: string
  /** Only PATH and the library path are taken from it: variables like PGPORT or TZ would change what a server does. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Where to look for PostgreSQL's programs of a major. Default: the usual places. */
  readonly binaries?: (major: number) => readonly Place[]
}

export function createNativeRuntime(options: NativeOptions): Runtime {
  const root = resolve(options.root)
  const folders = nativeFolders(root)
  const env = programEnvironment(options.env ?? {})
  const places = options.binaries ?? ((major: number) => usualPlaces(major, root, env['PATH']))
  const context: NativeContext = { folders, env, places }
  return {
    name: 'native',
    containersPossible: false,
    ...createReads(context),
    ...createContainerWrites(context),
    ...createVolumeWrites(context),
    buildImage: () => notHere('builds no images'),
    pullImage: () => notHere('pulls no images'),
    createNetwork: () => notHere('has no networks'),
    // There is none, and what is gone already is done.
    removeNetwork: () => Promise.resolve(),
    close: () => Promise.resolve(),
  }
}

function createReads(context: NativeContext): Pick<Runtime, 'observe' | 'inspect' | 'portHolder' | 'logs' | 'exec'> {
  const { folders } = context
  return {
    observe: (scope, { signal }) => observe(context, scope, signal),
    inspect: async (target, { signal }) => {
      throwIfAborted(signal)
      const container = await findContainer(folders, target)
      return container === undefined ? undefined : observeContainer(folders, container, signal)
    },
    portHolder: async (host, { signal }) => {
      throwIfAborted(signal)
      const { containers } = await readContainers(folders)
      for (const container of containers.filter(({ record }) => record.server.port === host)) {
        if ((await runningServer(folders, container, signal)) === undefined) continue
        const stack = container.record.labels[label.stack]
        return `container ${container.name}${stack === undefined ? '' : ` of stack ${stack}`}`
      }
      return processHoldingPort(host, signal)
    },
    logs: async (target, lines, { signal }) => {
      throwIfAborted(signal)
      return lastLines(logOf(await existing(context, target)), lines)
    },
    exec: async (target, _command, { signal }) => {
      throwIfAborted(signal)
      const { name } = await existing(context, target)
      throw new PoststackError(
        'ENGINE_REFUSED',
        `Commands cannot be run in ${name}: the native runtime has no containers.`,
        {
          hint: 'Run the command on this machine and connect over TCP, or use podman or docker.',
        },
      )
    },
  }
}

async function observe({ folders }: NativeContext, scope: Scope, signal: AbortSignal): Promise<RuntimeSnapshot> {
  throwIfAborted(signal)
  const { containers, strangers } = await readContainers(folders)
  const wanted = ({ name, record: { labels } }: Container) =>
    scope.containerNames.includes(name) ||
    (labels[label.stack] === scope.stack && labels[label.project] === scope.project)
  const known = await Promise.all(containers.filter(wanted).map((one) => observeContainer(folders, one, signal)))
  const unknown = strangers.filter((name) => scope.containerNames.includes(name)).map(observeStranger)
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

type ContainerWrites = 'createContainer' | 'startContainer' | 'stopContainer' | 'renameContainer' | 'removeContainer'

function createContainerWrites(context: NativeContext): Pick<Runtime, ContainerWrites> {
  const { folders } = context
  return {
    createContainer: async (plan, _env, { signal }) => {
      throwIfAborted(signal)
      await makeFolders(folders)
      await sweep(folders.servers)
      await createRecord(folders, plan)
    },
    startContainer: async (target, files, { signal }) => {
      throwIfAborted(signal)
      await startContainer(context, await existing(context, target), { files, signal })
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
  if (container === undefined) throw new PoststackError('ENGINE_REFUSED', `There is no container ${target.name}.`)
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
