/**
 * Config and files to `Desired`: names, images, volumes and the canonical spec of every container. Pure.
 */
import type {
  Config,
  ExternalServiceConfig,
  PostgresServiceConfig,
  SecretPart,
  ServiceConfig,
} from '../config/types.ts'
import { compareText } from '../config/text-order.ts'
import type { MigrationFolder, Seed } from '../migrations/types.ts'
import { containerProbe, containerSpec, runFields } from './desired-container.ts'
import { desiredImages, qualifyImage, type ImageInput } from './images.ts'
import { projectId } from './names.ts'
import { publishedUrls } from './published.ts'
import { hostSide, passwordFile, postgresPort } from './references.ts'
import type { ContainerSpec, DatabaseTarget, Desired, DesiredService, DesiredVolume } from './types.ts'

export interface DesiredInput extends ImageInput {
  /** Migration folders by service. */
  readonly folders: Readonly<Record<string, MigrationFolder>>
  /** Seeds by service, where they are declared. */
  readonly seeds?: Readonly<Record<string, ServiceSeeds>>
  /** See `Desired`. */
  readonly hookContents?: Desired['hookContents']
  /** Keyed digest of each secret by its name. */
  readonly digests: Readonly<Record<string, string>>
  /** See `Desired`. */
  readonly unkept?: readonly string[]
}

/** What is run once for its content in each database of a service. */
export interface ServiceSeeds {
  /** Before its migrations. */
  readonly before: readonly Seed[]
  /** After them, in this order. */
  readonly after: readonly Seed[]
}

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
    conventional: config.conventional,
    network: services.some(({ container }) => container !== undefined) ? config.name : undefined,
    images: desiredImages(input).toSorted((a, b) => compareText(a.ref, b.ref)),
    volumes: desiredVolumes(config).toSorted((a, b) => compareText(a.key, b.key)),
    services,
    digests: input.digests,
    ...(config.hooks === undefined ? {} : { hooks: config.hooks }),
    ...(input.hookContents === undefined ? {} : { hookContents: input.hookContents }),
    unkept: input.unkept ?? [],
  }
}

function desiredService(service: ServiceConfig, input: DesiredInput): DesiredService {
  const common = {
    name: service.name,
    kind: service.kind,
    dependsOn: service.dependsOn,
    readyTimeoutMs: service.readyTimeoutMs,
    ...(service.idle === undefined ? {} : { idle: service.idle }),
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
    return {
      ...common,
      container,
      urls: publishedUrls(service, input.config.services).ports.map(({ url }) => url),
      probe: containerProbe(service),
      migrations: undefined,
    }
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
  if (service.migrations === undefined || folder === undefined) return undefined
  const { before = [], after = [] } = input.seeds?.[service.name] ?? {}
  return {
    target,
    folder,
    ...(before.length === 0 ? {} : { before }),
    ...(after.length === 0 ? {} : { seeds: after }),
  }
}

/** Where the host reaches a declared database, and as whom. */
export function databaseTarget(service: PostgresServiceConfig | ExternalServiceConfig): DatabaseTarget {
  return service.kind === 'postgres' ? managedTarget(service) : externalTarget(service)
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
    ...runFields(service),
  }
}

/** Poststack's image keeps everything under one folder; the official ones did not before version 18. */
function dataMount({ image, version }: PostgresServiceConfig): string {
  return image === undefined || version >= 18 ? '/var/lib/postgresql' : '/var/lib/postgresql/data'
}

function dataVolume(service: PostgresServiceConfig): string {
  return `${service.name}-data`
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
