/**
 * What exists for one stack on one runtime, seen with the engines' own programs and the process list, never with the code
 * under test.
 */
import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { label } from '../../src/plan/labels.ts'
import { engineList } from './engine-lists.ts'
import { processesIn } from './native-project.ts'
import { runtimesUnderTest, type RuntimeUnderTest } from './runtimes.ts'

const execute = promisify(execFile)

export type RealRuntime = 'native' | 'podman' | 'docker'

/** A container, or a server of the native runtime. */
export interface Seen {
  readonly service: string
  readonly name: string
  /** The engine's id; natively the server's process id. */
  readonly id: string
  readonly running: boolean
  /** Changes with each start. */
  readonly started: string
}

export interface World {
  containers(): Promise<readonly Seen[]>
  /** The one container of a service; fails when there is none or there are several. */
  only(service: string): Promise<Seen>
  /** Sorted names of those with data. */
  volumes(): Promise<readonly string[]>
  /** Everything the engine knows about the stack's objects, as text. */
  inspectAll(): Promise<string>
  /** Command lines of processes that were started for this project and have nothing to do with its running containers. */
  strays(): Promise<readonly string[]>
  /** Removes everything. */
  destroy(): Promise<void>
}

export interface LookOptions {
  readonly runtime: RealRuntime
  readonly root: string
  readonly stack: string
  /** The project's own folder for temporary files. */
  readonly temporary: string
}

/** The runtimes of this machine that run real servers. */
export async function realRuntimes(): Promise<readonly (RuntimeUnderTest & { readonly name: RealRuntime })[]> {
  const all = await runtimesUnderTest()
  return all.flatMap((one) => (one.name === 'memory' ? [] : [{ ...one, name: one.name }]))
}

export function lookAt(options: LookOptions): World {
  const look = options.runtime === 'native' ? lookNatively(options) : lookAtEngine(options.runtime, options)
  return {
    ...look,
    async only(service) {
      const found = (await look.containers()).filter((one) => one.service === service)
      const [one] = found
      if (one === undefined || found.length > 1) throw new Error(`${String(found.length)} containers of ${service}`)
      return one
    },
    strays: () => straysOf(options),
  }
}

type Look = Omit<World, 'only' | 'strays'>

interface Inspected {
  readonly Id: string
  readonly Name: string
  readonly State: { readonly Running: boolean; readonly StartedAt: string }
  readonly Config: { readonly Labels: Readonly<Record<string, string>> }
}

interface InspectedVolume {
  readonly Name: string
  readonly Labels: Readonly<Record<string, string>>
}

function lookAtEngine(program: 'podman' | 'docker', { root, stack }: LookOptions): Look {
  const mine = ['--filter', `label=${label.root}=${root}`]
  const engine = async (...args: readonly string[]): Promise<readonly string[]> => {
    const { stdout } = await execute(program, args, { maxBuffer: 64 * 1024 * 1024 })
    return stdout.split('\n').filter((line) => line !== '')
  }
  const list = (...args: readonly string[]) => engineList(program, args)
  const containerIds = (): Promise<readonly string[]> => list('ps', '-a', '--no-trunc', ...mine, '--format', '{{.ID}}')
  // One label alone is asked for: of two, podman shows the volumes that have either.
  const allVolumes = async (): Promise<readonly string[]> =>
    (await list('volume', 'ls', ...mine, '--format', '{{.Name}}')).toSorted()
  const volumes = async (): Promise<readonly string[]> => {
    const names = await allVolumes()
    if (names.length === 0) return []
    const inspected = JSON.parse((await engine('volume', 'inspect', ...names)).join('\n')) as readonly InspectedVolume[]
    return inspected.flatMap(({ Name, Labels }) => (Labels[label.volume] === undefined ? [] : [Name])).toSorted()
  }
  const networks = (): Promise<readonly string[]> => list('network', 'ls', ...mine, '--format', '{{.Name}}')
  const inspect = async (...args: readonly string[]): Promise<string> => (await engine(...args)).join('\n')
  return {
    async containers() {
      const ids = await containerIds()
      if (ids.length === 0) return []
      const all = JSON.parse(await inspect('container', 'inspect', ...ids)) as readonly Inspected[]
      return all.map(({ Id, Name, State, Config }) => ({
        service: Config.Labels[label.service] ?? '',
        name: Name.replace(/^\//, ''),
        id: Id,
        running: State.Running,
        started: State.StartedAt,
      }))
    },
    volumes,
    async inspectAll() {
      const ids = await containerIds()
      const texts = await Promise.all([
        ids.length === 0 ? '' : inspect('container', 'inspect', ...ids),
        ...(await volumes()).map((name) => inspect('volume', 'inspect', name)),
        ...(await networks()).map((name) => inspect('network', 'inspect', name)),
      ])
      return texts.join('\n')
    },
    async destroy() {
      const ids = await containerIds()
      if (ids.length > 0) await engine('rm', '-f', '-v', ...ids)
      for (const name of await allVolumes()) await engine('volume', 'rm', '-f', name)
      for (const name of await networks()) await engine('network', 'rm', name)
      const images = await list('images', '--format', '{{.Repository}}:{{.Tag}}')
      const built = images.filter((ref) => ref.replace(/^localhost\//, '').startsWith(`${stack}/`))
      if (built.length > 0) await engine('rmi', '-f', ...built)
    },
  }
}

function lookNatively({ root }: LookOptions): Look {
  const folder = join(root, '.poststack/native')
  const names = (kind: string): Promise<readonly string[]> => readdir(join(folder, kind)).catch(() => [])
  const volumes = async (): Promise<readonly string[]> => (await names('volumes')).toSorted()
  const records = async (): Promise<readonly NativeRecord[]> => {
    const found = await Promise.all(
      (await names('servers')).map(async (name) => {
        const text = await readFile(join(folder, 'servers', name, 'container.json'), 'utf8').catch(() => undefined)
        return text === undefined ? [] : [{ name, text, ...(JSON.parse(text) as Omit<NativeRecord, 'name' | 'text'>) }]
      }),
    )
    return found.flat()
  }
  return {
    async containers() {
      return Promise.all(
        (await records()).map(async ({ name, labels, server, id }) => {
          const pidFile = join(folder, 'volumes', server.volume, 'data/postmaster.pid')
          const pid = (await readFile(pidFile, 'utf8').catch(() => '')).split('\n')[0] ?? ''
          const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
          const running = pid !== '' && command.includes(id)
          const started = running ? await startOf(pid) : ''
          return { service: labels[label.service] ?? '', name, id: running ? pid : id, running, started }
        }),
      )
    },
    volumes,
    inspectAll: async () => (await records()).map(({ text }) => text).join('\n'),
    async destroy() {
      for (let left = 40; left > 0; left--) {
        const pids = await processesIn(root)
        if (pids.length === 0) return
        for (const pid of pids) end(pid)
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    },
  }
}

interface NativeRecord {
  readonly name: string
  readonly text: string
  readonly id: string
  readonly labels: Readonly<Record<string, string>>
  readonly server: { readonly volume: string }
}

async function startOf(pid: string): Promise<string> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}

/** The command lines of whatever names the project's folders, but for its servers that are meant to run. */
async function straysOf({ root, runtime, temporary, stack }: LookOptions): Promise<readonly string[]> {
  const pids = [...new Set([...(await processesIn(root)), ...(await processesIn(temporary))])]
  const lines = await Promise.all(
    pids.map(async (pid) => {
      const text = await readFile(`/proc/${String(pid)}/cmdline`, 'utf8').catch(() => '')
      return text.replaceAll('\0', ' ').trim()
    }),
  )
  // Engines' monitors of running containers name the stack; servers of the native runtime stand in their data. All
  // networks of podman share one name server: whoever comes first starts it, and it ends with the last container.
  const meant = runtime === 'native' ? /poststack\.container=|^postgres: / : new RegExp(`conmon|aardvark-dns|${stack}`)
  return lines.filter((line) => line !== '' && !meant.test(line))
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended already.
  }
}
