/**
 * Host ports that pass from one service to another: whoever holds one stops before anybody starts. Else two services that swap theirs
 * would each start while the other one still holds what it needs.
 */
import { judge } from './container-steps.ts'
import { isRunning } from '../current.ts'
import { portsHeld } from './held-ports.ts'
import type { JudgeContext, Looking, Planning } from '../planning.ts'
import { planFoundations } from './replace-steps.ts'
import { recordedGrace } from '../spec.ts'
import type { DesiredService } from '../types.ts'

type HandOver = Pick<Planning, 'freed' | 'handedOver' | 'takers'>

/** The stops, planned when all is there that the new containers stand on. `services` are those that this plan is about. */
export function planHandOvers(
  services: readonly DesiredService[],
  planning: Looking & Pick<Planning, 'freed'>,
): HandOver {
  const { draft } = planning
  const contexts = services.flatMap((service) => contextOf(service, planning))
  const looks = contexts.map((context) => ({ context, ...judge(context.service, context.container, planning) }))
  const starting = looks.filter(({ current }) => current === undefined || !isRunning(current))
  const freed = [...planning.freed]
  const handedOver = new Map<string, number>()
  const takersOf = new Map<string, readonly string[]>()
  for (const holder of looks) {
    for (const { found } of holder.judged) {
      if (found === holder.current) continue
      const takers = starting.filter(
        ({ context }) => context !== holder.context && portsHeld(context.container.spec, found).length > 0,
      )
      if (takers.length === 0) continue
      const needs = [holder, ...takers].flatMap(({ context, current }) =>
        current === undefined ? planFoundations(context) : [],
      )
      const action = {
        kind: 'stop',
        target: { name: found.name, id: found.id },
        graceSeconds: recordedGrace(found.spec),
      } as const
      const names = takers.map(({ context }) => context.service.name)
      const cause = `its port goes to ${names.join(', ')}`
      const step = draft.add(holder.context.subject, action, cause, { needs, risk: 'downtime' })
      handedOver.set(found.id, step)
      takersOf.set(found.id, names)
      freed.push(...found.ports.map((port) => ({ ...port, from: found.id, step })))
    }
  }
  return { freed, handedOver, takers: takersOf }
}

function contextOf(service: DesiredService, planning: Looking): readonly JudgeContext[] {
  const { container, name } = service
  return container === undefined ? [] : [{ ...planning, service, container, subject: `service:${name}` }]
}
