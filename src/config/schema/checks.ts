/**
 * Checks of what the parts of a config must agree on. They run over everything that can be understood, also where something else is wrong: what is
 * wrong by itself was reported already, and must be taken neither for absent nor for its default.
 */
import { isList, possibleConditions, referencesIn, waitingInCircles } from '../parse/edges.ts'
import { suggest } from '../nearest.ts'
import { showValue } from './issues.ts'
import { parsePostgresUrl } from '../postgres-url.ts'
import { isExternal, isWrong } from '../parse/plain-parts.ts'
import { checkPlatforms, checkPull } from './check-images.ts'
import { checkProfiles } from '../profiles.ts'
import { checkSettings } from '../settings.ts'
import type { ConfigIssue, Path } from './issues.ts'
import type { ParsedReference } from '../parse/edges.ts'
import type { AnyPart, ContainerPart, PlainStack } from './schema.ts'
import { compareText } from '../text-order.ts'

export function checkTogether(stack: PlainStack, name: string): readonly ConfigIssue[] {
  const issues: ConfigIssue[] = []
  for (const [service, { dependsOn }] of stack.parts) {
    if (dependsOn !== undefined) issues.push(...checkDependsOn({ service, dependsOn }, stack))
  }
  for (const [service, options] of stack.parts) {
    const path = ['services', service]
    if (options.kind === 'container') issues.push(...checkContainer(options, path, stack))
    issues.push(...checkSettings(options, path), ...checkSeed(options, path), ...checkPull(options, path))
  }
  for (const cycle of waitingInCircles(stack.parts)) {
    if (cycle.length === 2) continue
    issues.push({ path: ['services', cycle[0] ?? ''], message: `waits for itself: ${cycle.join(' -> ')}` })
  }
  return [
    ...issues,
    ...checkHostPorts(stack),
    ...checkContainerNames(stack, name),
    ...checkAliases(stack),
    ...checkProfiles(stack),
    ...checkPlatforms(stack),
  ]
}

/** Seeds are recorded beside the migrations, and fill the tables that these make. */
function* checkSeed(options: AnyPart, path: Path): Iterable<ConfigIssue> {
  if (options.kind !== 'postgres' || isExternal(options)) return
  if (options.seed === undefined || options.migrations !== undefined) return
  yield {
    path: [...path, 'seed'],
    message: 'needs `migrations`: a folder of migrations, which make the tables that seeds fill',
  }
}

/** Two services under one host name would get each other's connections in turns. Host names ignore case. */
function* checkAliases(stack: PlainStack): Iterable<ConfigIssue> {
  const taken = new Map([...stack.names].map((name) => [name, name]))
  for (const [name, service] of stack.services) {
    if (isExternal(service)) continue
    for (const [index, alias] of (service.aliases ?? []).entries()) {
      const holder = taken.get(alias.toLowerCase())
      taken.set(alias.toLowerCase(), holder ?? name)
      if (holder === undefined || holder === name) continue
      const path = ['services', name, 'aliases', index]
      yield { path, message: `is a host name of \`${holder}\` already`, value: `"${alias}"` }
    }
  }
}

interface Waiting {
  readonly service: string
  readonly dependsOn: NonNullable<AnyPart['dependsOn']>
}

function* checkDependsOn({ service, dependsOn }: Waiting, stack: PlainStack): Iterable<ConfigIssue> {
  const entries = isList(dependsOn)
    ? dependsOn.map((name, index) => [name, index, undefined] as const)
    : Object.entries(dependsOn).map(([name, condition]) => [name, name, condition] as const)
  for (const [name, key, condition] of entries) {
    if (name === undefined) continue
    const at = ['services', service, 'dependsOn', key]
    const target = stack.parts.get(name)
    if (name === service) yield { path: at, message: 'a service cannot wait for itself' }
    else if (!stack.names.has(name)) {
      const others = [...stack.names].filter((other) => other !== service)
      yield { path: at, message: `there is no service \`${name}\`: ${suggest(name, others)}` }
    } else if (target !== undefined && condition !== undefined && !isWrong(target, 'job')) {
      const possible: readonly string[] = possibleConditions(target)
      if (possible.includes(condition)) continue
      yield {
        path: at,
        message: `${whatIs(target)} is never \`${condition}\`: ${suggest(condition, possible)}`,
        value: `"${condition}"`,
      }
    }
  }
}

function whatIs(service: AnyPart): string {
  if (service.kind === 'postgres') return isExternal(service) ? 'an external database' : 'a PostgreSQL service'
  return service.job === true ? 'a job' : 'a container'
}

function* checkContainer(options: ContainerPart, path: Path, stack: PlainStack): Iterable<ConfigIssue> {
  const [saysImage, saysBuild] = [Object.hasOwn(options, 'image'), Object.hasOwn(options, 'build')]
  if (!saysImage && !saysBuild) {
    yield { path, message: 'says neither `image` nor `build`; exactly one of them is needed' }
  }
  if (saysImage && saysBuild) {
    yield { path, message: 'says both `image` and `build`; exactly one of them is needed' }
  }
  if (options.job === true && Object.hasOwn(options, 'ready')) {
    yield { path: [...path, 'ready'], message: 'a job is done when it ends with exit code 0; it cannot have `ready`' }
  }
  if (options.job === true && (options.restart === 'always' || options.restart === 'unless-stopped')) {
    const message = 'a job ends, so it cannot be restarted for ever; possible: `no`, `on-failure`'
    yield { path: [...path, 'restart'], message, value: `"${options.restart}"` }
  }
  yield* checkMounts(options, path)
  yield* checkReady(options, path)
  for (const [variable, value] of Object.entries(options.env ?? {})) {
    for (const reference of referencesIn(value)) {
      const message = whyNoReference(reference, path, stack)
      if (message !== undefined) yield { path: [...path, 'env', variable], message, value: showReference(reference) }
    }
  }
}

function* checkMounts(options: ContainerPart, path: Path): Iterable<ConfigIssue> {
  const seen = new Map<string, number>()
  for (const [index, volume] of (options.volumes ?? []).entries()) {
    const target = volume?.target
    if (target === undefined) continue
    const plain = target.replaceAll(/\/+/g, '/').replace(/\/$/, '')
    const first = seen.get(plain)
    if (first === undefined) seen.set(plain, index)
    else
      yield {
        path: [...path, 'volumes', index, 'target'],
        message: `is the target of volumes[${String(first)}] already`,
        value: `"${target}"`,
      }
  }
}

function* checkReady(options: ContainerPart, path: Path): Iterable<ConfigIssue> {
  const { ready } = options
  const probed = ready === undefined ? undefined : probedPort(ready)
  if (probed === undefined || isWrong(options, 'ports')) return
  const [kind, name] = probed
  if (name === undefined) return
  const at = [...path, 'ready', kind]
  const ports = options.ports ?? {}
  if (!Object.hasOwn(ports, name)) {
    const message = `there is no port of that name: ${suggest(name, Object.keys(ports))}`
    yield { path: at, message, value: showValue(at, name) }
    return
  }
  const port = ports[name] ?? {}
  if (!Object.hasOwn(port, 'host') && !isWrong(ports, name)) {
    const message = `port \`${name}\` is not published: probes run from the host, so it needs a \`host\` port; or use \`exec\` or \`log\``
    yield { path: at, message }
  } else if (port.protocol === 'udp') {
    yield { path: at, message: `port \`${name}\` is udp; ${kind} needs tcp` }
  }
}

/** The port that a probe goes to, with the kind of probe; none for those that go elsewhere. */
function probedPort(
  ready: NonNullable<ContainerPart['ready']>,
): readonly [kind: string, port: string | undefined] | undefined {
  if ('http' in ready) return ['http', ready.http]
  if ('tcp' in ready) return ['tcp', ready.tcp]
  return 'postgres' in ready ? ['postgres', ready.postgres] : undefined
}

/** Why a reference cannot be resolved, or nothing when it can. */
function whyNoReference(reference: ParsedReference, path: Path, stack: PlainStack): string | undefined {
  const { service, property } = reference
  if (service === path[1]) return 'refers to its own service'
  const target = stack.parts.get(service)
  if (target === undefined) {
    return stack.names.has(service)
      ? undefined
      : `refers to \`${service}\`, which is no service: ${suggest(service, stack.names)}`
  }
  if (target.kind === 'postgres') return whyNoDatabaseProperty(reference, target)
  if (target.job === true) return `refers to \`${service}\`, a job: once it is done it has no address`
  const ports = target.ports ?? {}
  const [kind = '', name] = property.split(/:(.*)/s)
  if (property === 'host') return undefined
  if (kind !== 'port' && kind !== 'url') return hasNo(service, kind, ['host', 'port', 'url'])
  if (name === undefined) return `needs the name of a port: ${suggest('', Object.keys(ports))}`
  if (isWrong(target, 'ports')) return undefined
  if (!Object.hasOwn(ports, name))
    return `\`${service}\` declares no port \`${name}\`: ${suggest(name, Object.keys(ports))}`
  return kind === 'url' && ports[name]?.protocol === 'udp'
    ? `port \`${name}\` of \`${service}\` is udp and has no URL`
    : undefined
}

function hasNo(service: string, property: string, known: readonly string[]): string {
  return `\`${service}\` has no \`${property}\`: ${suggest(property, known)}`
}

/** As it is written in a config. */
function showReference({ service, property }: ParsedReference): string {
  const [kind = '', port] = property.split(/:(.*)/s)
  return `${service}.${kind}${port === undefined ? '' : `('${port}')`}`
}

const databaseProperties = ['url', 'host', 'port', 'database', 'user', 'password']

function whyNoDatabaseProperty({ service, property }: ParsedReference, target: AnyPart): string | undefined {
  if (!databaseProperties.includes(property)) {
    return hasNo(service, property, databaseProperties)
  }
  if (property !== 'password' || !isExternal(target)) return undefined
  const url = target.url === undefined ? undefined : parsePostgresUrl(target.url)
  const isAbsent = typeof url === 'object' && url.password === undefined
  return isAbsent ? `refers to the password of \`${service}\`, but its \`url\` names none` : undefined
}

interface HostPort {
  readonly path: Path
  readonly address: string
  readonly port: number
  readonly protocol: string
}

function hostPorts(name: string, service: AnyPart): readonly HostPort[] {
  const path = ['services', name]
  if (service.kind === 'postgres') {
    if (isExternal(service) || isWrong(service, 'port') || isWrong(service, 'hostAddress')) return []
    const { port = 5432, hostAddress: address = '127.0.0.1' } = service
    if (port === 'auto') return []
    return [{ path: [...path, 'port'], address, port, protocol: 'tcp' }]
  }
  return Object.entries(service.ports ?? {}).flatMap(([portName, options = {}]) => {
    const { host, hostAddress: address = '127.0.0.1', protocol = 'tcp' } = options
    if (typeof host !== 'number' || isWrong(options, 'hostAddress') || isWrong(options, 'protocol')) return []
    return [{ path: [...path, 'ports', portName, 'host'], address, port: host, protocol }]
  })
}

const everyAddress = new Set(['0.0.0.0', '::'])

function* checkHostPorts(stack: PlainStack): Iterable<ConfigIssue> {
  const taken: HostPort[] = []
  for (const [name, service] of [...stack.parts].toSorted(([a], [b]) => compareText(a, b))) {
    for (const port of hostPorts(name, service)) {
      const first = taken.find((other) => overlap(other, port))
      taken.push(port)
      if (first === undefined) continue
      const holder = first.path.slice(1).join('.')
      const message = `host port ${String(port.port)} of ${port.address} is taken by \`services.${holder}\`${first.address === port.address ? '' : ` on ${first.address}`}`
      yield { path: port.path, message, value: String(port.port) }
    }
  }
}

function overlap(a: HostPort, b: HostPort): boolean {
  if (a.port !== b.port || a.protocol !== b.protocol) return false
  return a.address === b.address || everyAddress.has(a.address) || everyAddress.has(b.address)
}

function* checkContainerNames(stack: PlainStack, stackName: string): Iterable<ConfigIssue> {
  const taken = new Map<string, string>()
  for (const [name, service] of stack.parts) {
    if (!isExternal(service) && !Object.hasOwn(service, 'containerName')) taken.set(`${stackName}-${name}`, name)
  }
  for (const [name, service] of stack.parts) {
    if (isExternal(service) || service.containerName === undefined) continue
    const first = taken.get(service.containerName)
    if (first === undefined) taken.set(service.containerName, name)
    else
      yield {
        path: ['services', name, 'containerName'],
        message: `is the name of \`${first}\`'s container already`,
        value: `"${service.containerName}"`,
      }
  }
}
