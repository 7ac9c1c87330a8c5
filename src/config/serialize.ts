/**
 * Turns what a config exports into plain data that can leave its process: service objects become their options,
 * references become `{ "$ref": "db.url" }`, template strings `{ "$text": ["host=", { "$ref": "db.host" }] }`.
 *
 * Runs inside the config's process, so it imports nothing but our own light modules.
 */
import { placeholderPattern, serviceBrand } from './define.ts'
import { formatPath } from './issues.ts'
import { referenceBrand } from './options.ts'
import type { DefineContext, ServiceMark } from './define.ts'
import type { ConfigIssue, Path } from './issues.ts'
import type { ReferenceMark } from './options.ts'

export interface PlainReference {
  readonly $ref: string
}

export type PlainValue =
  | string
  | number
  | boolean
  | null
  | readonly PlainValue[]
  | { readonly [key: string]: PlainValue }

/** Plain data, and what could not become plain: those values are left out of `plain`. */
export interface Serialized {
  readonly plain: PlainValue
  readonly issues: readonly ConfigIssue[]
}

interface Walk {
  readonly issues: ConfigIssue[]
  /** The name of each service object by its id. */
  readonly names: ReadonlyMap<number, string>
  /** The objects around the value at hand, to notice a cycle. */
  readonly ancestors: Set<object>
}

type Place = 'env' | 'other'

/** Evaluates the export (function, promise, default of a default) and makes it plain. Throws only what user code throws. */
export async function serializeConfig(exported: unknown, context: DefineContext): Promise<Serialized> {
  let config = await unwrapDefault(exported)
  if (typeof config === 'function')
    config = await unwrapDefault((config as (context: DefineContext) => unknown)(context))
  const wrong = whyNoConfig(config)
  if (wrong !== undefined) return { plain: null, issues: [{ path: [], message: wrong }] }
  const issues: ConfigIssue[] = []
  const names = serviceNames((config as { services?: unknown }).services, issues)
  const plain = plainValue(config, { path: [], place: 'other' }, { issues, names, ancestors: new Set() })
  return { plain: plain ?? null, issues }
}

/** CommonJS interop wraps a default export up to twice. */
async function unwrapDefault(value: unknown): Promise<unknown> {
  let inner = await value
  for (let depth = 0; depth < 2; depth++) {
    if (typeof inner !== 'object' || inner === null || !('default' in inner)) break
    // A CommonJS config's namespace shows `services` beside `default`; only of a finished config is `default` a mistake to report.
    if ('services' in inner && !isModule(inner)) break
    inner = await inner.default
  }
  return inner
}

const example = `Export a config as the default export:

  import { defineConfig, postgres } from 'poststack'
  export default defineConfig({ services: { db: postgres() } })`

function whyNoConfig(value: unknown): string | undefined {
  const kind = kindOf(value)
  if (kind === 'a plain object') {
    if (!isModule(value)) return undefined
    const names = Object.keys(value as object)
    const found = names.length === 0 ? 'exports nothing' : `exports ${names.join(', ')}, but no default`
    return `the file ${found}. ${example}`
  }
  if (kind === 'a service object') {
    return `the file exports one service, not a stack. Put it under a name in \`services\`. ${example}`
  }
  return `the file exports ${kind}, which is no config. ${example}`
}

function isModule(value: unknown): boolean {
  return Object.prototype.toString.call(value) === '[object Module]'
}

/** What a value is, in words for a person. */
function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'string') return 'a string'
  if (typeof value === 'number') return Number.isFinite(value) ? 'a number' : String(value)
  if (typeof value === 'function') return value.name === '' ? 'a function' : `the function \`${value.name}\``
  if (typeof value !== 'object') return typeof value === 'undefined' ? 'undefined' : `a ${typeof value}`
  if (serviceBrand in value) return 'a service object'
  if (referenceBrand in value) return 'a reference'
  const prototype: unknown = Object.getPrototypeOf(value)
  // Objects of another realm have an `Object.prototype` of their own.
  if (prototype === null || Object.getPrototypeOf(prototype) === null) return 'a plain object'
  const name = (value.constructor as { name?: string } | undefined)?.name
  return name === undefined || name === '' ? 'an object with a class of its own' : `an instance of ${name}`
}

function serviceNames(services: unknown, issues: ConfigIssue[]): ReadonlyMap<number, string> {
  const names = new Map<number, string>()
  if (typeof services !== 'object' || services === null) return names
  for (const [name, service] of Object.entries(services)) {
    const mark = serviceMark(service)
    if (mark === undefined) continue
    const first = names.get(mark.id)
    if (first === undefined) names.set(mark.id, name)
    else {
      const message = `the same service object stands under \`${first}\` already; make another one with ${mark.kind}()`
      issues.push({ path: ['services', name], message })
    }
  }
  return names
}

function plainValue(value: unknown, at: { path: Path; place: Place }, walk: Walk): PlainValue | undefined {
  if (typeof value === 'string') return plainString(value, at, walk)
  if (value === null || typeof value === 'boolean') return value
  if (typeof value === 'number' && Number.isFinite(value)) return value
  if (value === undefined) return undefined
  if (typeof value === 'object') {
    const reference = (value as { [referenceBrand]?: ReferenceMark })[referenceBrand]
    if (reference !== undefined) {
      const plain = plainReference(reference, at, walk)
      return plain === undefined ? undefined : { ...plain }
    }
    return plainObject(value, at, walk)
  }
  return reject(`must be plain data, but is ${kindOf(value)}`, at, walk)
}

function plainObject(value: object, at: { path: Path; place: Place }, walk: Walk): PlainValue | undefined {
  if (walk.ancestors.has(value)) return reject('contains itself: a config is plain data without cycles', at, walk)
  const mark = serviceMark(value)
  const isService = mark !== undefined && at.path.length === 2 && at.path[0] === 'services'
  if (mark !== undefined && !isService) {
    return reject(
      'is a service object, which may stand in `services` only; elsewhere use its name or a reference',
      at,
      walk,
    )
  }
  if (mark === undefined && !Array.isArray(value) && kindOf(value) !== 'a plain object') {
    return reject(`must be plain data, but is ${kindOf(value)}`, at, walk)
  }
  walk.ancestors.add(value)
  try {
    if (Array.isArray(value)) {
      return value.map((item: unknown, index) => {
        const path = [...at.path, index]
        const plain = plainValue(item, { path, place: 'other' }, walk)
        if (item === undefined) reject('is undefined', { path }, walk)
        return plain ?? null
      })
    }
    return mark === undefined ? plainRecord(value, at, walk) : plainService({ value, mark }, at, walk)
  } finally {
    walk.ancestors.delete(value)
  }
}

function plainRecord(value: object, at: { path: Path }, walk: Walk): { readonly [key: string]: PlainValue } {
  const result: { [key: string]: PlainValue } = {}
  const isEnv = at.path.length === 3 && at.path[0] === 'services' && at.path[2] === 'env'
  for (const [key, item] of Object.entries(value) as [string, unknown][]) {
    const path = [...at.path, key]
    if (key.search(placeholderPattern) !== -1) {
      reject('has a reference in its key; references may stand in the values of `env` only', at, walk)
    } else if (isEnv && item === undefined) {
      reject('is undefined; leave the variable out, or give a default: `process.env.NAME ?? ""`', { path }, walk)
    } else {
      const plain = plainValue(item, { path, place: isEnv ? 'env' : 'other' }, walk)
      // Not an assignment: a key named `__proto__` is data like any other.
      if (plain !== undefined)
        Object.defineProperty(result, key, { value: plain, enumerable: true, configurable: true, writable: true })
    }
  }
  return result
}

/** A service object becomes its kind and its options. Whoever spread it and changed a key meant to change an option. */
function plainService(
  service: { value: object; mark: ServiceMark },
  at: { path: Path },
  walk: Walk,
): PlainValue | undefined {
  const { value, mark } = service
  const { options } = mark as { options: unknown }
  if (kindOf(options) !== 'a plain object') {
    return reject(`${mark.kind}() takes an object of options, but was given ${kindOf(options)}`, at, walk)
  }
  for (const [key, item] of Object.entries(value) as [string, unknown][]) {
    const isOurs = (key === 'kind' && item === mark.kind) || belongsTo(item, mark.id) || typeof item === 'function'
    if (!isOurs)
      reject(
        `was set on the finished service; give it to ${mark.kind}() as an option`,
        { path: [...at.path, key] },
        walk,
      )
  }
  const { kind, ...plain } = plainRecord(options as object, at, walk)
  if (kind !== undefined)
    reject(`unknown key; the kind is said by calling ${mark.kind}()`, { path: [...at.path, 'kind'] }, walk)
  return { kind: mark.kind, ...plain }
}

function belongsTo(value: unknown, id: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return (value as { [referenceBrand]?: ReferenceMark })[referenceBrand]?.service === id
}

function plainReference(mark: ReferenceMark, at: { path: Path; place: Place }, walk: Walk): PlainReference | undefined {
  if (at.place !== 'env') {
    return reject('is a reference; references may stand in the values of `env` only', at, walk)
  }
  const service = walk.names.get(mark.service)
  if (service === undefined) {
    return reject(
      `refers to the \`${mark.property.replace(/:.*/, '')}\` of a service that is not in \`services\``,
      at,
      walk,
    )
  }
  return { $ref: `${service}.${mark.property}` }
}

function plainString(text: string, at: { path: Path; place: Place }, walk: Walk): PlainValue | undefined {
  const parts: (string | PlainReference)[] = []
  let end = 0
  for (const match of text.matchAll(placeholderPattern)) {
    const [whole, id = '', property = ''] = match
    const reference = plainReference({ service: Number(id), property }, at, walk)
    if (reference === undefined) return undefined
    if (match.index > end) parts.push(text.slice(end, match.index))
    parts.push(reference)
    end = match.index + whole.length
  }
  if (parts.length === 0) return text
  if (end < text.length) parts.push(text.slice(end))
  const [only] = parts
  return parts.length === 1 && typeof only === 'object'
    ? { ...only }
    : { $text: parts.map((part) => (typeof part === 'string' ? part : { ...part })) }
}

function serviceMark(value: unknown): ServiceMark | undefined {
  return typeof value === 'object' && value !== null
    ? (value as { [serviceBrand]?: ServiceMark })[serviceBrand]
    : undefined
}

function reject(message: string, at: { path: Path }, walk: Walk): undefined {
  // A value that stands at the root has no path to name it by.
  walk.issues.push({ path: at.path, message: formatPath(at.path) === '' ? `the config ${message}` : message })
  return undefined
}
