/**
 * The program that evaluates a config: `node config-child.js <job>`. It imports the config (or the bundle made of it),
 * calls it, makes the result plain and writes one line of JSON to file descriptor 3. Everything the config prints goes
 * its own way, to stdout and stderr.
 */
import { writeSync } from 'node:fs'
import * as nodeModule from 'node:module'
import { inspect } from 'node:util'
import { serializeConfig } from './serialize.ts'
import type { ChildJob, ChildReport, ThrownError } from './child-protocol.ts'

const reportDescriptor = 3
/** The real one: `process.exit` is replaced while the config runs. */
const exit = process.exit.bind(process)
let isReported = false

function report(result: ChildReport): void {
  if (isReported) return
  isReported = true
  const bytes = Buffer.from(`${JSON.stringify(result)}\n`)
  for (let offset = 0; offset < bytes.length;) {
    try {
      offset += writeSync(reportDescriptor, bytes, offset)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
    }
  }
}

function describeError(error: unknown): ThrownError {
  // Not `instanceof`: an error of another realm is one too.
  if (typeof error !== 'object' || error === null || !('stack' in error)) {
    return { name: '', message: inspect(error), stack: '' }
  }
  const { name, message, stack, code, permission, resource, hint } = error as Record<string, unknown>
  return {
    name: text(name) ?? 'Error',
    message: text(message) ?? inspect(error),
    stack: text(stack) ?? '',
    code: text(code),
    permission: text(permission),
    resource: text(resource),
    hint: text(hint),
  }
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** Whatever ends the process early says so first; without this an exit would look like a crash of Poststack. */
function watchForTheEnd(): void {
  process.exit = (code?: number | string | null): never => {
    report({
      kind: 'exited',
      code: String(code ?? process.exitCode ?? 0),
      stack: new Error('process.exit').stack ?? '',
    })
    return exit(code)
  }
  process.on('exit', () => report({ kind: 'unfinished' }))
  process.on('uncaughtException', (error) => {
    report({ kind: 'threw', error: describeError(error) })
    exit(1)
  })
}

/**
 * In a package without `"type": "module"` tsx would take TypeScript files as CommonJS: no top-level await, missing exports
 * silently undefined. Files that are written as ES modules are loaded as such; and `poststack` is found from anywhere.
 */
function adjustResolution({ modules, own, ownCommonJs }: ChildJob): void {
  const esm = new Set(modules)
  const { registerHooks } = nodeModule as object as Partial<SyncHooks>
  if (registerHooks !== undefined) {
    registerHooks({
      resolve: (specifier, context, next) => {
        const found = orOwn(specifier, own, () => next(specifier, context))
        const url = withoutQuery(found.url)
        return esm.has(url) ? { ...found, url, format: 'module' } : found
      },
      load: (url, context, next) => next(url, esm.has(url) ? { ...context, format: 'module' } : context),
    })
  } else {
    nodeModule.register(`data:text/javascript,${encodeURIComponent(threadHooks)}`, { data: { modules, own } })
  }
  const internals = nodeModule.Module as object as { _resolveFilename: (request: string, ...rest: unknown[]) => string }
  const resolveFilename = internals._resolveFilename
  // Node 20 cannot `require` an ES module of several files while hooks are at work, so CommonJS files get one file.
  internals._resolveFilename = (request, ...rest) =>
    request === 'poststack' ? ownCommonJs : resolveFilename(request, ...rest)
}

/** tsx marks the files it takes as CommonJS by a query, on Node 20 in a percent-encoded one. */
function withoutQuery(url: string): string {
  return url.replace(/(?:\?|%3F).*$/s, '')
}

interface Resolved {
  readonly url: string
  readonly format?: string
}

interface SyncHooks {
  registerHooks(hooks: {
    resolve(specifier: string, context: object, next: (specifier: string, context: object) => Resolved): Resolved
    load(url: string, context: object, next: (url: string, context: object) => unknown): unknown
  }): void
}

function orOwn(specifier: string, own: string, resolve: () => Resolved): Resolved {
  try {
    return resolve()
  } catch (error) {
    if (specifier !== 'poststack') throw error
    return { url: own, format: 'module', shortCircuit: true } as Resolved
  }
}

/** The same hooks for Node 20, where they run in a thread of their own and are handed over as text. */
const threadHooks = `
let esm, own
export function initialize(data) { esm = new Set(data.modules); own = data.own }
export async function resolve(specifier, context, next) {
  let found
  try { found = await next(specifier, context) } catch (error) {
    if (specifier !== 'poststack') throw error
    return { url: own, format: 'module', shortCircuit: true }
  }
  const url = found.url.replace(/(?:\\?|%3F).*$/s, '')
  return esm.has(url) ? { ...found, url, format: 'module' } : found
}
export async function load(url, context, next) {
  return next(url, esm.has(url) ? { ...context, format: 'module' } : context)
}`

async function evaluate(job: ChildJob): Promise<void> {
  watchForTheEnd()
  process.argv.splice(1, process.argv.length, job.file)
  if (job.isDirect) adjustResolution(job)
  // A bundle of CommonJS files calls `require` for what is not in the bundle.
  else if (job.needsRequire) Object.assign(globalThis, { require: nodeModule.createRequire(job.file) })
  try {
    const exported: unknown = await import(job.url)
    const context = { env: process.env, mode: job.mode, cwd: job.cwd }
    report({ kind: 'result', ...(await serializeConfig(exported, context)) })
  } catch (error) {
    report({ kind: 'threw', error: describeError(error) })
  }
  // Timers and servers that the config left behind do not matter any more.
  exit(0)
}

await evaluate(JSON.parse(process.argv[2] ?? '{}') as ChildJob)
