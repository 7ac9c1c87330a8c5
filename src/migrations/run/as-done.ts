/**
 * Going on with a text that was left half-way: what was done of it must stand in it as it was done.
 */
import type { LedgerRow } from '../ledger/rows.ts'
import { compareStructure } from '../sql/structure.ts'
import type { Job } from './run.ts'

/** Whether a text begins with the statements that its row counts as done. */
export async function standsAsDone(job: Job, row: LedgerRow): Promise<boolean> {
  const done = row.unfinished?.applied ?? 0
  if (done === 0 || job.program.statements[done - 1]?.chain === row.chain) return true
  // Another version of the parser makes other trees of a text, and so another mark: then the text that was begun decides.
  const begun = job.direction === 'apply' ? row.upSql : row.rollback?.sql
  if (begun === undefined) return false
  const compared = await compareStructure(begun, job.text.sql)
  return compared.same || compared.statement > done
}
