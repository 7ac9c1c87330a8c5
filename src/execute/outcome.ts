/**
 * The outcome of a run, put together from the plan, its results and the second look.
 */
import type { Outcome, StepResult } from '../events.ts'
import { addressesOf } from '../plan/status.ts'
import type { Plan } from '../plan/step.ts'
import type { Desired } from '../plan/types.ts'

export interface Ended {
  readonly plan: Plan
  readonly results: readonly StepResult[]
  readonly began: number
  /** The plan of the second look, where there was one. */
  readonly after: Plan | undefined
  readonly services: Desired['services']
}

/** What became of a plan. */
export function outcomeOf({ plan, results, began, after, services }: Ended): Outcome {
  const remaining = (after?.steps ?? [])
    .filter(({ undo }) => undo === undefined)
    .map(({ subject, action, cause }) => ({ subject, kind: action.kind, cause }))
  return {
    ok: succeeded(results) && remaining.length === 0,
    plan,
    results,
    durationMs: Math.round(performance.now() - began),
    services: services.map((service) => ({ service: service.name, addresses: addressesOf(service) })),
    remaining,
  }
}

/** Whether every step that had to be done was. */
export function succeeded(results: readonly StepResult[]): boolean {
  return results.every(({ status }) => status === 'done' || status === 'not-needed')
}
