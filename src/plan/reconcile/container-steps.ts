/**
 * What one service's container needs: nothing, a start, or a new one in its place.
 */
import { blockedByMajor, hasLostPassword } from './blocked-steps.ts'
import { inPlace, wordedAs } from './change-in-place.ts'
import { currentOf, isRunning, loopOf } from '../current.ts'
import { blockedByDamage } from './damaged.ts'
import { jobMemory, type JobMemory } from '../jobs.ts'
import { chooseName, containerNames, isOurs, isReplacedName, volumesOf } from '../names.ts'
import type { JudgeContext, Looking, Milestones, Planning, ServiceContext } from '../planning.ts'
import { waysInConfig } from '../refusal.ts'
import { lostPassword, planPassword, setBeforeStart } from './password-steps.ts'
import { addWait, bringUp, discard, planMemory, planNameBack } from './replace-steps.ts'
import { recordSpec, secretsIn } from '../spec.ts'
import { diffSpecs } from '../spec-changes.ts'
import type { Cause, FieldChange } from '../step.ts'
import type { ChangeableFields, DesiredService, ObservedContainer, Target } from '../types.ts'

/** A container of this service, and why it is not the one that is wanted; no difference when it is. */
interface Judged {
  readonly found: ObservedContainer
  readonly difference: Cause | undefined
  /** What makes it the wanted one while it runs. */
  readonly update: Update | undefined
}

interface Update {
  readonly fields: ChangeableFields
  readonly cause: Cause
}

/** Plans one service that runs a container (or, on the native runtime, a server). Nothing is returned when it is blocked. */
export function planContainer(
  service: DesiredService,
  container: ServiceContext['container'],
  planning: Planning,
): Milestones | undefined {
  const context: ServiceContext = { ...planning, service, container, subject: `service:${service.name}` }
  const { current, judged } = judge(service, container, planning)
  if (isImpossible(context) || (judged.length === 0 && blockedByDamage([service], context))) return undefined
  const others = judged.map(({ found }) => found).filter((found) => found !== current)

  if (current === undefined) return isDoneForAll(judged, context) ? {} : create(judged, context)
  const stop = planning.stops.get(service.name)
  const update = judged.find(({ found }) => found === current)?.update
  const again = stop !== undefined || (planning.restart.has(service.name) && !isRunning(current))
  if (!again && (isRunning(current) || finishedWell(current, service)))
    return keep({ current, others, update }, context)
  if (stop !== undefined) {
    const target = { name: current.name, id: current.id }
    const after = planUpdate(target, update, stop, context) ?? stop
    return bringUp({ target, old: undefined, spare: others, cause: because('restart'), after }, context)
  }
  const old = currentOf(others)
  const spare = others.filter((other) => other !== old)
  return bringUp({ target: { name: current.name, id: current.id }, old, spare, cause: startCause(current) }, context)
}

/** The containers of a service, and the one of them that is as wanted: the one that runs, if there are several. */
export function judge(
  service: DesiredService,
  container: ServiceContext['container'],
  planning: Looking,
): { readonly judged: readonly Judged[]; readonly current: ObservedContainer | undefined } {
  const context: JudgeContext = { ...planning, service, container, subject: `service:${service.name}` }
  const judged = planning.observed.containers
    .filter((found) => isOurs(found.owner, planning.desired) && found.service === service.name)
    .map((found) => compare(found, context))
  const wanted = judged.filter(({ difference }) => difference === undefined).map(({ found }) => found)
  return { judged, current: wanted.find(isRunning) ?? wanted[0] }
}

/** The job has run on these very inputs, and its container is gone since. */
function isDoneForAll(judged: readonly Judged[], context: ServiceContext): boolean {
  return judged.length === 0 && !context.restart.has(context.service.name) && memoryOf(context)?.isDone === true
}

function memoryOf({ service, desired, observed }: JudgeContext): JobMemory | undefined {
  return service.probe.kind === 'completed' ? jobMemory(service, desired, observed) : undefined
}

/** Native runs PostgreSQL only; say so on the plan instead of failing half-way. */
function isImpossible({ observed, service, draft, subject }: ServiceContext): boolean {
  if (observed.containersPossible || service.kind === 'postgres') return false
  const ways = [
    'install podman or docker and run again',
    'or start the PostgreSQL services alone by naming them: poststack up <service>',
  ]
  const cause = 'the native runtime runs PostgreSQL services only'
  draft.add(subject, { kind: 'blocked', code: 'RUNTIME_MISSING', ways }, cause)
  return true
}

function compare(found: ObservedContainer, context: JudgeContext): Judged {
  const { container, desired, observed } = context
  const other = (difference: Cause): Judged => ({ found, difference, update: undefined })
  if (found.spec === undefined) return other(because('its spec label cannot be read'))
  const changes = [
    ...changedName(found, context),
    ...diffSpecs(found.spec, recordSpec(wordedAs(found.spec, container.spec), desired.digests)),
  ]
  const fields = observed.changesInPlace && isRunning(found) ? inPlace(changes, container.spec) : undefined
  const cause = { text: describeChanges(changes), changes }
  if (changes.length > 0 && fields === undefined) return other(cause)
  const difference = differenceOf(found, context)
  return { found, difference, update: fields === undefined || difference !== undefined ? undefined : { fields, cause } }
}

/** One that is not declared may be the second one, which a container keeps. */
function changedName(
  { name }: ObservedContainer,
  { container, desired, service }: JudgeContext,
): readonly FieldChange[] {
  const isSame = container.declared ? name === container.name : containerNames(service, desired).includes(name)
  return isSame ? [] : [{ path: 'containerName', before: name, after: container.name }]
}

/** The generated password of a server that it reaches is to be another one. */
function readsLostPassword({ container, desired, observed }: JudgeContext): boolean {
  const lost = secretsIn(container.spec).filter((name) => desired.unkept.includes(name))
  return desired.services.some(({ name, container: server }) => {
    const password = server?.spec.postgres?.password.name
    return password !== undefined && lost.includes(password) && observed.probes[name]?.state !== 'ready'
  })
}

/** What is there besides the spec. */
function differenceOf(found: ObservedContainer, context: JudgeContext): Cause | undefined {
  const { container, resources, service } = context
  if (isOlderImage(found, context)) return because(`image ${container.spec.image} is a newer one now`)
  // What runs has the old password in it.
  if (isRunning(found) && (hasLostPassword(context) || readsLostPassword(context))) return because(lostPassword)
  if (resources.networkMissing) return because('its network is gone')
  if (volumesOf(container.spec.mounts).some((key) => resources.isVolumeMissing(key))) {
    return because('its volume is gone')
  }
  const again = finishedWell(found, service) ? memoryOf(context)?.again : undefined
  if (again !== undefined) return because(again)
  // A job that failed is run again from the start.
  const failed = service.probe.kind === 'completed' && found.state === 'exited' && found.exitCode !== 0
  return failed ? because(`it ended with exit code ${String(found.exitCode ?? 'unknown')} last time`) : undefined
}

function because(text: string): Cause {
  return { text, changes: [] }
}

/**
 * A tag that was pulled may point at another image now. Images that Poststack ships are left alone, so that a new version of
 * Poststack restarts nothing; images of the project carry their fingerprint in the tag.
 */
function isOlderImage(found: ObservedContainer, { container, desired, observed }: JudgeContext): boolean {
  const { image } = container.spec
  const present = observed.images.find(({ ref }) => ref === image)
  const isPulled = desired.images.some((wanted) => wanted.kind === 'pull' && wanted.ref === image)
  return isPulled && present !== undefined && present.id !== found.imageId
}

function describeChanges(changes: readonly FieldChange[]): string {
  const paths = changes.slice(0, 3).map(({ path }) => path)
  return `changed: ${paths.join(', ')}${changes.length > 3 ? ` and ${String(changes.length - 3)} more` : ''}`
}

/** None is as wanted: a new one is made, in place of the one that was, if there was one. */
function create(judged: readonly Judged[], context: ServiceContext): Milestones | undefined {
  const { container, desired, draft, observed, service, subject } = context
  const old = currentOf(judged.map(({ found }) => found))
  const spare = judged.map(({ found }) => found).filter((found) => found !== old)
  const cause =
    judged.find(({ found }) => found === old)?.difference ?? because(memoryOf(context)?.again ?? 'not found')
  const owner = { stack: desired.stack, project: desired.project }
  // A container that got its second name keeps it; one that was declared goes with the declaration.
  const isOwnName = old !== undefined && containerNames(service, desired).includes(old.name)
  if (isOwnName && !container.declared && !isReplacedName(old.name)) {
    return bringUp({ target: { name: old.name, owner }, old, spare, cause }, context)
  }
  const choice = chooseName(container.name, observed.containers, desired, container.declared)
  if (choice.free) return bringUp({ target: { name: choice.name, owner }, old, spare, cause }, context)
  const ways = [
    `remove or rename the container ${container.name} if nothing needs it`,
    ...waysInConfig(
      `set another \`containerName\` of ${service.name}, or \`name\` of the stack,`,
      desired,
      'POSTSTACK_POSTGRES_CONTAINER_NAME',
    ),
  ]
  const taken = `the name ${container.name} is taken by ${choice.holder}`
  draft.add(subject, { kind: 'blocked', code: 'NAME_TAKEN', ways }, taken)
  return undefined
}

interface Kept {
  readonly current: ObservedContainer
  readonly others: readonly ObservedContainer[]
  readonly update: Update | undefined
}

/** Running and as wanted, or made so: only ask whether it is ready, and clear away what an interrupted run left. */
function keep({ current, others, update }: Kept, context: ServiceContext): Milestones {
  const target = { name: current.name, id: current.id }
  blockedByMajor(current, context)
  const reason = whyNotReady(current, context)
  const updated = planUpdate(target, update, undefined, context)
  const needs = [updated, ...passwordSteps(target, others, context)]
  const ready = reason === undefined ? updated : addWait(target, because(reason), needs, context)
  planMemory(memoryOf(context), [ready], context)
  const removed = others.map((other) => discard(other, [ready], context))
  planNameBack(target, removed, context)
  return { ready, completed: ready }
}

function planUpdate(
  target: Target,
  update: Update | undefined,
  after: number | undefined,
  { draft, subject }: ServiceContext,
): number | undefined {
  if (update === undefined) return undefined
  const { cause, fields } = update
  return draft.add(subject, { kind: 'update', target, fields }, cause.text, { needs: [after], changes: cause.changes })
}

/** A run may have been cut off between the start of the new server and the step that gives it its password. */
function passwordSteps(
  target: Target,
  others: readonly ObservedContainer[],
  context: ServiceContext,
): readonly (number | undefined)[] {
  // Where it is set before the start, the server that runs has it.
  if (setBeforeStart(context)) return []
  return others.slice(0, 1).map((old) => planPassword({ target, old, needs: [] }, context))
}

function whyNotReady(current: ObservedContainer, { observed, service }: ServiceContext): string | undefined {
  if (service.probe.kind === 'completed') return isRunning(current) ? 'still running' : undefined
  const probe = observed.probes[service.name]
  const looping = loopOf(service, current, probe)
  return looping ?? (probe?.state === 'ready' ? undefined : (probe?.reason ?? 'not asked yet'))
}

function finishedWell(found: ObservedContainer, { probe }: DesiredService): boolean {
  return probe.kind === 'completed' && found.state === 'exited' && found.exitCode === 0
}

function startCause(current: ObservedContainer): Cause {
  if (current.state === 'created') return because('its container is there, but was never started')
  return because(current.exitCode === undefined ? 'not running' : `ended with exit code ${String(current.exitCode)}`)
}
