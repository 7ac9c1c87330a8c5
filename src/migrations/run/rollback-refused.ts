/**
 * Migrations that a rollback cannot take back.
 */
import { PoststackError } from '../../errors.ts'
import type { LedgerRow } from '../ledger/rows.ts'

/** One that is neither applied nor absent, so that there is no telling what to take back. */
export function halfApplied({ version, name, unfinished }: LedgerRow): PoststackError {
  const label = `"${version} ${name}"`
  const message =
    unfinished?.state === 'unknown'
      ? `Migration ${label} ended its own transaction, so nobody can tell what of it there is to take back.`
      : `Migration ${label} is half-applied: ${unfinished?.applied ?? 0} of ${unfinished?.total ?? '?'} statements are done.`
  return new PoststackError('MIGRATION_UNFINISHED', `${message} Nothing was rolled back.`, {
    hint:
      unfinished?.state === 'unknown'
        ? 'See what of it the database has, and settle it: poststack database repair'
        : 'Finish it first (poststack database migrate), or settle it by hand: poststack database repair',
    details: { version, ...unfinished },
  })
}

/** Those that have no text of a way back. */
export function irreversible(rows: readonly LedgerRow[], useFile: boolean): PoststackError {
  const names = rows.map(({ version, name }) => `"${version} ${name}"`).join(', ')
  const where = useFile
    ? 'no rollback file'
    : `no stored rollback: there was no rollback file when ${rows.length === 1 ? 'it was' : 'they were'} applied`
  const subject = rows.length === 1 ? `Migration ${names} has` : `Migrations ${names} have`
  return new PoststackError('MIGRATION_IRREVERSIBLE', `${subject} ${where}. Nothing was rolled back.`, {
    hint: useFile
      ? 'Write the rollback file beside the migration.'
      : 'Write the rollback file beside the migration, then run again with --use-file (useFile in a call).',
    details: { versions: rows.map(({ version }) => version) },
  })
}
