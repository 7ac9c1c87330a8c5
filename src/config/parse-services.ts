/** Builds the trusted config from parts that passed every check: defaults, absolute paths, edges, secrets taken out. */
import { resolve } from 'node:path'
import { dependencies, parseReference } from './edges.ts'
import { looksSecret, urlPassword } from './issues.ts'
import { parsePostgresUrl } from './postgres-url.ts'
import { isExternal } from './schema.ts'
import type { PlainContainer, PlainEnvValue, PlainExternal, PlainManaged, PlainService, PlainStack } from './schema.ts'
import { compareText } from './text-order.ts'
import type {
  BuildConfig,
  Config,
  ContainerServiceConfig,
  ExternalServiceConfig,
  ImageConfig,
  MountConfig,
  PortConfig,
  PostgresServiceConfig,
  ReadyConfig,
  SecretPart,
  ServiceConfig,
  Text,
  TextPart,
} from './types.ts'

export interface ParsedConfig {
  readonly config: Config
  /** Values of the secrets that the config says itself, by name. They stand nowhere in `config`. */
  readonly literals: Readonly<Record<string, string>>
}

interface Build {
  readonly root: string
  readonly services: PlainStack['services']
  /** Filled on the way. */
  readonly literals: Map<string, string>
}

export function buildConfig(
  stack: Omit<PlainStack, 'name'> & { readonly name: string },
  options: { readonly root: string; readonly images: readonly ImageConfig[] },
): ParsedConfig {
  const build: Build = { root: options.root, services: stack.services, literals: new Map() }
  const services = [...stack.services].map(([name, service]) => buildService(name, service, build))
  return {
    config: {
      name: stack.name,
      runtime: stack.runtime ?? 'auto',
      root: options.root,
      services: services.toSorted((a, b) => compareText(a.name, b.name)),
      images: options.images.toSorted((a, b) => compareText(a.name, b.name)),
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

function buildManaged(name: string, service: PlainManaged, build: Build): PostgresServiceConfig {
  const password = passwordOf(name)
  if (service.password !== undefined) build.literals.set(password.name, service.password)
  return {
    kind: 'postgres',
    ...common(name, service, build),
    containerName: service.containerName,
    stopGraceSeconds: service.stopGraceSeconds ?? 30,
    restart: service.restart ?? 'no',
    version: service.version ?? 17,
    image: service.image,
    port: service.port ?? 5432,
    hostAddress: service.hostAddress ?? '127.0.0.1',
    user: service.user ?? 'poststack',
    database: service.database ?? 'poststack',
    password,
    migrations: absolute(service.migrations, build),
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
    containerName: service.containerName,
    stopGraceSeconds: service.stopGraceSeconds ?? 10,
    restart: service.restart ?? 'no',
    image: service.image,
    build: service.build === undefined ? undefined : buildOf(service.build, build),
    command: service.command,
    entrypoint: service.entrypoint,
    env: Object.fromEntries(sorted(service.env).map(([key, value]) => [key, envText(name, [key, value], build)])),
    ports: sorted(service.ports).map(([port, options]) => portOf(port, options)),
    mounts: (service.volumes ?? []).map((volume) => mountOf(volume, build)),
    workdir: service.workdir,
    user: service.user,
    ready: readyOf(service.ready),
    job: service.job ?? false,
  }
}

function buildOf(options: NonNullable<PlainContainer['build']>, build: Build): BuildConfig {
  return {
    context: resolve(build.root, options.context ?? '.'),
    dockerfile: resolve(build.root, options.dockerfile),
    args: Object.fromEntries(sorted(options.args)),
    target: options.target,
  }
}

function portOf(name: string, options: NonNullable<PlainContainer['ports']>[string]): PortConfig {
  return {
    name,
    container: options.container,
    host: options.host,
    hostAddress: options.hostAddress ?? '127.0.0.1',
    protocol: options.protocol ?? 'tcp',
  }
}

function mountOf(volume: NonNullable<PlainContainer['volumes']>[number], build: Build): MountConfig {
  const { target, readOnly = false } = volume
  if ('volume' in volume) return { kind: 'volume', volume: volume.volume, target, readOnly }
  return { kind: 'bind', source: resolve(build.root, volume.bind), target, readOnly }
}

function readyOf(ready: PlainContainer['ready']): ReadyConfig {
  if (ready === undefined) return { kind: 'running' }
  if ('http' in ready) return { kind: 'http', port: ready.http, path: ready.path ?? '/', status: ready.status }
  if ('tcp' in ready) return { kind: 'tcp', port: ready.tcp }
  return 'exec' in ready ? { kind: 'exec', command: ready.exec } : { kind: 'log', pattern: ready.log }
}

/** The parts of a variable's value. Literal text of a variable that looks secret goes to `literals` and leaves its name. */
function envText(service: string, [name, value]: readonly [string, PlainEnvValue], build: Build): Text {
  const parts: readonly (string | { readonly $ref: string })[] =
    typeof value !== 'object' ? [String(value)] : '$ref' in value ? [value] : value.$text
  const isSecret = looksSecret(name) || holdsUrlPassword(parts)
  let count = 0
  return parts.flatMap((part): readonly TextPart[] => {
    if (typeof part === 'object') return [{ kind: 'reference', ...parseReference(part.$ref) }]
    if (part === '' || !isSecret) return part === '' ? [] : [part]
    count += 1
    const secret = `${service}.env.${name}${count === 1 ? '' : `.${String(count)}`}`
    build.literals.set(secret, part)
    return [{ kind: 'secret', name: secret, encoding: 'plain' }]
  })
}

/** Whether the text is a URL whose password is written out, at least in part. */
function holdsUrlPassword(parts: readonly (string | { readonly $ref: string })[]): boolean {
  const text = parts.map((part) => (typeof part === 'string' ? part : '\0')).join('')
  const password = urlPassword.exec(text)?.[1]
  return password !== undefined && password.replaceAll('\0', '') !== ''
}

function passwordOf(service: string): SecretPart {
  return { kind: 'secret', name: `${service}.password`, encoding: 'plain' }
}

function absolute(path: string | undefined, build: Build): string | undefined {
  return path === undefined ? undefined : resolve(build.root, path)
}

function sorted<Value>(record: Readonly<Record<string, Value>> | undefined): readonly (readonly [string, Value])[] {
  return Object.entries(record ?? {}).toSorted(([a], [b]) => compareText(a, b))
}
