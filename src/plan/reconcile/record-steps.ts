/**
 * The last step of a plan: the databases that the stack runs itself are told what is declared and what runs. External
 * databases are not: others use them too, and one developer's containers are nobody else's business.
 */
import type { StackRecord } from '../../migrations/ledger/stack-tables.ts'
import type { Planning } from '../planning.ts'
import { declaredStack, describeStack, diffRecords } from '../record.ts'
import { selectServices } from '../order.ts'
import type { Cause, PlanStep, StepKind } from '../step.ts'
import type { DesiredService, Observed } from '../types.ts'

/** Adds a step for each PostgreSQL service of this run that keeps records which are, or will be, out of date. */
export function planRecords(names: readonly string[], planning: Planning): void {
  const { desired, draft, observed } = planning
  const steps = draft.steps().filter(({ undo }) => undo === undefined)
  // Such a plan is not carried out; what it says must be about what is to be mended.
  if (steps.some(({ action }) => action.kind === 'blocked')) return
  const declared = declaredStack(desired, names)
  const described = describeStack(declared, observed)
  const follows = steps.some(mayChangeContainers)
  const needs = lastOf(steps)
  for (const service of selectServices(desired.services, names)) {
    if (service.container === undefined || service.migrations === undefined) continue
    const subject = `service:${service.name}`
    const recorded = recordsOf(service, observed)
    if (recorded === 'foreign') {
      draft.warn(subject, foreignTables)
      continue
    }
    // The ledger's schema comes with the first migration; none is made for records alone.
    if (service.migrations.folder.migrations.length === 0 && typeof recorded !== 'object') continue
    const cause = follows ? { text: 'containers change', changes: [] } : causeOf(recorded, described)
    if (cause === undefined) continue
    const action = { kind: 'record', service: service.name, database: service.migrations.target, declared } as const
    draft.add(subject, action, cause.text, { needs, changes: cause.changes, follows })
  }
}

const foreignTables =
  'its schema poststack has a table system_info, services or containers that Poststack did not make. They are left as they are, and what runs is not recorded; rename them to have it recorded'

function recordsOf(service: DesiredService, { databases }: Observed): StackRecord | 'foreign' | 'none' | 'unknown' {
  const database = databases[service.name]
  return database?.state === 'read' ? (database.recorded ?? 'none') : 'unknown'
}

const changing: ReadonlySet<StepKind> = new Set(['create', 'start', 'stop', 'rename', 'remove'])

/** A wait for a container counts, because what is waited for may end or come back meanwhile. */
function mayChangeContainers({ action }: PlanStep): boolean {
  return changing.has(action.kind) || (action.kind === 'wait' && action.target !== undefined)
}

/** The steps about services that no other of these waits for: when they are done, all are. */
function lastOf(steps: readonly PlanStep[]): readonly number[] {
  const own = steps.filter(({ subject }) => subject.startsWith('service:'))
  const waitedFor = new Set(own.flatMap(({ needs }) => needs))
  return own.filter(({ id }) => !waitedFor.has(id)).map(({ id }) => id)
}

function causeOf(recorded: StackRecord | 'none' | 'unknown', described: StackRecord): Cause | undefined {
  if (recorded === 'none') return { text: 'nothing is recorded yet', changes: [] }
  if (recorded === 'unknown') return { text: 'what is recorded shows when the server answers', changes: [] }
  const { changes, services } = diffRecords(recorded, described)
  if (changes.length === 0) return undefined
  const whose = services === 0 ? 'the stack' : services === 1 ? '1 service' : `${String(services)} services`
  return { text: `records of ${whose} are out of date`, changes }
}
