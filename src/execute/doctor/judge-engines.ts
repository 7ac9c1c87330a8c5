/**
 * Container engines: whether they answer, where, as whom, and what containers on them lack. Pure.
 */
import type { EngineDescription } from '../../runtime/runtime.ts'
import type { EngineFacts, MachineFacts, StackFacts } from './facts.ts'
import { type Finding, note, obstacle, ok, remedyOf } from './finding.ts'
import { judgeDisk } from './judge-disk.ts'

/** `runtime` is the one that `up` would take, where that is known. */
export function judgeEngine(
  engine: EngineFacts,
  machine: MachineFacts,
  runtime: string | undefined,
): readonly Finding[] {
  const { described, error, name, storageFreeBytes, version } = engine
  const called = version ?? name
  // One engine, or none for databases alone, will do; whether it does for this stack is judged with the stack.
  if (error !== undefined)
    return [
      note(name, error.code === 'RUNTIME_MISSING' ? `${name} is not there` : `${called} does not answer`, {
        cause: error.message,
        ...remedyOf(error.hint),
      }),
      ...(error.code === 'RUNTIME_MISSING' ? [] : judgeSubordinate(engine, machine)),
    ]
  if (described === undefined)
    return [note(name, `${called} answers`, { cause: 'it did not say more of itself: it may be busy, or old' })]
  const needed = runtime === name
  return [
    ok(name, wordsOf(name, described)),
    ...judgeNames(name, described, needed),
    ...judgeSubordinate(engine, machine),
    ...(described.storage === undefined || storageFreeBytes === undefined
      ? []
      : [
          judgeDisk(`${name}-disk`, {
            freeBytes: storageFreeBytes,
            where: `where ${name} keeps images and volumes (${described.storage})`,
            needed,
          }),
        ]),
  ]
}

function titleOf(name: EngineFacts['name'], { flavour, version }: EngineDescription): string {
  const title = version === undefined ? flavour : `${flavour} ${version}`
  return flavour === name ? title : `${title} in the place of ${name}`
}

function wordsOf(name: EngineFacts['name'], described: EngineDescription): string {
  const { address, from, rootless } = described
  const title = titleOf(name, described)
  const user = rootless ? 'rootless' : 'as root'
  return address === undefined
    ? `${title} answers, ${user}; it offers no socket, so Poststack runs its service while it needs it`
    : `${title} answers at ${address}${from === undefined ? '' : ` (from ${from})`}, ${user}`
}

function judgeNames(name: EngineFacts['name'], { names }: EngineDescription, needed: boolean): readonly Finding[] {
  const check = `${name}-names`
  if (names === undefined || names.there === undefined) return []
  const { network, program } = names
  if (names.there) return [ok(check, `containers on ${name} find each other by name (${program})`)]
  const way =
    network === 'netavark'
      ? `Install it: \`apt install ${program}\` or \`dnf install ${program}\``
      : `Install that plugin: \`apt install golang-github-containernetworking-plugin-dnsname\` or \`dnf install podman-plugins\``
  const found = note(check, `containers on ${name} do not find each other by name`, {
    cause: `podman's network is ${network}, and its ${program} was not found`,
    remedy: `${way}, then make the stack's network anew: poststack down, poststack up`,
  })
  return [needed ? { ...found, level: 'problem' } : found]
}

/** Images have files of several users. */
function judgeSubordinate(engine: EngineFacts, { subordinate }: MachineFacts): readonly Finding[] {
  const { described, name } = engine
  const rootless = described === undefined || (described.rootless && described.from === undefined)
  if (name !== 'podman' || !rootless || subordinate === undefined) return []
  const { gids, uids, user } = subordinate
  const lacking = [...(uids ? [] : ['/etc/subuid']), ...(gids ? [] : ['/etc/subgid'])]
  if (lacking.length === 0) return []
  const flags = [...(uids ? [] : ['--add-subuids 100000-165535']), ...(gids ? [] : ['--add-subgids 100000-165535'])]
  return [
    note('subuid', `${lacking.join(' and ')} ${lacking.length === 1 ? 'does' : 'do'} not name ${user}`, {
      cause: 'podman of an ordinary user cannot unpack images with files of several users then, as that of PostgreSQL',
      remedy: `sudo usermod ${flags.join(' ')} ${user} && podman system migrate`,
    }),
  ]
}

/** Ports that only root may listen on. */
export function judgeLowPorts(machine: MachineFacts, { ports, runtime }: StackFacts): readonly Finding[] {
  const { engines, firstOpenPort, root } = machine
  if (firstOpenPort === undefined || !('name' in runtime)) return []
  const engine = engines.find(({ name }) => name === runtime.name)
  const ordinary =
    engine === undefined ? runtime.name === 'native' && !root : engine.described?.rootless === true && isHere(engine)
  if (!ordinary) return []
  return ports
    .filter(({ port }) => port < firstOpenPort)
    .map(({ port, service }) => {
      const reasons = {
        cause: `an ordinary user may listen from port ${String(firstOpenPort)} on, and ${runtime.name} runs as one`,
        remedy: [
          `Give ${service} a higher host port.`,
          `Or let ordinary users have it: sudo sysctl net.ipv4.ip_unprivileged_port_start=${String(port)}`,
        ].join('\n'),
      }
      const words = `${service} cannot have port ${String(port)}`
      // Docker's helper may have been given the right to.
      return runtime.name === 'docker'
        ? note('low-port', words.replace('cannot', 'may not'), reasons)
        : obstacle('low-port', words, reasons)
    })
}

function isHere({ described }: EngineFacts): boolean {
  return described?.storage !== undefined
}
