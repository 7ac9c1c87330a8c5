/**
 * Notes what a config reads while it runs, inside its process: variables, the files that it asks for by our own functions, and whatever else
 * its result may depend on, such as the clock. What is noted decides whether the result may be kept.
 */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { globFiles } from '../glob.ts'
import { readingKey } from '../reading.ts'
import type { ConfigReads, GlobRead, Untracked } from '../load/inputs.ts'
import { watchClockAndChance, watchMachine, watchPrograms } from './untracked.ts'
import type { Note } from './untracked.ts'
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

/** Node's own way to read `.env`, which says what it reads. */
function watchEnvFiles(notes: Notes): void {
  const loadEnvFile = process.loadEnvFile.bind(process)
  process.loadEnvFile = (path = '.env') => {
    notes.files.add(path instanceof URL ? fileURLToPath(path) : resolve(String(path)))
    loadEnvFile(path)
  }
}
