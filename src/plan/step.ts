/**
 * The plan as data: steps with causes, in an order that respects what each one needs.
 */
import type { HookConfig, HookEvent } from '../config/types.ts'
import type { ErrorCode } from '../errors.ts'
import type { MigrationFolder, PendingLoss, Seed } from '../migrations/types.ts'
import type {
  ChangeableFields,
  ContainerPlan,
  DatabaseTarget,
  DeclaredStack,
  DesiredImage,
  Probe,
  RuntimeName,
  SpecText,
  Target,
} from './types.ts'

/** A field that differs, with both values as a person may see them: secrets read `(secret)`. */
export interface FieldChange {
  /** In the words of the config: `env.LOG_LEVEL`, `memory`; volumes and ports by where they are in the container: `ports[80]`. */
  readonly path: string
  readonly before: string | undefined
  readonly after: string | undefined
}

export interface Cause {
  /** One phrase in plain words: `not found`, `spec changed`, `3 pending`. */
  readonly text: string
  /** Sorted by path; empty unless a spec changed. */
  readonly changes: readonly FieldChange[]
  /** It only points at other steps of the plan, and says nothing where these are not shown. */
  readonly follows?: true
}

export type Risk = 'none' | 'downtime' | 'data-loss'

/** A PostgreSQL service that runs an image. */
export interface ImageUse {
  readonly service: string
  readonly version: number
}

/** What a step does, as one thing that is done or has failed. */
export type Action =
  | {
      readonly kind: 'build'
      readonly image: Extract<DesiredImage, { kind: 'build' }>
      /** Whose image it is; none for Poststack's own, which all stacks share. */
      readonly labels: Readonly<Record<string, string>>
      readonly noCache?: boolean
    }
  /** Gives an image that is there the names that another one has now. */
  | { readonly kind: 'tag'; readonly ref: string; readonly names: readonly string[] }
  | {
      readonly kind: 'pull'
      readonly ref: string
      readonly platform?: string
      /** Services that are to make their data with it: it must be of their major version, where it says its own. */
      readonly makes?: readonly ImageUse[]
    }
  | { readonly kind: 'create-network'; readonly name: string; readonly labels: Readonly<Record<string, string>> }
  | { readonly kind: 'create-volume'; readonly name: string; readonly labels: Readonly<Record<string, string>> }
  | {
      /** Remembers that a job has ended well, or that a hook is owed: makes the volume of that name, then removes those that are out of date. */
      readonly kind: 'remember'
      readonly name: string
      readonly labels: Readonly<Record<string, string>>
      readonly outdated: readonly string[]
    }
  /** Removes a volume that remembered something, and holds no data. */
  | { readonly kind: 'forget'; readonly target: Target }
  | { readonly kind: 'create'; readonly container: ContainerPlan }
  | {
      readonly kind: 'start'
      readonly target: Target
      readonly service: string
      readonly files: Readonly<Record<string, SpecText>>
      readonly publishes: boolean
      /** Services of this very plan that its port was handed to: while one of them has it, it cannot be had back. */
      readonly handedTo?: readonly string[]
    }
  /** Changes a container that runs, and goes on running. */
  | { readonly kind: 'update'; readonly target: Target; readonly fields: ChangeableFields }
  | {
      /** Gives the role of a server its declared password, which the data of an earlier one do not have. */
      readonly kind: 'set-password'
      readonly service: string
      readonly target: Target
      /** Those that its container gets, the password among them. */
      readonly files: Readonly<Record<string, SpecText>>
      readonly timeoutMs: number
    }
  | {
      readonly kind: 'wait'
      readonly target: Target | undefined
      readonly service: string
      readonly probe: Probe
      readonly timeoutMs: number
      /**
       * Of a server that runs on data of before: the files of its container, the declared password among them. Nobody can ask a volume for the
       * password that it holds, so a server that does not let that one in is given it, once.
       */
      readonly password?: Readonly<Record<string, SpecText>>
    }
  | {
      readonly kind: 'migrate'
      readonly service: string
      readonly database: DatabaseTarget
      readonly folder: MigrationFolder
      /** A preview; the step decides again under the lock. */
      readonly pending: readonly string[] | 'unknown'
      /** What goes of the data that are there; absent where nothing does, or nobody knows yet. */
      readonly losses?: readonly PendingLoss[]
    }
  | {
      readonly kind: 'seed'
      readonly service: string
      readonly database: DatabaseTarget
      readonly seeds: readonly Seed[]
      /** Their files. A preview; the step decides again under the lock. */
      readonly pending: readonly string[] | 'unknown'
    }
  | {
      readonly kind: 'hook'
      readonly event: HookEvent
      readonly hook: HookConfig
      /** Whose database is meant. */
      readonly service?: string
    }
  | {
      /** The runtime is looked at again, and what it shows is written. */
      readonly kind: 'record'
      readonly service: string
      readonly database: DatabaseTarget
      readonly declared: DeclaredStack
    }
  | { readonly kind: 'stop'; readonly target: Target; readonly graceSeconds: number }
  | { readonly kind: 'rename'; readonly target: Target; readonly to: string }
  | { readonly kind: 'remove'; readonly target: Target }
  | { readonly kind: 'remove-network'; readonly target: Target }
  | { readonly kind: 'remove-volume'; readonly target: Target }
  | { readonly kind: 'remove-image'; readonly target: Target }
  /** Something a person must decide or mend first. A plan with one of these is not carried out. */
  | {
      readonly kind: 'blocked'
      readonly code: ErrorCode
      readonly ways: readonly string[]
      /** The place in question, as lines of a file with a caret. */
      readonly frame?: readonly string[]
    }

export type StepKind = Action['kind']

export interface PlanStep {
  /** From 1, in the order of the list; a step needs only steps before it. */
  readonly id: number
  /** What it is about: `service:db`, `image:shop/web`, `volume:db-data`, `network:shop`. */
  readonly subject: string
  readonly action: Action
  readonly cause: Cause
  readonly risk: Risk
  /** Steps that must be done before. */
  readonly needs: readonly number[]
  /**
   * A step of the way back. It takes back the effect of one step, and is carried out only if that one was begun and any of
   * the `unless` steps was not done. What it `needs` must have ended, however it ended, but if the step `unlessFailed` has failed, it is
   * left out.
   */
  readonly undo?: { readonly of: number; readonly unless: readonly number[]; readonly unlessFailed?: number }
}

export interface PlanWarning {
  readonly subject: string
  readonly message: string
}

/** What the stack, or what of it was named, is to be. */
export type Goal = 'up' | 'down' | 'start' | 'restart' | 'stop' | 'remove' | 'build' | 'clean'

export interface Plan {
  readonly version: 1
  readonly goal: Goal
  readonly stack: string
  readonly project: string
  readonly runtime: RuntimeName
  readonly steps: readonly PlanStep[]
  readonly warnings: readonly PlanWarning[]
  /** Services that were asked for by name, sorted; empty: the whole stack. */
  readonly selected: readonly string[]
  /** Volumes that a `down` leaves, by name, sorted; empty for `up`. */
  readonly keptVolumes: readonly string[]
  /** Services that are as declared, sorted. */
  readonly unchanged: readonly string[]
}
