/**
 * Where this machine reaches what containers publish, and what is spoken there as far as the config says so.
 */
import type { ContainerServiceConfig, PortConfig, ServiceConfig } from '../config/types.ts'
import { hostInUrl, hostSide } from './references.ts'

interface PublishedUrls {
  readonly main: string | undefined
  readonly ports: readonly { readonly port: string; readonly url: string }[]
}

/** The published ports of one of the services. The main one is that which is asked for readiness, `http`, or the first. */
export function publishedUrls(service: ContainerServiceConfig, services: readonly ServiceConfig[]): PublishedUrls {
  const { ports, ready } = service
  const published = ports.flatMap((declared) => {
    const { host, hostAddress, name: port } = declared
    if (host === undefined) return []
    const asked = ready.kind === 'http' && ready.port === port
    const scheme = asked || isRead(service.name, port, services) ? 'http' : schemeByName(declared)
    return [{ port, asked, url: `${scheme}://${hostInUrl(hostSide(hostAddress))}:${String(host)}` }]
  })
  const main = published.find(({ asked }) => asked) ?? published.find(({ port }) => port === 'http') ?? published[0]
  return { main: main?.url, ports: published.map(({ port, url }) => ({ port, url })) }
}

function schemeByName({ name, protocol }: PortConfig): string {
  return name === 'http' || name === 'https' ? name : protocol
}

/** A service is given the port as a URL, which is one of HTTP. */
function isRead(service: string, port: string, services: readonly ServiceConfig[]): boolean {
  const texts = services.flatMap((other) => (other.kind === 'container' ? Object.values(other.env) : []))
  return texts.some((text) =>
    text.some(
      (part) =>
        typeof part === 'object' &&
        part.kind === 'reference' &&
        part.service === service &&
        part.property === `url:${port}`,
    ),
  )
}
