/**
 * What there is, service by service, set against what is declared. Pure: the plan already holds every difference.
 */
import { resolveMigrations } from '../migrations/resolve.ts'
import { currentContainer, loopOf, wasStopped } from './current.ts'
import { jobMemory } from './jobs.ts'
import { hostInUrl } from './references.ts'
import type { Plan, PlanStep } from './step.ts'
import type { Desired, DesiredService, Observed } from './types.ts'

export interface ServiceStatus {
  readonly service: string
  readonly kind: 'postgres' | 'external' | 'container'
  /**
   * `absent`: no container, or an external database of a profile that was not asked for. `stopped`: it does not run, and ended well or by a signal that a stop sends. `ready`: it runs and answers. `completed`: a job that ended well. `failed`: it ended badly, keeps crashing, or
   * runs and refuses the declared role or database, which waiting does not mend.
   */
  readonly state: 'absent' | 'stopped' | 'starting' | 'ready' | 'completed' | 'failed'
  /** Why it is not ready, where there is something to say. */
  readonly reason?: string
  /** Name of the container. */
  readonly container?: string
  /** Where the host reaches it; no password in it. */
  readonly addresses: readonly string[]
  /** `unknown` while the database does not answer; absent where no migrations are declared. */
  readonly migrations?: { readonly applied: number; readonly pending: number } | 'unknown'
  /** Steps that `up` would carry out for it, in words. Empty: as declared. */
  readonly differences: readonly string[]
}

export interface StackStatus {
  readonly version: 1
  readonly stack: string
  readonly root: string
  readonly runtime: Observed['runtime']
  readonly asDeclared: boolean
  readonly services: readonly ServiceStatus[]
  /** Differences that belong to no declared service. */
  readonly differences: readonly string[]
}

/** `plan` must be the reconciliation of the same two. */
export function stackStatus(desired: Desired, observed: Observed, plan: Plan): StackStatus {
  const forward = plan.steps.filter(({ undo }) => undo === undefined)
  const subjects = new Set(desired.services.map(({ name }) => `service:${name}`))
  return {
    version: 1,
    stack: desired.stack,
    root: desired.root,
    runtime: observed.runtime,
    asDeclared: forward.length === 0,
    services: desired.services.map((service) => serviceStatus(service, desired, observed, forward)),
    differences: forward
      .filter(({ subject }) => !subjects.has(subject))
      .map((step) => `${step.subject}: ${describe(step)}`),
  }
}

function serviceStatus(
  service: DesiredService,
  desired: Desired,
  observed: Observed,
  steps: readonly PlanStep[],
): ServiceStatus {
  const differences = steps.filter(({ subject }) => subject === `service:${service.name}`).map(describe)
  const container = currentContainer(service.name, observed.containers, desired)
  const before = portBefore(service, container)
  const looping = container === undefined ? undefined : loopOf(service, container, observed.probes[service.name])
  const state = stateOf(service, desired, observed)
  const reason =
    state === 'absent' && service.idle !== undefined
      ? notAsked(service.idle)
      : (looping ?? observed.probes[service.name]?.reason ?? movesFrom(before, service))
  const database = observed.databases[service.name]
  return {
    service: service.name,
    kind: service.kind,
    state,
    ...(reason === undefined ? {} : { reason }),
    ...(container === undefined ? {} : { container: container.name }),
    addresses: addressesOf(service, before),
    ...(service.migrations === undefined || database === undefined ? {} : { migrations: countOf(service, database) }),
    differences,
  }
}

function notAsked(profiles: readonly string[]): string {
  return `not asked for; with --profile ${profiles.join(' or ')}, or by its name, it runs`
}

function describe({ action, cause }: PlanStep): string {
  return cause.follows === true ? action.kind : `${action.kind}: ${cause.text}`
}

function stateOf(service: DesiredService, desired: Desired, observed: Observed): ServiceStatus['state'] {
  const probe = observed.probes[service.name]
  if (service.container === undefined) {
    if (service.idle !== undefined && probe?.state === 'unknown') return 'absent'
    return probe?.state === 'ready' ? 'ready' : 'failed'
  }
  const container = currentContainer(service.name, observed.containers, desired)
  if (container === undefined)
    return service.probe.kind === 'completed' && jobMemory(service, desired, observed).isDone ? 'completed' : 'absent'
  if (service.probe.kind === 'completed' && container.state === 'exited')
    return container.exitCode === 0 ? 'completed' : 'failed'
  if (container.state === 'restarting' || container.state === 'dead') return 'failed'
  if (container.state === 'exited') return wasStopped(container) ? 'stopped' : 'failed'
  if (container.state !== 'running') return 'stopped'
  if (loopOf(service, container, probe) !== undefined) return 'failed'
  if (probe?.state === 'ready') return 'ready'
  // Waiting does not mend these.
  return probe?.code === 'PASSWORD_REJECTED' || probe?.code === 'DATABASE_MISSING' ? 'failed' : 'starting'
}

/** The port that a running server of PostgreSQL has instead of the declared one. */
function portBefore(
  { container, probe }: DesiredService,
  found: Observed['containers'][number] | undefined,
): number | undefined {
  const [held] = found?.state === 'running' ? found.ports : []
  if (probe.kind !== 'postgres' || container === undefined || held === undefined) return undefined
  return found?.ports.some(({ host }) => host === probe.connection.port) === true ? undefined : held.host
}

function movesFrom(before: number | undefined, { probe }: DesiredService): string | undefined {
  if (before === undefined || probe.kind !== 'postgres') return undefined
  return `it still has port ${String(before)}, and is to get ${String(probe.connection.port)}`
}

/** Addresses on the host, as a person would type them; `port` where a database still listens on another one than declared. */
export function addressesOf(service: DesiredService, port?: number): readonly string[] {
  if (service.probe.kind === 'postgres') {
    const { host, user, database, port: declared } = service.probe.connection
    return [
      `postgresql://${encodeURIComponent(user)}@${hostInUrl(host)}:${String(port ?? declared)}/${encodeURIComponent(database)}`,
    ]
  }
  return service.urls ?? []
}

function countOf(
  service: DesiredService,
  database: Observed['databases'][string],
): NonNullable<ServiceStatus['migrations']> {
  if (database.state !== 'read') return 'unknown'
  const { pending } = resolveMigrations(service.migrations?.folder.migrations ?? [], database.applied)
  const applied = database.applied.filter(({ unfinished }) => unfinished === undefined)
  return { applied: applied.length, pending: pending.length }
}
