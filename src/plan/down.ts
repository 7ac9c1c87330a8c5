/**
 * The plan of `down`: everything of this stack and checkout stops and goes, dependants first. Volumes stay unless asked for.
 */
import { compareText } from '../config/text-order.ts'
import { createDraft } from './draft.ts'
import { isOurs } from './names.ts'
import { dependencyOrder } from './order.ts'
import { recordedGrace } from './spec.ts'
import type { Plan } from './step.ts'
import type { Desired, ObservedContainer, RuntimeName, RuntimeSnapshot } from './types.ts'

export interface DownOptions {
  /** Delete the data, too. */
  readonly volumes: boolean
}

/** Plans the removal of what is there, declared or not. An empty plan means: nothing of this stack is left. */
export function planDown(
  desired: Desired,
  observed: RuntimeSnapshot & { readonly runtime: RuntimeName },
  options: DownOptions,
): Plan {
  const draft = createDraft({ goal: 'down', stack: desired.stack, project: desired.project, runtime: observed.runtime })
  const removed = new Map<string, number[]>()

  for (const { container, subject, service } of inStopOrder(desired, observed)) {
    const target = { name: container.name, id: container.id }
    const dependants = desired.services.filter(({ dependsOn }) =>
      dependsOn.some((dependency) => dependency.service === service),
    )
    const needs = dependants.flatMap(({ name }) => removed.get(name) ?? [])
    const stops = container.state === 'running' || container.state === 'restarting' || container.state === 'paused'
    const graceSeconds = recordedGrace(container.spec)
    const stopped = stops
      ? draft.add(subject, { kind: 'stop', target, graceSeconds }, 'down', { needs, risk: 'downtime' })
      : undefined
    const step = draft.add(subject, { kind: 'remove', target }, 'down', { needs: [stopped, ...needs] })
    removed.set(service, [...(removed.get(service) ?? []), step])
  }

  const all = [...removed.values()].flat()
  for (const network of observed.networks.filter(({ owner }) => isOurs(owner, desired))) {
    draft.add(
      `network:${network.name}`,
      { kind: 'remove-network', target: { name: network.name, id: network.id } },
      'down',
      { needs: all },
    )
  }
  if (options.volumes) {
    for (const volume of observed.volumes.filter(({ owner }) => isOurs(owner, desired))) {
      draft.add(
        `volume:${volume.name}`,
        { kind: 'remove-volume', target: { name: volume.name } },
        'down with its data',
        { needs: all, risk: 'data-loss' },
      )
    }
  }
  return draft.finish()
}

interface Leaving {
  readonly container: ObservedContainer
  readonly service: string
  readonly subject: string
}

/** What nothing depends on goes first; containers that the config no longer has before all others. */
function inStopOrder(desired: Desired, observed: RuntimeSnapshot): readonly Leaving[] {
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
