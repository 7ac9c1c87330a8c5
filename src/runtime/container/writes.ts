/**
 * The calls of the container driver that change something, each safe to repeat.
 */
import { access } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { pause } from '../../abort.ts'
import { isCode, PoststackError } from '../../errors.ts'
import { portsClash } from '../../plan/reconcile/held-ports.ts'
import type { ContainerPlan, Target } from '../../plan/types.ts'
import { findContainer, inspectContainer, inspectNamed, listRunning, needContainer } from './calls.ts'
import type { Inspected } from './calls.ts'
import { archiveOf } from './files.ts'
import { createNetwork, createVolume, whileAmbiguous } from './named.ts'
import { containerRefusal, isNameConflict, nameTaken, portConflict, portInUse, refusal } from './refusals.ts'
import { containerBody } from './spec.ts'
import type { Engine } from './engine-connect.ts'
import { messageOf, parseJson } from './engine-http.ts'
import type { EngineAnswer } from './engine-http.ts'
import { gatewayOf, hasRestartPolicy, isPrepared, requestedPorts } from './inspect.ts'
import type { Revealed, Runtime } from '../runtime.ts'

export type Writes = Pick<
  Runtime,
  | 'createNetwork'
  | 'createVolume'
  | 'createContainer'
  | 'startContainer'
  | 'stopContainer'
  | 'renameContainer'
  | 'removeContainer'
  | 'removeNetwork'
  | 'removeVolume'
>

/** Making and starting a container sets up networks and copies data into new volumes. */
const slowCallMs = 180_000

export function createWrites(engine: Engine): Writes {
  const { client } = engine
  return {
    createNetwork: (name, labels, { signal }) => createNetwork(engine, { name, labels, signal }),
    createVolume: (name, labels, { signal }) => createVolume(engine, { name, labels, signal }),
    createContainer: (container, env, { signal }) => createContainer(engine, { container, env, signal }),
    startContainer: (target, files, { signal }) => startContainer(engine, { target, files, signal }),
    stopContainer: (target, graceSeconds, { signal }) => stopContainer(engine, { target, graceSeconds, signal }),
    renameContainer: (target, to, { signal }) => renameContainer(engine, { target, to, signal }),
    removeContainer: async (target, { signal }) => {
      const found = await inspectContainer(engine, target, signal)
      if (found === undefined) return
      // `v` removes the anonymous volumes of the container, which nothing could use again; both engines keep named ones.
      const path = `/containers/${found.id}?v=true&force=false`
      const answer = await client.send({ method: 'DELETE', path, signal, timeoutMs: slowCallMs })
      if (/already in progress/i.test(messageOf(answer)))
        await waitUntilGone(engine, { ...target, id: found.id }, signal)
      else if (answer.status >= 300 && answer.status !== 404)
        throw refusal(`Container ${found.name} was not removed`, answer)
    },
    removeNetwork: async (target, { signal }) => {
      const found = await inspectNamed(engine, 'networks', target.name, signal)
      // Another network may have taken the name of the one that was seen.
      if (found === undefined || (target.id !== undefined && target.id !== found.id)) return
      // Podman looks for containers on the network by what it is given, and removes one in use if that is the id.
      const key = engine.flavour === 'podman' ? encodeURIComponent(target.name) : found.id
      const answer = await client.send({ method: 'DELETE', path: `/networks/${key}`, signal })
      if (answer.status >= 300 && answer.status !== 404) throw refusal(`Network ${target.name} was not removed`, answer)
    },
    removeVolume: async (target, { signal }) => {
      // Podman takes the beginning of a name for the name, so the exact one must be known to be there.
      if ((await inspectNamed(engine, 'volumes', target.name, signal)) === undefined) return
      const path = `/volumes/${encodeURIComponent(target.name)}`
      const answer = await client.send({ method: 'DELETE', path, signal })
      if (answer.status >= 300 && answer.status !== 404) throw refusal(`Volume ${target.name} was not removed`, answer)
    },
  }
}

interface Creation {
  readonly container: ContainerPlan
  readonly env: Revealed
  readonly signal: AbortSignal
}

async function createContainer(engine: Engine, { container, env, signal }: Creation): Promise<void> {
  const { name, spec } = container
  await requireBindSources(engine, container)
  const gateway = await gatewayFor(engine, container, signal)
  const answer = await whileAmbiguous(signal, () =>
    engine.client.send({
      method: 'POST',
      path: `/containers/create?name=${encodeURIComponent(name)}`,
      body: containerBody(container, env, { flavour: engine.flavour, gateway }),
      signal,
      timeoutMs: slowCallMs,
    }),
  )
  if (answer.status === 201) return
  if (isNameConflict(answer)) throw nameTaken('container', name)
  if (answer.status === 404 && /image/i.test(messageOf(answer)))
    throw new PoststackError(
      'ENGINE_REFUSED',
      `Container ${name} was not made: ${engine.name} has no image ${spec.image}.`,
      {
        hint: 'Something removed it after it was built or pulled; run the command again.',
        details: { container: name, image: spec.image },
      },
    )
  const source = /bind source path does not exist: (\S.*)$/m.exec(messageOf(answer))?.[1]
  throw source === undefined ? containerRefusal(`Container ${name} was not made`, answer) : missingSource(name, source)
}

/**
 * Podman's socket writes the word `host-gateway` itself into the file of hosts; there the network's own gateway is this machine. An ordinary
 * user's networks have theirs in a namespace of their own: there it is an address of the machine, as podman takes one for
 * `host.containers.internal`.
 */
async function gatewayFor(
  engine: Engine,
  { network, spec }: ContainerPlan,
  signal: AbortSignal,
): Promise<string | undefined> {
  const wanted = Object.values(spec.extraHosts ?? {}).includes('host-gateway')
  if (!wanted || engine.flavour === 'docker' || network === undefined) return undefined
  if (engine.local && process.getuid?.() !== 0) return ownAddress()
  const answer = await engine.client.send({ method: 'GET', path: `/networks/${encodeURIComponent(network)}`, signal })
  if (answer.status !== 200) throw refusal(`${engine.name} did not show network ${network}`, answer)
  return gatewayOf(parseJson(answer))
}

function ownAddress(): string | undefined {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
  return all.find(({ family, internal }) => family === 'IPv4' && !internal)?.address
}

/** Podman makes an empty folder, owned by root, where the user has misspelt a path; Docker refuses it in words of its own. */
async function requireBindSources({ local }: Engine, { name, spec }: ContainerPlan): Promise<void> {
  if (!local) return
  for (const mount of spec.mounts ?? []) {
    if (mount.kind !== 'bind') continue
    const missing = await access(mount.source).then(
      () => false,
      (error: unknown) => isCode(error, 'ENOENT'),
    )
    if (missing) throw missingSource(name, mount.source)
  }
}

function missingSource(container: string, source: string): PoststackError {
  return new PoststackError('ENGINE_REFUSED', `Container ${container} was not made: there is no ${source} to mount.`, {
    hint: 'Make the file or folder, or correct the path in the config.',
    details: { container, source },
  })
}

interface Start {
  readonly target: Target
  readonly files: Revealed
  readonly signal: AbortSignal
}

async function startContainer(engine: Engine, { target, files, signal }: Start): Promise<void> {
  const container = await needContainer(engine, target, signal)
  if (container.state === 'running') return
  await refuseBusyPorts(engine, container, signal)
  if (Object.keys(files).length > 0) {
    const body = await archiveOf(files)
    const put = await engine.client.send({
      method: 'PUT',
      path: `/containers/${container.id}/archive?path=/`,
      body,
      signal,
    })
    if (put.status !== 200) throw refusal(`Files were not put into container ${container.name}`, put)
  }
  const post = (call: string): Promise<EngineAnswer> =>
    engine.client.send({ method: 'POST', path: `/containers/${container.id}/${call}`, signal, timeoutMs: slowCallMs })
  let answer = await whileAmbiguous(signal, () => post(container.state === 'paused' ? 'unpause' : 'start'))
  // Podman that was killed in a start calls a container that runs by now prepared, and fails to start it again; a stop sets that right.
  if (answer.status >= 400 && isPrepared(container.raw)) {
    await post('stop')
    answer = await post('start')
  }
  if (answer.status < 300 || answer.status === 304) return
  throw portConflict(container.name, answer) ?? containerRefusal(`Container ${container.name} did not start`, answer)
}

/**
 * Asked before the start, because one that fails leaves podman's address rules behind, and the container that holds the port is cut off
 * from it.
 */
async function refuseBusyPorts(engine: Engine, { name, raw }: Inspected, signal: AbortSignal): Promise<void> {
  const wanted = requestedPorts(raw)
  if (wanted.length === 0) return
  for (const holder of await listRunning(engine, signal)) {
    const port = wanted.find((one) => holder.ports.some((other) => portsClash(one, other)))
    if (port !== undefined && holder.name !== name)
      throw portInUse(name, port.host, `${engine.flavour} container ${holder.name} holds it.`)
  }
}

interface Stop {
  readonly target: Target
  readonly graceSeconds: number
  readonly signal: AbortSignal
}

/** Of one that lives for a moment only, podman before 4.6 misses some of these. */
const mostStops = 50

interface Rename {
  readonly target: Target
  readonly to: string
  readonly signal: AbortSignal
}

async function renameContainer(engine: Engine, { target, to, signal }: Rename): Promise<void> {
  const { id, name } = await needContainer(engine, target, signal)
  if (name === to) return
  const path = `/containers/${id}/rename?name=${encodeURIComponent(to)}`
  const rename = (): Promise<EngineAnswer> => engine.client.send({ method: 'POST', path, signal })
  const first = await rename()
  // Docker renames none that waits for its next start after a crash: `sandbox 7459… not found`. Whoever does that replaces it.
  const isBetween = first.status >= 300 && /sandbox \S+ not found/.test(messageOf(first))
  if (isBetween) await stopContainer(engine, { target: { name, id }, graceSeconds: 0, signal })
  const answer = isBetween ? await rename() : first
  if (answer.status < 300) return
  throw isNameConflict(answer)
    ? nameTaken('container', to)
    : refusal(`Container ${name} was not renamed to ${to}`, answer)
}

async function stopContainer(engine: Engine, stop: Stop): Promise<void> {
  for (let sent = 0; sent < mostStops; sent += 1) {
    // oxlint-disable-next-line no-await-in-loop -- one look after the other
    const container = await findContainer(engine, stop.target, stop.signal)
    // Podman would turn one that never ran into one that has ended.
    if (container === undefined || container.state === 'created') return
    if (sent > 0 && container.state === 'exited') return
    // oxlint-disable-next-line no-await-in-loop
    await sendStop(engine, container, stop)
    // Podman before 4.6 does nothing about one that is between two starts, and the next start comes.
    if (engine.flavour !== 'podman' || !hasRestartPolicy(container.raw)) return
  }
  throw new PoststackError(
    'ENGINE_REFUSED',
    `Container ${stop.target.name} did not stop: it is started again each time.`,
    {
      hint: 'Its restart policy, or another program, starts it again. Run the command again.',
      details: { container: stop.target.name },
    },
  )
}

async function sendStop({ client }: Engine, container: Inspected, { graceSeconds, signal }: Stop): Promise<void> {
  const send = (call: string): Promise<EngineAnswer> =>
    client.send({
      method: 'POST',
      path: `/containers/${container.id}/${call}`,
      signal,
      timeoutMs: graceSeconds * 1000 + slowCallMs,
    })
  // Podman does not stop what is paused; Docker wakes it up by itself.
  if (container.state === 'paused') await send('unpause')
  // Also when it has ended: a restart policy may be about to start it again.
  const answer = await send(`stop?t=${String(graceSeconds)}`)
  if (answer.status < 300 || answer.status === 304 || answer.status === 404) return
  throw refusal(`Container ${container.name} did not stop`, answer)
}

async function waitUntilGone(engine: Engine, target: Target, signal: AbortSignal): Promise<void> {
  const until = performance.now() + slowCallMs
  while ((await inspectContainer(engine, target, signal)) !== undefined) {
    if (performance.now() > until)
      throw new PoststackError('ENGINE_REFUSED', `Container ${target.name} was not removed in time.`, {
        hint: 'Another program removes it and has not finished. Run the command again, or restart the engine if that does not help.',
        details: { container: target.name },
      })
    await pause(50, signal)
  }
}
