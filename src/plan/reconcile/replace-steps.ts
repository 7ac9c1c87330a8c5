/**
 * Steps that bring a container up, in place of an old one where there is one, with the way back if the new one fails.
 *
 * The new container is made before the old one stops, so that a bad declaration costs no downtime, and the old one is
 * forgotten only when the new one is ready. Two PostgreSQL servers never run on one volume: the old one stops first.
 */
import { isRunning } from '../current.ts'
import { jobMemory, type JobMemory } from '../jobs.ts'
import { label } from '../labels.ts'
import {
  blockedByData,
  blockedByLayout,
  blockedByMajor,
  blockedByMount,
  blockedByPort,
  blockedByVersion,
  hasData,
} from './blocked-steps.ts'
import { dependencySteps } from './dependency-steps.ts'
import { portsClash, wantedPorts } from './held-ports.ts'
import { planPassword, setBeforeStart } from './password-steps.ts'
import { chooseName, isReplacedName, nameBefore, ownerLabels, replacedName, volumesOf } from '../names.ts'
import type { JudgeContext, Milestones, ServiceContext } from '../planning.ts'
import { defaultGraceSeconds, formatRecord, recordedGrace, recordSpec } from '../spec.ts'
import type { Cause, PlanStep } from '../step.ts'
import type { ContainerPlan, ObservedContainer, Target } from '../types.ts'

type Needs = readonly (number | undefined)[]

export interface BringUp {
  /** The container to run. Without an id it has to be made first. */
  readonly target: Target
  /** The container that it takes over from. */
  readonly old: ObservedContainer | undefined
  /** What interrupted runs left besides. */
  readonly spare: readonly ObservedContainer[]
  readonly cause: Cause
  /** A step of this run that must be done before the start. */
  readonly after?: number
}

/** Makes the container if it is not there, starts it, waits for it, and removes the old one only then. Nothing when it is blocked. */
export function bringUp(
  { target, old, spare, cause, after }: BringUp,
  context: ServiceContext,
): Milestones | undefined {
  const { draft, service, subject } = context
  // All are told at once; a person mends them together.
  const blocked = [
    blockedByPort(context),
    blockedByMount(context),
    // The data of another major move to a new volume anyhow.
    blockedByVersion(context) || blockedByLayout(old, context),
    blockedByData(old, context),
    blockedByMajor(old, context),
  ]
  if (blocked.includes(true)) return undefined
  const dependencies = dependencySteps(service, context)
  const discarded = spare.map((container) => discard(container, [], context))
  const creates = target.id === undefined
  const oldTarget = old === undefined ? undefined : { name: parkedName(old, target), id: old.id }
  // A build takes minutes and may fail: until all is there that the new container needs, the old one keeps its name.
  const founded = creates ? planFoundations(context) : []

  const renamed =
    old === undefined || oldTarget === undefined || oldTarget.name === old.name
      ? undefined
      : draft.add(
          subject,
          { kind: 'rename', target: { name: old.name, id: old.id }, to: oldTarget.name },
          'the old container makes room',
          {
            needs: [...founded, ...discarded, context.handedOver.get(old.id)],
          },
        )
  const replaces = old !== undefined && isRunning(old)
  const created = creates
    ? addCreate({ name: target.name, cause, needs: [...founded, renamed, ...discarded] }, context)
    : undefined
  const stopped =
    oldTarget !== undefined && replaces
      ? (context.handedOver.get(old.id) ??
        addStop(oldTarget, 'the old container; the new one takes over', [created, ...dependencies], context))
      : undefined
  const startCause = created === undefined ? cause : following(`created by #${String(created)}`)
  const before = [created, stopped, after, ...dependencies, ...discarded]
  const early = setBeforeStart(context) ? planPassword({ target, old, needs: before }, context) : undefined
  const started = addStart(target, startCause, [...before, early], context)
  const password = setBeforeStart(context) ? early : planPassword({ target, old, needs: [started] }, context)
  const ready = addWait(target, following(`started by #${String(started)}`), [started, password], context)
  if (service.probe.kind === 'completed')
    planMemory(jobMemory(service, context.desired, context.observed), [ready], context)

  const removed =
    oldTarget === undefined
      ? undefined
      : draft.add(subject, { kind: 'remove', target: oldTarget }, 'the old container; the new one is ready', {
          needs: [ready],
        })
  planNameBack(target, [ready, removed, ...discarded], context)
  if (old !== undefined && oldTarget !== undefined) {
    addWayBack({ target, old, oldTarget, renamed, created, stopped, started, password, ready }, context)
  }
  return { started, ready, completed: service.probe.kind === 'completed' ? ready : undefined }
}

/** An interrupted run left a container under the name that it had while it was to be replaced. */
export function planNameBack(
  { name, id }: Target,
  needs: Needs,
  { container, desired, draft, observed, subject }: ServiceContext,
): void {
  if (id === undefined || name === container.name || !isReplacedName(name)) return
  const choice = chooseName(nameBefore(name), observed.containers, desired, false)
  if (!choice.free) return
  const cause = 'an interrupted run left it under another name'
  draft.add(subject, { kind: 'rename', target: { name, id }, to: choice.name }, cause, { needs })
}

/** A job that has ended well is remembered, so that it does not run again after `down`. */
export function planMemory(memory: JobMemory | undefined, needs: Needs, { draft, subject }: ServiceContext): void {
  if (memory?.remember !== undefined) draft.add(subject, memory.remember, 'it is done once for all', { needs })
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
  readonly password: number | undefined
  readonly ready: number
}

/** If the new container does not get ready: away with it, and the old one back under its name, running as before. */
function addWayBack(replacement: Replacement, { container, draft, subject, takers }: ServiceContext): void {
  const graceSeconds = container.spec.stopGraceSeconds ?? defaultGraceSeconds
  const { target, old, oldTarget, renamed, created, stopped, started, password, ready } = replacement
  const group = [renamed, created, stopped, started, password, ready].filter((step) => step !== undefined)
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
  const { service = '' } = old
  const handedTo = takers.get(old.id)
  const again = { kind: 'start', target: before, service, files: {}, publishes: true } as const
  const action = handedTo === undefined ? again : { ...again, handedTo }
  const back = undo(stopped, [halted, removed, named])
  // Two servers on one volume would damage the data.
  draft.add(subject, action, 'the old container runs again', { ...back, undo: { ...back.undo, unlessFailed: halted } })
}

interface Create {
  readonly name: string
  readonly cause: Cause
  readonly needs: Needs
}

/** The steps for what the container stands on. */
export function planFoundations({ container, resources }: JudgeContext): Needs {
  const image = resources.image(container.spec.image)
  const network = resources.network()
  return [image, network, ...volumesOf(container.spec.mounts).map((key) => resources.volume(key, image))]
}

function addCreate({ name, cause, needs }: Create, context: ServiceContext): number {
  const { container, desired, draft, resources, service, subject } = context
  const volumes = volumesOf(container.spec.mounts)
  const plan: ContainerPlan = {
    name,
    service: service.name,
    spec: container.spec,
    volumes: Object.fromEntries(volumes.map((key) => [key, resources.volumeNames[key] ?? key])),
    network: resources.networkName,
    aliases: [service.name, ...(container.spec.aliases ?? [])],
    labels: {
      ...container.spec.labels,
      ...ownerLabels(desired),
      [label.service]: service.name,
      [label.spec]: formatRecord(recordSpec(container.spec, desired.digests)),
    },
  }
  return draft.add(subject, { kind: 'create', container: plan }, cause.text, {
    needs,
    changes: cause.changes,
  })
}

function following(text: string): Cause {
  return { text, changes: [], follows: true }
}

function addStart(target: Target, cause: Cause, needs: Needs, context: ServiceContext): number {
  const { container, draft, service, subject } = context
  const ports = wantedPorts(container.spec)
  const publishes = ports.length > 0
  const files = container.spec.files ?? {}
  const freed = context.freed.filter((one) => ports.some((port) => portsClash(one, port))).map((one) => one.step)
  return draft.add(subject, { kind: 'start', target, service: service.name, files, publishes }, cause.text, {
    needs: [...needs, ...freed],
    follows: cause.follows === true,
  })
}

export function addWait(
  target: Target,
  { follows, text }: Omit<Cause, 'changes'>,
  needs: Needs,
  context: ServiceContext,
): number {
  const { container, draft, service, subject } = context
  const { probe, readyTimeoutMs } = service
  const wait = { kind: 'wait', target, service: service.name, probe, timeoutMs: readyTimeoutMs } as const
  const mayRefuse = hasData(context) && !setBeforeStart(context)
  const action = mayRefuse ? { ...wait, password: container.spec.files ?? {} } : wait
  return draft.add(subject, action, text, { needs, follows: follows === true })
}

function addStop(target: Target, cause: string, needs: Needs, { container, draft, subject }: ServiceContext): number {
  const graceSeconds = container.spec.stopGraceSeconds ?? defaultGraceSeconds
  return draft.add(subject, { kind: 'stop', target, graceSeconds }, cause, { needs, risk: 'downtime' })
}

/** Away with a container that an interrupted run left behind. */
export function discard(container: ObservedContainer, needs: Needs, context: ServiceContext): number {
  const { draft, handedOver, subject } = context
  const target = { name: container.name, id: container.id }
  const cause = 'left behind by an interrupted run'
  const stop = { kind: 'stop', target, graceSeconds: recordedGrace(container.spec) } as const
  const early = handedOver.get(container.id)
  const stopped =
    early === undefined && isRunning(container) ? draft.add(subject, stop, cause, { needs, risk: 'downtime' }) : early
  return draft.add(subject, { kind: 'remove', target }, cause, { needs: [stopped, ...needs] })
}
