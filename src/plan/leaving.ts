/**
 * What stops or goes away: which containers, and in which order. What nothing depends on goes first.
 */
import { compareText } from '../config/text-order.ts'
import type { Draft } from './reconcile/draft.ts'
import { isOurs } from './names.ts'
import { dependencyOrder } from './order.ts'
import { isRunning } from './current.ts'
import { recordedGrace } from './spec.ts'
import type { Desired, ObservedContainer, RuntimeSnapshot } from './types.ts'

export interface Leaving {
  readonly container: ObservedContainer
  readonly service: string
  readonly subject: string
}

/** All containers of the stack, dependants first; those that the config no longer has before all others. */
export function inStopOrder(
  desired: Pick<Desired, 'services' | 'stack' | 'project'>,
  observed: Pick<RuntimeSnapshot, 'containers'>,
): readonly Leaving[] {
  const position = new Map(dependencyOrder(desired.services).map(({ name }, index) => [name, index]))
  const rank = (service: string): number => position.get(service) ?? Number.MAX_SAFE_INTEGER
  return observed.containers
    .filter(({ owner }) => isOurs(owner, desired))
    .map((container): Leaving => ({
      container,
      service: container.service ?? container.name,
      subject: `service:${container.service ?? container.name}`,
    }))
    .toSorted((a, b) => rank(b.service) - rank(a.service) || compareText(a.container.name, b.container.name))
}

export interface LeavingOptions {
  readonly desired: Pick<Desired, 'services'>
  readonly draft: Draft
  readonly cause: string
  /** Removed, too, and not only stopped. */
  readonly remove: boolean
}

/** Adds the steps for containers in stop order, each after those of what depends on it. Gives the last step of each service. */
export function planLeaving(
  leaving: readonly Leaving[],
  { desired, draft, cause, remove }: LeavingOptions,
): ReadonlyMap<string, readonly number[]> {
  const last = new Map<string, readonly number[]>()
  for (const { container, service, subject } of leaving) {
    const target = { name: container.name, id: container.id }
    const needs = dependantSteps(service, { services: desired.services, last })
    const graceSeconds = recordedGrace(container.spec)
    const stopped = isRunning(container)
      ? draft.add(subject, { kind: 'stop', target, graceSeconds }, cause, { needs, risk: 'downtime' })
      : undefined
    const step = remove
      ? draft.add(subject, { kind: 'remove', target }, cause, { needs: [stopped, ...needs] })
      : stopped
    last.set(service, [...(last.get(service) ?? []), ...(step === undefined ? [] : [step])])
  }
  return last
}

interface Gone {
  readonly services: Desired['services']
  readonly last: ReadonlyMap<string, readonly number[]>
}

/** One that does not go now, such as a job that was done in a run before, stands for what depends on it. */
function dependantSteps(service: string, { services, last }: Gone): readonly number[] {
  const steps = new Set<number>()
  const seen = new Set<string>()
  const visit = (needed: string): void => {
    for (const { dependsOn, name } of services) {
      if (seen.has(name) || !dependsOn.some((dependency) => dependency.service === needed)) continue
      seen.add(name)
      const own = last.get(name) ?? []
      for (const step of own) steps.add(step)
      if (own.length === 0) visit(name)
    }
  }
  visit(service)
  return [...steps]
}
