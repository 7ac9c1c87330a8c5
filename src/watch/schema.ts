/**
 * What a run has made of the schema of each database that the stack owns, in a few lines.
 */
import type { Emit } from '../events.ts'
import type { DeclaredDatabase } from '../execute/database/choice.ts'
import { summarizeDifferences } from '../migrations/snapshot/describe.ts'
import { compareSnapshots } from '../migrations/snapshot/difference.ts'
import { recordedSnapshot } from '../migrations/snapshot/recorded.ts'
import { readSnapshot } from '../migrations/snapshot/read.ts'
import type { Snapshot } from '../migrations/snapshot/snapshot.ts'
import { asking } from '../migrations/own-path.ts'

export interface SchemaWatch {
  /** Looks at what the newest migration has left, and says what differs from the last look. The first look says nothing. */
  look(database: DeclaredDatabase): Promise<void>
}

export interface SchemaWatchOptions {
  readonly emit: Emit
  readonly signal: AbortSignal
}

const mostLines = 5

export function watchSchemas({ emit, signal }: SchemaWatchOptions): SchemaWatch {
  const known = new Map<string, Snapshot>()
  return {
    look: async (database) => {
      const now = await read(database, signal)
      const before = known.get(database.service)
      known.set(database.service, now)
      if (before === undefined) return
      const differences = compareSnapshots(before, now)
      if (differences.length === 0) return
      const lines = summarizeDifferences(differences, mostLines)
      emit({ type: 'schema-changed', service: database.service, differences: differences.length, lines })
    },
  }
}

/** As the newest migration left it; where nothing is recorded, as it is. */
async function read({ connect }: DeclaredDatabase, signal: AbortSignal): Promise<Snapshot> {
  const connection = await asking(connect)({ applicationName: 'poststack watch', signal })
  try {
    return (await recordedSnapshot(connection)) ?? (await readSnapshot(connection))
  } finally {
    await connection.close()
  }
}
