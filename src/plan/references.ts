/**
 * Turns references into text for the service that reads them: inside the stack's network a service is its name and the port
 * of its container.
 */
import type { Config, ReferencePart, ServiceConfig, Text, TextPart } from '../config/types.ts'
import { hostInside } from './this-machine.ts'
import type { SpecText } from './types.ts'

/** The port PostgreSQL listens on inside its container. */
export const postgresPort = 5432

/** Where the password of a PostgreSQL service lies inside its container. */
export const passwordFile = '/run/poststack/password'

/** Resolves one text of a container's spec. Adjacent plain parts are joined; a text without secrets is a plain string. */
export function resolveText(text: Text, config: Config): SpecText {
  const parts = join(text.flatMap((part) => resolvePart(part, config)))
  if (parts.length === 0) return ''
  return parts.length === 1 && typeof parts[0] === 'string' ? parts[0] : { parts }
}

type ResolvedPart = Exclude<TextPart, ReferencePart>

function resolvePart(part: TextPart, config: Config): readonly ResolvedPart[] {
  if (typeof part === 'string' || part.kind === 'secret') return [part]
  const service = config.services.find(({ name }) => name === part.service)
  if (service === undefined) throw new Error(`reference to unknown service ${part.service}`)
  return resolveProperty(service, part.property)
}

function resolveProperty(service: ServiceConfig, property: string): readonly ResolvedPart[] {
  if (service.kind === 'container') return [containerProperty(service, property)]
  const host = service.kind === 'postgres' ? service.name : hostInside(service)
  const port = String(service.kind === 'postgres' ? postgresPort : service.port)
  const password = service.password === undefined ? [] : [service.password]
  switch (property) {
    case 'host':
      return [host]
    case 'port':
      return [port]
    case 'user':
      return [service.user]
    case 'database':
      return [service.database]
    case 'password':
      return password
    case 'url': {
      const secret = password.map((part) => ({ ...part, encoding: 'uri' as const }))
      const query = service.kind === 'external' && service.parameters !== '' ? `?${service.parameters}` : ''
      return [
        `postgresql://${encodeURIComponent(service.user)}`,
        ...(secret.length === 0 ? [] : [':', ...secret]),
        `@${hostInUrl(host)}:${port}/${encodeURIComponent(service.database)}${query}`,
      ]
    }
    default:
      throw new Error(`unknown reference ${service.name}.${property}`)
  }
}

function containerProperty(service: Extract<ServiceConfig, { kind: 'container' }>, property: string): string {
  if (property === 'host') return service.name
  const [kind, name] = property.split(':')
  const port = service.ports.find((candidate) => candidate.name === name)
  if (port === undefined) throw new Error(`unknown reference ${service.name}.${property}`)
  const scheme = name === 'https' ? name : 'http'
  return kind === 'url' ? `${scheme}://${service.name}:${String(port.container)}` : String(port.container)
}

/** "All addresses" is an address to listen on, not one to connect to. */
export function hostSide(address: string): string {
  if (address === '0.0.0.0' || address === '') return '127.0.0.1'
  return address === '::' || address === '[::]' ? '::1' : address
}

/** An IPv6 address stands in brackets inside a URL. */
export function hostInUrl(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}

function join(parts: readonly ResolvedPart[]): readonly ResolvedPart[] {
  const joined: ResolvedPart[] = []
  for (const part of parts) {
    const last = joined.at(-1)
    if (typeof part === 'string' && typeof last === 'string') joined[joined.length - 1] = last + part
    else if (part !== '') joined.push(part)
  }
  return joined
}
