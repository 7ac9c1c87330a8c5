/** What the parts of the planner share. */
import type { Condition } from '../config/define.ts'
import type { Draft } from './reconcile/draft.ts'
import type { HostPort } from './reconcile/held-ports.ts'
import type { Resources } from './reconcile/resource-steps.ts'
import type { Desired, DesiredService, Observed } from './types.ts'

/** Steps of this run by which a service reaches each condition; a condition that is met already has none. */
export type Milestones = Readonly<Partial<Record<Condition, number | undefined>>>

/** What is known from the beginning. */
export interface Looking {
  readonly desired: Desired
  readonly observed: Observed
  readonly draft: Draft
  readonly resources: Resources
}

export interface FreedPort extends HostPort {
  /** Id of the container that has it. */
  readonly from: string
  /** The step after which it is free. */
  readonly step: number
}

/** And once all stops are planned that come before any start. */
export interface Planning extends Looking {
  /** Services that are started anew, whatever runs of them, and the steps that stop those which run. */
  readonly restart: ReadonlySet<string>
  readonly stops: ReadonlyMap<string, number>
  /** Services that come earlier in dependency order. */
  readonly milestones: ReadonlyMap<string, Milestones>
  /** Host ports of containers that go for good or hand one over. */
  readonly freed: readonly FreedPort[]
  /** Stops of containers that hold a port which another service is to get, by the container's id. */
  readonly handedOver: ReadonlyMap<string, number>
  /** The services that are to get them, by the same id. */
  readonly takers: ReadonlyMap<string, readonly string[]>
}

interface OneService {
  readonly service: DesiredService
  readonly container: NonNullable<DesiredService['container']>
  readonly subject: string
}

/** What judging one service's container goes by. */
export interface JudgeContext extends Looking, OneService {}

/** What planning one service's container goes by. */
export interface ServiceContext extends Planning, OneService {}
