/** What the parent hands to the config's process and what comes back, as JSON. */
import type { ConfigReads } from '../load/inputs.ts'
import type { Serialized } from '../serialize.ts'

export interface ChildJob {
  /** What to import: the bundle, or the config file itself. */
  readonly url: string
  /** The config file, absolute. */
  readonly file: string
  readonly mode: string
  readonly cwd: string
  /** The file is executed as it is, by tsx, and this one lists what of the project is written as ES modules; else it is a bundle. */
  readonly modulesFile?: string | undefined
  readonly needsRequire: boolean
  /** URL of this package's entry, for configs whose project has not installed it. */
  readonly own: string
  /** The same as one CommonJS file. */
  readonly ownCommonJs: string
  /** Under Node's permission model. */
  readonly guarded: boolean
  /** Programs, workers and native addons are not denied. */
  readonly mayStart: boolean
  /** Names of environment variables that this config must not read. */
  readonly withheld: readonly string[]
  /** The hosts that it may connect to; every one without. */
  readonly hosts?: readonly string[] | undefined
}

/** A denied operation: the permission, by the name of Node's permission model or ours, and what it was wanted for. */
export interface Denial {
  readonly permission: string
  readonly resource: string
}

export interface ThrownError {
  /** Empty when something else than an error was thrown. */
  readonly name: string
  readonly message: string
  readonly stack: string
  readonly code?: string | undefined
  readonly denial?: Denial | undefined
  readonly hint?: string | undefined
}

export type ChildReport =
  | ({ readonly kind: 'result'; readonly reads: ConfigReads } & Serialized)
  | { readonly kind: 'threw'; readonly error: ThrownError }
  | { readonly kind: 'exited'; readonly code: string; readonly stack: string }
  /** Nothing was left to wait for, but the config was not finished. */
  | { readonly kind: 'unfinished' }

/** What tsx made of a file, one line of JSON on the descriptor of translations as soon as it is loaded. */
export interface Translation {
  /** Absolute path. */
  readonly file: string
  /** Its source map in base64; empty when no position has changed. */
  readonly map: string
}
