/**
 * Networks and volumes, which are known by their names: each is made once, and never taken from somebody else.
 */
import { pause } from '../../abort.ts'
import { inspectNamed, listNamed, whilePassing, type NamedObject } from './calls.ts'
import { nameTaken, refusal } from './refusals.ts'
import type { Engine } from './engine-connect.ts'
import { messageOf, parseJson, type EngineAnswer } from './engine-http.ts'
import { asRecord, asText, labelsOf } from './inspect.ts'
import { carriesLabels, type Labels } from '../labels.ts'

interface Naming {
  readonly name: string
  readonly labels: Labels
  readonly signal: AbortSignal
}

export async function createNetwork(engine: Engine, { name, labels, signal }: Naming): Promise<void> {
  // Docker may make two networks of one name, so look first.
  const there = await inspectNamed(engine, 'networks', name, signal)
  if (there !== undefined) {
    requireOurs('network', name, { there: there.labels, labels })
    return
  }
  const body = { Name: name, CheckDuplicate: true, Driver: 'bridge', Labels: labels }
  // Podman looks at all interfaces of the machine for a free subnet, of which others make and remove some meanwhile.
  const answer = await whilePassing(signal, () =>
    engine.client.send({ method: 'POST', path: '/networks/create', body, signal }),
  )
  if (answer.status < 300) {
    await yieldTo(engine, { name, id: asText(asRecord(parseJson(answer))['Id']), signal })
    return
  }
  const since = await inspectNamed(engine, 'networks', name, signal)
  if (since === undefined) throw refusal(`Network ${name} was not made`, answer)
  requireOurs('network', name, { there: since.labels, labels })
}

/** How long the other one of two may take to go. */
const yieldMs = 2000
const lookMs = 50

/**
 * Docker has made two networks of one name when two ask at the same moment (seen with version 28), and starts no container on either. Whoever
 * looks last sees both. The later one goes; the earlier one waits for that, and where the other has not seen it, goes instead.
 */
async function yieldTo(
  engine: Engine,
  { id, name, signal }: { readonly id: string; readonly name: string; readonly signal: AbortSignal },
): Promise<void> {
  if (engine.flavour === 'podman') return
  const until = performance.now() + yieldMs
  for (;;) {
    const all = await listNamed(engine, 'networks', name, signal)
    if (all.length < 2) return
    const [earliest] = all.toSorted(byAge)
    if (earliest?.id !== id || performance.now() > until) break
    await pause(lookMs, signal)
  }
  const answer = await engine.client.send({ method: 'DELETE', path: `/networks/${id}`, signal })
  if (answer.status >= 300 && answer.status !== 404) throw refusal(`Network ${name} is there twice`, answer)
  throw nameTaken('network', name)
}

function byAge(one: NamedObject, other: NamedObject): number {
  const [first, second] = [`${one.created} ${one.id}`, `${other.created} ${other.id}`]
  return first < second ? -1 : 1
}

/** Tries again while two networks of one name are there, one of which goes. */
export async function whileAmbiguous(signal: AbortSignal, send: () => Promise<EngineAnswer>): Promise<EngineAnswer> {
  const until = performance.now() + 2 * yieldMs
  for (;;) {
    const answer = await send()
    const isAmbiguous = answer.status >= 400 && /network \S+ is ambiguous/.test(messageOf(answer))
    if (!isAmbiguous || performance.now() > until) return answer
    await pause(lookMs, signal)
  }
}

export async function createVolume(engine: Engine, { name, labels, signal }: Naming): Promise<void> {
  const there = await inspectNamed(engine, 'volumes', name, signal)
  if (there !== undefined) {
    requireOurs('volume', name, { there: there.labels, labels })
    return
  }
  const body = { Name: name, Driver: 'local', Labels: labels }
  const answer = await engine.client.send({ method: 'POST', path: '/volumes/create', body, signal })
  if (answer.status >= 300) throw refusal(`Volume ${name} was not made`, answer)
  // Engines answer with the volume that somebody else made meanwhile as if it were the new one.
  requireOurs('volume', name, { there: labelsOf(asRecord(parseJson(answer))['Labels']), labels })
}

function requireOurs(
  kind: 'network' | 'volume',
  name: string,
  { there, labels }: { readonly there: Labels; readonly labels: Labels },
): void {
  if (!carriesLabels(there, labels)) throw nameTaken(kind, name)
}
