/**
 * External databases on this machine's loopback address. Inside a container that address is the container itself, so its readers get the
 * name that stands for this machine there. Pure.
 */
import type { Config, ContainerServiceConfig, ExternalServiceConfig } from '../config/types.ts'
import type { Planning } from './planning.ts'

/** Every engine resolves it with an entry `host-gateway`; some have it without one, too. */
const thisMachine = 'host.docker.internal'

/** "All addresses", as an address to connect to, leads to this machine as well. */
export function isLoopback(host: string): boolean {
  return /^(?:127(?:\.\d+){3}|0\.0\.0\.0|::1?|localhost\.?)$/i.test(host)
}

/** The host of an external database as a container sees it. */
export function hostInside({ host }: ExternalServiceConfig): string {
  return isLoopback(host) ? thisMachine : host
}

/** Names that a container needs beside those it declares; what it declares itself wins. */
export function hostsInside(
  { env, extraHosts }: ContainerServiceConfig,
  config: Config,
): Readonly<Record<string, string>> {
  const read = Object.values(env).flatMap((text) =>
    text.flatMap((part) =>
      typeof part === 'object' && part.kind === 'reference' && ['host', 'url'].includes(part.property)
        ? [part.service]
        : [],
    ),
  )
  const needsThisMachine = config.services.some(
    (service) => service.kind === 'external' && isLoopback(service.host) && read.includes(service.name),
  )
  return needsThisMachine ? { [thisMachine]: 'host-gateway', ...extraHosts } : extraHosts
}

/** Said while the reader is being made or waited for: the address alone does not make the server answer there. */
export function warnOfLoopback({ desired, draft }: Pick<Planning, 'desired' | 'draft'>): void {
  const atWork = new Set(draft.steps().map(({ subject }) => subject))
  for (const { name, container, dependsOn } of desired.services) {
    const subject = `service:${name}`
    if (container?.spec.extraHosts?.[thisMachine] === undefined || !atWork.has(subject)) continue
    for (const { service: database } of dependsOn) {
      const probe = desired.services.find((service) => service.kind === 'external' && service.name === database)?.probe
      if (probe?.kind !== 'postgres' || !isLoopback(probe.connection.host)) continue
      const { host, port } = probe.connection
      draft.warn(
        subject,
        `gets ${thisMachine}:${String(port)} for ${database}, because ${host} would be the container itself. ` +
          'A server on Linux that listens on the loopback address only does not answer there: ' +
          "let it listen on the container network's gateway too (`listen_addresses`) and let that network in (`pg_hba.conf`)",
      )
    }
  }
}
