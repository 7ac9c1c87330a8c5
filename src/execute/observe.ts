/**
 * One read-only look at the world: engine, databases, ports. Nothing here creates, locks or waits.
 */
import { pause } from '../abort.ts'
import { isOurs, isReplacedName, wantedNames } from '../plan/names.ts'
import type {
  BusyPort,
  Desired,
  DesiredService,
  Observed,
  ObservedContainer,
  ObservedDatabase,
  ObservedProbe,
  RuntimeSnapshot,
} from '../plan/types.ts'
import { probeOnce } from './probes.ts'
import type { World } from './world.ts'

export type Observer = Pick<World, 'runtime' | 'databases' | 'busyPorts' | 'signal'>

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
  const { runtime } = observer
  const snapshot = await observeRuntime(desired, observer)
  const [answers, ports] = await Promise.all([
    Promise.all(desired.services.map((service) => ask(service, snapshot, desired, observer))),
    findBusyPorts(desired, snapshot, observer),
  ])
  return {
    ...snapshot,
    runtime: runtime.name,
    containersPossible: runtime.containersPossible,
    probes: Object.fromEntries(answers.map(({ service, probe }) => [service, probe])),
    databases: Object.fromEntries(
      answers.flatMap(({ service, database }) => (database === undefined ? [] : [[service, database]])),
    ),
    busyPorts: ports,
  }
}

/** The engine alone, for plans that ask no service anything. */
export async function observeRuntime(desired: Desired, { runtime, signal }: Observer): Promise<RuntimeSnapshot> {
  const { stack, project } = desired
  const imageRefs = desired.images.map(({ ref }) => ref)
  return runtime.observe({ stack, project, imageRefs, ...wantedNames(desired) }, { signal })
}

/** The container that a service runs in now. */
function runningContainer(
  service: DesiredService,
  snapshot: RuntimeSnapshot,
  desired: Desired,
): ObservedContainer | undefined {
  const running = snapshot.containers.filter(
    (found) => isOurs(found.owner, desired) && found.service === service.name && found.state === 'running',
  )
  return running.find(({ name }) => !isReplacedName(name)) ?? running[0]
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
  const running = runningContainer(service, snapshot, desired)
  const unknown: Answer = {
    service: service.name,
    probe: { state: 'unknown' },
    database: service.migrations === undefined ? undefined : { state: 'unknown' },
  }
  // Only our own server is asked: behind the declared port of a service that does not run may be anybody's.
  if (service.container !== undefined && (running === undefined || !holdsPorts(service, running))) return unknown
  if (service.migrations !== undefined) {
    const database = await observer.databases.read(service.migrations.target, observer.signal)
    return { service: service.name, probe: probeFrom(database), database }
  }
  if (service.probe.kind === 'completed') return unknown
  const target = running === undefined ? undefined : { name: running.name, id: running.id }
  const { databases, runtime, signal } = observer
  const probeDatabase = (connection: Parameters<typeof databases.probe>[0]): ReturnType<typeof databases.probe> =>
    databases.probe(connection, signal)
  const result = await probeOnce(service.probe, { target, runtime, signal, probeDatabase })
  const probe: ObservedProbe = result.ready ? { state: 'ready' } : { state: 'not-ready', reason: result.reason }
  return { service: service.name, probe, database: undefined }
}

function holdsPorts(service: DesiredService, running: ObservedContainer): boolean {
  return (service.container?.spec.ports ?? []).every(
    ({ host }) => host === undefined || running.ports.some((port) => port.host === host),
  )
}

function probeFrom(database: ObservedDatabase): ObservedProbe {
  if (database.state === 'read') return { state: 'ready' }
  return database.state === 'unknown' ? { state: 'unknown' } : { state: 'not-ready', reason: database.reason }
}

/** Host ports that services want and that are not held by this stack's own containers. */
async function findBusyPorts(
  desired: Desired,
  snapshot: RuntimeSnapshot,
  { busyPorts, signal }: Observer,
): Promise<readonly BusyPort[]> {
  const held = new Set(
    snapshot.containers
      .filter(({ owner }) => isOurs(owner, desired))
      .flatMap(({ ports }) => ports.map(({ host }) => host)),
  )
  const wanted = desired.services
    .flatMap(({ container }) => container?.spec.ports ?? [])
    .flatMap(({ host, hostAddress, protocol }) =>
      host === undefined || protocol === 'udp' || held.has(host)
        ? []
        : [{ host, hostAddress: hostAddress ?? '127.0.0.1' }],
    )
  return busyPorts(wanted, signal)
}
