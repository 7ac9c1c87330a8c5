/**
 * The brain: what is wanted against what is there gives the steps between the two. Pure; equal inputs give an equal plan.
 *
 * The order within one service: name and port checks, image, network, volumes, container, start, wait, migrate, seed. A service
 * starts when what it depends on is as far as its condition asks; everything else runs side by side. Last of all the stack's
 * own databases are told what runs now.
 */
import { isRunning } from '../current.ts'
import { planContainer } from './container-steps.ts'
import { createDraft } from './draft.ts'
import { label } from '../labels.ts'
import { newContent, type NewContent, planHook, planNewContent } from './hook-steps.ts'
import { planMigrations } from './migrate-steps.ts'
import { planHandOvers } from './handover-steps.ts'
import { isOurs } from '../names.ts'
import { dependencyOrder, selectServices } from '../order.ts'
import type { FreedPort, Looking, Milestones, Planning } from '../planning.ts'
import { forgetUndeclared, owesAfterReady, planOwed, planOwing } from './owed-steps.ts'
import { planRecords } from './record-steps.ts'
import { createResources, warnOfOtherVersions } from './resource-steps.ts'
import { planSeeds } from './seed-steps.ts'
import { planRestartStops } from './restart-steps.ts'
import type { Plan } from '../step.ts'
import { recordedGrace } from '../spec.ts'
import { warnOfLoopback } from '../this-machine.ts'
import type { Desired, DesiredService, Observed } from '../types.ts'

export interface ReconcileOptions {
  /** Only these and what they depend on; everything when empty. */
  readonly services?: readonly string[]
  /** `start` and `restart` leave alone what the config no longer has. @default 'up' */
  readonly goal?: 'up' | 'start' | 'restart'
}

/** The plan of `up`. A plan with no step means: everything is as declared. */
export function reconcile(desired: Desired, observed: Observed, options: ReconcileOptions = {}): Plan {
  const bare = planAll(desired, observed, { options, owes: false, before: undefined })
  // What comes before the first step is known when all of them are.
  const owes = bare.goal === 'up' && owesAfterReady(bare, desired)
  const plan = owes ? planAll(desired, observed, { options, owes, before: undefined }) : bare
  const hook = desired.hooks?.beforeUp
  if (plan.goal !== 'up' || hook === undefined) return plan
  const fresh = newContent('beforeUp', desired, observed)
  if (fresh !== undefined) return planAll(desired, observed, { options, owes, before: fresh })
  if (hook.once || plan.steps.length === 0) return plan
  const count = plan.steps.filter(({ undo }) => undo === undefined).length
  return planAll(desired, observed, {
    options,
    owes,
    before: `${String(count)} ${count === 1 ? 'step is' : 'steps are'} to be done`,
  })
}

interface PlanAll {
  readonly options: ReconcileOptions
  /** Something becomes ready, and the hook for that is owed from then on. */
  readonly owes: boolean
  /** Why the hook before all steps is run, or what is new about it; without it none is. */
  readonly before: string | NewContent | undefined
}

function planAll(desired: Desired, observed: Observed, { options, owes, before: lead }: PlanAll): Plan {
  const { goal = 'up', services: names = [] } = options
  const draft = createDraft({
    goal,
    stack: desired.stack,
    project: desired.project,
    runtime: observed.runtime,
    selected: [...new Set(names)].toSorted(),
    keptVolumes: [],
  })
  if (lead !== undefined) {
    const first =
      typeof lead === 'string'
        ? planHook({ event: 'beforeUp', cause: lead, needs: [] }, { desired, draft })
        : planNewContent(lead, [], { desired, draft })
    if (first !== undefined) draft.lead(first)
  }
  const world = { desired, observed, draft }
  const owing = owes ? planOwing({ event: 'afterReady' }, [], world) : undefined
  if (owing !== undefined) draft.lead(owing)
  const milestones = new Map<string, Milestones>()
  const freed = names.length === 0 && goal === 'up' ? removeOrphans(world) : []
  const restart = goal === 'restart' ? restarted(desired, names) : new Set<string>()
  const looking: Looking = { ...world, resources: createResources(world) }
  const stops = planRestartStops(restart, looking)
  const services = dependencyOrder(selectServices(desired.services, names))
  const handOvers = planHandOvers(services, { ...looking, freed })
  const planning: Planning = { ...looking, ...handOvers, milestones, restart, stops }

  for (const service of services) {
    milestones.set(service.name, planService(service, planning))
  }
  if (names.length === 0) planning.resources.requireProjectImages()
  if (goal === 'up') planAfterReady(planning)
  if (names.length === 0 && goal === 'up') forgetUndeclared(planning)
  planRecords(names, planning)
  warnOfOtherVersions(planning)
  warnOfLeftData(planning)
  warnOfExposure(planning)
  warnOfLoopback(planning)
  return draft.finish()
}

/** A job that has done its work is run again only when it is named. */
function restarted({ services }: Desired, names: readonly string[]): ReadonlySet<string> {
  const all = selectServices(services, [])
    .filter(({ probe }) => probe.kind !== 'completed')
    .map(({ name }) => name)
  return new Set(names.length > 0 ? names : all)
}

function planService(service: DesiredService, planning: Planning): Milestones {
  const before = planning.draft.size()
  const started =
    service.container === undefined
      ? waitForExternal(service, planning)
      : planContainer(service, service.container, planning)
  // What is blocked gets no further, and the plan is not carried out anyway.
  if (started === undefined) return {}
  const { before: first = [], seeds = [] } = service.migrations ?? {}
  const prepared = planSeeds({ service, seeds: first, after: started.ready }, planning)
  const applied = planMigrations(service, { ...started, ready: prepared ?? started.ready }, planning)
  const after = {
    event: 'afterMigrate',
    service: service.name,
    cause: applied === undefined ? undefined : 'migrations are applied',
    needs: [applied ?? prepared ?? started.ready],
  } as const
  const hooked = service.migrations === undefined ? undefined : planOwed(after, planning)
  const migrated = hooked ?? applied ?? prepared ?? started.ready
  const seeded = planSeeds({ service, seeds, after: migrated }, planning)
  if (planning.draft.size() === before) planning.draft.unchanged(service.name)
  return { ...started, migrated: seeded ?? migrated }
}

/** Once, when all is ready that becomes so in this run. */
function planAfterReady(planning: Planning): void {
  const { desired, draft, observed } = planning
  const waits = draft.steps().filter(({ action, undo }) => action.kind === 'wait' && undo === undefined)
  const ready = waits.map(({ id }) => id)
  const fresh = newContent('afterReady', desired, observed)
  if (fresh !== undefined) planNewContent(fresh, ready, { desired, draft })
  const names = [...new Set(waits.map(({ subject }) => subject.replace('service:', '')))]
  const cause =
    waits.length === 0 ? undefined : `${names.join(', ')} ${names.length === 1 ? 'becomes' : 'become'} ready`
  planOwed({ event: 'afterReady', cause, needs: ready }, planning)
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

/**
 * Containers of services that the config no longer has. Their volumes are kept. Gives the host ports that get free: an engine that takes
 * one container's rules away while it makes those of another on the same port leaves that one unreachable.
 */
function removeOrphans({
  desired,
  observed,
  draft,
}: Pick<Planning, 'desired' | 'observed' | 'draft'>): readonly FreedPort[] {
  const freed: FreedPort[] = []
  const declared = new Set(desired.services.filter(({ container }) => container !== undefined).map(({ name }) => name))
  for (const container of observed.containers) {
    if (!isOurs(container.owner, desired) || declared.has(container.service ?? '')) continue
    const subject = `service:${container.service ?? container.name}`
    const target = { name: container.name, id: container.id }
    const stop = { kind: 'stop', target, graceSeconds: recordedGrace(container.spec) } as const
    const stopped = isRunning(container)
      ? draft.add(subject, stop, 'no longer declared', { risk: 'downtime' })
      : undefined
    const removed = draft.add(subject, { kind: 'remove', target }, 'no longer declared', { needs: [stopped] })
    freed.push(...container.ports.map((port) => ({ ...port, from: container.id, step: removed })))
  }
  return freed
}

/**
 * Data of a database service that the config no longer has. Said when the service goes, and when another one begins with nothing,
 * which after a new name for a service is not what anybody wants.
 */
function warnOfLeftData({ desired, observed, draft }: Planning): void {
  const declared = new Set(desired.volumes.map(({ key }) => key))
  const steps = draft.steps()
  const empty = desired.volumes.filter(
    ({ key, postgres }) =>
      postgres !== undefined &&
      steps.some(({ action }) => action.kind === 'create-volume' && action.labels[label.volume] === key),
  )
  for (const { key, name, owner, postgres } of observed.volumes) {
    if (postgres === undefined || key === undefined || !isOurs(owner, desired) || declared.has(key)) continue
    const service = key.replace(/-data$/, '')
    const goes = steps.some(({ action, subject }) => action.kind === 'remove' && subject === `service:${service}`)
    if (empty.length > 0) draft.warn(`volume:${name}`, takenUp(service, empty[0]?.service ?? ''))
    else if (goes) draft.warn(`volume:${name}`, `is kept; whoever declares ${service} again goes on with its data`)
  }
}

function takenUp(old: string, fresh: string): string {
  return (
    `holds the data of ${old}, which is no longer declared, and is kept, but ${fresh} begins with an empty one. ` +
    `If ${fresh} is ${old} with a new name: call it ${old} again to go on with the data, or dump them from ${old} first and load them into ${fresh}`
  )
}

function warnOfExposure({ desired, draft }: Planning): void {
  for (const service of desired.services) {
    const exposed =
      service.probe.kind === 'postgres' &&
      service.container?.spec.ports?.some(({ hostAddress }) => hostAddress === '0.0.0.0' || hostAddress === '::')
    if (exposed === true)
      draft.warn(
        `service:${service.name}`,
        'its port is open on every network this machine is in; leave `hostAddress` out to keep it to this machine',
      )
  }
}
