/**
 * Collects steps in order and numbers them. The only mutable thing in planning; it never leaves the function that makes the plan.
 */
import type { Action, Cause, FieldChange, Plan, PlanStep, PlanWarning, Risk } from '../step.ts'
import type { RuntimeName } from '../types.ts'

export interface StepOptions {
  readonly needs?: readonly (number | undefined)[]
  readonly risk?: Risk
  readonly changes?: readonly FieldChange[]
  readonly follows?: boolean
  readonly undo?: PlanStep['undo']
}

export interface Draft {
  /** Adds a step and returns its number. */
  add(subject: string, action: Action, cause: string, options?: StepOptions): number
  /** From now on a step that needs nothing else needs this one. */
  lead(id: number): void
  warn(subject: string, message: string): void
  unchanged(service: string): void
  /** How many steps there are so far. */
  size(): number
  steps(): readonly PlanStep[]
  finish(): Plan
}

export function createDraft(facts: {
  readonly goal: Plan['goal']
  readonly stack: string
  readonly project: string
  readonly runtime: RuntimeName
  readonly selected: readonly string[]
  readonly keptVolumes: readonly string[]
}): Draft {
  const steps: PlanStep[] = []
  const warnings: PlanWarning[] = []
  const unchanged: string[] = []
  let first: number | undefined
  return {
    add(subject, action, text, options = {}) {
      const id = steps.length + 1
      const own = [...new Set((options.needs ?? []).filter((need) => need !== undefined))].toSorted((a, b) => a - b)
      const needs = own.length > 0 || first === undefined || options.undo !== undefined ? own : [first]
      const cause: Cause = {
        text,
        changes: options.changes ?? [],
        ...(options.follows === true ? { follows: true } : {}),
      }
      steps.push({
        id,
        subject,
        action,
        cause,
        risk: options.risk ?? 'none',
        needs,
        ...(options.undo === undefined ? {} : { undo: options.undo }),
      })
      return id
    },
    lead(step) {
      first = step
    },
    warn(subject, message) {
      warnings.push({ subject, message })
    },
    unchanged(service) {
      unchanged.push(service)
    },
    size: () => steps.length,
    steps: () => [...steps],
    finish: () => {
      const subjects = new Set(steps.map(({ subject }) => subject))
      const left = unchanged.filter((service) => !subjects.has(`service:${service}`))
      return { version: 1, ...facts, steps: wayBackLast(steps), warnings, unchanged: left.toSorted() }
    },
  }
}

/** Those that a plan is read for stand together, and are numbered without gaps. Nothing on the way needs a step of the way back. */
function wayBackLast(steps: readonly PlanStep[]): readonly PlanStep[] {
  const sorted = [...steps.filter(({ undo }) => undo === undefined), ...steps.filter(({ undo }) => undo !== undefined)]
  const ids = new Map(sorted.map(({ id }, index) => [id, index + 1]))
  const renumbered = (id: number): number => ids.get(id) ?? id
  return sorted.map((step) => ({
    ...step,
    id: renumbered(step.id),
    // "created by #2" names a step, too.
    cause: {
      ...step.cause,
      text: step.cause.text.replace(
        /^((?:created|started) by #)(\d+)$/,
        (_, by: string, id: string) => `${by}${String(renumbered(Number(id)))}`,
      ),
    },
    needs: step.needs.map(renumbered).toSorted((a, b) => a - b),
    ...(step.undo === undefined
      ? {}
      : {
          undo: {
            of: renumbered(step.undo.of),
            unless: step.undo.unless.map(renumbered),
            ...(step.undo.unlessFailed === undefined ? {} : { unlessFailed: renumbered(step.undo.unlessFailed) }),
          },
        }),
  }))
}
