/**
 * The step that seeds a database, after its migrations. It previews what is missing; the step itself decides again, with the same rules,
 * under the lock.
 */
import { type PendingSeed, pendingSeeds } from '../../migrations/seeds/resolve.ts'
import type { Seed } from '../../migrations/types.ts'
import { knownDatabase, nameSome } from './migrate-steps.ts'
import type { Planning } from '../planning.ts'
import type { DesiredService } from '../types.ts'

export interface Seeding {
  readonly service: DesiredService
  readonly seeds: readonly Seed[]
  readonly after: number | undefined
}

/** The number of the step after which the database is seeded, or nothing when it is already or there are no seeds. */
export function planSeeds({ service, seeds, after }: Seeding, planning: Planning): number | undefined {
  const { migrations } = service
  if (migrations === undefined || seeds.length === 0) return undefined
  const subject = `service:${service.name}`
  const action = { kind: 'seed', service: service.name, database: migrations.target, seeds } as const
  const options = { needs: [after] }
  const known = knownDatabase(service, planning)
  if (known === 'unknown')
    return planning.draft.add(
      subject,
      { ...action, pending: 'unknown' },
      'what is missing shows when the server answers',
      options,
    )
  const pending = pendingSeeds(seeds, known === 'empty' ? [] : (known.seeded ?? []))
  if (pending.length === 0) return undefined
  const files = pending.map(({ seed }) => seed.file)
  return planning.draft.add(subject, { ...action, pending: files }, causeOf(pending), options)
}

function causeOf(pending: readonly PendingSeed[]): string {
  const parts = (['new', 'changed'] as const).flatMap((why) => {
    const files = pending.filter((one) => one.why === why).map(({ seed }) => seed.file)
    return files.length === 0 ? [] : [`${String(files.length)} ${why}: ${nameSome(files)}`]
  })
  return parts.join('; ')
}
