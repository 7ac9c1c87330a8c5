/**
 * The live schema against the one that the newest migration left behind.
 */
import type { Queryable } from '../types.ts'
import type { LedgerRow } from '../ledger/rows.ts'
import { describeDifference } from '../snapshot/describe.ts'
import { compareSnapshots } from '../snapshot/difference.ts'
import type { Finding } from './files.ts'
import { recordedMajor, recordedSnapshot } from '../snapshot/recorded.ts'
import { readSnapshot } from '../snapshot/read.ts'

async function unknownWords(client: Queryable, label: string): Promise<string> {
  const recorded = await recordedMajor(client)
  return recorded === undefined
    ? `Nothing is recorded of the schema as ${label} left it, so drift cannot be told.`
    : `The schema as ${label} left it was recorded on PostgreSQL ${recorded}, and this server is another version, which prints definitions in its own way: drift cannot be told.`
}

/** Findings about changes that no migration made; none where the schema is as recorded. */
export async function verifyDrift(client: Queryable, rows: readonly LedgerRow[]): Promise<readonly Finding[]> {
  const newest = rows.findLast(({ state }) => state === 'applied')
  const finding = { file: undefined, line: undefined, version: newest?.version ?? '0' }
  if (newest === undefined) return []
  // Half of a migration is no state that anything was recorded of, and is told as what it is.
  if (rows.some(({ unfinished }) => unfinished !== undefined)) return []
  const recorded = await recordedSnapshot(client)
  if (recorded === undefined) {
    return [
      {
        ...finding,
        severity: 'warning',
        rule: 'drift-unknown',
        message: await unknownWords(client, `"${newest.version} ${newest.name}"`),
        hint: 'It is recorded again with the next migration that is applied.',
        lines: [],
      },
    ]
  }
  const differences = compareSnapshots(recorded, await readSnapshot(client))
  if (differences.length === 0) return []
  const objects = differences.length === 1 ? '1 object differs' : `${differences.length} objects differ`
  return [
    {
      ...finding,
      severity: 'error',
      rule: 'drift',
      message: `The schema is not as "${newest.version} ${newest.name}" left it: ${objects}.`,
      hint: 'Somebody changed it by hand. Put the change into a migration, or undo it.',
      lines: differences.map(describeDifference),
    },
  ]
}
