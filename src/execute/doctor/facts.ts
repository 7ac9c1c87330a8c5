/**
 * What is known of a machine and of a stack on it. Data only: what it means is judged elsewhere.
 */
import type { ErrorRecord } from '../../errors.ts'
import type { EngineDescription } from '../../runtime/runtime.ts'

export interface EngineFacts {
  readonly name: 'podman' | 'docker'
  /** Its program's own words for its version; absent where the program is not there. */
  readonly version?: string
  /** Why it cannot be used; absent where it answers. */
  readonly error?: Pick<ErrorRecord, 'code' | 'message' | 'hint'>
  /** What it says of itself; absent where it does not. */
  readonly described?: EngineDescription
  /** Where its images and volumes are; absent where that is another machine or unknown. */
  readonly storageFreeBytes?: number
}

export interface PostgresFacts {
  readonly major: number
  /** Why the native runtime cannot run it; absent where it can. */
  readonly error?: Pick<ErrorRecord, 'message' | 'hint'>
  /** Path of a pg_dump of this machine that fits. */
  readonly dump: string | undefined
  /** pg_dump in WebAssembly is installed, and would do for this version. */
  readonly wasm: boolean
  /** How to get it, where it would do. */
  readonly wasmWay: readonly string[]
}

/** Who the ordinary user is, and whether podman may give containers more than this one user. */
export interface SubordinateFacts {
  readonly user: string
  readonly uids: boolean
  readonly gids: boolean
}

export interface MachineFacts {
  /** `20.20.2` */
  readonly node: string
  /** Node keeps what it has compiled of our program: `NODE_COMPILE_CACHE` is set. */
  readonly compileCache: boolean
  readonly platform: string
  readonly root: boolean
  readonly engines: readonly EngineFacts[]
  readonly postgres: readonly PostgresFacts[]
  readonly freeBytes: number | undefined
  /** Of Linux. */
  readonly inotify: { readonly watches: number; readonly instances: number } | undefined
  readonly cgroups: 1 | 2 | undefined
  readonly systemd: boolean | undefined
  /** Of an ordinary user on Linux, as far as it can be read. */
  readonly subordinate: SubordinateFacts | undefined
  /** The first port that an ordinary user may listen on; of Linux. */
  readonly firstOpenPort: number | undefined
  /** Names of the variables that are set. */
  readonly proxies: readonly string[]
  readonly noProxy: string
  readonly git: boolean
}

/** What is known of the stack, as far as it can be read. */
export interface StackFacts {
  readonly name: string
  /** There is no config file. */
  readonly conventional?: boolean
  /** The runtime that `up` would take, or why there is none. */
  readonly runtime: { readonly name: string } | { readonly error: ErrorRecord }
  /** What stands in the way of `up`: its blocked steps, or why no plan could be made. */
  readonly blocked: readonly { readonly subject: string; readonly message: string; readonly remedy?: string }[]
  /** Host ports that the config fixes for services that `up` starts. */
  readonly ports: readonly { readonly service: string; readonly port: number }[]
  /** Databases that answer, and how far their clocks are from ours. */
  readonly clocks: readonly { readonly service: string; readonly skewMs: number }[]
}
