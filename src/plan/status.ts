/**
 * What there is, service by service, set against what is declared. Pure: the plan already holds every difference.
 */
import { resolveMigrations } from '../migrations/resolve.ts'
import { isOurs, isReplacedName } from './names.ts'
import { hostInUrl } from './references.ts'
import type { Plan, PlanStep } from './step.ts'
import type { Desired, DesiredService, Observed } from './types.ts'

export interface ServiceStatus {
  readonly service: string
  readonly kind: 'postgres' | 'external' | 'container'
  /** `absent`: no container. `ready`: it runs and answers. `completed`: a job that ended well. */
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
  const reason = observed.probes[service.name]?.reason
  const container = containerOf(service, desired, observed)
  const database = observed.databases[service.name]
  return {
    service: service.name,
    kind: service.kind,
    state: stateOf(service, desired, observed),
    ...(reason === undefined ? {} : { reason }),
    ...(container === undefined ? {} : { container: container.name }),
    addresses: addressesOf(service),
    ...(service.migrations === undefined || database === undefined ? {} : { migrations: countOf(service, database) }),
    differences,
  }
}

/** Causes that name another step by its number say nothing where the numbers are not shown. */
function describe({ action, cause }: PlanStep): string {
  return /^(created|started) by #/.test(cause.text) ? action.kind : `${action.kind}: ${cause.text}`
}

function containerOf(
  service: DesiredService,
  desired: Desired,
  observed: Observed,
): Observed['containers'][number] | undefined {
  const mine = observed.containers.filter(({ owner, service: of }) => isOurs(owner, desired) && of === service.name)
  return mine.find(({ name }) => !isReplacedName(name)) ?? mine[0]
}

function stateOf(service: DesiredService, desired: Desired, observed: Observed): ServiceStatus['state'] {
  const probe = observed.probes[service.name]
  if (service.container === undefined) return probe?.state === 'ready' ? 'ready' : 'failed'
  const container = containerOf(service, desired, observed)
  if (container === undefined) return 'absent'
  if (service.probe.kind === 'completed' && container.state === 'exited')
    return container.exitCode === 0 ? 'completed' : 'failed'
  if (container.state === 'restarting' || container.state === 'dead') return 'failed'
  if (container.state === 'exited')
    return container.exitCode === 0 || container.exitCode === undefined ? 'stopped' : 'failed'
  if (container.state !== 'running') return 'stopped'
  return probe?.state === 'ready' ? 'ready' : 'starting'
}

/** Addresses on the host, as a person would type them. */
export function addressesOf(service: DesiredService): readonly string[] {
  if (service.probe.kind === 'postgres') {
    const { host, port, user, database } = service.probe.connection
    return [
      `postgresql://${encodeURIComponent(user)}@${hostInUrl(host)}:${String(port)}/${encodeURIComponent(database)}`,
    ]
  }
  const httpPort = service.probe.kind === 'http' ? service.probe.port : undefined
  return (service.container?.spec.ports ?? []).flatMap(({ host, hostAddress = '127.0.0.1', protocol }) =>
    host === undefined ? [] : [`${host === httpPort ? 'http' : protocol}://${hostInUrl(hostAddress)}:${String(host)}`],
  )
}

function countOf(
  service: DesiredService,
  database: Observed['databases'][string],
): NonNullable<ServiceStatus['migrations']> {
  if (database.state !== 'read') return 'unknown'
  const { pending } = resolveMigrations(service.migrations?.folder.migrations ?? [], database.applied)
  return { applied: database.applied.length, pending: pending.length }
}
