/** What is handed to the process of a script (`poststack run`), and the stack as the script finds it. Types and names only. */
import type { ErrorRecord } from '../../errors.ts'
import type { Denial } from './protocol.ts'
import type { HandedService } from '../handed.ts'

/** The variable that carries the job. It holds passwords, as `DATABASE_URL` beside it does, so it is no argument. */
export const jobVariable = 'POSTSTACK_SCRIPT'

/** A registered symbol: `poststack/run` may be another copy of this package than the one that started the script. */
export const stackKey = Symbol.for('poststack.run')

export interface ScriptJob {
  /** What to import: the bundle, or the script itself. */
  readonly url: string
  /** The script, absolute. */
  readonly file: string
  /** The file is executed as it is, by tsx, and this one lists what of the project is written as ES modules; else it is a bundle. */
  readonly modulesFile?: string | undefined
  readonly needsRequire: boolean
  readonly own: OwnModules
  /** Names of environment variables that the script must not read. */
  readonly withheld: readonly string[]
  /** The hosts that it may connect to; every one without. */
  readonly hosts?: readonly string[] | undefined
  /** Under Node's permission model. */
  readonly guarded: boolean
  /** It may start programs, and so send signals to any. */
  readonly mayStart: boolean
  readonly stack: HandedStack
}

/** Our own entries by what a file imports: where an ES module finds them, and where a CommonJS file does. */
export type OwnModules = Readonly<Record<string, OwnModule>>

export interface OwnModule {
  readonly url: string
  readonly commonJs: string
  /** Taken also where the project has a copy of its own. */
  readonly always?: boolean | undefined
}

/** The stack as a script is handed it, passwords included. */
export interface HandedStack {
  readonly name: string
  readonly root: string
  /** The database that is meant: the only one, or the chosen one. */
  readonly chosen?: string | undefined
  readonly services: Readonly<Record<string, HandedService>>
}

/** What comes back on descriptor 3 when an error ended the script that the script itself cannot tell whole. */
export type ScriptReport =
  | { readonly kind: 'denied'; readonly denial: Denial; readonly place?: string | undefined }
  /** An error of ours, which Node has not printed. */
  | { readonly kind: 'failed'; readonly error: ErrorRecord; readonly place?: string | undefined }
  /** Nobody listens there: `host:port`. */
  | { readonly kind: 'refused'; readonly address: string }
