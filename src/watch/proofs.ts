/**
 * Whether the newest rollback of a database restores the schema: tried on a copy while nothing else is to be done, so that whoever edits
 * the migration does not wait for it.
 */
import { onAbort, orInterrupted, pause } from '../abort.ts'
import type { DeclaredDatabase } from '../execute/database/choice.ts'
import { type LedgerRow, readLedgerRows } from '../migrations/ledger/rows.ts'
import { asking } from '../migrations/own-path.ts'
import type { Migration } from '../migrations/types.ts'
import type { RollbackProof } from '../migrations/verify/proof.ts'
import { proveRollbacks } from '../migrations/verify/rollbacks.ts'

export interface Proofs {
  /** The proof of the newest rollback for what the ledger holds. */
  of(database: DeclaredDatabase, rows: readonly LedgerRow[]): Promise<RollbackProof>
  /** Makes it soon, if nothing comes in between. What goes wrong is left to the edit that needs it. */
  ahead(database: DeclaredDatabase): void
  /** Something is to be done: what was not begun is left for later. */
  hold(): void
  /** Fulfilled when nothing of it is under way any more. */
  readonly settled: Promise<unknown>
}

/** A person who saves again at once has better use for the processors. */
const quietMs = 500

export function createProofs(signal: AbortSignal): Proofs {
  const known = new Map<string, { readonly key: string; readonly proof: Promise<RollbackProof> }>()
  let held = new AbortController()
  onAbort(signal, () => held.abort(signal.reason))
  let settled: Promise<unknown> = Promise.resolve()
  const begin = (database: DeclaredDatabase, rows: readonly LedgerRow[]): Promise<RollbackProof> => {
    const key = keyOf(rows)
    const before = known.get(database.service)
    if (before?.key === key) return before.proof
    const proof = prove(database, rows, signal)
    known.set(database.service, { key, proof })
    // A failure says nothing about the rollback: it is tried again when it is asked for.
    proof.catch(() => {
      if (known.get(database.service)?.proof === proof) known.delete(database.service)
    })
    return proof
  }
  const soon = async (database: DeclaredDatabase, waiting: AbortSignal): Promise<void> => {
    await pause(quietMs, waiting)
    const rows = await readRows(database, signal)
    const isWhole = rows.every(({ unfinished }) => unfinished === undefined)
    if (!waiting.aborted && isWhole && rows.at(-1)?.rollback !== undefined) await begin(database, rows)
  }
  return {
    of: async (database, rows) => {
      try {
        return await orInterrupted(begin(database, rows), signal)
      } catch (error) {
        if (signal.aborted || known.has(database.service)) throw error
        // It was begun before the edit, and the server may have been restarted meanwhile.
        return await begin(database, rows)
      }
    },
    ahead: (database) => {
      settled = after(settled, soon(database, held.signal))
    },
    hold: () => {
      held.abort()
      held = new AbortController()
    },
    get settled() {
      return settled
    },
  }
}

/** Fulfilled when both are over, whatever came of them; nothing of it is kept. */
async function after(before: Promise<unknown>, work: Promise<unknown>): Promise<void> {
  await Promise.allSettled([before, work])
}

/** The same for as long as nothing is applied and nothing taken back. */
function keyOf(rows: readonly LedgerRow[]): string {
  return JSON.stringify(
    rows.map(({ checksum, name, rollback, version }) => [version, name, checksum, rollback?.checksum]),
  )
}

export async function readRows({ connect }: DeclaredDatabase, signal: AbortSignal): Promise<readonly LedgerRow[]> {
  const connection = await asking(connect)({ applicationName: 'poststack watch', signal })
  try {
    return await readLedgerRows(connection)
  } finally {
    await connection.close()
  }
}

/** A migration as the ledger holds it: that is what would be taken back, or made anew. */
export function migrationOf({ version, name, checksum, upSql, rollback: stored }: LedgerRow): Migration {
  const file = `${version}_${name}.sql`
  return {
    version,
    name,
    file,
    sql: upSql,
    checksum,
    rollback: stored === undefined ? undefined : { file: `${version}_${name}.rollback.sql`, ...stored },
  }
}

/** Tries the newest rollback on a database of its own, made of what the ledger holds. */
async function prove(
  { connect, connectTo, migrations: path = '' }: DeclaredDatabase,
  rows: readonly LedgerRow[],
  signal: AbortSignal,
): Promise<RollbackProof> {
  const [proof] = await proveRollbacks({
    connect,
    connectTo,
    folder: { path, migrations: rows.map(migrationOf) },
    signal,
    toolVersion: POSTSTACK_VERSION,
    newestOnly: true,
  })
  if (proof === undefined) throw new Error('a rollback was to be proved, and there is none')
  return proof
}
