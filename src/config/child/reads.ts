/**
 * Notes what a config reads while it runs, inside its process: variables, the files that it asks for by our own functions, and whatever else
 * its result may depend on, such as the clock. What is noted decides whether the result may be kept.
 */
import crypto, { webcrypto } from 'node:crypto'
import dgram from 'node:dgram'
import dns from 'node:dns'
import fs from 'node:fs'
import nodeModule, { syncBuiltinESMExports } from 'node:module'
import { Socket } from 'node:net'
import os from 'node:os'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import vm from 'node:vm'
import { globFiles } from '../glob.ts'
import { readingKey } from '../reading.ts'
import type { ConfigReads, GlobRead, Untracked } from '../load/inputs.ts'
import type { Reading } from '../reading.ts'

export interface Watched {
  /** The environment to give to the config. */
  readonly env: NodeJS.ProcessEnv
  /** To be called when it asks for the working directory. */
  readonly sawCwd: () => void
  readonly reads: () => ConfigReads
}

interface Notes {
  readonly variables: Set<string>
  allVariables: boolean
  readonly files: Set<string>
  readonly globs: Map<string, GlobRead>
  cwd: boolean
  untracked: Untracked | undefined
}

type Functions = Record<string, unknown>
/** Hears which function was called, and with what. */
type NoteCall = (name: string, words: readonly unknown[]) => void

/** From here on everything is noted. `env` is the environment as it is; programs may be started only where that is not denied. */
export async function watchReads(env: NodeJS.ProcessEnv, mayStart: boolean): Promise<Watched> {
  const notes: Notes = {
    variables: new Set(),
    allVariables: false,
    files: new Set(),
    globs: new Map(),
    cwd: false,
    untracked: undefined,
  }
  // Taken before they are replaced.
  const { readFileSync, readdirSync } = fs
  const reading: Reading = {
    readText(path) {
      notes.files.add(path)
      return readFileSync(path, 'utf8')
    },
    glob(root, pattern) {
      const files = globFiles(root, pattern, (folder) => readdirSync(folder, { withFileTypes: true }))
      notes.globs.set(pattern, { pattern, files })
      return files
    },
  }
  Object.assign(globalThis, { [readingKey]: reading })
  const note = noteUntracked(notes)
  watchClockAndChance(note)
  watchMachine(note)
  watchEnvFiles(notes)
  if (mayStart) await watchPrograms(note)
  syncBuiltinESMExports()
  return {
    env: watchVariables(env, notes),
    sawCwd: () => {
      notes.cwd = true
    },
    reads: () => ({
      ...notes,
      variables: [...notes.variables].toSorted(),
      files: [...notes.files].toSorted(),
      globs: [...notes.globs.values()],
    }),
  }
}

/** `'project'` for what packages may do, `'anyone'` for what Node never does for itself, and does long after it was asked to. */
type Note = (what: string, whose?: 'project' | 'anyone') => void

/** The first thing is enough: with one of them the result is not kept. */
function noteUntracked(notes: Notes): Note {
  let isNoting = false
  return (what, whose) => {
    if (notes.untracked !== undefined || isNoting) return
    // Node reads files for the stack of an error.
    isNoting = true
    try {
      const caller = callerOutside()
      const isProject = caller?.includes('/node_modules/') === false
      const counts = whose === 'anyone' || (whose === 'project' ? isProject : caller !== undefined)
      if (counts) notes.untracked = { what, stack: new Error(what).stack ?? '' }
    } finally {
      isNoting = false
    }
  }
}

/** The file whose doing it is: none when Node does it for itself, as when it loads a module, or tsx. */
function callerOutside(): string | undefined {
  for (const file of callers()) {
    if (file === import.meta.url) continue
    if (nodeForItself.test(file) || /\/node_modules\/(?:tsx|esbuild)\//.test(file)) return undefined
    if (!file.startsWith('node:')) return file
  }
  return undefined
}

const nodeForItself = /^node:internal\/(?:modules|source_map|process|bootstrap|main)\//

function callers(): readonly string[] {
  const { stackTraceLimit } = Error
  const prepareStackTrace: unknown = Reflect.get(Error, 'prepareStackTrace')
  try {
    Error.stackTraceLimit = 40
    Error.prepareStackTrace = (_, sites) => sites.map((site) => site.getFileName() ?? '').filter((file) => file !== '')
    const holder: { stack?: unknown } = {}
    Error.captureStackTrace(holder, callers)
    return holder.stack as readonly string[]
  } finally {
    Reflect.set(Error, 'prepareStackTrace', prepareStackTrace)
    Error.stackTraceLimit = stackTraceLimit
  }
}

function watchVariables(env: NodeJS.ProcessEnv, notes: Notes): NodeJS.ProcessEnv {
  const note = (name: string | symbol): void => {
    if (typeof name === 'string' && !notes.variables.has(name) && callerOutside() !== undefined)
      notes.variables.add(name)
  }
  return new Proxy(env, {
    get(target, name): unknown {
      note(name)
      return Reflect.get(target, name)
    },
    has(target, name) {
      note(name)
      return Reflect.has(target, name)
    },
    getOwnPropertyDescriptor(target, name) {
      note(name)
      return Reflect.getOwnPropertyDescriptor(target, name)
    },
    ownKeys(target) {
      if (callerOutside() !== undefined) notes.allVariables = true
      return Reflect.ownKeys(target)
    },
    // Node takes whole properties only, and a proxy would define half of one.
    set(target, name, value) {
      return Reflect.set(target, name, value)
    },
  })
}

const clock = 'reads the clock'
const chance = 'asks for random values'

function watchClockAndChance(note: Note): void {
  const RealDate = Date
  RealDate.now = replacement(RealDate.now.bind(RealDate), () => note(`${clock} (Date.now)`))
  const watched = new Proxy(RealDate, {
    apply(target, self, words) {
      note(`${clock} (Date)`)
      return Reflect.apply(target, self, words) as string
    },
    construct(target, words, newTarget) {
      if (words.length === 0) note(`${clock} (new Date)`)
      return Reflect.construct(target, words, newTarget) as Date
    },
  })
  RealDate.prototype.constructor = watched
  globalThis.Date = watched
  replaceIn(performance, ['now'], 'performance', (name) => note(`${clock} (${name})`))
  const times = ['hrtime', 'uptime', 'cpuUsage', 'resourceUsage', 'memoryUsage']
  replaceIn(process, times, 'process', (name) => note(`${clock} (${name})`))
  watchFormats(note)
  replaceIn(Math, ['random'], 'Math', (name) => note(`${chance} (${name})`))
  const generators = functionsOf(crypto).filter((name) =>
    /^(?:random|generate|pseudo|sign$|create(?:Sign|ECDH|Diffie))/.test(name),
  )
  replaceIn(crypto, generators, 'crypto', (name) => note(`${chance} (${name})`))
  replaceIn(webcrypto, ['getRandomValues', 'randomUUID'], 'crypto', (name) => note(`${chance} (${name})`))
  replaceIn(webcrypto.subtle, ['generateKey'], 'crypto.subtle', (name) => note(`${chance} (${name})`))
  // Code in a realm of its own has a clock of its own.
  replaceIn(vm, ['createContext', 'runInNewContext'], 'vm', (name) => note(`runs code apart (${name})`))
}

/** Without a date they take the time that it is. */
function watchFormats(note: Note): void {
  const { prototype } = Intl.DateTimeFormat
  const told = (name: string, words: readonly unknown[]): void => {
    if (words[0] === undefined) note(`${clock} (${name})`)
  }
  replaceGetter(prototype, 'format', (format) =>
    replacement(format as Intl.DateTimeFormat['format'], (words) => told('Intl.DateTimeFormat.format', words)),
  )
  replaceIn(prototype, ['formatToParts'], 'Intl.DateTimeFormat', told)
}

function watchMachine(note: Note): void {
  const { pid } = process
  const ownPid = (): number => {
    note('asks for the machine (process.pid)', 'project')
    return pid
  }
  Object.defineProperty(process, 'pid', { get: ownPid, configurable: true, enumerable: true })
  const disk = (name: string): void => note(`reads the disk by itself (${name}); readText() and glob() would be known`)
  replaceIn(fs, functionsOf(fs), 'fs', disk)
  replaceIn(fs.promises, functionsOf(fs.promises), 'fs.promises', disk)
  // What is imported is known, but for what is loaded so.
  replaceIn(nodeModule, ['createRequire'], 'module', (name) => note(`loads modules by itself (${name})`, 'project'))
  const machine = functionsOf(os).filter((name) => !['arch', 'endianness', 'platform', 'type'].includes(name))
  const askMachine = (name: string): void => note(`asks for the machine (${name})`)
  replaceIn(os, machine, 'os', askMachine)
  replaceIn(process, ['availableMemory', 'constrainedMemory'], 'process', askMachine)
  // From Node 21 on.
  const { Navigator } = globalThis as { readonly Navigator?: { readonly prototype: object } }
  replaceGetter(Navigator?.prototype, 'hardwareConcurrency', (cores) => {
    askMachine('navigator.hardwareConcurrency')
    return cores
  })
  const net = (name: string): void => note(`uses the network (${name})`, 'anyone')
  replaceIn(Socket.prototype, ['connect'], 'Socket', net)
  replaceIn(dgram, ['createSocket'], 'dgram', net)
  replaceIn(dns, functionsOf(dns), 'dns', net)
  replaceIn(dns.promises, functionsOf(dns.promises), 'dns.promises', net)
}

/** Node's own way to read `.env`, which says what it reads. */
function watchEnvFiles(notes: Notes): void {
  const loadEnvFile = process.loadEnvFile.bind(process)
  process.loadEnvFile = (path = '.env') => {
    notes.files.add(path instanceof URL ? fileURLToPath(path) : resolve(String(path)))
    loadEnvFile(path)
  }
}

/** Their modules are slow to load, and a guarded config gets nothing from them. */
async function watchPrograms(note: Note): Promise<void> {
  const { default: programs } = await import('node:child_process')
  const { default: threads } = await import('node:worker_threads')
  replaceIn(programs, functionsOf(programs), 'child_process', (name) => note(`starts a program (${name})`))
  replaceIn(threads, ['Worker'], 'worker_threads', (name) => note(`starts a worker (${name})`))
  replaceIn(process, ['dlopen'], 'process', (name) => note(`loads a native addon (${name})`))
}

function functionsOf(holder: object): readonly string[] {
  return Object.keys(holder).filter((name) => {
    const { value } = Object.getOwnPropertyDescriptor(holder, name) ?? {}
    return typeof value === 'function' && /^[a-z]/.test(name)
  })
}

function replaceIn(holder: object, names: readonly string[], module: string, note: NoteCall): void {
  for (const name of names) {
    const value = (holder as Functions)[name]
    if (typeof value !== 'function') continue
    const told = `${module}.${name}`
    // `realpath.native`, `hrtime.bigint`
    replaceIn(value, functionsOf(value), told, note)
    const watched = replacement(value as (...words: unknown[]) => unknown, (words) => note(told, words))
    Object.defineProperty(holder, name, { value: watched, configurable: true, enumerable: true, writable: true })
  }
}

/** What is read is what is made of it. */
function replaceGetter(holder: unknown, name: string, made: (value: unknown) => unknown): void {
  const own = Object.getOwnPropertyDescriptor(holder ?? {}, name)
  if (own === undefined) return
  Object.defineProperty(holder, name, {
    ...own,
    get(this: unknown): unknown {
      return made(own.get?.call(this))
    },
  })
}

/** The same function, with its properties. */
function replacement<Call extends (...words: never[]) => unknown>(
  call: Call,
  note: (words: readonly unknown[]) => void,
): Call {
  return new Proxy(call, {
    apply(target, self, words) {
      note(words)
      return Reflect.apply(target, self, words)
    },
    construct(target, words, newTarget) {
      note(words)
      return Reflect.construct(target, words, newTarget) as object
    },
  })
}
