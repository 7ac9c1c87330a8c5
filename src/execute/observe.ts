/**
 * One read-only look at the world: engine, databases, ports. Nothing here creates, locks or waits.
 */
import { pause } from '../abort.ts'
import { recordError, type ErrorCode } from '../errors.ts'
import type { BusyPort, ObservedDatabase, ObservedProbe } from '../plan/answers.ts'
import { currentContainer } from '../plan/current.ts'
import { movingNames } from '../plan/images.ts'
import { isOurs, isVolumeMissing, volumesOf, wantedNames } from '../plan/names.ts'
import { selectServices } from '../plan/order.ts'
import type { Desired, DesiredService, Observed, ObservedContainer, RuntimeSnapshot } from '../plan/types.ts'
import { isSamePort, wantedPorts } from '../plan/reconcile/held-ports.ts'
import { hostSide } from '../plan/references.ts'
import { probeOnce } from './probes.ts'
import type { World } from './world.ts'

export type Observer = Pick<World, 'runtime' | 'databases' | 'busyPorts' | 'missingPaths' | 'signal'>

/** How often, and how far apart, to look again while a port that is busy may turn out to be our own. */
const mostLooks = 5
const settleMs = 300

/** What is there, as the plan needs to know it. */
export async function observe(desired: Desired, observer: Observer): Promise<Observed> {
  for (let looks = 1; ; looks += 1) {
    // oxlint-disable-next-line no-await-in-loop -- each look waits for what the one before has seen to settle
    const observed = await look(desired, observer)
    // An engine goes on starting a container whose `up` was killed: first the port is bound, then the container runs.
    const settling = observed.containers.some(({ owner, state }) => isOurs(owner, desired) && state === 'created')
    if (observed.busyPorts.length === 0 || !settling || looks === mostLooks) return observed
    // oxlint-disable-next-line no-await-in-loop
    await pause(settleMs, observer.signal)
  }
}

async function look(desired: Desired, observer: Observer): Promise<Observed> {
  const { databases, runtime } = observer
  const looking = observeRuntime(desired, observer)
  if (desired.services.some(({ probe }) => probe.kind === 'postgres')) databases.prepare()
  const snapshot = await looking
  const [answers, ports, missingPaths] = await Promise.all([
    Promise.all(desired.services.map((service) => ask(service, snapshot, desired, observer))),
    findBusyPorts(desired, snapshot, observer),
    observer.missingPaths(mountedPaths(desired)),
  ])
  return {
    ...snapshot,
    runtime: runtime.name,
    containersPossible: runtime.containersPossible,
    changesInPlace: runtime.changesInPlace,
    probes: Object.fromEntries(answers.map(({ service, probe }) => [service, probe])),
    databases: Object.fromEntries(
      answers.flatMap(({ service, database }) => (database === undefined ? [] : [[service, database]])),
    ),
    busyPorts: ports,
    missingPaths,
  }
}

/** The engine alone, for plans that ask no service anything. */
export async function observeRuntime(
  desired: Desired,
  { runtime, signal }: Pick<Observer, 'runtime' | 'signal'>,
): Promise<RuntimeSnapshot> {
  const { stack, project } = desired
  const imageRefs = desired.images.flatMap((image) => [image.ref, ...movingNames(image)])
  return runtime.observe({ stack, project, imageRefs, ...wantedNames(desired) }, { signal })
}

interface Answer {
  readonly service: string
  readonly probe: ObservedProbe
  readonly database: ObservedDatabase | undefined
}

async function ask(
  service: DesiredService,
  snapshot: RuntimeSnapshot,
  desired: Desired,
  observer: Observer,
): Promise<Answer> {
  if (service.container === undefined && service.idle !== undefined) return unasked(service)
  const current = currentContainer(service.name, snapshot.containers, desired)
  const running = current?.state === 'running' ? current : undefined
  // Only our own server is asked: behind the declared port of a service that does not run may be anybody's.
  if (service.container !== undefined && (running === undefined || !holdsPorts(service, running)))
    return (
      (await askMoved(service, running, observer)) ??
      unasked(service, await unaskedDatabase(service, snapshot, desired))
    )
  if (service.migrations !== undefined) {
    const database = await observer.databases.read(service.migrations, observer.signal)
    return { service: service.name, probe: probeFrom(database), database }
  }
  if (service.probe.kind === 'completed') return unasked(service)
  if (running !== undefined && isReadyAsItRuns(service, running, snapshot))
    return { service: service.name, probe: { state: 'ready' }, database: undefined }
  const target = running === undefined ? undefined : { name: running.name, id: running.id }
  const { databases, runtime, signal } = observer
  const result = await probeOnce(service.probe, {
    target,
    runtime,
    signal,
    probeDatabase: (connection, limited) => databases.probe(connection, limited),
  })
  const probe: ObservedProbe = result.ready ? { state: 'ready' } : notReady(result)
  return { service: service.name, probe, database: undefined }
}

function unasked({ name }: DesiredService, database?: ObservedDatabase): Answer {
  return { service: name, probe: { state: 'unknown' }, database }
}

/** A server that is to get another port is asked under the one it has. */
async function askMoved(
  { migrations, name, probe }: DesiredService,
  running: ObservedContainer | undefined,
  { databases, signal }: Observer,
): Promise<Answer | undefined> {
  const [port] = running?.ports ?? []
  if (probe.kind !== 'postgres' || port === undefined) return undefined
  const address = { host: hostSide(port.hostAddress), port: port.host }
  if (migrations === undefined) {
    const answer = await databases.probe({ ...probe.connection, ...address }, signal)
    if (!answer.ready && answer.code === 'DATABASE_UNREACHABLE') return undefined
    return { service: name, probe: answer.ready ? { state: 'ready' } : notReady(answer), database: undefined }
  }
  const database = await databases.read({ ...migrations, target: { ...migrations.target, ...address } }, signal)
  if (database.state === 'unreachable' && database.code === 'DATABASE_UNREACHABLE') return undefined
  return { service: name, probe: probeFrom(database), database }
}

/** What will be pending on a volume that is still to be made can be looked at already now. */
async function unaskedDatabase(
  { container, migrations }: DesiredService,
  { volumes }: RuntimeSnapshot,
  desired: Desired,
): Promise<ObservedDatabase | undefined> {
  if (migrations === undefined) return undefined
  const [data] = volumesOf(container?.spec.mounts)
  if (data === undefined || !isVolumeMissing(data, volumes, desired)) return { state: 'unknown' }
  const { checkTexts } = await import('../migrations/run/check-texts.ts')
  const { refused, doubts } = await checkTexts(migrations.folder.migrations)
  return { state: 'unknown', doubts, ...(refused === undefined ? {} : { refused: recordError(refused) }) }
}

/** What has no probe is asked by its health check, and what has none was found running: no call of its own can tell more. */
function isReadyAsItRuns(
  { probe }: DesiredService,
  { imageId, spec }: ObservedContainer,
  { images }: RuntimeSnapshot,
): boolean {
  const isOwn = spec === undefined || spec['healthcheck'] !== undefined
  return probe.kind === 'running' && !isOwn && images.some((one) => one.id === imageId && one.hasHealthcheck === false)
}

function holdsPorts(service: DesiredService, running: ObservedContainer): boolean {
  return (service.container?.spec.ports ?? []).every(
    ({ host }) => host === undefined || running.ports.some((port) => port.host === host),
  )
}

function probeFrom(database: ObservedDatabase): ObservedProbe {
  if (database.state === 'read') return { state: 'ready' }
  return database.state === 'unknown' ? { state: 'unknown' } : notReady(database)
}

function notReady({ reason, code }: { readonly reason: string; readonly code?: ErrorCode }): ObservedProbe {
  return { state: 'not-ready', reason, ...(code === undefined ? {} : { code }) }
}

/** Host ports that services want and that are not held by this stack's own containers. */
async function findBusyPorts(
  desired: Desired,
  snapshot: RuntimeSnapshot,
  { busyPorts, signal }: Observer,
): Promise<readonly BusyPort[]> {
  const held = snapshot.containers.filter(({ owner }) => isOurs(owner, desired)).flatMap(({ ports }) => ports)
  const wanted = selectServices(desired.services, [])
    .flatMap(({ container }) => (container === undefined ? [] : wantedPorts(container.spec)))
    .filter((port) => !held.some((other) => isSamePort(port, other)))
  return busyPorts(wanted, signal)
}

function mountedPaths(desired: Desired): readonly string[] {
  return selectServices(desired.services, []).flatMap(({ container }) =>
    (container?.spec.mounts ?? []).flatMap((mount) => (mount.kind === 'bind' ? [mount.source] : [])),
  )
}
