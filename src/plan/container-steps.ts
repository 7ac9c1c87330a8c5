/**
 * What one service's container needs: nothing, a start, or a new one in its place.
 */
import { chooseName, isOurs, isReplacedName } from './names.ts'
import type { Milestones, Planning } from './planning.ts'
import { addWait, bringUp, discard, isRunning, volumesOf, type ServiceContext } from './replace-steps.ts'
import { diffSpecs, recordSpec } from './spec.ts'
import type { Cause, FieldChange } from './step.ts'
import type { DesiredService, ObservedContainer } from './types.ts'

/** A container of this service, and why it is not the one that is wanted; no difference when it is. */
interface Judged {
  readonly found: ObservedContainer
  readonly difference: Cause | undefined
}

/** Plans one service that runs a container (or, on the native runtime, a server). Nothing is returned when it is blocked. */
export function planContainer(
  service: DesiredService,
  container: ServiceContext['container'],
  planning: Planning,
): Milestones | undefined {
  const context: ServiceContext = { ...planning, service, container, subject: `service:${service.name}` }
  if (isImpossible(context)) return undefined
  const judged = planning.observed.containers
    .filter((found) => isOurs(found.owner, planning.desired) && found.service === service.name)
    .map((found): Judged => ({ found, difference: differenceOf(found, context) }))
  const wanted = judged.filter(({ difference }) => difference === undefined).map(({ found }) => found)
  const current = wanted.find(isRunning) ?? wanted[0]
  const others = judged.map(({ found }) => found).filter((found) => found !== current)

  if (current === undefined) return create(judged, context)
  if (isRunning(current) || finishedWell(current, service)) return keep(current, others, context)
  const old = pickOld(others)
  const spare = others.filter((other) => other !== old)
  return bringUp({ target: { name: current.name, id: current.id }, old, spare, cause: startCause(current) }, context)
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

function differenceOf(found: ObservedContainer, context: ServiceContext): Cause | undefined {
  const { container, desired, resources, service } = context
  if (found.spec === undefined) return because('its spec label cannot be read')
  const changes = diffSpecs(found.spec, recordSpec(container.spec, desired.digests))
  if (changes.length > 0) return { text: describeChanges(changes), changes }
  if (container.declared && found.name !== container.name) {
    return because(`its name is ${found.name}, not ${container.name}`)
  }
  if (isOlderImage(found, context)) return because(`image ${container.spec.image} is a newer one now`)
  if (resources.networkMissing) return because('its network is gone')
  if (volumesOf(container.spec.mounts).some((key) => resources.isVolumeMissing(key))) {
    return because('its volume is gone')
  }
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
function isOlderImage(found: ObservedContainer, { container, desired, observed }: ServiceContext): boolean {
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
  const old = pickOld(judged.map(({ found }) => found))
  const spare = judged.map(({ found }) => found).filter((found) => found !== old)
  const cause = judged.find(({ found }) => found === old)?.difference ?? because('not found')
  // A container that got its second name keeps it.
  if (old !== undefined && !container.declared && !isReplacedName(old.name)) {
    return bringUp({ target: { name: old.name }, old, spare, cause }, context)
  }
  const choice = chooseName(container.name, observed.containers, desired, container.declared)
  if (choice.free) return bringUp({ target: { name: choice.name }, old, spare, cause }, context)
  const ways = [
    `remove or rename the container ${container.name} if nothing needs it`,
    `set \`containerName\` of ${service.name}, or \`name\` of the stack, to something else`,
  ]
  const taken = `the name ${container.name} is taken by ${choice.holder}`
  draft.add(subject, { kind: 'blocked', code: 'NAME_TAKEN', ways }, taken)
  return undefined
}

/** Of several, the one that is most likely the service as it last worked: running, then not half replaced. */
function pickOld(containers: readonly ObservedContainer[]): ObservedContainer | undefined {
  return containers.find(isRunning) ?? containers.find(({ name }) => !isReplacedName(name)) ?? containers[0]
}

/** Running and as wanted: only ask whether it is ready, and clear away what an interrupted run left. */
function keep(current: ObservedContainer, others: readonly ObservedContainer[], context: ServiceContext): Milestones {
  const { container, draft, subject } = context
  const target = { name: current.name, id: current.id }
  const reason = whyNotReady(current, context)
  const ready = reason === undefined ? undefined : addWait(target, reason, [], context)
  const removed = others.map((other) => discard(other, [ready], context))
  if (isReplacedName(current.name)) {
    const cause = 'an interrupted run left it under another name'
    draft.add(subject, { kind: 'rename', target, to: container.name }, cause, { needs: removed })
  }
  return { ready, completed: ready }
}

function whyNotReady(current: ObservedContainer, { observed, service }: ServiceContext): string | undefined {
  if (service.probe.kind === 'completed') return isRunning(current) ? 'still running' : undefined
  const probe = observed.probes[service.name]
  return probe?.state === 'ready' ? undefined : (probe?.reason ?? 'not asked yet')
}

function finishedWell(found: ObservedContainer, { probe }: DesiredService): boolean {
  return probe.kind === 'completed' && found.state === 'exited' && found.exitCode === 0
}

function startCause(current: ObservedContainer): Cause {
  if (current.state === 'created') return because('created, but not started')
  return because(current.exitCode === undefined ? 'not running' : `ended with exit code ${String(current.exitCode)}`)
}
