/**
 * Where a file that tsx executes finds what it imports, and as what it is taken. Runs inside the process of a config or a script.
 */
import { readFileSync } from 'node:fs'
import * as nodeModule from 'node:module'
import { fileURLToPath } from 'node:url'
import type { OwnModules } from './script-protocol.ts'

export interface Resolution {
  /** JSON: the URLs of the project's files that are written as ES modules. */
  readonly modulesFile: string
  readonly own: OwnModules
  /** Hears of every file of the project, and what tsx has made of it. */
  readonly onTranslated?: OnTranslated | undefined
  /** The same for the thread in which hooks run on Node 20, which can call nobody. */
  readonly translationDescriptor?: number | undefined
}

type OnTranslated = (file: string, source: Loaded['source']) => void

/**
 * In a package without `"type": "module"` tsx would take TypeScript files as CommonJS: no top-level await, missing exports
 * silently undefined. Files that are written as ES modules are loaded as such; and `poststack` is found from anywhere.
 */
export function adjustResolution(resolution: Resolution): void {
  const { modulesFile, own, onTranslated } = resolution
  const modules = JSON.parse(readFileSync(modulesFile, 'utf8')) as readonly string[]
  const esm = new Set(modules)
  const { registerHooks } = nodeModule as object as Partial<SyncHooks>
  if (registerHooks !== undefined) {
    registerHooks({
      resolve: (specifier, context, next) => {
        const found = orOwn(specifier, own, () => next(specifier, context))
        const url = withoutQuery(found.url)
        return esm.has(url) ? { ...found, url, format: 'module' } : found
      },
      load: (url, context, next) => {
        const loaded = next(url, esm.has(url) ? { ...context, format: 'module' } : context)
        if (url.startsWith('file:')) onTranslated?.(fileURLToPath(withoutQuery(url)), loaded.source)
        return loaded
      },
    })
  } else {
    const { translationDescriptor } = resolution
    const data = { modules, own, translationDescriptor }
    nodeModule.register(`data:text/javascript,${encodeURIComponent(threadHooks)}`, { data })
  }
  const internals = nodeModule.Module as object as Internals
  const { _compile: compile } = internals.prototype
  internals.prototype._compile = function (this: unknown, code: string, file: string, ...rest: unknown[]) {
    onTranslated?.(withoutQuery(file), code)
    return compile.call(this, code, file, ...rest)
  }
  const resolveFilename = internals._resolveFilename
  // Node 20 cannot `require` an ES module of several files while hooks are at work, so CommonJS files get one file.
  internals._resolveFilename = (request, ...rest) =>
    (Object.hasOwn(own, request) ? own[request]?.commonJs : undefined) ?? resolveFilename(request, ...rest)
}

/** The source map that stands at the end of what tsx has made of a file. */
export const inlineMap = /\n\/\/# sourceMappingURL=data:application\/json;base64,([\w+/=]+)\s*$/

/** tsx marks the files it takes as CommonJS by a query, on Node 20 in a percent-encoded one. */
function withoutQuery(url: string): string {
  return url.replace(/(?:\?|%3F).*$/s, '')
}

interface Internals {
  readonly prototype: { _compile: (this: unknown, code: string, file: string, ...rest: unknown[]) => unknown }
  _resolveFilename: (request: string, ...rest: unknown[]) => string
}

interface Resolved {
  readonly url: string
  readonly format?: string
}

export interface Loaded {
  readonly source?: string | NodeJS.ArrayBufferView | null
}

interface SyncHooks {
  registerHooks(hooks: {
    resolve(specifier: string, context: object, next: (specifier: string, context: object) => Resolved): Resolved
    load(url: string, context: object, next: (url: string, context: object) => Loaded): Loaded
  }): void
}

function orOwn(specifier: string, own: OwnModules, resolve: () => Resolved): Resolved {
  const mine = Object.hasOwn(own, specifier) ? own[specifier] : undefined
  const found = (): Resolved => ({ url: mine?.url ?? '', format: 'module', shortCircuit: true }) as Resolved
  if (mine?.always === true) return found()
  try {
    return resolve()
  } catch (error) {
    if (mine === undefined) throw error
    return found()
  }
}

/** The same hooks for Node 20, where they run in a thread of their own and are handed over as text. */
const threadHooks = `
import { readFileSync, writeSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
let esm, own, translationDescriptor
export function initialize(data) { esm = new Set(data.modules); ({ own, translationDescriptor } = data) }
export async function resolve(specifier, context, next) {
  const mine = Object.hasOwn(own, specifier) ? own[specifier] : undefined
  const found = { url: mine?.url, format: 'module', shortCircuit: true }
  if (mine?.always) return found
  let resolved
  try { resolved = await next(specifier, context) } catch (error) {
    if (mine === undefined) throw error
    return found
  }
  const url = resolved.url.replace(/(?:\\?|%3F).*$/s, '')
  return esm.has(url) ? { ...resolved, url, format: 'module' } : resolved
}
export async function load(url, context, next) {
  // Node 20 asks so for what a CommonJS file requires, too, and does not find it again once tsx has made a module of it.
  if (url.startsWith('file:') && context.importAttributes?.type === 'json')
    return { format: 'json', source: readFileSync(fileURLToPath(url.replace(/(?:\\?|%3F).*$/s, ''))), shortCircuit: true }
  const loaded = await next(url, esm.has(url) ? { ...context, format: 'module' } : context)
  if (translationDescriptor === undefined) return loaded
  if (!url.startsWith('file:') || url.includes('/node_modules/') || !loaded.source) return loaded
  const file = fileURLToPath(url.replace(/(?:\\?|%3F).*$/s, ''))
  const map = ${String(inlineMap)}.exec(Buffer.from(loaded.source).toString())?.[1] ?? ''
  // Without it only a position is missing.
  try { writeSync(translationDescriptor, JSON.stringify({ file, map }) + '\\n') } catch {}
  return loaded
}`
