/**
 * Everything a running stack can say while it works. A reporter is a function that takes these; nothing else prints.
 */
import type { ErrorRecord } from './errors.ts'
import type { RollbackProof } from './migrations/verify/proof.ts'
import type { Cause, Plan, Risk, StepKind } from './plan/step.ts'
import type { RuntimeName } from './plan/types.ts'

export type Emit = (event: StackEvent) => void

/** What all events about one step share. */
export interface StepFacts {
  readonly step: number
  readonly subject: string
  readonly kind: StepKind
}

/** What all events about one file share; service and step are those of an `up`, and absent from database commands. */
export interface FileFacts extends Partial<StepFacts> {
  readonly service?: string
  readonly file: string
}

/** What all events about one migration share. */
export interface MigrationFacts extends FileFacts {
  /** Its number, as the file has it. */
  readonly migration: string
  readonly name: string
}

export type StackEvent =
  /** Before the first step. `steps` counts those of the way forward, not those of the way back; `subjects` names each thing once. */
  | {
      readonly type: 'run-started'
      readonly stack: string
      readonly runtime: RuntimeName
      readonly steps: number
      readonly subjects: readonly string[]
    }
  | ({ readonly type: 'step-started'; readonly cause: Cause; readonly risk: Risk } & StepFacts)
  /** A line of what a long step is doing: build output, the last failed probe, the holder of a lock. */
  | ({ readonly type: 'step-progress'; readonly text: string } & StepFacts)
  | ({
      readonly type: 'step-done'
      readonly durationMs: number
      readonly cause: Cause
      readonly note?: string
    } & StepFacts)
  | ({ readonly type: 'step-failed'; readonly durationMs: number; readonly error: ErrorRecord } & StepFacts)
  /** `because` is the step that failed, or was itself skipped; without it the run was interrupted. */
  | ({ readonly type: 'step-skipped'; readonly because?: number } & StepFacts)
  | ({ readonly type: 'migration-started'; readonly number: number; readonly total: number } & MigrationFacts)
  | ({ readonly type: 'migration-applied'; readonly durationMs: number } & MigrationFacts)
  | ({ readonly type: 'migration-rolled-back'; readonly durationMs: number } & MigrationFacts)
  /** Its statement waits for a lock that others hold; said about twice a second. */
  | ({
      readonly type: 'migration-blocked'
      readonly blockers: readonly string[]
      readonly waitedMs: number
    } & FileFacts &
      Pick<MigrationFacts, 'migration'>)
  /** It could not get its locks, was rolled back, and is tried again after the pause. */
  | ({
      readonly type: 'migration-retrying'
      readonly attempt: number
      readonly pauseMs: number
      readonly blockers: readonly string[]
      /** Two sessions waited for each other, and the server ended this one. */
      readonly deadlock?: true
    } & FileFacts &
      Pick<MigrationFacts, 'migration'>)
  /** What the server said while a migration ran, such as RAISE NOTICE. */
  | ({ readonly type: 'server-notice'; readonly severity: string; readonly message: string } & FileFacts)
  /** The rollback of one migration was tried on a throw-away database. */
  | ({
      readonly type: 'rollback-proved'
      readonly verdict: RollbackProof['verdict']
      readonly number: number
      readonly total: number
    } & MigrationFacts)
  /**
   * Another process works on this stack or, with `lock` as `migrations`, on the migrations of this database; said at once and then
   * every second.
   */
  | {
      readonly type: 'lock-waiting'
      readonly holder: string
      readonly waitedMs: number
      readonly lock?: 'stack' | 'migrations'
    }
  /** A backup is being written or read, at most twice a second. `total` is absent where nobody knows how much there is. */
  | {
      readonly type: 'backup-progress'
      readonly what: 'dumping' | 'restoring' | 'verifying'
      readonly bytes: number
      readonly total?: number
    }
  /** Watching: these files have changed (paths relative to the project) or the containers of these services have ended; a run follows. */
  | { readonly type: 'watch-changed'; readonly paths: readonly string[]; readonly services: readonly string[] }
  /** Watching: the run could not be made. What was there before stays, and the next change is waited for. */
  | { readonly type: 'watch-failed'; readonly error: ErrorRecord }
  /** Watching: a service has ended again and again right after its start, and is not started any more until something changes. */
  | { readonly type: 'watch-crashing'; readonly service: string; readonly deaths: number }
  /** Watching: a run has come to its end, and so many files are watched for the next one. */
  | {
      readonly type: 'watch-waiting'
      readonly files: number
      readonly asDeclared: boolean
      /** Why it is not. */
      readonly error?: ErrorRecord | undefined
      readonly durationMs: number
    }
  /** Watching: what a run has made of the schema of a database, in at most five lines. */
  | {
      readonly type: 'schema-changed'
      readonly service: string
      readonly differences: number
      readonly lines: readonly string[]
    }
  /**
   * The config was read: anew, or as it was `cached`, because nothing that it was made from has changed. `why` says for what reason the result
   * is not kept for the next time.
   */
  | { readonly type: 'config-read'; readonly file: string; readonly cached: boolean; readonly why?: string | undefined }
  | { readonly type: 'notice'; readonly message: string; readonly file?: string }
  | { readonly type: 'warning'; readonly subject?: string; readonly message: string }

export type StepStatus = 'done' | 'failed' | 'skipped' | 'not-needed'

/** What became of one step. */
export interface StepResult {
  readonly step: number
  readonly subject: string
  readonly kind: StepKind
  readonly status: StepStatus
  readonly durationMs: number
  readonly error?: ErrorRecord
  /** For `skipped`: the step that stood in the way; absent when the run was interrupted. */
  readonly because?: number
}

/** What became of a plan: one result for every step, in the plan's order. */
export interface Outcome {
  readonly ok: boolean
  readonly plan: Plan
  readonly results: readonly StepResult[]
  readonly durationMs: number
  /** Where the host reaches the services of this run; no password in it. Empty after `down`. */
  readonly services: readonly { readonly service: string; readonly addresses: readonly string[] }[]
  /** Steps that a second look would still ask for; empty when the run converged. */
  readonly remaining: readonly { readonly subject: string; readonly kind: StepKind; readonly cause: Cause }[]
}
