/**
 * The schema of the plain form of a config, and `validate`, which finds every mistake in one pass. What a user's
 * editor shows is written by hand in define.ts; a type test keeps the two in agreement.
 */
import * as z from 'zod'
import { isRecord } from './is-record.ts'
import { suggest } from './issues.ts'
import { parsePostgresUrl } from './postgres-url.ts'
import * as field from './schema-fields.ts'
import { toIssues } from './schema-issues.ts'
import type { ConfigIssue, Path } from './issues.ts'

const { strict, text } = field

const condition = field.oneOf('started', 'ready', 'migrated', 'completed')
const dependsOn = z.union([field.list(field.name, 'a list of names'), field.record(field.name, condition)], {
  error: 'expected a list of service names, or an object from service name to condition',
})

const commonFields = {
  dependsOn: dependsOn.optional(),
  readyTimeoutSeconds: field.integer(1, 3600).optional(),
}
const runFields = {
  ...commonFields,
  containerName: field.engineName.optional(),
  stopGraceSeconds: field.integer(0, 3600).optional(),
  restart: field.oneOf('no', 'always', 'unless-stopped', 'on-failure').optional(),
}

export const managedPostgres = strict({
  kind: z.literal('postgres'),
  ...runFields,
  version: field.integer(13, 18).optional(),
  image: field.image.optional(),
  port: field.port.optional(),
  hostAddress: field.address.optional(),
  user: field.roleName.optional(),
  password: field.password.optional(),
  database: field.identifier.optional(),
  migrations: field.path.optional(),
  settings: field.record(field.settingName, field.scalar).optional(),
})

export const externalPostgres = strict({
  kind: z.literal('postgres'),
  ...commonFields,
  url: z.string({ error: 'expected `postgres://user:password@host:port/database`' }).superRefine((value, context) => {
    const parsed = parsePostgresUrl(value)
    if (typeof parsed === 'string') context.addIssue(parsed)
  }),
  migrations: field.path.optional(),
})

const reference = strict({ $ref: z.string() })
export const envValue = z.union(
  [field.scalar, reference, strict({ $text: z.array(z.union([z.string(), reference])).readonly() })],
  { error: 'expected a text, a number, true, false or a reference' },
)

const build = strict({
  context: field.path.optional(),
  dockerfile: field.path,
  args: field
    .record(
      field.envName,
      text('a text', (value) => !value.includes('\0')),
    )
    .optional(),
  target: field.filled.optional(),
})

const portOptions = strict({
  container: field.port,
  host: field.port.optional(),
  hostAddress: field.address.optional(),
  protocol: field.oneOf('tcp', 'udp').optional(),
})

const volume = z.union([
  strict({ volume: field.engineName, target: field.mountTarget, readOnly: field.boolean.optional() }),
  strict({ bind: field.path, target: field.mountTarget, readOnly: field.boolean.optional() }),
])

const ready = z.union([
  strict({ http: field.portName, path: field.urlPath.optional(), status: field.integer(100, 599).optional() }),
  strict({ tcp: field.portName }),
  strict({ exec: field.command }),
  strict({ log: field.expression }),
])

export const container = strict({
  kind: z.literal('container'),
  ...runFields,
  image: field.image.optional(),
  build: build.optional(),
  command: field.arguments_.optional(),
  entrypoint: field.command.optional(),
  env: field.record(field.envName, envValue).optional(),
  ports: field.record(field.portName, portOptions).optional(),
  volumes: field.list(volume, 'a list').optional(),
  workdir: field.absolutePath.optional(),
  user: field.filled.optional(),
  ready: ready.optional(),
  job: field.boolean.optional(),
})

export const stack = strict({
  name: field.name.optional(),
  runtime: field.oneOf('auto', 'podman', 'docker', 'native').optional(),
  services: field.record(z.string(), z.unknown()),
})

export type PlainManaged = z.output<typeof managedPostgres>
export type PlainExternal = z.output<typeof externalPostgres>
export type PlainContainer = z.output<typeof container>
export type PlainService = PlainManaged | PlainExternal | PlainContainer
export type PlainEnvValue = z.output<typeof envValue>

export interface PlainStack {
  readonly name: string | undefined
  readonly runtime: z.output<typeof stack>['runtime']
  /** The services without a mistake of their own. */
  readonly services: ReadonlyMap<string, PlainService>
  /** What each service says it waits for, also where another of its fields has a mistake: so that all mistakes are told at once. */
  readonly waits: ReadonlyMap<string, PlainService['dependsOn']>
  /** Every name in `services`, with a mistake or not. */
  readonly names: ReadonlySet<string>
}

export function isExternal(service: PlainService): service is PlainExternal {
  return service.kind === 'postgres' && 'url' in service
}

/** Checks each part on its own; what parts must agree on is for `checkTogether`. */
export function validate(plain: unknown): { readonly stack: PlainStack; readonly issues: readonly ConfigIssue[] } {
  const issues: ConfigIssue[] = []
  const top = stack.safeParse(plain)
  if (!top.success) issues.push(...toIssues(top.error.issues, { path: [], input: plain }))
  const raw = isRecord(plain) ? plain : {}
  const services = new Map<string, PlainService>()
  const waits = new Map<string, PlainService['dependsOn']>()
  const rawServices = isRecord(raw['services']) ? raw['services'] : {}
  for (const [name, input] of Object.entries(rawServices)) {
    const path = ['services', name]
    const named = field.name.safeParse(name)
    if (!named.success) issues.push({ path, message: named.error.issues[0]?.message ?? 'has a wrong name' })
    const service = parseService(input, path, issues)
    if (service !== undefined && named.success) services.set(name, service)
    const waitsFor = dependsOn.safeParse(isRecord(input) ? input['dependsOn'] : undefined)
    if (waitsFor.success) waits.set(name, waitsFor.data)
  }
  const name = field.name.safeParse(raw['name'])
  return {
    stack: {
      name: name.success ? name.data : undefined,
      runtime: top.success ? top.data.runtime : undefined,
      services,
      waits,
      names: new Set(Object.keys(rawServices)),
    },
    issues,
  }
}

function parseService(input: unknown, path: Path, issues: ConfigIssue[]): PlainService | undefined {
  const kind = isRecord(input) ? input['kind'] : undefined
  if (!isRecord(input) || (kind !== 'postgres' && kind !== 'container')) {
    const near = typeof kind === 'string' ? `: ${suggest(kind, ['postgres', 'container'])}` : ''
    issues.push({ path, message: `expected a service made with postgres(…) or container(…)${near}` })
    return undefined
  }
  const schema = kind === 'container' ? container : 'url' in input ? externalPostgres : managedPostgres
  const result = schema.safeParse(input)
  if (result.success) return result.data
  const found = toIssues(result.error.issues, { path, input })
  issues.push(...found.map((issue) => explainExternal(issue, input)))
  return undefined
}

/** With `url` most options of postgres() are not unknown but somebody else's to decide. */
function explainExternal(issue: ConfigIssue, input: Readonly<Record<string, unknown>>): ConfigIssue {
  const key = issue.path[2]
  if (input['kind'] !== 'postgres' || !('url' in input) || issue.path.length !== 3 || typeof key !== 'string')
    return issue
  if (!(key in managedPostgres.shape) || key in externalPostgres.shape) return issue
  return { ...issue, message: 'does not go together with `url`: that database is run by somebody else' }
}
