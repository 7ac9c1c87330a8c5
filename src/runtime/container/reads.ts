/**
 * The calls of the container driver that change nothing, and `exec`.
 */
import { pause } from '../../abort.ts'
import type { ObservedContainer, ObservedImage, RuntimeSnapshot } from '../../plan/types.ts'
import { findContainer, inspectContainer, listRunning, listWanted, needContainer, read } from './calls.ts'
import type { Kind } from './calls.ts'
import { mayBeUpdated, withLiveLimits } from './limits.ts'
import { lastExitCode } from './events.ts'
import { readLogLines } from './logs.ts'
import { refusal } from './refusals.ts'
import type { Engine } from './engine-connect.ts'
import { parseJson } from './engine-http.ts'
import { engineImageName } from './image-names.ts'
import { asRecord, asText, containerFromList, imageFrom, isJustStarted, networkFrom, volumeFrom } from './inspect.ts'
import { createDemultiplexer } from '../lines.ts'
import type { ExecResult, LogLine, Runtime, Scope } from '../runtime.ts'

/** The exit code of what ended by SIGKILL. */
const killed = 137
const keptOutput = 64 * 1024

export type Reads = Pick<Runtime, 'observe' | 'inspect' | 'lastExitCode' | 'portHolder' | 'logs' | 'readLogs' | 'exec'>

export function createReads(engine: Engine): Reads {
  return {
    observe: (scope, { signal }) => observe(engine, scope, signal),
    inspect: (target, { signal }) => inspectContainer(engine, target, signal),
    lastExitCode: (target, { signal }) => lastExitCode(engine, target, signal),
    portHolder: async (host, { protocol, signal }) => {
      const running = await listRunning(engine, signal)
      const holder = running
        .filter(({ ports }) => ports.some((port) => port.host === host && port.protocol === protocol))
        .toSorted(byName)[0]
      if (holder === undefined) return undefined
      const { name, owner, service } = holder
      const of = owner === undefined ? '' : ` (stack ${owner.stack}, service ${service ?? '?'}, ${owner.root})`
      return `${engine.flavour} container ${name}${of}`
    },
    logs: async (target, lines, { signal }) => {
      const found: string[] = []
      const onLine = ({ text }: LogLine): void => void found.push(text)
      await readLogLines(engine, { target, request: { tail: lines, since: undefined, follow: false, onLine }, signal })
      return found
    },
    readLogs: (target, request, { signal }) => readLogLines(engine, { target, request, signal }),
    exec: async (target, command, { signal }) => {
      const { id } = await needContainer(engine, target, signal)
      return exec(engine, { id, name: target.name, command, signal })
    },
  }
}

async function observe(engine: Engine, scope: Scope, signal: AbortSignal): Promise<RuntimeSnapshot> {
  const list = (kind: Kind, names: readonly string[]) =>
    listWanted(engine, kind, { stack: scope.stack, project: scope.project, names }, signal)
  const [containers, volumes, networks, images] = await Promise.all([
    list('containers', scope.containerNames),
    list('volumes', scope.volumeNames),
    list('networks', scope.networkNames),
    Promise.all([...new Set(scope.imageRefs)].toSorted().map((ref) => observeImage(engine, ref, signal))),
  ])
  const listed = wantedOnly(containers.map(containerFromList), scope, scope.containerNames)
  const isNew = new Set(containers.filter(isJustStarted).map((one) => containerFromList(one).id))
  return {
    containers: await Promise.all(
      listed.map((container) => lookCloser(engine, container, { signal, isNew: isNew.has(container.id) })),
    ),
    volumes: wantedOnly(volumes.map(volumeFrom), scope, scope.volumeNames),
    networks: wantedOnly(networks.map(networkFrom), scope, scope.networkNames),
    images: images.flatMap((image) => (image === undefined ? [] : [image])),
  }
}

/**
 * Podman's list does not tell a container that was only made from one whose start was cut off, which holds its ports, nor one that has ended
 * from one that a restart policy starts again at this moment; Docker's shows no limits, and neither says that a container was killed for its memory,
 * nor of one that runs how often it has ended.
 */
async function lookCloser(
  engine: Engine,
  container: ObservedContainer,
  { isNew, signal }: { readonly isNew: boolean; readonly signal: AbortSignal },
): Promise<ObservedContainer> {
  const { id, name, spec } = container
  const isUpdated = spec !== undefined && mayBeUpdated(engine, container)
  const mayLoop = container.state === 'running' && isNew && restarts(spec)
  const isKilled = container.state === 'exited' && container.exitCode === killed && !restarts(spec)
  if (isUpdated || isKilled || mayLoop) {
    const found = await findContainer(engine, { id, name }, signal)
    if (found === undefined) return container
    return {
      ...container,
      ...(isUpdated ? { spec: withLiveLimits(spec, found.raw) } : {}),
      ...(found.outOfMemory === true ? { outOfMemory: true } : {}),
      ...(mayLoop ? loopFields(found) : {}),
    }
  }
  const isUnsure = container.state === 'created' || (container.state === 'exited' && restarts(spec))
  if (engine.flavour !== 'podman' || !isUnsure) return container
  const found = await inspectContainer(engine, { id, name }, signal)
  if (found === undefined) return container
  // It has been started again since it was listed.
  return found.state === 'running' && restarts(spec) ? { ...found, ...loopFields(found) } : found
}

/** It may have ended since it was listed. */
function loopFields({
  exitCode,
  healthcheck,
  ports,
  restarts: times = 0,
  state,
}: ObservedContainer): Partial<ObservedContainer> {
  return {
    state,
    exitCode,
    ports,
    ...(times === 0 ? {} : { restartedLately: times }),
    ...(healthcheck === undefined ? {} : { healthcheck }),
  }
}

function restarts(spec: ObservedContainer['spec']): boolean {
  return spec?.['restart'] !== undefined && spec['restart'] !== 'no'
}

interface Owned {
  readonly name: string
  readonly owner: { readonly stack: string; readonly project: string } | undefined
}

/** Each once, by exact name or owner, sorted. */
function wantedOnly<Entry extends Owned>(
  entries: readonly Entry[],
  { stack, project }: Scope,
  names: readonly string[],
): readonly Entry[] {
  const kept = entries.filter(
    ({ name, owner }) => names.includes(name) || (owner?.stack === stack && owner.project === project),
  )
  return [...new Map(kept.map((entry) => [entry.name, entry])).values()].toSorted(byName)
}

function byName(one: { readonly name: string }, other: { readonly name: string }): number {
  return one.name < other.name ? -1 : 1
}

export async function observeImage(
  engine: Engine,
  ref: string,
  signal: AbortSignal,
): Promise<ObservedImage | undefined> {
  const path = `/images/${engineImageName(ref, engine.flavour)}/json`
  const answer = await read(engine, path, signal)
  if (answer.status === 404) return undefined
  if (answer.status !== 200) throw refusal(`${engine.name} did not show image ${ref}`, answer)
  return imageFrom(ref, parseJson(answer), engine.flavour)
}

interface ExecRequest {
  readonly id: string
  readonly name: string
  readonly command: readonly string[]
  readonly signal: AbortSignal
}

async function exec(engine: Engine, { id, name, command, signal }: ExecRequest): Promise<ExecResult> {
  const { client } = engine
  const made = await client.send({
    method: 'POST',
    path: `/containers/${id}/exec`,
    body: { AttachStdout: true, AttachStderr: true, Cmd: command },
    signal,
  })
  if (made.status !== 201) throw refusal(`${name} did not run ${command[0] ?? 'nothing'}`, made)
  const execId = asText(asRecord(parseJson(made))['Id'])
  let output: Buffer = Buffer.alloc(0)
  const demultiplexer = createDemultiplexer((_stream, data) => {
    output = Buffer.concat([output, data]).subarray(-keptOutput)
  })
  const started = await client.send({
    method: 'POST',
    path: `/exec/${execId}/start`,
    body: { Detach: false, Tty: false },
    signal,
    onData: demultiplexer.push,
    ownConnection: true,
  })
  if (started.status >= 300) {
    const refused = refusal(`${name} did not run ${command[0] ?? 'nothing'}`, started)
    if (notThere.test(refused.message)) return { exitCode: 127, output: refused.message }
    throw refused
  }
  const exitCode = await execExitCode(engine, execId, signal)
  const text = output.toString('utf8')
  // Docker says 126 for both a program that is not there and one that may not run; shells and podman tell them apart.
  const absent = exitCode === 126 && text.startsWith('OCI runtime exec failed') && notThere.test(text)
  return { exitCode: absent ? 127 : exitCode, output: text }
}

const notThere = /executable file not found|no such file or directory/i

/** The streams may end a moment before the exit code is known. */
async function execExitCode(engine: Engine, execId: string, signal: AbortSignal): Promise<number> {
  for (let attempt = 1; ; attempt += 1) {
    const answer = await engine.client.send({ method: 'GET', path: `/exec/${execId}/json`, signal })
    if (answer.status !== 200) throw refusal('The exit code of a command is unknown', answer)
    const facts = asRecord(parseJson(answer))
    const exitCode = facts['ExitCode']
    if (facts['Running'] === false && typeof exitCode === 'number') return exitCode
    if (attempt === 100) throw refusal('The exit code of a command is unknown', answer)
    await pause(Math.min(10 * attempt, 100), signal)
  }
}
