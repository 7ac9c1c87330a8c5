/**
 * The stack as a program on the host finds it: environment variables with addresses, roles and passwords. Pure; a password is named, and
 * put in by whoever hands the variables out.
 */
import type { ContainerServiceConfig, SecretPart, ServiceConfig } from '../config/types.ts'
import { databaseTarget } from './desired.ts'
import { publishedUrls } from './published.ts'
import { hostInUrl } from './references.ts'
import type { DatabaseTarget, SpecText } from './types.ts'

type Named = readonly [name: string, value: SpecText]
type DatabaseService = Exclude<ServiceConfig, ContainerServiceConfig>

/** What libpq and most drivers look for. */
const databaseVariables: ReadonlySet<string> = new Set([
  'DATABASE_URL',
  'PGHOST',
  'PGHOSTADDR',
  'PGPORT',
  'PGUSER',
  'PGPASSWORD',
  'PGPASSFILE',
  'PGDATABASE',
  'PGSERVICE',
  'PGSSLMODE',
  'PGSSLROOTCERT',
  'PGSSLCERT',
  'PGSSLKEY',
])

/** An environment without what leads to a database: a program that is to find this one must not end up with another. */
export function withoutDatabase(
  env: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !databaseVariables.has(name)))
}

/**
 * `chosen` is the database that `DATABASE_URL` and the `PG…` variables lead to; without it they are left out. Each service that the host
 * can reach has a `<SERVICE>_URL`.
 */
export function hostVariables(
  services: readonly ServiceConfig[],
  chosen: DatabaseService | undefined,
): Readonly<Record<string, SpecText>> {
  const urls = services.flatMap((service): readonly Named[] =>
    service.kind === 'container'
      ? containerUrls(service, services)
      : [[urlName(service.name), urlOf(databaseTarget(service))]],
  )
  const first = chosen === undefined ? {} : chosenVariables(databaseTarget(chosen))
  // Once more: what the chosen database says wins over a service that happens to be called `database`.
  return { ...first, ...Object.fromEntries(urls), ...first }
}

function chosenVariables(target: DatabaseTarget): Readonly<Record<string, SpecText>> {
  const { database, host, parameters = '', password, port, user } = target
  const query = new URLSearchParams(parameters)
  const tls = ['sslmode', 'sslrootcert', 'sslcert', 'sslkey'].flatMap((name) => {
    const value = query.get(name)
    return value === null ? [] : [[`PG${name.toUpperCase()}`, value] as const]
  })
  return {
    DATABASE_URL: urlOf(target),
    PGHOST: host,
    PGPORT: String(port),
    PGUSER: user,
    ...(password === undefined ? {} : { PGPASSWORD: { parts: [password] } }),
    PGDATABASE: database,
    ...Object.fromEntries(tls),
  }
}

/** `postgresql://user:password@host:port/database`, the password as a part. */
export function urlOf({ database, host, parameters, password, port, user }: DatabaseTarget): SpecText {
  const secret: readonly (string | SecretPart)[] = password === undefined ? [] : [':', { ...password, encoding: 'uri' }]
  const query = parameters === undefined ? '' : `?${parameters}`
  const end = `@${hostInUrl(host)}:${String(port)}/${encodeURIComponent(database)}${query}`
  return { parts: [`postgresql://${encodeURIComponent(user)}`, ...secret, end] }
}

/** The main port as `<SERVICE>_URL`; where there are several, each as `<SERVICE>_<PORT>_URL` too. */
function containerUrls(service: ContainerServiceConfig, services: readonly ServiceConfig[]): readonly Named[] {
  const { name } = service
  const { main, ports } = publishedUrls(service, services)
  if (main === undefined) return []
  const others = ports.length === 1 ? [] : ports
  return [[urlName(name), main], ...others.map(({ port, url }) => [urlName(`${name}_${port}`), url] as const)]
}

function urlName(service: string): string {
  return `${service.toUpperCase().replaceAll(/[^A-Z0-9]+/g, '_')}_URL`
}

export type VariableFormat = 'dotenv' | 'shell' | 'json'

/** The variables as a file or a shell takes them. */
export function formatVariables(variables: Readonly<Record<string, string>>, format: VariableFormat): string {
  if (format === 'json') return `${JSON.stringify(variables, undefined, 2)}\n`
  const line = format === 'shell' ? shellLine : dotenvLine
  return Object.entries(variables)
    .map(([name, value]) => `${line(name, value)}\n`)
    .join('')
}

function shellLine(name: string, value: string): string {
  return `export ${name}='${value.replaceAll("'", String.raw`'\''`)}'`
}

/** Bare wherever it can be: engines' `--env-file` takes quotes for a part of the value. */
function dotenvLine(name: string, value: string): string {
  if (/^[\w@%+=:,./?&~[\]-]*$/.test(value)) return `${name}=${value}`
  const quote = ["'", '"', '`'].find((one) => !value.includes(one)) ?? '"'
  return `${name}=${quote}${quote === '"' ? value.replaceAll('\n', String.raw`\n`) : value}${quote}`
}
