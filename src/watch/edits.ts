/**
 * What to do when files of migrations are not as they were applied. Pure.
 */
import type { LedgerRow } from '../migrations/ledger/rows.ts'
import type { Migration } from '../migrations/types.ts'
import { canonicalVersion, compareVersions } from '../migrations/version.ts'

export type EditDecision =
  /** Nothing that watching may mend. */
  | { readonly kind: 'none' }
  /** The newest applied one was edited: it may be taken back and applied anew. */
  | { readonly kind: 'edited'; readonly row: LedgerRow; readonly file: Migration }
  /** Applied ones have no file any more, as after a change of branch: all from the oldest of them on would be taken back. */
  | { readonly kind: 'left'; readonly rows: readonly LeftRow[]; readonly target: string }
  /** One was edited on which others stand. */
  | { readonly kind: 'older'; readonly row: LedgerRow; readonly file: Migration; readonly newest: LedgerRow }

/** A migration that would be taken back, the newest first. */
export interface LeftRow {
  readonly row: LedgerRow
  /** `gone`: its file is. `applied-again`: it stands on one that is gone, and its file is still there. */
  readonly why: 'gone' | 'applied-again'
}

/** Compares files and ledger, as `resolveMigrations` does, and says what watching may do about the difference. */
export function decideEdits(files: readonly Migration[], applied: readonly LedgerRow[]): EditDecision {
  const rows = applied.toSorted((a, b) => compareVersions(a.version, b.version))
  const newest = rows.at(-1)
  // What is half-applied goes on, or is settled by hand; a run knows.
  if (newest === undefined || rows.some(({ unfinished }) => unfinished !== undefined)) return { kind: 'none' }
  const fileOf = new Map(files.map((file) => [canonicalVersion(file.version), file]))
  const stands = rows.map((row) => ({ row, ...compare(row, fileOf.get(canonicalVersion(row.version))) }))
  const firstGone = stands.findIndex(({ is }) => is === 'gone')
  const untouched = firstGone === -1 ? stands : stands.slice(0, firstGone)
  const edited = untouched.find(({ is }) => is === 'edited')
  if (edited?.file !== undefined) {
    const { row, file } = edited
    return row === newest ? { kind: 'edited', row, file } : { kind: 'older', row, file, newest }
  }
  if (firstGone === -1) return { kind: 'none' }
  const left = stands.slice(firstGone).toReversed()
  return {
    kind: 'left',
    rows: left.map(({ row, is }) => ({ row, why: is === 'gone' ? 'gone' : 'applied-again' })),
    target: rows[firstGone - 1]?.version ?? '0',
  }
}

/** Whether the same migrations would go back, for the same reasons, as was decided before. What an edited file holds by now is no matter. */
export function isSameDecision(one: EditDecision, other: EditDecision): boolean {
  return JSON.stringify(backOf(one)) === JSON.stringify(backOf(other))
}

function backOf(decision: EditDecision): readonly unknown[] {
  const rows = decision.kind === 'left' ? decision.rows : decision.kind === 'none' ? [] : [{ ...decision, why: '' }]
  return [decision.kind, ...rows.map(({ row: { version, name, checksum }, why }) => [version, name, checksum, why])]
}

interface Standing {
  readonly is: 'same' | 'edited' | 'gone'
  readonly file: Migration | undefined
}

/** A number that now belongs to a file of another name and text is another migration: the one that was applied is gone. */
function compare(row: LedgerRow, file: Migration | undefined): Standing {
  if (file === undefined) return { is: 'gone', file }
  if (file.checksum === row.checksum) return { is: 'same', file }
  return file.name === row.name ? { is: 'edited', file } : { is: 'gone', file: undefined }
}
