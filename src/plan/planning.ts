/** What the parts of the planner share. */
import type { Condition } from '../config/define.ts'
import type { Draft } from './reconcile/draft.ts'
import type { Resources } from './reconcile/resource-steps.ts'
import type { Desired, DesiredService, Observed } from './types.ts'

/** Steps of this run by which a service reaches each condition; a condition that is met already has none. */
export type Milestones = Readonly<Partial<Record<Condition, number | undefined>>>

/** A change of the declaration as a way out. Where there is no config file, a variable can say some of it. */
export function waysInConfig(way: string, { conventional }: Desired, variable?: string): readonly string[] {
  if (conventional !== true) return [`${way} in the config`]
  const inFile = `write a poststack.config.ts, and ${way} in it`
  return variable === undefined ? [inFile] : [`set another ${variable}, in .env or the environment`, inFile]
}

export interface Planning {
  readonly desired: Desired
  readonly observed: Observed
  readonly draft: Draft
  readonly resources: Resources
  /** Services that are started anew, whatever runs of them, and the steps that stop those which run. */
  readonly restart: ReadonlySet<string>
  readonly stops: ReadonlyMap<string, number>
  /** Services that come earlier in dependency order. */
  readonly milestones: ReadonlyMap<string, Milestones>
  /** Host ports of containers that go for good or hand one over, with the step after which each is free. */
  readonly freed: ReadonlyMap<number, number>
  /** Stops of containers that hold a port which another service is to get, by the container's id. */
  readonly handedOver: ReadonlyMap<string, number>
}

/** What planning one service's container goes by. */
export interface ServiceContext extends Planning {
  readonly service: DesiredService
  readonly container: NonNullable<DesiredService['container']>
  readonly subject: string
}
