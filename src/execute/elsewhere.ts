/**
 * Another runtime may have this very stack. With `auto` it stays where it is, whatever answers first today: `down` must find it, and `up`
 * must not make a second one. Whoever asks for another runtime finds all the ports held, by processes that say nothing of Poststack.
 */
import type { Config, ServiceConfig } from '../config/types.ts'
import { isOurs } from '../plan/names.ts'
import type { BusyPort } from '../plan/answers.ts'
import { isSamePort, type HostPort } from '../plan/reconcile/held-ports.ts'
import type { ObservedContainer, ObservedVolume, RuntimeName, RuntimeSnapshot } from '../plan/types.ts'
import type { Environment } from '../runtime/container/engine-address.ts'
import { processHoldingPort } from '../runtime/port-holder.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { selectRuntime } from '../runtime/select.ts'
import { busyPorts, type HeldPort } from './ports.ts'
import { readNames } from './read-desired.ts'
import type { FindBusyPorts } from './world.ts'

export interface Elsewhere {
  readonly config: Config
  /** The runtime in use. */
  readonly runtime: RuntimeName
  readonly env: Environment
  readonly signal: AbortSignal
}

/** In the order that `auto` tries them in. */
const engines = ['podman', 'docker', 'native'] as const
type Engine = (typeof engines)[number]

/** An engine that hangs must not keep a run that may do without it. */
const lookMs = 2000

/**
 * The same ports with their holders, those of this stack on another runtime with its name. To this machine the ports of another engine's
 * containers are its own processes', so the engines are asked first. Asks nobody when no port is busy.
 */
async function findHolders(held: readonly HeldPort[], where: Elsewhere): Promise<readonly BusyPort[]> {
  if (held.length === 0) return []
  const unnamed = held.filter(({ holder }) => holder === undefined)
  const others = engines.filter((engine) => engine !== where.runtime)
  const looks = await Promise.all(others.map((engine) => lookForPorts(engine, unnamed, where)))
  return Promise.all(
    held.map(async (port): Promise<BusyPort> => {
      const own = looks.find(({ ports }) => ports.some((other) => isSamePort(port, other)))
      const container = looks.flatMap(({ holders }) => holders.get(port) ?? [])[0]
      const holder = port.holder ?? container ?? (await processOn(port, where)) ?? 'another process'
      return { ...port, holder, ...(own === undefined ? {} : { elsewhere: own.engine }) }
    }),
  )
}

/** Which ports something has, and who: of this engine's containers, of this stack on another one, of this machine. */
export function findBusyPorts({
  runtime,
  ...where
}: Omit<Elsewhere, 'runtime'> & { readonly runtime: Runtime }): FindBusyPorts {
  const { signal } = where
  const holder = ({ host, protocol }: HostPort): Promise<string | undefined> =>
    runtime.portHolder(host, { signal, protocol })
  return async (wanted) => findHolders(await busyPorts(wanted, { signal, holder }), { ...where, runtime: runtime.name })
}

/** That it is not known does not matter as much as that the port is busy. */
async function processOn({ host, protocol }: HostPort, { signal }: Elsewhere): Promise<string | undefined> {
  return processHoldingPort(host, signal, protocol).catch((error: unknown) => {
    if (signal.aborted) throw error
    return undefined
  })
}

/** How much of this stack a runtime has. */
const standing = { nothing: 0, data: 1, running: 2 } as const
type Standing = (typeof standing)[keyof typeof standing]

/**
 * Of the runtimes that could run these services, the one that runs the stack, else the one that has data of it, else the one that was
 * chosen. Those that are not taken are closed.
 */
export async function stayWhereItIs(
  chosen: Runtime,
  services: readonly Pick<ServiceConfig, 'kind'>[],
  { config, env, signal }: Omit<Elsewhere, 'runtime'>,
): Promise<Runtime> {
  const possible = services.some(({ kind }) => kind === 'container') ? engines.slice(0, 2) : engines
  // Those before it did not answer, or it would not have been chosen.
  const later = possible.slice(possible.findIndex((engine) => engine === chosen.name) + 1)
  const limited = AbortSignal.any([signal, AbortSignal.timeout(lookMs)])
  const opened = await Promise.all(
    later.map((choice) =>
      selectRuntime({ choice, env, root: config.root, services: [], signal: limited }).catch(() => undefined),
    ),
  )
  const others = opened.filter((runtime) => runtime !== undefined)
  if (others.length === 0) return chosen
  const ranked = await Promise.all(
    [chosen, ...others].map(async (runtime) => ({ runtime, rank: await standingOn(runtime, { config, signal }) })),
  )
  const best = ranked.reduce((first, next) => (next.rank > first.rank ? next : first)).runtime
  await Promise.all(ranked.filter(({ runtime }) => runtime !== best).map(({ runtime }) => runtime.close()))
  return best
}

async function standingOn(
  runtime: Runtime,
  { config, signal }: Pick<Elsewhere, 'config' | 'signal'>,
): Promise<Standing> {
  const { containers, volumes } = await observeOwn(runtime, { config, signal }).catch(() => nothing)
  if (containers.some(({ state }) => state === 'running')) return standing.running
  return containers.length + volumes.length > 0 ? standing.data : standing.nothing
}

const nothing: Awaited<ReturnType<typeof observeOwn>> = { containers: [], volumes: [] }

/** What a runtime has of this stack. Fails where it does not answer in time. */
async function observeOwn(
  runtime: Runtime,
  { config, signal }: Pick<Elsewhere, 'config' | 'signal'>,
): Promise<Pick<RuntimeSnapshot, 'containers' | 'volumes'>> {
  const { stack, project } = readNames(config)
  const scope = { stack, project, containerNames: [], volumeNames: [], networkNames: [], imageRefs: [] }
  const limited = AbortSignal.any([signal, AbortSignal.timeout(lookMs)])
  const { containers, volumes } = await runtime.observe(scope, { signal: limited })
  const isOwn = ({ owner }: Pick<ObservedVolume, 'owner'>): boolean => isOurs(owner, { stack, project })
  return { containers: containers.filter(isOwn), volumes: volumes.filter(isOwn) }
}

interface PortLook {
  readonly engine: Engine
  /** Host ports that this stack holds there. */
  readonly ports: ObservedContainer['ports']
  /** Containers of anybody's by the ports that were asked for. */
  readonly holders: ReadonlyMap<HostPort, string>
}

/** Finds nothing where the runtime cannot be asked. */
async function lookForPorts(
  engine: Engine,
  asked: readonly HostPort[],
  { config, env, signal }: Elsewhere,
): Promise<PortLook> {
  const holders = new Map<HostPort, string>()
  let runtime: Runtime | undefined
  try {
    runtime = await selectRuntime({ choice: engine, env, root: config.root, services: [], signal })
    const { containers } = await observeOwn(runtime, { config, signal })
    const running = containers.filter(({ state }) => state === 'running')
    for (const port of asked) {
      const holder = await runtime.portHolder(port.host, { signal, protocol: port.protocol })
      if (holder !== undefined) holders.set(port, holder)
    }
    return { engine, ports: running.flatMap(({ ports }) => ports), holders }
  } catch {
    return { engine, ports: [], holders }
  } finally {
    await runtime?.close()
  }
}
