/** What a compose file says of its PostgreSQL service, as far as a config can take it over, and what it cannot. Pure. */
import { isRecord } from '../is-record.ts'

export interface ComposePostgres {
  /** As people should see it. */
  readonly file: string
  readonly service: string
  readonly version?: number
  /** Fully qualified; absent for the official image, which Poststack's own stands for. */
  readonly image?: string
  readonly port?: number
  readonly user?: string
  readonly database?: string
  readonly hasPassword: boolean
}

/** The first service that runs PostgreSQL. */
export function composePostgres(file: string, compose: unknown): ComposePostgres | undefined {
  const services = isRecord(compose) && isRecord(compose['services']) ? compose['services'] : {}
  for (const [service, options] of Object.entries(services)) {
    if (!isRecord(options) || typeof options['image'] !== 'string') continue
    const image = filledIn(options['image'])
    const name = image?.replace(/@.*$/, '').replace(/:[^/]*$/, '')
    if (image === undefined || !/(?:^|\/)(?:postgres|postgis|timescaledb|timescaledb-ha|pgvector)$/.test(name ?? ''))
      continue
    return {
      file,
      service,
      ...imageFacts(image, name ?? ''),
      ...portFacts(options['ports']),
      ...variableFacts(options),
    }
  }
  return undefined
}

/** What of the file a config made of `taken` lacks, a line for each kind. */
export function leftOfCompose(file: string, compose: unknown, taken: ComposePostgres | undefined): readonly string[] {
  const services = isRecord(compose) && isRecord(compose['services']) ? compose['services'] : undefined
  if (services === undefined) return [`${file}: it has no services`]
  const others = Object.keys(services).filter((name) => name !== taken?.service)
  const none = taken === undefined ? [`${file}: no service of it has an image of PostgreSQL`] : []
  const rest =
    others.length === 0 ? [] : [`${file}: ${others.length === 1 ? 'service' : 'services'} ${others.join(', ')}`]
  const options = taken === undefined ? [] : leftOptions(services[taken.service], taken)
  return [
    ...none,
    ...rest,
    ...(taken === undefined || options.length === 0
      ? []
      : [`${file}, service ${taken.service}: ${options.join(', ')}`]),
  ]
}

/** Those that every service has a counterpart of, whatever they say. */
const understood = new Set(['image', 'ports', 'environment'])

function leftOptions(service: unknown, taken: ComposePostgres): readonly string[] {
  if (!isRecord(service)) return []
  const given = variablesIn(service['environment'])
  const kept = new Set([
    ...(taken.user === undefined ? [] : ['POSTGRES_USER']),
    ...(nameIn(given.get('POSTGRES_DB')) === undefined ? [] : ['POSTGRES_DB']),
  ])
  const ports = listOf(service['ports'])
  const port = ports.find((entry) => hostPort(entry) !== undefined)
  return [
    ...(taken.version === undefined
      ? [`image ${said(service['image'])} (its tag names no version from 13 to 18)`]
      : []),
    ...ports
      .filter((entry) => entry !== port)
      .map((entry) => `port ${isRecord(entry) ? portText(entry) : said(entry)}`),
    ...[...given.keys()].filter((name) => !kept.has(name)).map((name) => `variable ${name}`),
    ...Object.keys(service).filter((name) => !understood.has(name)),
  ]
}

function imageFacts(image: string, name: string): Pick<ComposePostgres, 'version' | 'image'> {
  const tag = /:([^/:@]+)(?:@.*)?$/.exec(image)?.[1] ?? ''
  const major = Number(/(?:^|[^\d.])(1[3-8])(?![\d])/.exec(tag)?.[1])
  const version = Number.isNaN(major) ? {} : { version: major }
  if (/^(?:(?:docker\.io\/)?library\/)?postgres$/.test(name)) return version
  // Which major an image holds cannot be told from every tag, and the two must agree.
  return 'version' in version ? { ...version, image: qualified(image) } : version
}

/** The name that every engine takes for the same image. */
function qualified(image: string): string {
  const [first = '', ...rest] = image.split('/')
  if (rest.length > 0 && /[.:]|^localhost$/.test(first)) return image
  return rest.length === 0 ? `docker.io/library/${image}` : `docker.io/${image}`
}

/** `5433:5432`, `127.0.0.1:5433:5432`, or an object. */
function portFacts(ports: unknown): Pick<ComposePostgres, 'port'> {
  const [port] = listOf(ports).flatMap((entry) => hostPort(entry) ?? [])
  return port === undefined ? {} : { port }
}

function hostPort(entry: unknown): number | undefined {
  const text = filledIn(isRecord(entry) ? portText(entry) : said(entry))
  const port = Number(/(?:^|:)(\d{1,5}):5432(?:\/tcp)?$/.exec(text ?? '')?.[1])
  return port >= 1 && port <= 65_535 ? port : undefined
}

function portText(entry: Readonly<Record<string, unknown>>): string {
  return `${said(entry['published'])}:${said(entry['target'])}`
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function variableFacts(
  service: Readonly<Record<string, unknown>>,
): Pick<ComposePostgres, 'user' | 'database' | 'hasPassword'> {
  const variables = variablesIn(service['environment'])
  // What these images take where nobody says it. What stands in a file of variables is not known here.
  const isUnsaid = !variables.has('POSTGRES_USER') && service['env_file'] === undefined
  const user = isUnsaid ? 'postgres' : nameIn(variables.get('POSTGRES_USER'))
  const database = nameIn(variables.get('POSTGRES_DB')) ?? user
  return {
    ...(user !== undefined && { user }),
    ...(database !== undefined && { database }),
    hasPassword: variables.has('POSTGRES_PASSWORD') || variables.has('POSTGRES_PASSWORD_FILE'),
  }
}

/** `NAME=value` lines, or a mapping. */
function variablesIn(environment: unknown): ReadonlyMap<string, unknown> {
  const pairs: readonly (readonly [string, unknown])[] = Array.isArray(environment)
    ? environment.map((line) => {
        const [name = '', value] = String(line).split(/=(.*)/s)
        return [name, value]
      })
    : Object.entries(isRecord(environment) ? environment : {})
  return new Map(pairs)
}

function nameIn(value: unknown): string | undefined {
  const name = filledIn(said(value))
  const fits = name !== undefined && name !== '' && Buffer.byteLength(name) <= 63 && !/^pg_/i.test(name)
  return fits ? name : undefined
}

function said(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
}

/** `${PORT:-5433}` with its default; undefined where a variable has none. */
function filledIn(text: string): string | undefined {
  const filled = text.replaceAll(/\$\{\w+:?-([^}]*)\}/g, '$1')
  return filled.includes('$') ? undefined : filled
}
