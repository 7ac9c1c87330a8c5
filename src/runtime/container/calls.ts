/**
 * What every call of the container driver is made of: lists by exact name, one container by exact name, and refusals as errors.
 */
import { pause } from '../../abort.ts'
import { PoststackError } from '../../errors.ts'
import { label } from '../../plan/labels.ts'
import { isOurs } from '../../plan/names.ts'
import type { ObservedContainer, Target } from '../../plan/types.ts'
import { refusal } from './refusals.ts'
import type { Engine } from './engine-connect.ts'
import { messageOf, parseJson } from './engine-http.ts'
import type { EngineAnswer } from './engine-http.ts'
import { asRecord, asText, containerFromInspect, containerFromList, hasRestartPolicy, isLeaving } from './inspect.ts'
import type { Labels } from '../labels.ts'

export type Kind = 'containers' | 'volumes' | 'networks'

const listPaths: Readonly<Record<Kind, string>> = {
  containers: '/containers/json?all=1',
  volumes: '/volumes?',
  networks: '/networks?',
}

export interface Wanted {
  readonly stack: string
  readonly project: string
  readonly names: readonly string[]
}

/** Everything of a kind that carries the stack's labels, and everything that holds one of the names. May hold things twice, and others. */
export async function listWanted(engine: Engine, kind: Kind, wanted: Wanted, signal: AbortSignal): Promise<unknown[]> {
  const filters = [
    { label: [`${label.stack}=${wanted.stack}`, `${label.project}=${wanted.project}`] },
    ...(wanted.names.length === 0 ? [] : [{ name: [widePattern(wanted)] }]),
  ]
  const lists = await Promise.all(filters.map((filter) => listFiltered(engine, kind, { filter, signal })))
  return lists.flat()
}

/** Every running container of the engine. */
export async function listRunning(engine: Engine, signal: AbortSignal): Promise<readonly ObservedContainer[]> {
  const values = await listFiltered(engine, 'containers', { filter: { status: ['running', 'paused'] }, signal })
  return values.map(containerFromList)
}

interface ListOptions {
  readonly filter: Readonly<Record<string, readonly string[]>>
  readonly signal: AbortSignal
}

async function listFiltered(engine: Engine, kind: Kind, { filter, signal }: ListOptions): Promise<readonly unknown[]> {
  const path = `${listPaths[kind]}&filters=${encodeURIComponent(JSON.stringify(filter))}`
  const value = await readList(engine, path, signal)
  const list = kind === 'volumes' ? (asRecord(value)['Volumes'] ?? []) : value
  return Array.isArray(list) ? list : []
}

/** What an engine has at the path of a list. */
export async function readList(engine: Engine, path: string, signal: AbortSignal): Promise<unknown> {
  const answer = await read(engine, path, signal)
  if (answer.status !== 200) throw refusal(`${engine.name} did not list what it has`, answer)
  return parseJson(answer)
}

export function read(engine: Engine, path: string, signal: AbortSignal): Promise<EngineAnswer> {
  return whilePassing(signal, () => engine.client.send({ method: 'GET', path, signal }))
}

/**
 * Asks again when podman fails because of something that another program removes or has not finished: a list fails as a whole, to show
 * or remove one image podman looks into all of them, for its parent and its children, and to make a network into all interfaces.
 */
export async function whilePassing(
  signal: AbortSignal,
  send: () => Promise<EngineAnswer>,
  words = /no such|not found|not known|does not exist/i,
): Promise<EngineAnswer> {
  for (let attempt = 1; ; attempt += 1) {
    const answer = await send()
    const passing = answer.status === 500 && words.test(messageOf(answer))
    if (!passing || attempt === 5) return answer
    await pause(30 * attempt, signal)
  }
}

/** A container, and the engine's whole answer about it. */
export interface Inspected extends ObservedContainer {
  readonly raw: unknown
}

/** One container as it is now. */
export async function inspectContainer(
  engine: Engine,
  target: Target,
  signal: AbortSignal,
): Promise<ObservedContainer | undefined> {
  const found = await findContainer(engine, target, signal)
  if (found === undefined) return undefined
  const { raw: _, ...container } = found
  return container
}

/** A container that must be there. */
export async function needContainer(engine: Engine, target: Target, signal: AbortSignal): Promise<Inspected> {
  const container = await findContainer(engine, target, signal)
  if (container !== undefined) return container
  throw new PoststackError('ENGINE_REFUSED', `There is no container ${target.name} in ${engine.name}.`, {
    hint: 'Something else removed it; run the command again.',
    details: { container: target.name },
  })
}

/** How long podman may take to take an ended container off its network. Longer, and nobody is about to. */
const leavingMs = 2000
const lookMs = 25

/**
 * Without an id it goes by the exact name: engines take the beginning of an id for a name, and a container called `db` must not be
 * mixed up with one whose id starts so.
 *
 * Podman tells of an end before it has taken the container off its network, and what starts meanwhile may never find the names of others
 * there (seen with 4.3, whose aardvark-dns ends then). In the same moment its restart policy starts it again, so that till then nobody knows
 * whether it has ended. So that moment is waited out.
 */
export async function findContainer(
  engine: Engine,
  target: Target,
  signal: AbortSignal,
): Promise<Inspected | undefined> {
  const until = performance.now() + leavingMs
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- one look after the other
    const found = await lookAt(engine, target, signal)
    if (found === undefined || performance.now() > until) return found
    // oxlint-disable-next-line no-await-in-loop
    if (!(await isBetween(engine, found, signal))) return found
    // oxlint-disable-next-line no-await-in-loop
    await pause(lookMs, signal)
  }
}

/** From 5.6 on podman says Docker's word to Docker's clients: its own stands in its own answer. */
async function isBetween(
  { client, flavour }: Engine,
  { id, raw, state }: Inspected,
  signal: AbortSignal,
): Promise<boolean> {
  if (flavour !== 'podman' || state !== 'exited') return false
  if (isLeaving(raw) || !hasRestartPolicy(raw)) return isLeaving(raw)
  const answer = await client.send({ method: 'GET', path: `/libpod/containers/${id}/json`, signal })
  return answer.status === 200 && isLeaving(parseJson(answer))
}

async function lookAt(engine: Engine, target: Target, signal: AbortSignal): Promise<Inspected | undefined> {
  const key = encodeURIComponent(target.id ?? target.name)
  const look = (): Promise<EngineAnswer> =>
    engine.client.send({ method: 'GET', path: `/containers/${key}/json`, signal })
  // Of one whose program ends at this moment, podman has not found the process: `read /proc/27001/cgroup: no such process`.
  const answer = await whilePassing(signal, look, /\/proc\/\d+\/.*no such/i)
  // Podman answers 500 for a container that goes while it is being looked at.
  const gone = answer.status === 500 && /no such container/i.test(messageOf(answer))
  if (answer.status === 404 || gone) return undefined
  if (answer.status !== 200) throw refusal(`${engine.name} did not show container ${target.name}`, answer)
  const raw = parseJson(answer)
  const container = containerFromInspect(raw)
  const exact = target.id === undefined ? isNamed(container, target) : container.id === target.id
  return exact ? { ...container, raw } : undefined
}

function isNamed({ name, owner }: ObservedContainer, target: Target): boolean {
  return name === target.name && (target.owner === undefined || isOurs(owner, target.owner))
}

export interface NamedObject {
  readonly id: string
  readonly labels: Labels
  /** When it was made, in the engine's words. */
  readonly created: string
}

/** A volume or network by its exact name; a volume's id is its name. */
export async function inspectNamed(
  engine: Engine,
  kind: 'volumes' | 'networks',
  name: string,
  signal: AbortSignal,
): Promise<NamedObject | undefined> {
  const [found] = await listNamed(engine, kind, name, signal)
  return found
}

/** All of that name: Docker may have several networks of one. */
export async function listNamed(
  engine: Engine,
  kind: 'volumes' | 'networks',
  name: string,
  signal: AbortSignal,
): Promise<readonly NamedObject[]> {
  const values = await listFiltered(engine, kind, { filter: { name: [exactPattern(name)] }, signal })
  return values
    .map(asRecord)
    .filter((entry) => entry['Name'] === name)
    .map(({ Created: created, Id: id, Labels: labels }) => ({
      id: kind === 'volumes' ? name : asText(id),
      labels: (labels ?? {}) as Labels,
      created: typeof created === 'string' ? created : '',
    }))
}

/**
 * A regular expression for all of these names, and for whatever else begins with the stack's: the caller compares exactly once more.
 *
 * One, because Docker compiles each anew for every container that there is: for 20 services beside 85 containers it took 190 ms to compare
 * with 80 names, 40 ms with one alternative of as many, and 5 ms with this.
 */
function widePattern({ names, stack }: Pick<Wanted, 'names' | 'stack'>): string {
  const beginning = `${stack}-`
  const others = names.filter((name) => !name.startsWith(beginning)).map(escaped)
  return `^/?(${[`${escaped(beginning)}.*`, ...others].join('|')})$`
}

function exactPattern(name: string): string {
  // Docker compares containers' names with and without the slash they start with.
  return `^/?${escaped(name)}$`
}

function escaped(name: string): string {
  return name.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
}
