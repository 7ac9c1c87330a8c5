/**
 * pg_dump in WebAssembly, for a machine on which there is no program of PostgreSQL: a package that a person installs when it is needed.
 */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ownPackage } from '../../config/load/own-package.ts'

/** The newest server that it dumps. */
const newestWasmMajor = 18
const wasmPackage = '@electric-sql/pglite-tools'
const wasmVersion = '0.4.8'

/** How a person gets it. The package names a PostgreSQL in WebAssembly as its peer, which it does not load for this. */
const installWasm = `npm install --save-dev --legacy-peer-deps ${wasmPackage}@${wasmVersion}`

/** For a server of this version: what to do where no other pg_dump is; nothing where this one would not do either. */
export function wasmWay(major: number): readonly string[] {
  return major > newestWasmMajor
    ? []
    : [`Or, for a database that fits into memory and --format plain, a pg_dump in WebAssembly (0.6 MB): ${installWasm}`]
}

export interface WasmRequest {
  readonly major: number
  readonly args: readonly string[]
  /** Folders of whoever may have it installed. */
  readonly folders: readonly string[]
}

/** Whether it could write this at all: it writes SQL as text, and nothing else. */
export function isForWasm({ args, major }: Pick<WasmRequest, 'args' | 'major'>): boolean {
  return major <= newestWasmMajor && args.includes('--format=plain')
}

/** The program and its first arguments; nothing where the package is not installed. */
export function findWasmDump({ folders }: Pick<WasmRequest, 'folders'>): readonly string[] | undefined {
  const { root, wasmDump } = ownPackage()
  for (const folder of [...folders, root]) {
    const module = moduleFrom(folder)
    if (module !== undefined) return [wasmDump, pathToFileURL(module).href]
  }
  return undefined
}

function moduleFrom(folder: string): string | undefined {
  try {
    const file = createRequire(join(folder, 'package.json')).resolve(`${wasmPackage}/pg_dump`)
    // The one beside it loads faster, and says what it exports.
    const module = file.replace(/\.cjs$/, '.js')
    return existsSync(module) ? module : file
  } catch {
    return undefined
  }
}
