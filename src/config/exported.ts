/** What a config file exports, and why it is no config if it is none. Runs inside the config's process. */
import { serviceBrand } from './define.ts'
import { referenceBrand } from './options.ts'
import type { DefineContext } from './define.ts'

export interface Resolved {
  readonly value: unknown
  readonly wrong: string | undefined
}

/** Takes the default of a default, calls a function, waits for a promise. Throws only what user code throws. */
export async function resolveExport(exported: unknown, context: DefineContext): Promise<Resolved> {
  let value = await unwrapDefault(exported)
  let wrong = whyNoDefault(value)
  if (typeof value === 'function') value = await unwrapDefault((value as (context: DefineContext) => unknown)(context))
  wrong ??= whyNoConfig(value)
  return { value, wrong }
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

/** What a CommonJS file exports is an object in any case: that of a file that exports nothing is empty. */
function whyNoDefault(exported: unknown): string | undefined {
  if (kindOf(exported) !== 'a plain object' || isModule(exported)) return undefined
  const entries = Object.entries(exported as object) as readonly (readonly [string, unknown])[]
  if (entries.length === 0) return 'the file exports nothing, or an empty object'
  const isStack = (value: unknown) => kindOf(value) === 'a plain object' && 'services' in (value as object)
  const [named] = entries.find(([name, value]) => name !== 'services' && name !== 'extends' && isStack(value)) ?? []
  return named === undefined || 'services' in (exported as object)
    ? undefined
    : `the file exports ${named}, but no default`
}

function whyNoConfig(value: unknown): string | undefined {
  const kind = kindOf(value)
  if (kind === 'a plain object') {
    if (!isModule(value)) return undefined
    const names = Object.keys(value as object)
    const found = names.length === 0 ? 'exports nothing' : `exports ${names.join(', ')}, but no default`
    return `the file ${found}`
  }
  if (kind === 'a service object') {
    return 'the file exports one service, not a stack; put it under a name in `services`'
  }
  return `the file exports ${kind}, which is no config`
}

function isModule(value: unknown): boolean {
  return Object.prototype.toString.call(value) === '[object Module]'
}

/** What a value is, in words for a person. */
export function kindOf(value: unknown): string {
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
