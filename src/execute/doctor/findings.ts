/**
 * What a machine has, judged: what works, what will not, and what to do about it. Pure.
 */
import type { ErrorRecord } from '../../errors.ts'
import { installClients } from '../../runtime/install.ts'
import type { MachineFacts, PostgresFacts, StackFacts } from './facts.ts'
import { type Finding, note, ok, remedyOf } from './finding.ts'
import { judgeDisk } from './judge-disk.ts'
import { judgeEngine, judgeLowPorts } from './judge-engines.ts'
import { judgeNode } from './judge-node.ts'
import { judgeConfig, judgeStack } from './judge-stack.ts'

/** `stack` is an error where the config cannot be read. */
export function judge(machine: MachineFacts, stack: StackFacts | ErrorRecord): readonly Finding[] {
  const runtime = 'runtime' in stack && 'name' in stack.runtime ? stack.runtime.name : undefined
  return [
    ...judgeNode(machine),
    ...machine.engines.flatMap((engine) => judgeEngine(engine, machine, runtime)),
    ...machine.postgres.flatMap((postgres) => judgePostgres(postgres, runtime === 'native')),
    ...judgeSystem(machine),
    ...judgeRoom(machine),
    ...judgeProxies(machine),
    ...('code' in stack ? [judgeConfig(stack)] : [...judgeStack(stack), ...judgeLowPorts(machine, stack)]),
  ]
}

function judgePostgres({ dump, error, major, wasm, wasmWay }: PostgresFacts, needed: boolean): readonly Finding[] {
  const check = `postgresql-${String(major)}`
  const server: Finding =
    error === undefined
      ? ok(check, `PostgreSQL ${String(major)} can run without a container engine`)
      : {
          check,
          level: needed ? 'problem' : 'note',
          message: `PostgreSQL ${String(major)} cannot run without a container engine`,
          cause: error.message,
          ...remedyOf(error.hint),
          stopsUp: needed,
        }
  if (dump !== undefined) return [server, ok(`${check}-client`, `pg_dump for PostgreSQL ${String(major)}: ${dump}`)]
  const lacking = `no pg_dump for PostgreSQL ${String(major)} on this machine`
  const remedy = `Install the client programs: ${installClients(major)}`
  const client = wasm
    ? note(`${check}-client`, `${lacking} but the one in WebAssembly`, {
        cause: 'it writes backups of the native runtime and of --url as SQL, for databases that fit into memory',
        remedy,
      })
    : note(`${check}-client`, lacking, {
        cause: 'backups of the native runtime and of --url need it; containers have their own',
        remedy: [remedy, ...wasmWay].join('\n'),
      })
  return [server, client]
}

function judgeSystem({ cgroups, engines, git, platform, systemd }: MachineFacts): readonly Finding[] {
  const podman = engines.some(({ error, name }) => name === 'podman' && error === undefined)
  const found = cgroups === undefined ? [] : [ok('cgroups', `cgroups v${String(cgroups)}`)]
  const service =
    systemd === undefined
      ? []
      : systemd || !podman
        ? [ok('systemd', systemd ? 'systemd runs' : 'no systemd')]
        : [
            note('systemd', 'no systemd', {
              cause: 'podman runs no health checks by itself then; Poststack asks services itself, so nothing is wrong',
            }),
          ]
  const control = git
    ? [ok('git', 'git is there')]
    : [
        note('git', 'git is not there', {
          cause: 'commits are not recorded with migrations, and renumber knows no branches',
        }),
      ]
  return [ok('system', platform), ...found, ...service, ...control]
}

const fewWatches = 16_384
const fewInstances = 64

function judgeRoom({ freeBytes, inotify }: MachineFacts): readonly Finding[] {
  const findings =
    freeBytes === undefined ? [] : [judgeDisk('disk', { freeBytes, where: 'on the disk of the project', needed: true })]
  if (inotify === undefined) return findings
  const { instances, watches } = inotify
  const limits = `each user may watch ${String(watches)} files, with ${String(instances)} watchers (inotify)`
  if (watches >= fewWatches && instances >= fewInstances) return [...findings, ok('inotify', limits)]
  const remedy = `sudo sysctl fs.inotify.max_user_watches=524288 fs.inotify.max_user_instances=512`
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
