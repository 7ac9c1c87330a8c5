/**
 * Steps that bring a container up, in place of an old one where there is one, with the way back if the new one fails.
 *
 * The new container is made before the old one stops, so that a bad declaration costs no downtime, and the old one is
 * forgotten only when the new one is ready. Two PostgreSQL servers never run on one volume: the old one stops first.
 */
import { label } from './labels.ts'
import { isOurs, isReplacedName, ownerLabels, replacedName } from './names.ts'
import type { Milestones, Planning } from './planning.ts'
import { defaultGraceSeconds, formatRecord, recordedGrace, recordSpec } from './spec.ts'
import type { Cause, PlanStep } from './step.ts'
import type { ContainerPlan, DesiredService, ObservedContainer, Target } from './types.ts'

export interface ServiceContext extends Planning {
  readonly service: DesiredService
  readonly container: NonNullable<DesiredService['container']>
  readonly subject: string
}

type Needs = readonly (number | undefined)[]

export interface BringUp {
  /** The container to run. Without an id it has to be made first. */
  readonly target: Target
  /** The container that it takes over from. */
  readonly old: ObservedContainer | undefined
  /** What interrupted runs left besides. */
  readonly spare: readonly ObservedContainer[]
  readonly cause: Cause
}

/** Makes the container if it is not there, starts it, waits for it, and removes the old one only then. Nothing when it is blocked. */
export function bringUp({ target, old, spare, cause }: BringUp, context: ServiceContext): Milestones | undefined {
  const { draft, service, subject } = context
  // Both are told at once; a person mends them together.
  const blocked = [blockedByPort(context), blockedByVersion(context)]
  if (blocked.includes(true)) return undefined
  const dependencies = service.dependsOn.map(
    (dependency) => context.milestones.get(dependency.service)?.[dependency.condition],
  )
  const discarded = spare.map((container) => discard(container, [], context))
  const creates = target.id === undefined
  const oldTarget = old === undefined ? undefined : { name: parkedName(old, target), id: old.id }

  const renamed =
    old === undefined || oldTarget === undefined || oldTarget.name === old.name
      ? undefined
      : draft.add(
          subject,
          { kind: 'rename', target: { name: old.name, id: old.id }, to: oldTarget.name },
          'the old container makes room',
          {
            needs: discarded,
          },
        )
  const replaces = old !== undefined && isRunning(old)
  const created = creates ? addCreate({ name: target.name, cause, needs: [renamed, ...discarded] }, context) : undefined
  const stopped =
    oldTarget !== undefined && replaces
      ? addStop(oldTarget, 'the old container; the new one takes over', [created, ...dependencies], context)
      : undefined
  const startCause = created === undefined ? cause.text : `created by #${String(created)}`
  const started = addStart(target, startCause, [created, stopped, ...dependencies, ...discarded], context)
  const ready = addWait(target, `started by #${String(started)}`, [started], context)

  if (old !== undefined && oldTarget !== undefined) {
    draft.add(subject, { kind: 'remove', target: oldTarget }, 'the old container; the new one is ready', {
      needs: [ready],
    })
    addWayBack({ target, old, oldTarget, renamed, created, stopped, started, ready }, context)
  }
  return { started, ready, completed: service.probe.kind === 'completed' ? ready : undefined }
}

/** Name of the old container while the new one is on its way: another one only where the two would meet. */
function parkedName(old: ObservedContainer, target: Target): string {
  return isReplacedName(old.name) || old.name !== target.name ? old.name : replacedName(old.name)
}

interface Replacement {
  readonly target: Target
  readonly old: ObservedContainer
  readonly oldTarget: Target
  readonly renamed: number | undefined
  readonly created: number | undefined
  readonly stopped: number | undefined
  readonly started: number
  readonly ready: number
}

/** If the new container does not get ready: away with it, and the old one back under its name, running as before. */
function addWayBack(replacement: Replacement, { container, draft, subject }: ServiceContext): void {
  const graceSeconds = container.spec.stopGraceSeconds ?? defaultGraceSeconds
  const { target, old, oldTarget, renamed, created, stopped, started, ready } = replacement
  const group = [renamed, created, stopped, started, ready].filter((step) => step !== undefined)
  const undo = (of: number, before: Needs): { needs: Needs; undo: NonNullable<PlanStep['undo']> } => ({
    needs: [...group, ...before],
    undo: { of, unless: group },
  })
  const halted = draft.add(
    subject,
    { kind: 'stop', target, graceSeconds },
    'the new container, which did not get ready',
    undo(started, []),
  )
  const removed =
    created === undefined
      ? undefined
      : draft.add(
          subject,
          { kind: 'remove', target },
          'the new container, which did not get ready',
          undo(created, [halted]),
        )
  const named =
    renamed === undefined
      ? undefined
      : draft.add(
          subject,
          { kind: 'rename', target: oldTarget, to: old.name },
          'the old container gets its name back',
          undo(renamed, [halted, removed]),
        )
  if (stopped === undefined) return
  const before = { name: renamed === undefined ? oldTarget.name : old.name, id: old.id }
  const action = { kind: 'start', target: before, service: old.service ?? '', files: {}, publishes: true } as const
  draft.add(subject, action, 'the old container runs again', undo(stopped, [halted, removed, named]))
}

function blockedByPort({ container, observed, draft, subject, service }: ServiceContext): boolean {
  const busy = (container.spec.ports ?? []).flatMap((port) =>
    observed.busyPorts.filter((held) => held.host === port.host && held.hostAddress === port.hostAddress),
  )
  for (const held of busy) {
    const ways = [`stop what holds it`, `give ${service.name} another host port in the config`]
    const cause = `port ${String(held.host)} on ${held.hostAddress} is held by ${held.holder}`
    draft.add(subject, { kind: 'blocked', code: 'PORT_IN_USE', ways }, cause)
  }
  return busy.length > 0
}

/** A server of another major version would refuse the data, so it is not even made. */
function blockedByVersion({ container, desired, draft, observed, service, subject }: ServiceContext): boolean {
  const wanted = container.spec.postgres?.version
  const keys = volumesOf(container.spec.mounts)
  const other = observed.volumes.find(
    ({ key, owner, postgres }) =>
      postgres !== undefined && postgres !== wanted && keys.includes(key ?? '') && isOurs(owner, desired),
  )
  if (wanted === undefined || other === undefined) return false
  const ways = [
    `set \`version\` of ${service.name} back to ${String(other.postgres)}`,
    `move the data: dump it with version ${String(other.postgres)}, run poststack down --volumes, then up with version ${String(wanted)}, and load it`,
  ]
  const cause = `volume ${other.name} holds the data of PostgreSQL ${String(other.postgres)}, which version ${String(wanted)} cannot read`
  draft.add(subject, { kind: 'blocked', code: 'VOLUME_VERSION', ways }, cause)
  return true
}

interface Create {
  readonly name: string
  readonly cause: Cause
  readonly needs: Needs
}

function addCreate({ name, cause, needs }: Create, context: ServiceContext): number {
  const { container, desired, draft, resources, service, subject } = context
  const volumes = volumesOf(container.spec.mounts)
  const steps = [
    resources.image(container.spec.image),
    resources.network(),
    ...volumes.map((key) => resources.volume(key)),
  ]
  const plan: ContainerPlan = {
    name,
    service: service.name,
    spec: container.spec,
    volumes: Object.fromEntries(volumes.map((key) => [key, resources.volumeNames[key] ?? key])),
    network: resources.networkName,
    aliases: [service.name],
    labels: {
      ...ownerLabels(desired),
      [label.service]: service.name,
      [label.spec]: formatRecord(recordSpec(container.spec, desired.digests)),
    },
  }
  return draft.add(subject, { kind: 'create', container: plan }, cause.text, {
    needs: [...steps, ...needs],
    changes: cause.changes,
  })
}

function addStart(target: Target, cause: string, needs: Needs, context: ServiceContext): number {
  const { container, draft, service, subject } = context
  const publishes = (container.spec.ports ?? []).some(({ host }) => host !== undefined)
  const files = container.spec.files ?? {}
  return draft.add(subject, { kind: 'start', target, service: service.name, files, publishes }, cause, { needs })
}

export function addWait(target: Target, cause: string, needs: Needs, context: ServiceContext): number {
  const { draft, service, subject } = context
  const { probe, readyTimeoutMs } = service
  const action = { kind: 'wait', target, service: service.name, probe, timeoutMs: readyTimeoutMs } as const
  return draft.add(subject, action, cause, { needs })
}

function addStop(target: Target, cause: string, needs: Needs, { container, draft, subject }: ServiceContext): number {
  const graceSeconds = container.spec.stopGraceSeconds ?? defaultGraceSeconds
  return draft.add(subject, { kind: 'stop', target, graceSeconds }, cause, { needs, risk: 'downtime' })
}

/** Away with a container that an interrupted run left behind. */
export function discard(container: ObservedContainer, needs: Needs, { draft, subject }: ServiceContext): number {
  const target = { name: container.name, id: container.id }
  const cause = 'left behind by an interrupted run'
  const stop = { kind: 'stop', target, graceSeconds: recordedGrace(container.spec) } as const
  const stopped = isRunning(container) ? draft.add(subject, stop, cause, { needs, risk: 'downtime' }) : undefined
  return draft.add(subject, { kind: 'remove', target }, cause, { needs: [stopped, ...needs] })
}

export function volumesOf(mounts: ServiceContext['container']['spec']['mounts']): readonly string[] {
  return (mounts ?? []).flatMap((mount) => (mount.kind === 'volume' ? [mount.volume] : []))
}

export function isRunning({ state }: ObservedContainer): boolean {
  return state === 'running' || state === 'restarting' || state === 'paused'
}
