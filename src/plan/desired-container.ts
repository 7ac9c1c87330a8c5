/**
 * The canonical spec of a container that is no PostgreSQL server of ours, and how to find out that it is ready. Pure.
 */
import type { Config, ContainerServiceConfig, PostgresServiceConfig } from '../config/types.ts'
import { builtRef, qualifyImage, serviceBuild, type ImageInput } from './images.ts'
import { hostSide, resolveText } from './references.ts'
import { defaultGraceSeconds } from './spec.ts'
import { hostsInside } from './this-machine.ts'
import type { ContainerSpec, Probe, SpecMount, SpecPort } from './types.ts'

export interface ContainerInput extends ImageInput {
  /** Keyed digest of each secret, and of what each mounted file holds, by its name. */
  readonly digests: Readonly<Record<string, string>>
}

/** The name of what the file holds that a service is given there. */
export function mountedContent(service: string, target: string): string {
  return `${service}.volumes.${target}`
}

export function containerSpec(service: ContainerServiceConfig, input: ContainerInput): ContainerSpec {
  const build = serviceBuild(service)
  const image = build === undefined ? qualifyImage(service.image ?? '') : builtRef(build, input)
  return {
    image,
    ...(service.platform === undefined ? {} : { platform: service.platform }),
    ...(service.command === undefined ? {} : { command: service.command }),
    ...(service.entrypoint === undefined ? {} : { entrypoint: service.entrypoint }),
    env: environment(service, input.config),
    ...(service.ports.length === 0 ? {} : { ports: service.ports.map(specPort) }),
    ...(service.mounts.length === 0 ? {} : { mounts: service.mounts.map((mount) => specMount(mount, service, input)) }),
    ...(service.workdir === undefined ? {} : { workdir: service.workdir }),
    ...(service.user === undefined ? {} : { user: service.user }),
    ...(service.init ? { init: true } : {}),
    ...(service.stopSignal === undefined ? {} : { stopSignal: service.stopSignal }),
    ...(service.stopGraceSeconds === defaultGraceSeconds ? {} : { stopGraceSeconds: service.stopGraceSeconds }),
    ...(service.capAdd.length === 0 ? {} : { capAdd: service.capAdd }),
    ...(service.capDrop.length === 0 ? {} : { capDrop: service.capDrop }),
    extraHosts: hostsInside(service, input.config),
    ...(service.healthcheck === undefined ? {} : { healthcheck: service.healthcheck }),
    ...runFields(service),
  }
}

/** What a PostgreSQL server of ours and any other container declare alike. */
export function runFields(service: ContainerServiceConfig | PostgresServiceConfig): Partial<ContainerSpec> {
  return {
    ...(service.restart === 'no' ? {} : { restart: service.restart }),
    ...service.limits,
    labels: service.labels,
    ...(service.aliases.length === 0 ? {} : { aliases: service.aliases }),
  }
}

function environment(service: ContainerServiceConfig, config: Config): NonNullable<ContainerSpec['env']> {
  return Object.fromEntries(Object.entries(service.env).map(([key, text]) => [key, resolveText(text, config)]))
}

function specPort(port: ContainerServiceConfig['ports'][number]): SpecPort {
  return {
    container: port.container,
    protocol: port.protocol,
    ...(port.host === undefined ? {} : { host: port.host, hostAddress: port.hostAddress }),
  }
}

function specMount(
  mount: ContainerServiceConfig['mounts'][number],
  service: ContainerServiceConfig,
  { digests }: ContainerInput,
): SpecMount {
  if (mount.kind === 'tmpfs') return mount
  const readOnly = mount.readOnly ? { readOnly: true } : {}
  if (mount.kind === 'volume') return { kind: 'volume', volume: mount.volume, target: mount.target, ...readOnly }
  const name = mountedContent(service.name, mount.target)
  const content = Object.hasOwn(digests, name) ? { content: { kind: 'secret', name, encoding: 'plain' } as const } : {}
  return { kind: 'bind', source: mount.source, target: mount.target, ...readOnly, ...content }
}

export function containerProbe(service: ContainerServiceConfig): Probe {
  if (service.job) return { kind: 'completed' }
  const { ready } = service
  if (ready.kind === 'running' || ready.kind === 'exec' || ready.kind === 'log') return ready
  const port = service.ports.find(({ name }) => name === ready.port)
  if (port?.host === undefined) throw new Error(`${service.name}: probe on port ${ready.port}, which is not published`)
  const address = { hostAddress: hostSide(port.hostAddress), port: port.host }
  switch (ready.kind) {
    case 'tcp':
      return { kind: 'tcp', ...address }
    case 'http': {
      const { path, status, body } = ready
      const expected = { ...(status === undefined ? {} : { status }), ...(body === undefined ? {} : { body }) }
      return { kind: 'http', ...address, path, ...expected }
    }
    case 'postgres': {
      const { user, database, password } = ready
      return { kind: 'postgres', connection: { host: address.hostAddress, port: port.host, user, database, password } }
    }
  }
}
