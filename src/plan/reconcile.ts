/**
 * The brain: what is wanted against what is there gives the steps between the two. Pure; equal inputs give an equal plan.
 *
 * The order within one service: name and port checks, image, network, volumes, container, start, wait, migrate. A service
 * starts when what it depends on is as far as its condition asks; everything else runs side by side.
 */
import { planContainer } from './container-steps.ts'
import { createDraft } from './draft.ts'
import { planMigrations } from './migrate-steps.ts'
import { isOurs } from './names.ts'
import { dependencyOrder, selectServices } from './order.ts'
import type { Milestones, Planning } from './planning.ts'
import { createResources } from './resource-steps.ts'
import type { Plan } from './step.ts'
import { recordedGrace } from './spec.ts'
import type { Desired, DesiredService, Observed } from './types.ts'

export interface ReconcileOptions {
  /** Only these and what they depend on; everything when empty. */
  readonly services?: readonly string[]
}

/** The plan of `up`. A plan with no step means: everything is as declared. */
export function reconcile(desired: Desired, observed: Observed, options: ReconcileOptions = {}): Plan {
  const names = options.services ?? []
  const draft = createDraft({ goal: 'up', stack: desired.stack, project: desired.project, runtime: observed.runtime })
  const milestones = new Map<string, Milestones>()
  const planning: Planning = {
    desired,
    observed,
    draft,
    milestones,
    resources: createResources({ desired, observed, draft }),
  }

  if (names.length === 0) removeOrphans(planning)
  for (const service of dependencyOrder(selectServices(desired.services, names))) {
    milestones.set(service.name, planService(service, planning))
  }
  if (names.length === 0) planning.resources.requireProjectImages()
  warnOfExposure(planning)
  return draft.finish()
}

function planService(service: DesiredService, planning: Planning): Milestones {
  const before = planning.draft.size()
  const started =
    service.container === undefined
      ? waitForExternal(service, planning)
      : planContainer(service, service.container, planning)
  // What is blocked gets no further, and the plan is not carried out anyway.
  if (started === undefined) return {}
  const migrated = planMigrations(service, started, planning)
  if (planning.draft.size() === before) planning.draft.unchanged(service.name)
  return { ...started, migrated: migrated ?? started.ready }
}

/** Nothing is run for an external database, but what depends on it waits until it answers. */
function waitForExternal(service: DesiredService, { draft, observed }: Planning): Milestones {
  const probe = observed.probes[service.name]
  if (probe?.state === 'ready') return {}
  const action = {
    kind: 'wait',
    target: undefined,
    service: service.name,
    probe: service.probe,
    timeoutMs: service.readyTimeoutMs,
  } as const
  const ready = draft.add(`service:${service.name}`, action, probe?.reason ?? 'not asked yet')
  return { started: ready, ready }
}

/** Containers of services that the config no longer has. Their volumes are kept. */
function removeOrphans({ desired, observed, draft }: Planning): void {
  const declared = new Set(desired.services.filter(({ container }) => container !== undefined).map(({ name }) => name))
  for (const container of observed.containers) {
    if (!isOurs(container.owner, desired) || declared.has(container.service ?? '')) continue
    const subject = `service:${container.service ?? container.name}`
    const target = { name: container.name, id: container.id }
    const stopped =
      container.state === 'running' || container.state === 'restarting'
        ? draft.add(
            subject,
            { kind: 'stop', target, graceSeconds: recordedGrace(container.spec) },
            'no longer declared',
            { risk: 'downtime' },
          )
        : undefined
    draft.add(subject, { kind: 'remove', target }, 'no longer declared', { needs: [stopped] })
  }
}

function warnOfExposure({ desired, draft }: Planning): void {
  for (const service of desired.services) {
    const exposed =
      service.kind === 'postgres' &&
      service.container?.spec.ports?.some(({ hostAddress }) => hostAddress === '0.0.0.0' || hostAddress === '::')
    if (exposed === true)
      draft.warn(
        `service:${service.name}`,
        'its port is open on every network this machine is in; leave `hostAddress` out to keep it to this machine',
      )
  }
}
