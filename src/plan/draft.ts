/**
 * Collects steps in order and numbers them. The only mutable thing in planning; it never leaves `reconcile` and `planDown`.
 */
import type { Action, Cause, FieldChange, Plan, PlanStep, PlanWarning, Risk } from './step.ts'
import type { RuntimeName } from './types.ts'

export interface StepOptions {
  readonly needs?: readonly (number | undefined)[]
  readonly risk?: Risk
  readonly changes?: readonly FieldChange[]
  readonly undo?: PlanStep['undo']
}

export interface Draft {
  /** Adds a step and returns its number. */
  add(subject: string, action: Action, cause: string, options?: StepOptions): number
  warn(subject: string, message: string): void
  unchanged(service: string): void
  /** How many steps there are so far. */
  size(): number
  finish(): Plan
}

export function createDraft(facts: {
  readonly goal: Plan['goal']
  readonly stack: string
  readonly project: string
  readonly runtime: RuntimeName
}): Draft {
  const steps: PlanStep[] = []
  const warnings: PlanWarning[] = []
  const unchanged: string[] = []
  return {
    add(subject, action, text, options = {}) {
      const id = steps.length + 1
      const needs = [...new Set((options.needs ?? []).filter((need) => need !== undefined))].toSorted((a, b) => a - b)
      const cause: Cause = { text, changes: options.changes ?? [] }
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
    warn(subject, message) {
      warnings.push({ subject, message })
    },
    unchanged(service) {
      unchanged.push(service)
    },
    size: () => steps.length,
    finish: () => ({ version: 1, ...facts, steps, warnings, unchanged: unchanged.toSorted() }),
  }
}
