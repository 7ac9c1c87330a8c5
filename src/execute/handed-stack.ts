/**
 * The stack as a script is handed it: addresses and passwords, put in at the last moment.
 */
import type { HandedDatabase, HandedService } from '../config/handed.ts'
import type { HandedStack } from '../config/child/script-protocol.ts'
import type { Secrets } from '../config/secrets.ts'
import type { Config, ContainerServiceConfig, ServiceConfig } from '../config/types.ts'
import { databaseTarget } from '../plan/desired.ts'
import { publishedUrls } from '../plan/published.ts'
import { urlOf } from '../plan/variables.ts'
import { revealTexts } from './reveal.ts'

/** `chosen` is the service whose database is meant where none is named. */
export function handedStack(config: Config, chosen: string | undefined, secrets: Secrets): HandedStack {
  const services = config.services.map((service) => [service.name, handedService(service, config, secrets)] as const)
  return {
    name: config.name,
    root: config.root,
    ...(chosen === undefined ? {} : { chosen }),
    services: Object.fromEntries(services),
  }
}

function handedService(service: ServiceConfig, { services }: Config, secrets: Secrets): HandedService {
  if (service.kind !== 'container') return handedDatabase(service, secrets)
  const { main, ports } = publishedUrls(service, services)
  const urls = Object.fromEntries(ports.map(({ port, url }) => [port, url]))
  return { kind: 'container', ...(main === undefined ? {} : { url: main }), urls }
}

function handedDatabase(service: Exclude<ServiceConfig, ContainerServiceConfig>, secrets: Secrets): HandedDatabase {
  const target = databaseTarget(service)
  const { host, port, user, database, parameters, password } = target
  const { url = '' } = revealTexts({ url: urlOf(target) }, secrets)
  return {
    kind: 'postgres',
    url,
    host,
    port,
    user,
    database,
    ...(password === undefined ? {} : { password: secrets.reveal(password) }),
    ...(parameters === undefined ? {} : { parameters }),
  }
}
