/**
 * From what an engine answers to observed records. Pure. The two engines, and their versions, fill the same fields
 * differently; only what both mean alike is read here, and everything else comes from our own labels.
 */
import { PoststackError } from '../../errors.ts'
import { label } from '../../plan/labels.ts'
import type { ObservedContainer, ObservedImage, ObservedNetwork, ObservedVolume } from '../../plan/types.ts'
import { labelledContainer, labelledVolume, ownerOf, type Labels } from '../labels.ts'
import type { EngineName } from './engine-address.ts'

type State = ObservedContainer['state']
type Ports = ObservedContainer['ports']

/** A container of an answer of `GET /containers/json`. */
export function containerFromList(value: unknown): ObservedContainer {
  const entry = asRecord(value)
  const labels = labelsOf(entry['Labels'])
  const state = stateOf(entry['State'])
  return {
    id: asText(entry['Id']),
    name: withoutSlash(asText(asList(entry['Names'])[0])),
    ...labelledContainer(labels),
    state,
    exitCode: hasEnded(state) ? exitCodeInStatus(entry['Status']) : undefined,
    imageId: imageIdOf(entry['ImageID']),
    ports: holdsPorts(state) ? listedPorts(asList(entry['Ports'])) : [],
  }
}

/** The answer of `GET /containers/{id}/json`. */
export function containerFromInspect(value: unknown): ObservedContainer {
  const entry = asRecord(value)
  const labels = labelsOf(asRecord(entry['Config'])['Labels'])
  const runState = asRecord(entry['State'])
  const state = stateOf(runState['Status'])
  const exitCode = runState['ExitCode']
  const healthcheck = healthCommand(asRecord(entry['Config'])['Healthcheck'])
  return {
    id: asText(entry['Id']),
    name: withoutSlash(asText(entry['Name'])),
    ...labelledContainer(labels),
    state,
    exitCode: hasEnded(state) && typeof exitCode === 'number' ? exitCode : undefined,
    imageId: imageIdOf(entry['Image']),
    ports:
      holdsPorts(state) || isPrepared(value)
        ? boundPorts(asOptionalRecord(asRecord(entry['NetworkSettings'])['Ports']))
        : [],
    ...(hasEnded(state) && runState['OOMKilled'] === true ? { outOfMemory: true } : {}),
    ...(state === 'running' ? lifeOf(runState) : {}),
    ...((state === 'running' || state === 'restarting') && typeof entry['RestartCount'] === 'number'
      ? { restarts: entry['RestartCount'] }
      : {}),
    ...(healthcheck === undefined ? {} : { healthcheck }),
  }
}

/** Of one that has never ended, engines say that it did in the year 1. */
function lifeOf({
  FinishedAt: ended,
  StartedAt: started,
}: Readonly<Record<string, unknown>>): Pick<ObservedContainer, 'startedAt' | 'endedBefore'> {
  if (typeof started !== 'string') return {}
  return typeof ended === 'string' && Date.parse(ended) > 0
    ? { startedAt: started, endedBefore: ended }
    : { startedAt: started }
}

/** As a program and its arguments; nothing for none, and for one that is switched off. */
function healthCommand(healthcheck: unknown): readonly string[] | undefined {
  const [kind, ...words] = asList(asOptionalRecord(healthcheck)['Test']).map(asText)
  if (kind === 'CMD-SHELL') return ['/bin/sh', '-c', words.join(' ')]
  return kind === 'CMD' && words.length > 0 ? words : undefined
}

/** The host ports that a container asks for when it starts, of the answer of `GET /containers/{id}/json`. */
export function requestedPorts(value: unknown): Ports {
  return boundPorts(asOptionalRecord(asRecord(asRecord(value)['HostConfig'])['PortBindings']))
}

export function volumeFrom(value: unknown): ObservedVolume {
  const entry = asRecord(value)
  return { name: asText(entry['Name']), ...labelledVolume(labelsOf(entry['Labels'])) }
}

export function networkFrom(value: unknown): ObservedNetwork {
  const entry = asRecord(value)
  return { id: asText(entry['Id']), name: asText(entry['Name']), owner: ownerOf(labelsOf(entry['Labels'])) }
}

/** The first address that a network's containers reach the host by. */
export function gatewayOf(network: unknown): string | undefined {
  const configs = asList(asOptionalRecord(asRecord(network)['IPAM'])['Config'])
  const gateways = configs.map((config) => asRecord(config)['Gateway'])
  return gateways.find((gateway) => typeof gateway === 'string' && gateway !== '') as string | undefined
}

/** `ref` is the name that was asked for: engines answer with names of their own. */
export function imageFrom(ref: string, value: unknown, flavour: EngineName): ObservedImage {
  const entry = asRecord(value)
  const config = asOptionalRecord(entry['Config'])
  const labels = labelsOf(config['Labels'])
  const platform = platformOf(entry)
  const major = asList(config['Env'])
    .map((variable) => /^PG_MAJOR=(\d+)/.exec(asText(variable))?.[1])
    .find((found) => found !== undefined)
  return {
    ref,
    id: imageIdOf(entry['Id']),
    fingerprint: labels[label.fingerprint],
    ...(platform === undefined ? {} : { platform }),
    ...(major === undefined ? {} : { postgres: Number(major) }),
    // Podman leaves it out where there is one, too.
    ...(flavour === 'docker' ? { hasHealthcheck: healthCommand(config['Healthcheck']) !== undefined } : {}),
  }
}

/** What an image is made for; nothing where it does not say. */
function platformOf(image: Readonly<Record<string, unknown>>): string | undefined {
  const parts = [image['Os'], image['Architecture'], image['Variant']].filter(
    (part) => part !== undefined && part !== '',
  )
  return parts.length < 2 ? undefined : parts.map(asText).join('/')
}

/** Labels are null in Docker where there are none. */
export function labelsOf(value: unknown): Labels {
  const labels: Record<string, string> = {}
  for (const [name, text] of Object.entries(asOptionalRecord(value))) if (typeof text === 'string') labels[name] = text
  return labels
}

export function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw unexpected('an object', value)
  return value as Readonly<Record<string, unknown>>
}

function asOptionalRecord(value: unknown): Readonly<Record<string, unknown>> {
  return value === undefined || value === null ? {} : asRecord(value)
}

/** Both engines say null for some empty lists. */
function asList(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) throw unexpected('a list', value)
  return value
}

export function asText(value: unknown): string {
  if (typeof value !== 'string') throw unexpected('a text', value)
  return value
}

/** Podman has words of its own, and until 5.6 shows them to Docker's clients too. */
function stateOf(value: unknown): State {
  const word = asText(value).toLowerCase()
  switch (word) {
    case 'created':
    case 'configured':
    case 'initialized':
      return 'created'
    case 'running':
    case 'stopping':
      return 'running'
    case 'exited':
    case 'stopped':
      return 'exited'
    case 'restarting':
    case 'paused':
      return word
    default:
      return 'dead'
  }
}

/** Whether it has ended and still stands on its network: podman's word for that, of the answer of `GET /containers/{id}/json`. */
export function isLeaving(value: unknown): boolean {
  return asOptionalRecord(asOptionalRecord(value)['State'])['Status'] === 'stopped'
}

/** Whether it has been running for less than 10 seconds, by the engine's own clock. Takes a container of an answer of `GET /containers/json`. */
export function isJustStarted(value: unknown): boolean {
  const { Status: status } = asRecord(value)
  return typeof status === 'string' && /^Up (?:less than a|\d) second/i.test(status)
}

/** Whether a restart policy starts it again when it ends, of the answer of `GET /containers/{id}/json`. */
export function hasRestartPolicy(value: unknown): boolean {
  const { Name: name } = asOptionalRecord(asOptionalRecord(asOptionalRecord(value)['HostConfig'])['RestartPolicy'])
  return typeof name === 'string' && name !== '' && name !== 'no'
}

function hasEnded(state: State): boolean {
  return state === 'exited' || state === 'dead' || state === 'restarting'
}

/** Podman lists the wanted ports of a container that never ran; they are held only while it runs. */
function holdsPorts(state: State): boolean {
  return state === 'running' || state === 'paused'
}

/**
 * Podman's start binds the ports before the program runs, and a start that is cut off in between leaves a container that is
 * called created and holds its ports. Only the process that waits in it tells. Takes the answer of `GET /containers/{id}/json`.
 */
export function isPrepared(value: unknown): boolean {
  const runState = asOptionalRecord(asOptionalRecord(value)['State'])
  return stateOf(runState['Status']) === 'created' && Number(runState['Pid']) > 0
}

/** `Exited (137) 3 seconds ago`: the list has the exit code nowhere else. */
function exitCodeInStatus(value: unknown): number | undefined {
  const code = typeof value === 'string' ? /^\w+ \((-?\d+)\)/.exec(value)?.[1] : undefined
  return code === undefined ? undefined : Number(code)
}

/** Older podman leaves the algorithm out, which would make one image look like two. */
function imageIdOf(value: unknown): string {
  const id = asText(value)
  return /^[0-9a-f]{64}$/.test(id) ? `sha256:${id}` : id
}

function listedPorts(entries: readonly unknown[]): Ports {
  return sortedPorts(
    entries.flatMap((value) => {
      const entry = asRecord(value)
      const host = entry['PublicPort']
      return typeof host === 'number' && host > 0
        ? [{ host, hostAddress: addressOf(entry['IP']), ...protocolOf(entry['Type']) }]
        : []
    }),
  )
}

function boundPorts(byPort: Readonly<Record<string, unknown>>): Ports {
  return sortedPorts(
    Object.entries(byPort).flatMap(([key, bindings]) =>
      asList(bindings).flatMap((value) => {
        const entry = asRecord(value)
        const host = Number(entry['HostPort'])
        return host > 0 ? [{ host, hostAddress: addressOf(entry['HostIp']), ...protocolOf(key.split('/')[1]) }] : []
      }),
    ),
  )
}

function addressOf(value: unknown): string {
  return typeof value === 'string' && value !== '' ? value : '0.0.0.0'
}

function protocolOf(word: unknown): { readonly protocol?: 'udp' } {
  return word === 'udp' ? { protocol: word } : {}
}

function sortedPorts(ports: Ports): Ports {
  const place = ({ hostAddress, protocol }: Ports[number]): string => `${hostAddress} ${protocol ?? ''}`
  const byKey = new Map(ports.map((port) => [`${String(port.host)} ${place(port)}`, port]))
  return [...byKey.values()].toSorted((one, other) => one.host - other.host || (place(one) < place(other) ? -1 : 1))
}

function withoutSlash(name: string): string {
  return name.startsWith('/') ? name.slice(1) : name
}

function unexpected(wanted: string, value: unknown): PoststackError {
  const found = JSON.stringify(value)?.slice(0, 200) ?? 'nothing'
  return new PoststackError('RUNTIME_UNREACHABLE', `The engine answered ${found} where ${wanted} was expected.`, {
    hint: 'Check that the address is that of a podman or Docker engine, and that the engine is not older than API 1.40.',
  })
}
