/** What the parts of the planner share. */
import type { Condition } from '../config/define.ts'
import type { Draft } from './draft.ts'
import type { Resources } from './resource-steps.ts'
import type { Desired, Observed } from './types.ts'

/** Steps of this run by which a service reaches each condition; a condition that is met already has none. */
export type Milestones = Readonly<Partial<Record<Condition, number | undefined>>>

export interface Planning {
  readonly desired: Desired
  readonly observed: Observed
  readonly draft: Draft
  readonly resources: Resources
  /** Services that come earlier in dependency order. */
  readonly milestones: ReadonlyMap<string, Milestones>
}
