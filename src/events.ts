/**
 * Everything a running stack can say while it works. A reporter is a function that takes these; nothing else prints.
 */
import type { ErrorRecord } from './errors.ts'
import type { Cause, Plan, Risk, StepKind } from './plan/step.ts'
import type { RuntimeName } from './plan/types.ts'

export type Emit = (event: StackEvent) => void

/** What all events about one step share. */
export interface StepFacts {
  readonly step: number
  readonly subject: string
  readonly kind: StepKind
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
  | ({
      readonly type: 'migration-applied'
      readonly service: string
      readonly migration: string
      readonly name: string
      readonly durationMs: number
    } & StepFacts)
  /** Another process works on this stack; said at once and then every second. */
  | { readonly type: 'lock-waiting'; readonly holder: string; readonly waitedMs: number }
  | { readonly type: 'notice'; readonly message: string }
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
