/**
 * A database that was made from a backup, against the one that the backup is of. Pure.
 */
import { describeDifference } from '../../migrations/snapshot/describe.ts'
import { compareSnapshots, type SchemaDifference } from '../../migrations/snapshot/difference.ts'
import { unpackSnapshot } from '../../migrations/snapshot/snapshot.ts'
import type { DatabaseState } from './manifest.ts'

export interface Comparison {
  /** What is missing, too much or another: the copy is not the same. One line each. */
  readonly wrong: readonly string[]
  /** What is printed in other words, or could not be compared. */
  readonly notes: readonly string[]
}

export interface ComparisonOptions {
  /** Owners and rights were left out on purpose. */
  readonly withoutOwners: boolean
}

export function compareStates(was: DatabaseState, is: DatabaseState, { withoutOwners }: ComparisonOptions): Comparison {
  const schema = compareSchemas(was, is, withoutOwners)
  return {
    wrong: [...compareLedgers(was.ledger, is.ledger), ...compareRows(was.rows, is.rows), ...schema.wrong],
    notes: schema.notes,
  }
}

function compareLedgers(was: DatabaseState['ledger'], is: DatabaseState['ledger']): readonly string[] {
  if (was?.digest === is?.digest) return []
  return [`ledger: ${ledgerText(was)} in the backup, ${ledgerText(is)} in the copy`]
}

function ledgerText(ledger: DatabaseState['ledger']): string {
  if (ledger === undefined) return 'none'
  const { digest, migrations, version } = ledger
  return `${String(migrations)} migrations${version === undefined ? '' : ` up to ${version}`} (${digest.slice(0, 8)})`
}

function compareRows(was: DatabaseState['rows'], is: DatabaseState['rows']): readonly string[] {
  return Object.entries(was).flatMap(([table, rows]) => {
    const found = is[table]
    if (found === rows) return []
    return [
      `${table}: ${String(rows)} rows in the backup, ${found === undefined ? 'no such table' : String(found)} in the copy`,
    ]
  })
}

function compareSchemas(was: DatabaseState, is: DatabaseState, withoutOwners: boolean): Comparison {
  if (was.schema.fingerprint === is.schema.fingerprint) return { wrong: [], notes: [] }
  const before = unpackSnapshot(JSON.stringify(was.schema.snapshot))
  const after = unpackSnapshot(JSON.stringify(is.schema.snapshot))
  if (before === undefined || after === undefined)
    return { wrong: [], notes: ['the schema was not compared: another version of Poststack made the backup'] }
  const differences = compareSnapshots(before, after)
  const isSameServer = major(was) === major(is)
  const matters = (difference: SchemaDifference): boolean =>
    difference.kind !== 'changed' || (isSameServer && !isSaidOtherwise(difference, withoutOwners))
  const lines = differences.filter(matters)
  const notes = isSameServer
    ? []
    : [`definitions were not compared: PostgreSQL ${String(major(was))} printed those of the backup`]
  // A whole object that is missing is one thing; how one is printed another.
  return {
    wrong: lines.filter(({ kind }) => kind !== 'changed').map(describeDifference),
    notes: [...notes, ...lines.filter(({ kind }) => kind === 'changed').map(describeDifference)],
  }
}

function major({ serverVersion }: DatabaseState): number {
  return Math.trunc(serverVersion / 10_000)
}

/**
 * What a dump says comes back in other words here and there: PostgreSQL reads `ARRAY['a'::varchar]::text[]` and prints
 * `ARRAY['a'::varchar::text]`. Without casts and brackets both are the same.
 */
function isSaidOtherwise({ before = '', after = '' }: SchemaDifference, withoutOwners: boolean): boolean {
  const bare = (text: string): string =>
    (withoutOwners ? text.replaceAll(/^(?:owner|privileges):.*(?:\n\t.*)*\n?/gm, '') : text)
      .replaceAll(
        /::(?:"[^"]+"|[a-z_]+(?: varying| precision| with(?:out)? time zone)?)(?:\.[a-z_]+|\."[^"]+")?(?:\(\d+(?:,\d+)?\))?(?:\[\])*/g,
        '',
      )
      .replaceAll(/[()\s]/g, '')
  return bare(before) === bare(after)
}
