/**
 * Ports of the host that the stack's own containers hold, set against those that a service is to have.
 */
import { isRunning } from '../current.ts'
import type { ContainerSpec, ObservedContainer } from '../types.ts'

export interface HostPort {
  readonly host: number
  readonly hostAddress: string
  /** @default tcp */
  readonly protocol?: 'udp'
}

/** A number stands for two ports, TCP's and UDP's. */
export function isSamePort(one: Omit<HostPort, 'hostAddress'>, other: Omit<HostPort, 'hostAddress'>): boolean {
  return one.host === other.host && one.protocol === other.protocol
}

/** As people read it. */
export function portText({ host, hostAddress, protocol }: HostPort): string {
  return `${protocol === 'udp' ? 'UDP port' : 'port'} ${String(host)} on ${hostAddress}`
}

/** True where a machine cannot give both away: they are one, or one is open on every address. */
export function portsClash(one: HostPort, other: HostPort): boolean {
  const addresses = [one.hostAddress, other.hostAddress]
  const everywhere = addresses.includes('0.0.0.0') || addresses.includes('::')
  return isSamePort(one, other) && (everywhere || one.hostAddress === other.hostAddress)
}

/** The ports of this declaration that a container holds now. */
export function portsHeld(spec: ContainerSpec, container: ObservedContainer): readonly HostPort[] {
  const held = isRunning(container) ? container.ports : []
  return wantedPorts(spec).filter((port) => held.some((other) => portsClash(port, other)))
}

/** Those of the host that it asks for. */
export function wantedPorts({ ports = [] }: ContainerSpec): readonly HostPort[] {
  return ports.flatMap(({ host, hostAddress = '127.0.0.1', protocol }) =>
    host === undefined ? [] : [{ host, hostAddress, ...(protocol === 'udp' ? { protocol } : {}) }],
  )
}
