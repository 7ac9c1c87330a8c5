/**
 * The step that applies migrations. It previews what is pending; the step itself decides again, with the same rules, under the lock.
 */
import { transactionStatementsError } from '../migrations/failure.ts'
import { resolveMigrations } from '../migrations/resolve.ts'
import type { Milestones, Planning } from './planning.ts'
import type { DesiredService } from './types.ts'

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
    return draft.add(subject, { ...action, pending: 'unknown' }, 'what is pending shows when the server runs', {
      needs: [started.ready],
    })
  }
  const { pending, problems } = resolveMigrations(migrations.folder.migrations, applied)
  for (const problem of problems)
    draft.add(subject, { kind: 'blocked', code: problem.code, ways: [problem.hint] }, problem.message)
  const refused = problems.length > 0 ? undefined : transactionStatementsError(pending)
  if (refused !== undefined) {
    const [what = ''] = refused.message.split('\n')
    draft.add(subject, { kind: 'blocked', code: refused.code, ways: [refused.hint ?? ''] }, what)
  }
  if (problems.length > 0 || refused !== undefined || pending.length === 0) return undefined
  const versions = pending.map(({ version }) => version)
  return draft.add(
    subject,
    { ...action, pending: versions },
    `${String(pending.length)} pending: ${nameSome(pending.map(({ file }) => file))}`,
    { needs: [started.ready] },
  )
}

function knownLedger(
  service: DesiredService,
  { observed, resources }: Planning,
): Parameters<typeof resolveMigrations>[1] | 'unknown' {
  const database = observed.databases[service.name]
  if (database?.state === 'read') return database.applied
  const data = service.container?.spec.mounts?.find((mount) => mount.kind === 'volume')
  // A server that starts on a new volume has an empty ledger, so the plan can say already now what will run.
  return data?.kind === 'volume' && resources.isVolumeMissing(data.volume) ? [] : 'unknown'
}

function nameSome(files: readonly string[]): string {
  const shown = files.slice(0, 3).join(', ')
  return files.length > 3 ? `${shown} and ${String(files.length - 3)} more` : shown
}
