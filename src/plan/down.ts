/**
 * The plan of `down`: everything of this stack and checkout stops and goes, dependants first. Volumes stay unless asked for.
 */
import { isRunning } from './current.ts'
import { blockedByDamage } from './reconcile/damaged.ts'
import { createDraft } from './reconcile/draft.ts'
import { planHook } from './reconcile/hook-steps.ts'
import { owedBy } from './reconcile/owed-steps.ts'
import { inStopOrder, planLeaving } from './leaving.ts'
import { isOurs } from './names.ts'
import type { Plan } from './step.ts'
import type { Desired, RuntimeName, RuntimeSnapshot } from './types.ts'

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
  const ours = observed.volumes.filter(({ owner }) => isOurs(owner, desired))
  const volumes = ours.filter(({ job }) => job === undefined)
  const draft = createDraft({
    goal: 'down',
    stack: desired.stack,
    project: desired.project,
    runtime: observed.runtime,
    selected: [],
    keptVolumes: options.volumes ? [] : volumes.map(({ name }) => name).toSorted(),
  })
  blockedByDamage(desired.services, { desired, observed, draft })
  const leaving = inStopOrder(desired, observed)
  if (leaving.some(({ container }) => isRunning(container))) {
    const first = planHook({ event: 'beforeDown', cause: 'down', needs: [] }, { desired, draft })
    if (first !== undefined) draft.lead(first)
  }
  const all = [...planLeaving(leaving, { desired, draft, cause: 'down', remove: true }).values()].flat()
  for (const network of observed.networks.filter(({ owner }) => isOurs(owner, desired))) {
    draft.add(
      `network:${network.name}`,
      { kind: 'remove-network', target: { name: network.name, id: network.id } },
      'down',
      { needs: all },
    )
  }
  if (options.volumes) {
    for (const volume of volumes) {
      draft.add(
        `volume:${volume.name}`,
        { kind: 'remove-volume', target: { name: volume.name } },
        'down with its data',
        { needs: all, risk: 'data-loss' },
      )
    }
    // No data is lost with these: they only say that a job has worked on the data that goes, or that a hook has run or is owed.
    for (const volume of ours) {
      const { job, name } = volume
      if (job === undefined) continue
      const owed = owedBy(volume)
      const subject = owed ?? (job.service.includes(':') ? job.service : `service:${job.service}`)
      const cause = owed === undefined ? 'so that it runs again' : 'it is not to be run any more'
      draft.add(subject, { kind: 'forget', target: { name } }, cause, { needs: all })
    }
  }
  return draft.finish()
}
