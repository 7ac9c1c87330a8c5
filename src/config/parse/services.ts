/** Builds the trusted config from parts that passed every check: defaults, absolute paths, edges, secrets taken out. */
import { resolve } from 'node:path'
import { createPortChooser, type PortChooser } from './auto-ports.ts'
import { dependencies } from './edges.ts'
import { environmentOf } from './env.ts'
import type { ServiceFiles } from './service-files.ts'
import { parsePostgresUrl } from '../postgres-url.ts'
import { isExternal } from './plain-parts.ts'
import type { PlainContainer, PlainExternal, PlainManaged, PlainService, PlainStack } from '../schema/schema.ts'
import { bytesOf, limitsOf } from '../sizes.ts'
import { compareText } from '../text-order.ts'
import type {
  BuildConfig,
  Config,
  ContainerServiceConfig,
  ExternalServiceConfig,
  HealthcheckConfig,
  ImageConfig,
  MountConfig,
  PortConfig,
  PostgresServiceConfig,
  ReadyConfig,
  SecretPart,
  ServiceConfig,
} from '../types.ts'

/** Major version of a PostgreSQL service that says none. */
export const defaultPostgres = 17

export interface BuiltConfig {
  readonly config: Config
  /** Values of the secrets that the config says itself, by name. They stand nowhere in `config`. */
  readonly literals: Readonly<Record<string, string>>
}

interface Build extends ServiceFiles {
  readonly root: string
  readonly instance: string | undefined
  readonly services: PlainStack['services']
  /** Filled on the way. */
  readonly literals: Map<string, string>
  readonly ports: PortChooser
}

export function buildConfig(
  stack: Omit<PlainStack, 'name'> & { readonly name: string },
  options: Pick<Build, 'root' | 'instance' | keyof ServiceFiles> & { readonly images: readonly ImageConfig[] },
): BuiltConfig {
  const ports = createPortChooser([options.root, stack.name], declaredPorts(stack.services))
  const build: Build = { ...options, services: stack.services, literals: new Map(), ports }
  const services = [...stack.services].map(([name, service]) => buildService(name, service, build))
  return {
    config: {
      name: stack.name,
      runtime: stack.runtime ?? 'auto',
      root: options.root,
      services: services.toSorted((a, b) => compareText(a.name, b.name)),
      images: options.images.toSorted((a, b) => compareText(a.name, b.name)),
      autoPorts: ports.chosen,
    },
    literals: Object.fromEntries(build.literals),
  }
}

function buildService(name: string, service: PlainService, build: Build): ServiceConfig {
  if (service.kind === 'container') return buildContainer(name, service, build)
  return isExternal(service) ? buildExternal(name, service, build) : buildManaged(name, service, build)
}

function common(name: string, service: PlainService, build: Build) {
  return {
    name,
    dependsOn: dependencies(service, build.services),
    readyTimeoutMs: (service.readyTimeoutSeconds ?? 60) * 1000,
  }
}

type PlainRun = PlainContainer | PlainManaged

/** A declared name belongs to one container: that of another instance has it with the instance's. */
function containerName({ containerName: name }: PlainRun, { instance }: Build): string | undefined {
  return name === undefined || instance === undefined ? name : `${name}-${instance}`
}

function run({ memory, cpus, shmSize, labels, aliases, pull = 'missing' }: PlainRun) {
  return {
    limits: limitsOf({ memory, cpus, shmSize }),
    labels: Object.fromEntries(sorted(labels)),
    aliases: unique(aliases),
    ...(pull !== 'missing' && { pull }),
  }
}

function buildManaged(name: string, service: PlainManaged, build: Build): PostgresServiceConfig {
  const password = passwordOf(name)
  if (service.password !== undefined) build.literals.set(password.name, service.password)
  return {
    kind: 'postgres',
    ...common(name, service, build),
    containerName: containerName(service, build),
    stopGraceSeconds: service.stopGraceSeconds ?? 30,
    restart: service.restart ?? 'no',
    ...run(service),
    version: service.version ?? defaultPostgres,
    image: service.image,
    port: service.port === 'auto' ? build.ports.choose(name) : (service.port ?? 5432),
    hostAddress: service.hostAddress ?? '127.0.0.1',
    user: service.user ?? 'poststack',
    database: service.database ?? 'poststack',
    password,
    migrations: absolute(service.migrations, build),
    seed: absolute(service.seed, build),
    settings: Object.fromEntries(sorted(service.settings).map(([key, value]) => [key, String(value)])),
  }
}

function buildExternal(name: string, service: PlainExternal, build: Build): ExternalServiceConfig {
  const url = parsePostgresUrl(service.url)
  if (typeof url === 'string') throw new TypeError(`services.${name}.url passed the schema but ${url}`)
  const password = url.password === undefined ? undefined : passwordOf(name)
  if (url.password !== undefined) build.literals.set(passwordOf(name).name, url.password)
  return {
    kind: 'external',
    ...common(name, service, build),
    host: url.host,
    port: url.port,
    user: url.user,
    database: url.database,
    password,
    parameters: url.parameters,
    migrations: absolute(service.migrations, build),
  }
}

function buildContainer(name: string, service: PlainContainer, build: Build): ContainerServiceConfig {
  return {
    kind: 'container',
    ...common(name, service, build),
    containerName: containerName(service, build),
    stopGraceSeconds: service.stopGraceSeconds ?? 10,
    restart: service.restart ?? 'no',
    ...run(service),
    image: service.image,
    build: service.build === undefined ? undefined : buildOf(name, service, build),
    platform: service.platform,
    command: service.command,
    entrypoint: service.entrypoint,
    env: environmentOf(name, { ...build.envFiles.get(name), ...service.env }, build.literals),
    ports: sorted(service.ports).map(([port, options]) => portOf(name, [port, options], build)),
    mounts: (service.volumes ?? []).map((volume) => mountOf(volume, build)),
    workdir: service.workdir,
    user: service.user,
    init: service.init ?? false,
    stopSignal: service.stopSignal,
    capAdd: unique(service.capAdd),
    capDrop: unique(service.capDrop),
    extraHosts: Object.fromEntries(sorted(service.extraHosts)),
    healthcheck: healthcheckOf(service.healthcheck),
    ready: readyOf(name, service, build),
    job: service.job ?? false,
  }
}

function buildOf(name: string, { build: options = {}, platform }: PlainContainer, build: Build): BuildConfig {
  const { args, cache, cacheFrom, cacheTo, context = '.', secrets, target } = options
  const dockerfile = options.dockerfile ?? build.dockerfiles.get(name) ?? ''
  return {
    context: resolve(build.root, context),
    dockerfile: resolve(build.root, dockerfile),
    args: Object.fromEntries(sorted(args)),
    target,
    ...(platform !== undefined && { platform }),
    ...(secrets !== undefined && { secrets: buildSecrets(name, secrets, build) }),
    ...(cache === false && { cache }),
    ...(cacheFrom !== undefined && { cacheFrom }),
    ...(cacheTo !== undefined && { cacheTo }),
  }
}

function buildSecrets(
  service: string,
  secrets: Readonly<Record<string, string>>,
  { literals }: Build,
): Readonly<Record<string, SecretPart>> {
  const parts = sorted(secrets).map(([id, value]) => {
    const name = `${service}.build.${id}`
    literals.set(name, value)
    return [id, { kind: 'secret', name, encoding: 'plain' }] as const
  })
  return Object.fromEntries(parts)
}

/** Every host port that has a number in the config. */
function declaredPorts(services: PlainStack['services']): readonly number[] {
  return [...services.values()].flatMap((service) => {
    if (service.kind === 'postgres') return isExternal(service) || service.port === 'auto' ? [] : [service.port ?? 5432]
    return Object.values(service.ports ?? {}).flatMap(({ host }) => (typeof host === 'number' ? [host] : []))
  })
}

function portOf(
  service: string,
  [name, options]: readonly [string, NonNullable<PlainContainer['ports']>[string]],
  build: Build,
): PortConfig {
  return {
    name,
    container: options.container,
    host: options.host === 'auto' ? build.ports.choose(service, name) : options.host,
    hostAddress: options.hostAddress ?? '127.0.0.1',
    protocol: options.protocol ?? 'tcp',
  }
}

function mountOf(volume: NonNullable<PlainContainer['volumes']>[number], build: Build): MountConfig {
  if ('tmpfs' in volume) return { kind: 'tmpfs', bytes: bytesOf(volume.tmpfs) ?? 0, target: volume.target }
  const { target, readOnly = false } = volume
  if ('volume' in volume) return { kind: 'volume', volume: volume.volume, target, readOnly }
  return { kind: 'bind', source: resolve(build.root, volume.bind), target, readOnly }
}

/** A health check that is declared says when the service is ready, unless something else does. */
function readyOf(name: string, { ready, healthcheck, job }: PlainContainer, build: Build): ReadyConfig {
  if (ready === undefined) {
    const checked = healthcheck !== undefined && healthcheck !== false && job !== true
    return checked ? { kind: 'exec', command: healthcheck.command } : { kind: 'running' }
  }
  if ('http' in ready) {
    const { http: port, path = '/', status, body } = ready
    return { kind: 'http', port, path, status, body }
  }
  if ('tcp' in ready) return { kind: 'tcp', port: ready.tcp }
  if ('postgres' in ready) {
    const { postgres: port, user = 'postgres', database = user } = ready
    if (ready.password === undefined) return { kind: 'postgres', port, user, database, password: undefined }
    const password: SecretPart = { kind: 'secret', name: `${name}.ready.password`, encoding: 'plain' }
    build.literals.set(password.name, ready.password)
    return { kind: 'postgres', port, user, database, password }
  }
  return 'exec' in ready ? { kind: 'exec', command: ready.exec } : { kind: 'log', pattern: ready.log }
}

function healthcheckOf(healthcheck: PlainContainer['healthcheck']): HealthcheckConfig | false | undefined {
  if (healthcheck === undefined || healthcheck === false) return healthcheck
  const { command, intervalSeconds = 30, timeoutSeconds = 30, retries = 3, startSeconds = 0 } = healthcheck
  return { command, intervalSeconds, timeoutSeconds, retries, startSeconds }
}

function passwordOf(service: string): SecretPart {
  return { kind: 'secret', name: `${service}.password`, encoding: 'plain' }
}

function unique(names: readonly string[] | undefined): readonly string[] {
  return [...new Set(names)].toSorted(compareText)
}

function absolute(path: string | undefined, build: Build): string | undefined {
  return path === undefined ? undefined : resolve(build.root, path)
}

function sorted<Value>(record: Readonly<Record<string, Value>> | undefined): readonly (readonly [string, Value])[] {
  return Object.entries(record ?? {}).toSorted(([a], [b]) => compareText(a, b))
}
