/**
 * The seeds that a database has, in `poststack.seeded_files`.
 */
import type { Queryable, Seed, SeededFile } from '../types.ts'
import { explainDenied } from './denied.ts'
import { ledgerLayout } from './layout.ts'
import { literal } from '../sql/quote.ts'
import type { LedgerAuthor } from './record.ts'

const firstLayout = 3

/** What was seeded. Creates nothing; where there is no ledger, or one from before there were seeds, nothing was. */
export async function readSeeded(client: Queryable): Promise<readonly SeededFile[]> {
  const layout = await ledgerLayout(client)
  if (layout === undefined || layout < firstLayout) return []
  try {
    const { rows } = await client.query('SELECT checksum, file FROM poststack.seeded_files')
    return rows.map(({ checksum, file }) => ({ checksum: String(checksum), file: String(file) }))
  } catch (error) {
    throw await explainDenied(client, error, 'read')
  }
}

/** SQL that records a seed; what `durationMs` is, is SQL, too. */
export function insertSeeded({ checksum, file }: Seed, author: LedgerAuthor, durationMs: string): string {
  const by = [author.appliedBy, author.host, author.gitCommit, author.toolVersion].map(literal).join(', ')
  return `INSERT INTO poststack.seeded_files (checksum, file, duration_ms, seeded_by, host, git_commit, tool_version)
VALUES (${literal(checksum)}, ${literal(file)}, ${durationMs}, ${by})`
}
