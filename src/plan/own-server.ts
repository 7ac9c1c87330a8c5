/**
 * The servers that the stack runs itself, as they run now. A declared port tells where one is to listen; who listens there is told by the
 * container alone. Pure.
 */
import type { Config, PostgresServiceConfig } from '../config/types.ts'
import { PoststackError } from '../errors.ts'
import type { BusyPort } from './answers.ts'
import { currentContainer } from './current.ts'
import { portText } from './reconcile/held-ports.ts'
import { hostSide } from './references.ts'
import type { Desired, ObservedContainer, RuntimeName } from './types.ts'

type Stack = Pick<Desired, 'stack' | 'project'>
type Port = ObservedContainer['ports'][number]

/** Why the server of a service cannot be reached: nothing where it runs and publishes a port. */
export function whyDown(service: string, containers: readonly ObservedContainer[], stack: Stack): string | undefined {
  const found = currentContainer(service, containers, stack)
  if (found === undefined) return 'there is no container of it'
  if (found.state !== 'running') return `its container ${found.name} is ${found.state}`
  return found.ports.length === 0 ? `its container ${found.name} publishes no port` : undefined
}

/** The config with the addresses at which its servers listen now; those that do not run keep the declared one. */
export function asServersRun(config: Config, containers: readonly ObservedContainer[], stack: Stack): Config {
  const services = config.services.map((service) => {
    if (service.kind !== 'postgres') return service
    const held = portOf(service, currentContainer(service.name, containers, stack)?.ports ?? [])
    if (held === undefined) return service
    const hostAddress = isSameAddress(service, held) ? service.hostAddress : held.hostAddress
    return { ...service, port: held.host, hostAddress }
  })
  return { ...config, services }
}

/** Its only one; engines list one that is open on every address once for IPv4 and once for IPv6. */
function portOf(service: PostgresServiceConfig, held: readonly Port[]): Port | undefined {
  const sameAddress = held.filter((one) => isSameAddress(service, one))
  return sameAddress.find(({ host }) => host === service.port) ?? sameAddress[0] ?? held[0]
}

function isSameAddress(one: Pick<Port, 'hostAddress'>, other: Pick<Port, 'hostAddress'>): boolean {
  return hostSide(one.hostAddress) === hostSide(other.hostAddress)
}

export interface DownServer {
  readonly service: PostgresServiceConfig
  readonly reason: string
  readonly runtime: RuntimeName
  /** What listens where it would. */
  readonly holder: BusyPort | undefined
}

/** What holds the port of a server that does not run is somebody else's, whatever lets us in. */
export function notRunning({ holder, reason, runtime, service: { name } }: DownServer): PoststackError {
  const details = { service: name, ...(holder === undefined ? {} : { port: holder.host, holder: holder.holder }) }
  if (holder === undefined)
    return new PoststackError('NOT_RUNNING', `${name} does not run: ${reason}.`, {
      hint: `Start it: poststack up ${name}`,
      details,
    })
  const { elsewhere } = holder
  if (elsewhere !== undefined)
    return new PoststackError(
      'NOT_RUNNING',
      `${name} does not run on ${runtime}: this stack runs on ${elsewhere}, and holds ${portText(holder)} there.`,
      { hint: `Say so: --runtime ${elsewhere}`, details: { ...details, elsewhere } },
    )
  return new PoststackError(
    'NOT_RUNNING',
    `${name} does not run: ${reason}, and ${portText(holder)} is held by ${holder.holder}.`,
    {
      hint: `Start it: poststack up ${name}\nOr, if the other one is meant, declare it: postgres({ url }). A database command takes --url, too.`,
      details,
    },
  )
}
