/**
 * Config and files to `Desired`: names, images, volumes and the canonical spec of every container. Pure.
 */
import { createHash } from 'node:crypto'

import type {
  Config,
  ContainerServiceConfig,
  ExternalServiceConfig,
  PostgresServiceConfig,
  SecretPart,
  ServiceConfig,
} from '../config/types.ts'
import { compareText } from '../config/text-order.ts'
import type { MigrationFolder } from '../migrations/types.ts'
import { builtRef, desiredImages, qualifyImage, type ImageInput } from './images.ts'
import { postgresPort, resolveText } from './references.ts'
import type {
  ContainerSpec,
  DatabaseTarget,
  Desired,
  DesiredService,
  DesiredVolume,
  Probe,
  SpecMount,
  SpecPort,
} from './types.ts'

export interface DesiredInput extends ImageInput {
  /** Migration folders by service. */
  readonly folders: Readonly<Record<string, MigrationFolder>>
  /** Keyed digest of each secret by its name. */
  readonly digests: Readonly<Record<string, string>>
}

/** Where the password of a PostgreSQL service lies inside its container. */
const passwordFile = '/run/poststack/password'
/** Parallel queries need more shared memory than the 64 MB an engine gives. */
const postgresShmBytes = 256 * 1024 * 1024

/** The stack as declared. Equal inputs give an equal value, byte for byte. */
export function desiredState(input: DesiredInput): Desired {
  const { config } = input
  const services = config.services
    .map((service) => desiredService(service, input))
    .toSorted((a, b) => compareText(a.name, b.name))
  return {
    stack: config.name,
    project: projectId(config.root),
    root: config.root,
    network: services.some(({ container }) => container !== undefined) ? config.name : undefined,
    images: desiredImages(input).toSorted((a, b) => compareText(a.ref, b.ref)),
    volumes: desiredVolumes(config).toSorted((a, b) => compareText(a.key, b.key)),
    services,
    digests: input.digests,
  }
}

/** Identifies a checkout by its real path. */
function projectId(root: string): string {
  return createHash('sha256').update(root).digest('hex').slice(0, 12)
}

function desiredService(service: ServiceConfig, input: DesiredInput): DesiredService {
  const common = {
    name: service.name,
    kind: service.kind,
    dependsOn: service.dependsOn,
    readyTimeoutMs: service.readyTimeoutMs,
  }
  if (service.kind === 'external') {
    const target = externalTarget(service)
    return {
      ...common,
      container: undefined,
      probe: { kind: 'postgres', connection: target },
      migrations: migrationsOf(service, target, input),
    }
  }
  const container = {
    name: service.containerName ?? `${input.config.name}-${service.name}`,
    declared: service.containerName !== undefined,
    spec: service.kind === 'postgres' ? postgresSpec(service) : containerSpec(service, input),
  }
  if (service.kind === 'container')
    return { ...common, container, probe: containerProbe(service), migrations: undefined }
  const target = managedTarget(service)
  return {
    ...common,
    container,
    probe: { kind: 'postgres', connection: target },
    migrations: migrationsOf(service, target, input),
  }
}

function migrationsOf(
  service: PostgresServiceConfig | ExternalServiceConfig,
  target: DatabaseTarget,
  input: DesiredInput,
): DesiredService['migrations'] {
  const folder = input.folders[service.name]
  return service.migrations === undefined || folder === undefined ? undefined : { target, folder }
}

function managedTarget(service: PostgresServiceConfig): DatabaseTarget {
  return {
    host: hostSide(service.hostAddress),
    port: service.port,
    user: service.user,
    database: service.database,
    password: service.password,
  }
}

function externalTarget(service: ExternalServiceConfig): DatabaseTarget {
  return {
    host: service.host,
    port: service.port,
    user: service.user,
    database: service.database,
    password: service.password,
    ...(service.parameters === '' ? {} : { parameters: service.parameters }),
  }
}

/** "All addresses" is an address to listen on, not one to connect to. */
function hostSide(address: string): string {
  if (address === '0.0.0.0') return '127.0.0.1'
  return address === '::' ? '::1' : address
}

function postgresSpec(service: PostgresServiceConfig): ContainerSpec {
  const password: SecretPart = service.password
  const settings = Object.entries(service.settings).toSorted(([a], [b]) => compareText(a, b))
  return {
    image: service.image === undefined ? `poststack/postgres:${String(service.version)}` : qualifyImage(service.image),
    ...(settings.length === 0
      ? {}
      : { command: ['postgres', ...settings.flatMap(([key, value]) => ['-c', `${key}=${value}`])] }),
    env: { POSTGRES_USER: service.user, POSTGRES_DB: service.database, POSTGRES_PASSWORD_FILE: passwordFile },
    files: { [passwordFile]: { parts: [password] } },
    ports: [{ container: postgresPort, host: service.port, hostAddress: service.hostAddress, protocol: 'tcp' }],
    mounts: [{ kind: 'volume', volume: dataVolume(service), target: dataMount(service) }],
    stopSignal: 'SIGINT',
    stopGraceSeconds: service.stopGraceSeconds,
    shmBytes: postgresShmBytes,
    postgres: {
      version: service.version,
      user: service.user,
      database: service.database,
      password,
      ...(settings.length === 0 ? {} : { settings: service.settings }),
    },
    ...restartOf(service.restart),
  }
}

/** Poststack's image keeps everything under one folder; the official ones did not before version 18. */
function dataMount({ image, version }: PostgresServiceConfig): string {
  return image === undefined || version >= 18 ? '/var/lib/postgresql' : '/var/lib/postgresql/data'
}

function dataVolume(service: PostgresServiceConfig): string {
  return `${service.name}-data`
}

function restartOf(restart: PostgresServiceConfig['restart']): Pick<ContainerSpec, 'restart'> {
  return restart === 'no' ? {} : { restart }
}

function containerSpec(service: ContainerServiceConfig, input: DesiredInput): ContainerSpec {
  const { build, name } = service
  const image = build === undefined ? qualifyImage(service.image ?? '') : builtRef({ name, build }, input)
  return {
    image,
    ...(service.command === undefined ? {} : { command: service.command }),
    ...(service.entrypoint === undefined ? {} : { entrypoint: service.entrypoint }),
    env: Object.fromEntries(Object.entries(service.env).map(([key, text]) => [key, resolveText(text, input.config)])),
    ...(service.ports.length === 0 ? {} : { ports: service.ports.map(specPort) }),
    ...(service.mounts.length === 0 ? {} : { mounts: service.mounts.map(specMount) }),
    ...(service.workdir === undefined ? {} : { workdir: service.workdir }),
    ...(service.user === undefined ? {} : { user: service.user }),
    ...(service.stopGraceSeconds === 10 ? {} : { stopGraceSeconds: service.stopGraceSeconds }),
    ...restartOf(service.restart),
  }
}

function specPort(port: ContainerServiceConfig['ports'][number]): SpecPort {
  return {
    container: port.container,
    protocol: port.protocol,
    ...(port.host === undefined ? {} : { host: port.host, hostAddress: port.hostAddress }),
  }
}

function specMount(mount: ContainerServiceConfig['mounts'][number]): SpecMount {
  const readOnly = mount.readOnly ? { readOnly: true } : {}
  return mount.kind === 'volume'
    ? { kind: 'volume', volume: mount.volume, target: mount.target, ...readOnly }
    : { kind: 'bind', source: mount.source, target: mount.target, ...readOnly }
}

function containerProbe(service: ContainerServiceConfig): Probe {
  if (service.job) return { kind: 'completed' }
  const { ready } = service
  if (ready.kind !== 'http' && ready.kind !== 'tcp') return ready
  const port = service.ports.find(({ name }) => name === ready.port)
  if (port?.host === undefined) throw new Error(`${service.name}: probe on port ${ready.port}, which is not published`)
  const address = { hostAddress: hostSide(port.hostAddress), port: port.host }
  return ready.kind === 'tcp'
    ? { kind: 'tcp', ...address }
    : { kind: 'http', ...address, path: ready.path, ...(ready.status === undefined ? {} : { status: ready.status }) }
}

function desiredVolumes(config: Config): readonly DesiredVolume[] {
  const data = config.services.flatMap((service): readonly DesiredVolume[] =>
    service.kind === 'postgres'
      ? [
          {
            key: dataVolume(service),
            name: `${config.name}-${dataVolume(service)}`,
            service: service.name,
            postgres: service.version,
          },
        ]
      : [],
  )
  const named = config.services
    .flatMap((service) => (service.kind === 'container' ? service.mounts : []))
    .flatMap((mount) => (mount.kind === 'volume' ? [mount.volume] : []))
  const taken = new Set(data.map(({ key }) => key))
  return [
    ...data,
    ...[...new Set(named)]
      .filter((key) => !taken.has(key))
      .map((key) => ({ key, name: `${config.name}-${key}`, service: undefined, postgres: undefined })),
  ]
}
