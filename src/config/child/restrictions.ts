/**
 * What Node's permission model does not know and a guarded config is kept from all the same: variables and hosts that were not granted, signals to
 * other processes, and what writes files past the model. Runs inside the config's process. It stops accidents; code that means to can find a
 * way around it.
 */
import { isBuiltin, syncBuiltinESMExports } from 'node:module'
import { Server, Socket } from 'node:net'
import os from 'node:os'
import type { Denial } from './protocol.ts'

/** The same error as Node's permission model throws. */
function denied(denial: Denial): Error {
  // The call that led here stands below many of Node's own: `fetch` makes 25.
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 100
  const error = new Error('Access to this API has been restricted')
  Error.stackTraceLimit = stackTraceLimit
  return Object.assign(error, { code: 'ERR_ACCESS_DENIED', ...denial })
}

/** An environment in which reading one of these variables is an error. They are not in it: otherwise they would look as if they were not set. */
export function withholding(names: readonly string[], env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const withheld = new Set(names)
  return new Proxy(env, {
    get(target, name): unknown {
      if (typeof name === 'string' && withheld.has(name)) throw denied({ permission: 'Env', resource: name })
      return Reflect.get(target, name)
    },
  })
}

/** Lets sockets connect to these hosts only, written `host` or `host:port`, and to unix sockets at these paths. */
export function limitHosts(granted: readonly string[]): void {
  const hosts = new Set(granted.map((host) => (host.startsWith('/') ? host : host.toLowerCase())))
  const { prototype } = Socket as object as { readonly prototype: { connect: (...words: unknown[]) => unknown } }
  const { connect } = prototype
  prototype.connect = function (this: unknown, ...words: unknown[]) {
    const { host, port } = targetOf(words)
    if (!hosts.has(host) && !hosts.has(`${host}:${port}`)) {
      throw denied({ permission: 'Net', resource: port === '' ? host : `${host}:${port}` })
    }
    return connect.apply(this, words)
  }
}

type Functions = Record<string, ((...words: unknown[]) => unknown) | undefined>

/** What Node lets through under its permission model. To be called before anything else stands in the place of Node's functions. */
export function closeGaps(mayStart: boolean): void {
  const internals = process as object as Functions
  // They reach what the model guards by a way below it.
  refuse(internals, 'process', ['binding', '_linkedBinding'])
  // They open the inspector of any process of this user, ours too, and there everything can be run.
  refuse(internals, 'process', ['_debugProcess', '_debugEnd'], 'Inspector')
  for (const name of ['node:sqlite', 'node:trace_events']) {
    // Writes files: SQLite its databases, on Node 20 trace events a log.
    if (isBuiltin(name)) refuse(builtin(name), name)
  }
  // There are flags by which V8 writes files; on Node 20 and 22 it writes its heap into one.
  refuse(builtin('node:v8'), 'v8', ['setFlagsFromString', 'setHeapSnapshotNearHeapLimit'])
  keepFromSockets()
  if (!mayStart) keepFromOthers(internals)
  syncBuiltinESMExports()
}

function builtin(name: string): Functions {
  return (process as object as { getBuiltinModule(name: string): Functions }).getBuiltinModule(name)
}

/** Functions and classes, all of a module without `names`. */
function refuse(holder: Functions, module: string, names = Object.keys(holder), permission = 'Module'): void {
  for (const name of names) {
    if (typeof holder[name] !== 'function') continue
    const resource = module.startsWith('node:') ? module : `${module}.${name}`
    holder[name] = function refused() {
      throw denied({ permission, resource: permission === 'Module' ? resource : '' })
    }
  }
}

/** A server at a path makes a file there. */
function keepFromSockets(): void {
  const prototype = (Server as object as { readonly prototype: Functions }).prototype
  const { listen } = prototype
  prototype['listen'] = function (this: unknown, ...words: unknown[]) {
    const { host, port } = targetOf(words)
    if (port === '') throw denied({ permission: 'FileSystemWrite', resource: host })
    return listen?.apply(this, words)
  }
  // What became of those words, in the form that old programs call.
  const { _listen2: listenAt } = prototype
  if (listenAt === undefined) return
  prototype['_listen2'] = function (this: unknown, ...words: unknown[]) {
    const [address, port] = words
    if (port === -1 && typeof address === 'string') throw denied({ permission: 'FileSystemWrite', resource: address })
    return listenAt.apply(this, words)
  }
}

/** A process may signal itself; others of this user are none of a config's business. */
function keepFromOthers(internals: Functions): void {
  const { pid } = process
  for (const name of ['kill', '_kill']) {
    const kill = internals[name]
    internals[name] = (to, ...rest) => {
      if (to !== pid) throw denied({ permission: 'Signal', resource: '' })
      return kill?.call(process, to, ...rest)
    }
  }
  const { setPriority } = os as object as Functions
  const changing = (...words: unknown[]): unknown => {
    if (words.length > 1 && words[0] !== 0 && words[0] !== pid) throw denied({ permission: 'Priority', resource: '' })
    return setPriority?.(...words)
  }
  Object.assign(os, { setPriority: changing })
}

/** Some errors only pass on what they were caused by, as that of `fetch`. */
export function denialIn(error: unknown): Denial | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  const { address, cause, code, hostname, permission, port, resource } = error as Record<string, unknown>
  if (code === 'ERR_DLOPEN_DISABLED') return { permission: 'Addon', resource: '' }
  if (code !== 'ERR_ACCESS_DENIED') return cause === error ? undefined : denialIn(cause)
  if (typeof permission === 'string') return { permission, resource: typeof resource === 'string' ? resource : '' }
  // Node reports the network without naming the permission.
  const host = [hostname, address].find((one) => typeof one === 'string')
  return host === undefined
    ? { permission: '', resource: '' }
    : { permission: 'Net', resource: typeof port === 'number' ? `${host}:${String(port)}` : host }
}

/** Of `connect(port, host)`, `connect(path)`, `connect(options)`, and what Node's own modules make of them. */
function targetOf([first, second]: readonly unknown[]): { readonly host: string; readonly port: string } {
  const given: unknown = Array.isArray(first) ? first[0] : first
  const options =
    typeof given === 'object' && given !== null
      ? (given as { host?: unknown; port?: unknown; path?: unknown })
      : Number.isNaN(Number(given))
        ? { path: given }
        : { port: given, host: second }
  const { host, path, port } = options
  if (typeof path === 'string') return { host: path, port: '' }
  const name = typeof host === 'string' && host !== '' ? host.toLowerCase() : 'localhost'
  return { host: name.includes(':') && !name.startsWith('[') ? `[${name}]` : name, port: String(port) }
}
