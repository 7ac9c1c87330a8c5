/**
 * The numbers of ports that are declared as `'auto'`: the one that the service's container was made with, while it can be had, else one of
 * those that the project and the name lead to, the same each time.
 */
import { autoPortCandidate, type AutoPort } from '../config/parse/auto-ports.ts'
import { isRecord } from '../config/is-record.ts'
import type { Config, ServiceConfig } from '../config/types.ts'
import { isSamePort, type HostPort } from './reconcile/held-ports.ts'
import { postgresPort } from './references.ts'
import type { ObservedContainer } from './types.ts'

export interface PortWish {
  readonly where: Omit<HostPort, 'host'>
  /** It has this one now. */
  readonly held: number | undefined
  /** The best first. */
  readonly candidates: readonly number[]
}

const mostTries = 100

/** Nothing where the config has no such port. `container` is the service's now. */
export function portWish(
  auto: AutoPort,
  { name, root, services }: Pick<Config, 'name' | 'root' | 'services'>,
  container: ObservedContainer | undefined,
): PortWish | undefined {
  const service = services.find((one) => one.name === auto.service)
  const port = service === undefined ? undefined : portOf(service, auto)
  if (port === undefined) return undefined
  const recorded = recordedPort(container, port)
  const where = { hostAddress: port.hostAddress, ...(port.protocol === 'udp' ? { protocol: port.protocol } : {}) }
  const isHeld =
    recorded !== undefined && container?.ports.some((held) => isSamePort(held, { host: recorded, ...where })) === true
  // Ports of the other services are taken, whether or not something listens there now.
  const others = hostPorts(services).filter((number) => number !== port.host)
  const candidates = [
    ...(recorded === undefined ? [] : [recorded]),
    ...Array.from({ length: mostTries }, (_, n) => autoPortCandidate([root, name, auto.service, auto.port ?? ''], n)),
  ].filter((number) => !others.includes(number))
  return { where, held: isHeld ? recorded : undefined, candidates }
}

/** The config with that number. */
export function withPort(config: Config, auto: AutoPort, host: number): Config {
  const services = config.services.map((service): ServiceConfig => {
    if (service.name !== auto.service || service.kind === 'external') return service
    if (service.kind === 'postgres') return { ...service, port: host }
    return { ...service, ports: service.ports.map((port) => (port.name === auto.port ? { ...port, host } : port)) }
  })
  return { ...config, services }
}

interface Port {
  readonly host: number
  readonly container: number
  readonly hostAddress: string
  readonly protocol: 'tcp' | 'udp'
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
