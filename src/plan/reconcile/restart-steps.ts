/**
 * Stops of services that are to be restarted, planned before anything starts: what depends on a service stops before it.
 */
import { judge } from './container-steps.ts'
import { planLeaving, inStopOrder } from '../leaving.ts'
import { isReplacedName } from '../names.ts'
import type { Looking } from '../planning.ts'
import { isRunning } from '../current.ts'

/** The stop of each of these services that runs as declared. One that has changed is replaced anyway, and stops as part of that. */
export function planRestartStops(names: ReadonlySet<string>, planning: Looking): ReadonlyMap<string, number> {
  const { desired, draft, observed } = planning
  const current = desired.services.flatMap((service) => {
    if (!names.has(service.name) || service.container === undefined) return []
    const found = judge(service, service.container, planning).current
    return found === undefined || !isRunning(found) || isReplacedName(found.name) ? [] : [found.id]
  })
  const leaving = inStopOrder(desired, observed).filter(({ container }) => current.includes(container.id))
  const stops = planLeaving(leaving, { desired, draft, cause: 'restart', remove: false })
  return new Map([...stops].flatMap(([service, [step]]) => (step === undefined ? [] : [[service, step] as const])))
}
