/**
 * Turns what a config exports into plain data that can leave its process: service objects become their options,
 * references become `{ "$ref": "db.url" }`, template strings `{ "$text": ["host=", { "$ref": "db.host" }] }`.
 *
 * Runs inside the config's process, so it imports nothing but our own light modules.
 */
import { layersOf } from './chain.ts'
import { serviceBrand } from './define.ts'
import { kindOf, resolveExport } from './exported.ts'
import { formatPath, showValue } from './schema/issues.ts'
import { referenceBrand } from './options.ts'
import { mergeLayers } from './layers.ts'
import type { PlainReference, PlainValue } from './plain.ts'
import { findChanged, placeholderPattern } from './reference.ts'
import type { DefineContext, ServiceMark } from './define.ts'
import type { ConfigIssue, Path } from './schema/issues.ts'
import type { ReferenceMark } from './options.ts'

export type { PlainValue } from './plain.ts'

/** Plain data, and what could not become plain: those values are left out of `plain`. */
export interface Serialized {
  readonly plain: PlainValue
  readonly issues: readonly ConfigIssue[]
  /** Where there is more than one. */
  readonly layers?: Layers | undefined
}

export interface Layers {
  /** Of each layer, the lowest first: where `defineConfig` was called for it, as the stack of an error; empty when it was not. */
  readonly stacks: readonly string[]
  /** By path, of each value that is not made of others: which layer it is from. */
  readonly values: Readonly<Record<string, number>>
}

interface Walk {
  readonly issues: ConfigIssue[]
  /** The name of each service object by its id. */
  readonly names: ReadonlyMap<number, string>
  /** The objects around the value at hand, to notice a cycle. */
  readonly ancestors: Set<object>
}

type Place = 'env' | 'other'

/** Evaluates the export (function, promise, default of a default) with what it extends, and makes it plain. Throws only what user code throws. */
export async function serializeConfig(exported: unknown, context: DefineContext): Promise<Serialized> {
  const { value, wrong } = await resolveExport(exported, context)
  if (wrong !== undefined) return { plain: null, issues: [{ path: [], message: wrong }] }
  const issues: ConfigIssue[] = []
  const layers = await layersOf({ config: value as object, exported, context, issues })
  const names = new Map<number, string>()
  for (const { own } of layers) addServiceNames((own as { services?: unknown }).services, names, issues)
  const plain = layers.map((layer) => {
    return plainRecord(layer.own, { path: [] }, { issues, names, ancestors: new Set([layer.config]) })
  })
  const [only = {}, another] = plain
  if (another === undefined) return { plain: only, issues }
  const merged = mergeLayers(plain)
  return { plain: merged.plain, issues, layers: { stacks: layers.map(({ stack }) => stack), values: merged.values } }
}

function addServiceNames(services: unknown, names: Map<number, string>, issues: ConfigIssue[]): void {
  if (typeof services !== 'object' || services === null) return
  for (const [name, service] of Object.entries(services)) {
    const mark = serviceMark(service)
    if (mark === undefined) continue
    const first = names.get(mark.id)
    if (first === undefined) names.set(mark.id, name)
    // A layer may hold what a lower one has, too.
    else if (first !== name) {
      const message = `the same service object stands under \`${first}\` already; make another one with ${mark.kind}()`
      issues.push({ path: ['services', name], message })
    }
  }
}

function plainValue(value: unknown, at: { path: Path; place: Place }, walk: Walk): PlainValue | undefined {
  if (typeof value === 'string') return plainString(value, at, walk)
  if (value === null || typeof value === 'boolean') return value
  if (typeof value === 'number') {
    if (Number.isFinite(value)) return value
    return reject(`is ${String(value)}, and must be a number: what it is made of may be missing`, at, walk)
  }
  if (value === undefined) return undefined
  const reference = referenceMark(value)
  if (reference !== undefined) {
    const plain = plainReference(reference, at, walk)
    return plain === undefined ? undefined : { ...plain }
  }
  if (typeof value === 'object') return plainObject(value, at, walk)
  if (typeof value === 'function' && at.path.length === 2 && at.path[0] === 'services') {
    return reject(`is ${kindOf(value)}; a service is what it returns: call it`, at, walk)
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
    if (key.search(placeholderPattern) !== -1 || findChanged(key) !== undefined) {
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
  // Left out, it would silently make a database of the stack's own.
  const given = options as Readonly<Record<string, unknown>>
  if (mark.kind === 'postgres' && 'url' in given && given['url'] === undefined) {
    reject('is undefined; without `url` Poststack would run a database of its own', { path: [...at.path, 'url'] }, walk)
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
  return referenceMark(value)?.service === id
}

/** A reference to a port whose name was not given is a function still. */
function referenceMark(value: unknown): ReferenceMark | undefined {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return undefined
  return (value as { [referenceBrand]?: ReferenceMark })[referenceBrand]
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
  const changed = findChanged(text)
  if (changed !== undefined) {
    const service = walk.names.get(changed.service ?? 0)
    const what = service === undefined ? 'a reference' : `\`${service}.${changed.property?.toLowerCase() ?? ''}\``
    const message = `holds ${what} in a changed form; its value is not known yet, so it can only be used whole, or inside a template string`
    walk.issues.push({ path: at.path, message, value: showValue(at.path, text) })
    return undefined
  }
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
