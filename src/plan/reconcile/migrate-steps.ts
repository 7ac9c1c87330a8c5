/**
 * The step that applies migrations. It previews what is pending; the step itself decides again, with the same rules, under the lock.
 */
import type { ErrorRecord } from '../../errors.ts'
import { resolveMigrations } from '../../migrations/resolve.ts'
import type { AppliedMigration, Migration, PendingLoss } from '../../migrations/types.ts'
import type { ObservedDatabase } from '../answers.ts'
import { planHook } from './hook-steps.ts'
import { planOwing } from './owed-steps.ts'
import type { Milestones, Planning } from '../planning.ts'
import type { DesiredService } from '../types.ts'

/** The number of the step after which the service is migrated, or nothing when it is already or has no migrations. */
export function planMigrations(service: DesiredService, started: Milestones, planning: Planning): number | undefined {
  const { migrations } = service
  if (migrations === undefined) return undefined
  const subject = `service:${service.name}`
  const { draft } = planning
  const applied = knownLedger(service, planning)
  const action = {
    kind: 'migrate',
    service: service.name,
    database: migrations.target,
    folder: migrations.folder,
  } as const

  if (applied === 'unknown') {
    if (migrations.folder.migrations.length === 0) return undefined
    const cause = 'what is pending shows when the server answers'
    const needs = beforeMigrate(service, cause, started, planning)
    return draft.add(subject, { ...action, pending: 'unknown' }, cause, { needs })
  }
  const { pending, problems, reformatted } = resolveMigrations(migrations.folder.migrations, applied)
  for (const { file } of reformatted)
    draft.warn(subject, `In ${file} only comments or blanks changed since it was applied; its structure is the same.`)
  for (const problem of problems)
    draft.add(subject, { kind: 'blocked', code: problem.code, ways: [problem.hint] }, problem.message)
  const database = planning.observed.databases[service.name]
  const {
    refused,
    doubts = [],
    losses = [],
  } = database === undefined || database.state === 'unreachable' ? {} : database
  if (refused !== undefined) addRefusal(refused, subject, draft)
  for (const doubt of doubts) draft.warn(subject, `${doubt}; the server has the last word on that`)
  if (problems.length > 0 || refused !== undefined || pending.length === 0) return undefined
  const versions = pending.map(({ version }) => version)
  const cause = pendingText(pending, applied)
  const needs = beforeMigrate(service, cause, started, planning)
  if (losses.length === 0) return draft.add(subject, { ...action, pending: versions }, cause, { needs })
  const destroying = { ...action, pending: versions, losses }
  return draft.add(subject, destroying, `${cause}; ${lossText(losses)}`, { needs, risk: 'data-loss' })
}

/** The steps after which migrations may begin. */
function beforeMigrate(
  { name }: DesiredService,
  cause: string,
  { ready }: Milestones,
  planning: Planning,
): readonly (number | undefined)[] {
  const hooked = planHook({ event: 'beforeMigrate', service: name, cause, needs: [ready] }, planning) ?? ready
  return [hooked, planOwing({ event: 'afterMigrate', service: name }, [hooked], planning)]
}

/** What the run would say, but for its last word: that nothing was applied goes without saying here. */
function addRefusal({ code, hint, message }: ErrorRecord, subject: string, draft: Planning['draft']): void {
  const [what = '', ...rest] = message.replace(/\s*Nothing was applied\.$/, '').split('\n')
  const frame = rest[0] === '' ? rest.slice(1) : rest
  const ways = hint === undefined ? [] : hint.split('\n')
  draft.add(subject, { kind: 'blocked', code, ways, ...(frame.length === 0 ? {} : { frame }) }, what)
}

function knownLedger(service: DesiredService, planning: Planning): Parameters<typeof resolveMigrations>[1] | 'unknown' {
  const known = knownDatabase(service, planning)
  return known === 'unknown' ? known : known === 'empty' ? [] : known.applied
}

/** What a database of the stack has, as far as can be told before anything is done. */
export function knownDatabase(
  service: DesiredService,
  { observed, resources }: Planning,
): Extract<ObservedDatabase, { readonly state: 'read' }> | 'empty' | 'unknown' {
  const database = observed.databases[service.name]
  if (database?.state === 'read') return database
  const data = service.container?.spec.mounts?.find((mount) => mount.kind === 'volume')
  // A server that starts on a new volume has an empty ledger, so the plan can say already now what will run.
  return data?.kind === 'volume' && resources.isVolumeMissing(data.volume) ? 'empty' : 'unknown'
}

/** Why it runs: what is new, or what an earlier run left in the middle. */
function pendingText(pending: readonly Migration[], applied: readonly AppliedMigration[]): string {
  const files = pending.map(({ file }) => file)
  const [first = '', ...rest] = files
  const goesOn = applied.some(({ unfinished }) => unfinished !== undefined)
  if (!goesOn) return `${String(files.length)} pending: ${nameSome(files)}`
  const then = rest.length === 0 ? '' : `, then ${String(rest.length)} pending: ${nameSome(rest)}`
  return `${first} goes on where an earlier run stopped${then}`
}

/** `002_drop.sql drops table users, 003_more.sql empties table log`. */
function lossText(losses: readonly PendingLoss[]): string {
  return nameSome(losses.map(({ file, what }) => `${file} ${what}`))
}

export function nameSome(files: readonly string[]): string {
  const shown = files.slice(0, 3).join(', ')
  return files.length > 3 ? `${shown} and ${String(files.length - 3)} more` : shown
}
