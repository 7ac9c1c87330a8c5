/**
 * The schema of the plain form of a config, and `validate`, which finds every mistake in one pass. What a user's
 * editor shows is written by hand in options.ts and options-container.ts; a type test keeps the two in agreement.
 */
import * as z from 'zod'
import { logChoices, runtimeChoices } from '../choices.ts'
import { isRecord } from '../is-record.ts'
import { suggest } from '../nearest.ts'
import * as field from './fields.ts'
import { toIssues } from './zod-issues.ts'
import { hooks } from './hooks.ts'
import { container, type envValue, externalPostgres, managedPostgres } from './services.ts'
import type { ConfigIssue, Path } from './issues.ts'

const { strict } = field

export const stack = strict({
  name: field.name.optional(),
  runtime: field.oneOf(...runtimeChoices).optional(),
  hooks: hooks.optional(),
  profiles: field.profiles.optional(),
  logs: strict({
    level: field.oneOf(...logChoices).optional(),
    folder: field.path.optional(),
  }).optional(),
  services: field.record(z.string(), z.unknown(), '{ db: postgres() }'),
})

export type PlainManaged = z.output<typeof managedPostgres>
export type PlainExternal = z.output<typeof externalPostgres>
export type PlainContainer = z.output<typeof container>
export type PlainService = PlainManaged | PlainExternal | PlainContainer
export type PlainEnvValue = z.output<typeof envValue>

/**
 * A service with a mistake, as far as it can be understood. What is wrong stays as a key that holds undefined, so that it is neither taken
 * for left out nor for its default.
 */
export type PartOf<Value> = Value extends readonly (infer Item)[]
  ? readonly (PartOf<Item> | undefined)[]
  : Value extends object
    ? { readonly [Key in keyof Value]?: PartOf<Value[Key]> | undefined }
    : Value
type ServicePart<Service extends PlainService> = PartOf<Omit<Service, 'kind'>> & Pick<Service, 'kind'>
export type ExternalPart = ServicePart<PlainExternal>
export type ContainerPart = ServicePart<PlainContainer>
export type AnyPart = ServicePart<PlainManaged> | ExternalPart | ContainerPart

export interface PlainStack {
  readonly name: string | undefined
  readonly runtime: z.output<typeof stack>['runtime']
  readonly hooks: z.output<typeof stack>['hooks']
  readonly logs: z.output<typeof stack>['logs']
  /** Those that the config asks for. */
  readonly profiles: readonly string[]
  /** The services without a mistake of their own. */
  readonly services: ReadonlyMap<string, PlainService>
  /** Every service whose kind is known, for the checks of what services must agree on: so that all mistakes are told at once. */
  readonly parts: ReadonlyMap<string, AnyPart>
  /** Every name in `services`, with a mistake or not. */
  readonly names: ReadonlySet<string>
}

export interface Validated {
  readonly stack: PlainStack
  readonly issues: readonly ConfigIssue[]
}

/**
 * Checks each part on its own; what parts must agree on is for `checkTogether`. `missing` are the places of what could not be made plain: they
 * are wrong, not left out.
 */
export function validate(plain: unknown, missing: readonly Path[] = []): Validated {
  const issues: ConfigIssue[] = []
  const top = stack.safeParse(plain)
  if (!top.success) issues.push(...toIssues(top.error.issues, { path: [], input: plain }))
  const raw = isRecord(plain) ? plain : {}
  const services = new Map<string, PlainService>()
  const parts = new Map<string, AnyPart>()
  const rawServices = isRecord(raw['services']) ? raw['services'] : {}
  for (const [name, input] of Object.entries(rawServices)) {
    const path = ['services', name]
    const named = field.serviceName.safeParse(name)
    if (!named.success)
      issues.push({ path, message: named.error.issues[0]?.message ?? 'has a wrong name', value: JSON.stringify(name) })
    const found = parseService(input, path)
    issues.push(...found.issues)
    if (found.service !== undefined && named.success) services.set(name, found.service)
    const wrong = [...found.issues.map((issue) => issue.path), ...missing].filter((one) => one[1] === name)
    // A service that stands there by mistake agrees with nothing.
    const isRefused = wrong.some((one) => one.length === 2)
    if (isService(input) && !isRefused) parts.set(name, partOf(input, wrong))
  }
  const name = field.name.safeParse(raw['name'])
  return {
    stack: {
      name: name.success ? name.data : undefined,
      runtime: top.success ? top.data.runtime : undefined,
      hooks: top.success ? top.data.hooks : undefined,
      logs: top.success ? top.data.logs : undefined,
      profiles: (top.success ? top.data.profiles : undefined) ?? [],
      services,
      parts,
      names: new Set(Object.keys(rawServices)),
    },
    issues,
  }
}

function isService(input: unknown): input is { readonly kind: PlainService['kind'] } {
  return isRecord(input) && (input['kind'] === 'postgres' || input['kind'] === 'container')
}

/** What is left of a service when undefined stands in every wrong place. */
function partOf(input: object, wrong: readonly Path[]): AnyPart {
  const part: unknown = structuredClone(input)
  for (const path of wrong) {
    const holder = path.slice(2, -1).reduce(ownValue, part)
    const key = path.at(-1)
    if (path.length > 2 && key !== undefined && isObject(holder)) {
      Object.defineProperty(holder, key, { value: undefined, enumerable: true, configurable: true, writable: true })
    }
  }
  return part as AnyPart
}

function ownValue(value: unknown, key: string | number): unknown {
  return isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined
}

function isObject(value: unknown): value is Record<string | number, unknown> {
  return typeof value === 'object' && value !== null
}

function parseService(
  input: unknown,
  path: Path,
): { readonly service?: PlainService; readonly issues: readonly ConfigIssue[] } {
  if (!isService(input)) {
    const kind = isRecord(input) ? input['kind'] : undefined
    const near = typeof kind === 'string' ? `: ${suggest(kind, ['postgres', 'container'])}` : ''
    const at = kind === undefined ? path : [...path, 'kind']
    return { issues: [{ path: at, message: `expected a service made with postgres(…) or container(…)${near}` }] }
  }
  const schema = input.kind === 'container' ? container : 'url' in input ? externalPostgres : managedPostgres
  const result = schema.safeParse(input)
  if (result.success) return { service: result.data, issues: [] }
  const found = toIssues(result.error.issues, { path, input })
  return { issues: found.map((issue) => explainExternal(issue, input)) }
}

/** With `url` most options of postgres() are not unknown but somebody else's to decide. */
function explainExternal(issue: ConfigIssue, input: { readonly kind: string }): ConfigIssue {
  const key = issue.path[2]
  if (input.kind !== 'postgres' || !('url' in input) || issue.path.length !== 3 || typeof key !== 'string') return issue
  if (!(key in managedPostgres.shape) || key in externalPostgres.shape) return issue
  return { ...issue, message: 'does not go together with `url`: that database is run by somebody else' }
}
