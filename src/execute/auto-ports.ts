/**
 * Gives the ports declared as `'auto'` their numbers: the one that the service's container was made with, while it can be had, else the
 * first candidate that is free.
 */
import { autoPortCandidate, type AutoPort } from '../config/parse/auto-ports.ts'
import { isRecord } from '../config/is-record.ts'
import type { Config, ServiceConfig } from '../config/types.ts'
import { currentContainer } from '../plan/current.ts'
import type { HostPort } from '../plan/reconcile/held-ports.ts'
import { projectId } from '../plan/names.ts'
import { postgresPort } from '../plan/references.ts'
import type { ObservedContainer } from '../plan/types.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { busyPorts } from './ports.ts'

export interface SettleOptions {
  /** Connects to what runs the services; closed again before this returns. */
  readonly select: (services: Config['services']) => Promise<Runtime>
  readonly signal: AbortSignal
}

/** Who has a busy port does not matter here. */
const holder = (): Promise<undefined> => Promise.resolve(undefined)

/** The config with the numbers that hold now, for everything that it is asked for. */
export async function settlePorts(config: Config, { select, signal }: SettleOptions): Promise<Config> {
  if (config.autoPorts.length === 0) return config
  // Where nothing runs services there is nothing to settle; what needs a runtime says that it is missing.
  const runtime = await select(config.services.filter(({ kind }) => kind !== 'container')).catch(() => undefined)
  if (runtime === undefined) return config
  try {
    return await choosePorts(config, {
      runtime,
      signal,
      busyPorts: (wanted) => busyPorts(wanted, { signal, holder }),
    })
  } finally {
    await runtime.close()
  }
}

export interface ChooseOptions {
  readonly runtime: Pick<Runtime, 'observe'>
  /** Those of the ports that something listens on. */
  readonly busyPorts: (wanted: readonly HostPort[], signal: AbortSignal) => Promise<readonly HostPort[]>
  readonly signal: AbortSignal
}

/** The same, by what the runtime shows. */
export async function choosePorts(config: Config, options: ChooseOptions): Promise<Config> {
  const { runtime, signal } = options
  const project = projectId(config.root)
  const scope = { stack: config.name, project, containerNames: [], volumeNames: [], networkNames: [], imageRefs: [] }
  const { containers } = await runtime.observe(scope, { signal })
  let settled = config
  for (const auto of config.autoPorts) {
    const service = settled.services.find(({ name }) => name === auto.service)
    const port = service === undefined ? undefined : portOf(service, auto)
    if (port === undefined) continue
    const container = currentContainer(auto.service, containers, scope)
    const recorded = recordedPort(container, port)
    const isHeld = recorded !== undefined && container?.ports.some(({ host }) => host === recorded) === true
    // Ports of the other services are taken, whether or not something listens there now.
    const others = hostPorts(settled.services).filter((number) => number !== port.host)
    const candidates = [
      ...(recorded === undefined ? [] : [recorded]),
      ...Array.from({ length: mostTries }, (_, n) =>
        autoPortCandidate([config.root, config.name, auto.service, auto.port ?? ''], n),
      ),
    ].filter((number) => !others.includes(number))
    const number = isHeld ? recorded : await firstFree(candidates, port.hostAddress, options)
    if (number !== undefined) settled = withPort(settled, auto, number)
  }
  return settled
}

const mostTries = 100

async function firstFree(
  candidates: readonly number[],
  hostAddress: string,
  { busyPorts: findBusy, signal }: ChooseOptions,
): Promise<number | undefined> {
  for (const host of candidates) {
    const busy = await findBusy([{ host, hostAddress }], signal)
    if (busy.length === 0) return host
  }
  return undefined
}

interface Port {
  readonly host: number
  readonly container: number
  readonly hostAddress: string
  readonly protocol: string
}

function portOf(service: ServiceConfig, auto: AutoPort): Port | undefined {
  if (service.kind === 'external') return undefined
  if (service.kind === 'postgres')
    return { host: service.port, container: postgresPort, hostAddress: service.hostAddress, protocol: 'tcp' }
  const port = service.ports.find(({ name }) => name === auto.port)
  return port?.host === undefined ? undefined : { ...port, host: port.host }
}

function hostPorts(services: Config['services']): readonly number[] {
  return services.flatMap((service) => {
    if (service.kind === 'external') return []
    return service.kind === 'postgres' ? [service.port] : service.ports.flatMap(({ host }) => host ?? [])
  })
}

/** The host port of the same container port, as the container was made. */
function recordedPort(container: ObservedContainer | undefined, port: Port): number | undefined {
  const ports = container?.spec?.['ports']
  for (const one of Array.isArray(ports) ? (ports as readonly unknown[]) : []) {
    if (!isRecord(one) || one['container'] !== port.container || one['protocol'] !== port.protocol) continue
    if (typeof one['host'] === 'number') return one['host']
  }
  return undefined
}

function withPort(config: Config, auto: AutoPort, host: number): Config {
  const services = config.services.map((service): ServiceConfig => {
    if (service.name !== auto.service || service.kind === 'external') return service
    if (service.kind === 'postgres') return { ...service, port: host }
    return { ...service, ports: service.ports.map((port) => (port.name === auto.port ? { ...port, host } : port)) }
  })
  return { ...config, services }
}
