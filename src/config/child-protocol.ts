/** What the parent hands to the config's process and what comes back, as JSON. */
import type { Serialized } from './serialize.ts'

export interface ChildJob {
  /** What to import: the bundle, or the config file itself. */
  readonly url: string
  /** The config file, absolute. */
  readonly file: string
  readonly mode: string
  readonly cwd: string
  /** The file is executed as it is, by tsx; else it is a bundle. */
  readonly isDirect: boolean
  readonly needsRequire: boolean
  /** URLs of the project's files that are written as ES modules. */
  readonly modules: readonly string[]
  /** URL of this package's entry, for configs whose project has not installed it. */
  readonly own: string
  /** The same as one CommonJS file. */
  readonly ownCommonJs: string
}

export interface ThrownError {
  /** Empty when something else than an error was thrown. */
  readonly name: string
  readonly message: string
  readonly stack: string
  readonly code?: string | undefined
  /** Of a denied operation: the permission of Node's model, and what it was wanted for. */
  readonly permission?: string | undefined
  readonly resource?: string | undefined
  readonly hint?: string | undefined
}

export type ChildReport =
  | ({ readonly kind: 'result' } & Serialized)
  | { readonly kind: 'threw'; readonly error: ThrownError }
  | { readonly kind: 'exited'; readonly code: string; readonly stack: string }
  /** Nothing was left to wait for, but the config was not finished. */
  | { readonly kind: 'unfinished' }
