/**
 * Ports of the host that the stack's own containers hold, set against those that a service is to have. UDP is left out: a number stands
 * for two ports, and engines do not show of which kind one is.
 */
import { isRecord } from '../../config/is-record.ts'
import { isRunning } from '../current.ts'
import type { ContainerSpec, ObservedContainer } from '../types.ts'

export interface HostPort {
  readonly host: number
  readonly hostAddress: string
}

/** True where a machine cannot give both away: they are one, or one is open on every address. */
export function portsClash(one: HostPort, other: HostPort): boolean {
  const addresses = [one.hostAddress, other.hostAddress]
  const everywhere = addresses.includes('0.0.0.0') || addresses.includes('::')
  return one.host === other.host && (everywhere || one.hostAddress === other.hostAddress)
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
  const recorded = container.spec?.['ports']
  const udp = (Array.isArray(recorded) ? (recorded as readonly unknown[]) : []).flatMap((port) =>
    isRecord(port) && port['protocol'] === 'udp' ? [port['host']] : [],
  )
  return isRunning(container) ? container.ports.filter(({ host }) => !udp.includes(host)) : []
}
