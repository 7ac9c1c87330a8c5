/**
 * Ports of the host that the stack's own containers hold, set against those that a service is to have. UDP is left out: nobody looks
 * whether something outside of the engine holds such a port.
 */
import { isRunning } from '../current.ts'
import type { ContainerSpec, ObservedContainer } from '../types.ts'

export interface HostPort {
  readonly host: number
  readonly hostAddress: string
  /** @default tcp */
  readonly protocol?: 'udp'
}

/** True where a machine cannot give both away: they are one, or one is open on every address. A number stands for two ports, TCP's and UDP's. */
export function portsClash(one: HostPort, other: HostPort): boolean {
  const addresses = [one.hostAddress, other.hostAddress]
  const everywhere = addresses.includes('0.0.0.0') || addresses.includes('::')
  const same = one.host === other.host && one.protocol === other.protocol
  return same && (everywhere || one.hostAddress === other.hostAddress)
}

/** The ports of this declaration that a container holds now. */
export function portsHeld(spec: ContainerSpec, container: ObservedContainer): readonly HostPort[] {
  const held = heldPorts(container)
  return wantedPorts(spec).filter((port) => held.some((other) => portsClash(port, other)))
}

function wantedPorts({ ports = [] }: ContainerSpec): readonly HostPort[] {
  return ports.flatMap(({ host, hostAddress = '127.0.0.1', protocol }) =>
    host === undefined || protocol === 'udp' ? [] : [{ host, hostAddress }],
  )
}

function heldPorts(container: ObservedContainer): readonly HostPort[] {
  return isRunning(container) ? container.ports.filter(({ protocol }) => protocol !== 'udp') : []
}
