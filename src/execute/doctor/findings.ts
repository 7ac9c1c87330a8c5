/**
 * What a machine has, judged: what works, what will not, and what to do about it. Pure.
 */
import type { ErrorRecord } from '../../errors.ts'
import { installClients } from '../../runtime/install.ts'

export interface EngineFacts {
  readonly name: 'podman' | 'docker'
  /** Its own words for its version; absent where the program is not there. */
  readonly version?: string
  /** Why it cannot be used; absent where it answers. */
  readonly error?: Pick<ErrorRecord, 'code' | 'message' | 'hint'>
}

export interface PostgresFacts {
  readonly major: number
  /** Why the native runtime cannot run it; absent where it can. */
  readonly error?: Pick<ErrorRecord, 'message' | 'hint'>
  /** Path of a pg_dump of this machine that fits. */
  readonly dump: string | undefined
}

export interface MachineFacts {
  /** `20.20.2` */
  readonly node: string
  readonly platform: string
  readonly root: boolean
  readonly engines: readonly EngineFacts[]
  readonly postgres: readonly PostgresFacts[]
  readonly freeBytes: number | undefined
  /** Of Linux. */
  readonly inotify: { readonly watches: number; readonly instances: number } | undefined
  readonly cgroups: 1 | 2 | undefined
  readonly systemd: boolean | undefined
  /** Names of the variables that are set. */
  readonly proxies: readonly string[]
  readonly noProxy: string
  readonly git: boolean
}

/** What is known of the stack, as far as it can be read. */
export interface StackFacts {
  readonly name: string
  /** The runtime that `up` would take, or why there is none. */
  readonly runtime: { readonly name: string } | { readonly error: ErrorRecord }
  /** What stands in the way of `up`: its blocked steps, or why no plan could be made. */
  readonly blocked: readonly { readonly subject: string; readonly message: string; readonly remedy?: string }[]
  /** Databases that answer, and how far their clocks are from ours. */
  readonly clocks: readonly { readonly service: string; readonly skewMs: number }[]
}

export interface Finding {
  readonly check: string
  /** `note`: it works, and something is worth to know. `problem`: something does not work. */
  readonly level: 'ok' | 'note' | 'problem'
  readonly message: string
  readonly cause?: string
  readonly remedy?: string
  /** `up` cannot work as long as it is so. */
  readonly stopsUp: boolean
}

const ok = (check: string, message: string): Finding => ({ check, level: 'ok', message, stopsUp: false })
const note = (check: string, message: string, more: Pick<Finding, 'cause' | 'remedy'>): Finding => ({
  check,
  level: 'note',
  message,
  ...more,
  stopsUp: false,
})

/** `stack` is an error where the config cannot be read. */
export function judge(machine: MachineFacts, stack: StackFacts | ErrorRecord): readonly Finding[] {
  return [
    judgeNode(machine),
    ...machine.engines.map((engine) => judgeEngine(engine, machine)),
    ...machine.postgres.flatMap((postgres) => judgePostgres(postgres, isNative(stack))),
    ...judgeSystem(machine),
    ...judgeRoom(machine),
    ...judgeProxies(machine),
    ...('code' in stack ? [judgeConfig(stack)] : judgeStack(stack)),
  ]
}

const oldestNode = [20, 19] as const

function judgeNode({ node }: MachineFacts): Finding {
  const [major = 0, minor = 0] = node.split('.').map(Number)
  if (major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1])) return ok('node', `Node ${node}`)
  return {
    check: 'node',
    level: 'problem',
    message: `Node ${node} is too old`,
    cause: `Poststack needs ${oldestNode.join('.')} or newer`,
    remedy: 'Install a newer Node.',
    stopsUp: true,
  }
}

function judgeEngine({ error, name, version }: EngineFacts, { root }: MachineFacts): Finding {
  const called = version ?? name
  if (error === undefined)
    return ok(name, `${called} answers${name === 'podman' ? (root ? ', as root' : ', rootless') : ''}`)
  // One engine, or none for databases alone, will do; whether it does for this stack is judged with the stack.
  return note(name, error.code === 'RUNTIME_MISSING' ? `${name} is not there` : `${called} does not answer`, {
    cause: error.message,
    ...(error.hint === undefined ? {} : { remedy: error.hint }),
  })
}

function isNative(stack: StackFacts | ErrorRecord): boolean {
  return 'runtime' in stack && 'name' in stack.runtime && stack.runtime.name === 'native'
}

function judgePostgres({ dump, error, major }: PostgresFacts, needed: boolean): readonly Finding[] {
  const check = `postgresql-${String(major)}`
  const server: Finding =
    error === undefined
      ? ok(check, `PostgreSQL ${String(major)} can run without a container engine`)
      : {
          check,
          level: needed ? 'problem' : 'note',
          message: `PostgreSQL ${String(major)} cannot run without a container engine`,
          cause: error.message,
          ...(error.hint === undefined ? {} : { remedy: error.hint }),
          stopsUp: needed,
        }
  const client =
    dump === undefined
      ? note(`${check}-client`, `no pg_dump for PostgreSQL ${String(major)} on this machine`, {
          cause: 'backups of the native runtime and of --url need it; containers have their own',
          remedy: `Install the client programs: ${installClients(major)}`,
        })
      : ok(`${check}-client`, dump)
  return [server, client]
}

function judgeSystem({ cgroups, engines, git, platform, systemd }: MachineFacts): readonly Finding[] {
  const podman = engines.some(({ error, name }) => name === 'podman' && error === undefined)
  const found = cgroups === undefined ? [] : [ok('cgroups', `cgroups v${String(cgroups)}`)]
  const service =
    systemd === undefined
      ? []
      : systemd || !podman
        ? [ok('systemd', systemd ? 'systemd' : 'no systemd')]
        : [
            note('systemd', 'no systemd', {
              cause: 'podman runs no health checks by itself then; Poststack asks services itself, so nothing is wrong',
            }),
          ]
  const control = git
    ? [ok('git', 'git')]
    : [
        note('git', 'git is not there', {
          cause: 'commits are not recorded with migrations, and renumber knows no branches',
        }),
      ]
  return [ok('system', platform), ...found, ...service, ...control]
}

const scarceBytes = 2 * 1024 ** 3
const noRoomBytes = 100 * 1024 ** 2
const fewWatches = 16_384
const fewInstances = 64

function judgeRoom({ freeBytes, inotify }: MachineFacts): readonly Finding[] {
  const findings: Finding[] = []
  if (freeBytes !== undefined) {
    const room = `${(freeBytes / 1024 ** 3).toFixed(1)} GB free on the disk of the project`
    if (freeBytes >= scarceBytes) findings.push(ok('disk', room))
    else
      findings.push({
        check: 'disk',
        level: freeBytes < noRoomBytes ? 'problem' : 'note',
        message: room,
        cause: 'databases and images need room, and a server without any stops',
        remedy: 'Make room; `poststack container clean` removes what is left over of this stack.',
        stopsUp: freeBytes < noRoomBytes,
      })
  }
  if (inotify === undefined) return findings
  const { instances, watches } = inotify
  const limits = `${String(watches)} watches and ${String(instances)} instances of inotify for each user`
  if (watches >= fewWatches && instances >= fewInstances) return [...findings, ok('inotify', limits)]
  const remedy = `sysctl fs.inotify.max_user_watches=524288 fs.inotify.max_user_instances=512`
  return [
    ...findings,
    note('inotify', limits, { cause: '`poststack watch` may not see all files of a large project', remedy }),
  ]
}

function judgeProxies({ noProxy, proxies }: MachineFacts): readonly Finding[] {
  if (proxies.length === 0) return []
  const names = proxies.join(', ')
  const leaves = noProxy.split(/[\s,]+/)
  if (leaves.some((host) => ['localhost', '127.0.0.1', '*'].includes(host)))
    return [ok('proxy', `${names}, not for this machine`)]
  return [
    note('proxy', `${names} set, and NO_PROXY does not name this machine`, {
      cause: 'other programs may ask the proxy for addresses on this machine',
      remedy: 'Add localhost,127.0.0.1 to NO_PROXY.',
    }),
  ]
}

function judgeConfig({ hint, message }: ErrorRecord): Finding {
  return {
    check: 'config',
    level: 'problem',
    message: 'the config cannot be used',
    cause: message,
    ...(hint === undefined ? {} : { remedy: hint }),
    stopsUp: true,
  }
}

const largestSkewMs = 2_000

function judgeStack({ blocked, clocks, name, runtime }: StackFacts): readonly Finding[] {
  const chosen: Finding =
    'error' in runtime
      ? {
          check: 'runtime',
          level: 'problem',
          message: `nothing here can run ${name}`,
          cause: runtime.error.message,
          ...(runtime.error.hint === undefined ? {} : { remedy: runtime.error.hint }),
          stopsUp: true,
        }
      : ok('runtime', `${name} runs on ${runtime.name}`)
  const ways = blocked.map(({ message, remedy, subject }): Finding => ({
    check: 'plan',
    level: 'problem',
    message: `${subject} is blocked`,
    cause: message,
    ...(remedy === undefined ? {} : { remedy }),
    stopsUp: true,
  }))
  const wrong = clocks
    .filter(({ skewMs }) => Math.abs(skewMs) > largestSkewMs)
    .map(({ service, skewMs }) =>
      note(
        'clock',
        `the clock of ${service} is ${(Math.abs(skewMs) / 1000).toFixed(1)} s ${skewMs > 0 ? 'ahead' : 'behind'}`,
        {
          cause: 'the machine or its virtual machine slept, or nothing sets its clock',
          remedy: 'Restart the virtual machine of the engine, or set the clock (chronyd, systemd-timesyncd).',
        },
      ),
    )
  const clock =
    clocks.length > 0 && wrong.length === 0 ? [ok('clock', 'clocks of databases go with this machine')] : wrong
  return [ok('config', `the config of ${name} can be read`), chosen, ...ways, ...clock]
}
