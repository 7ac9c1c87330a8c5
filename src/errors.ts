/**
 * The one error class of Poststack, the permanent table of its codes, and the exit code each one leads to.
 */

/** What the process says to its caller when it ends. `130` and `143` follow the shell's convention `128 + signal`. */
export const ExitCode = {
  ok: 0,
  stepFailed: 1,
  wrongRequest: 2,
  notAsDeclared: 3,
  machineLacks: 4,
  bug: 70,
  interrupted: 130,
  terminated: 143,
} as const

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode]

/** Every code Poststack can fail with. Names are permanent: scripts match on them. docs/troubleshooting.md explains each one. */
export const errorCodes = {
  // What was asked is wrong: arguments, config, migration files.
  USAGE: ExitCode.wrongRequest,
  CONFIG_NOT_FOUND: ExitCode.wrongRequest,
  CONFIG_EXISTS: ExitCode.wrongRequest,
  CONFIG_FAILED: ExitCode.wrongRequest,
  CONFIG_DENIED: ExitCode.wrongRequest,
  CONFIG_TIMEOUT: ExitCode.wrongRequest,
  CONFIG_INVALID: ExitCode.wrongRequest,
  ENV_INVALID: ExitCode.wrongRequest,
  UNKNOWN_SERVICE: ExitCode.wrongRequest,
  SCRIPT_INVALID: ExitCode.wrongRequest,
  SEED_INVALID: ExitCode.wrongRequest,
  CONSENT_NEEDED: ExitCode.wrongRequest,
  VOLUME_VERSION: ExitCode.wrongRequest,
  VOLUME_LAYOUT: ExitCode.wrongRequest,
  BUILD_CONTEXT_INVALID: ExitCode.wrongRequest,
  MIGRATION_INVALID: ExitCode.wrongRequest,
  MIGRATION_CHANGED: ExitCode.wrongRequest,
  MIGRATION_MISSING: ExitCode.wrongRequest,
  MIGRATION_LATE: ExitCode.wrongRequest,
  MIGRATION_UNKNOWN: ExitCode.wrongRequest,
  MIGRATION_IRREVERSIBLE: ExitCode.wrongRequest,
  DATABASE_POOLED: ExitCode.wrongRequest,
  BACKUP_INVALID: ExitCode.wrongRequest,
  LEDGER_FOREIGN: ExitCode.wrongRequest,
  // A step failed.
  NAME_TAKEN: ExitCode.stepFailed,
  PORT_IN_USE: ExitCode.stepFailed,
  BUILD_FAILED: ExitCode.stepFailed,
  PULL_FAILED: ExitCode.stepFailed,
  ENGINE_REFUSED: ExitCode.stepFailed,
  NOT_READY: ExitCode.stepFailed,
  NOT_RUNNING: ExitCode.stepFailed,
  JOB_FAILED: ExitCode.stepFailed,
  SCRIPT_DENIED: ExitCode.stepFailed,
  SCRIPT_FAILED: ExitCode.stepFailed,
  SEED_FAILED: ExitCode.stepFailed,
  PASSWORD_REJECTED: ExitCode.stepFailed,
  DATABASE_UNREACHABLE: ExitCode.stepFailed,
  DATABASE_MISSING: ExitCode.stepFailed,
  LEDGER_DENIED: ExitCode.stepFailed,
  QUERY_FAILED: ExitCode.stepFailed,
  MIGRATION_FAILED: ExitCode.stepFailed,
  MIGRATION_UNFINISHED: ExitCode.stepFailed,
  BACKUP_FAILED: ExitCode.stepFailed,
  REPORT_FAILED: ExitCode.stepFailed,
  LOCK_TIMEOUT: ExitCode.stepFailed,
  LOCK_LOST: ExitCode.stepFailed,
  NOT_CONVERGED: ExitCode.stepFailed,
  STEP_FAILED: ExitCode.stepFailed,
  STATE_UNWRITABLE: ExitCode.stepFailed,
  // The machine lacks something.
  RUNTIME_MISSING: ExitCode.machineLacks,
  RUNTIME_UNREACHABLE: ExitCode.machineLacks,
  IMAGE_MISSING: ExitCode.machineLacks,
  POSTGRES_BINARIES_MISSING: ExitCode.machineLacks,
  PROGRAM_MISSING: ExitCode.machineLacks,
  // Stopped from outside.
  INTERRUPTED: ExitCode.interrupted,
  TERMINATED: ExitCode.terminated,
} as const satisfies Record<string, ExitCode>

export type ErrorCode = keyof typeof errorCodes

/** JSON-safe facts about an error: names, positions, counts. Never a secret. */
export type ErrorDetails = Readonly<Record<string, unknown>>

export interface PoststackErrorOptions {
  /** What to do next, in one or a few sentences. */
  readonly hint?: string | undefined
  readonly details?: ErrorDetails | undefined
  readonly cause?: unknown
}

// A registered symbol, because a config's process or a second copy of this package has a class of its own: `instanceof` would be false across them.
const brand = Symbol.for('poststack.error')

/**
 * A failure that Poststack understands: what happened (`message`), what to do (`hint`) and the facts (`details`).
 * Anything thrown that is not one of these is a bug of Poststack.
 */
export class PoststackError extends Error {
  readonly code: ErrorCode
  readonly hint: string | undefined
  readonly details: ErrorDetails

  constructor(code: ErrorCode, message: string, options: PoststackErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'PoststackError'
    this.code = code
    this.hint = options.hint
    this.details = options.details ?? {}
    Object.defineProperty(this, brand, { value: true })
  }
}

/** On an error of somebody else, such as a server's: the `PoststackError` that it is told as where nobody has caught it. */
export const toldAs = Symbol.for('poststack.told-as')

/** Recognises a `PoststackError` of any copy of this package. */
export function isPoststackError(value: unknown): value is PoststackError {
  return typeof value === 'object' && value !== null && brand in value
}

/** True for an error with one of these codes: a system's (`ENOENT`), a driver's or one of ours. */
export function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code))
}

/** The exit code that an error leads to; whatever is not a `PoststackError` is a bug. One of a newer copy may have a code that is not known here. */
export function exitCodeOf(error: unknown): ExitCode {
  if (!isPoststackError(error)) return ExitCode.bug
  return Object.hasOwn(errorCodes, error.code) ? errorCodes[error.code] : ExitCode.stepFailed
}

/** An error as data: what `PoststackError` holds, fit for JSON. */
export interface ErrorRecord {
  readonly code: ErrorCode
  readonly message: string
  readonly hint?: string
  readonly details?: ErrorDetails
}

export function recordError(error: PoststackError): ErrorRecord {
  const { code, message, hint, details } = error
  return {
    code,
    message,
    ...(hint === undefined ? {} : { hint }),
    ...(Object.keys(details).length === 0 ? {} : { details }),
  }
}

/** What was thrown that should not have been, as data: with where it comes from, which is all that helps to find it. */
export interface BugRecord {
  readonly code: 'BUG'
  readonly message: string
  readonly stack?: string
}

export function recordBug(error: unknown): BugRecord {
  if (!(error instanceof Error)) return { code: 'BUG', message: String(error) }
  const { message, stack } = error
  return { code: 'BUG', message, ...(stack === undefined ? {} : { stack }) }
}
