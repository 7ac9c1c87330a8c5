/**
 * What `migration-status` tells of the ledger: the facts of each migration without its texts, which may be large.
 */
import type { AppliedMigration, Migration, Queryable } from '../types.ts'
import { equals } from '../own-path.ts'
import { explainDenied } from './denied.ts'
import { ledgerLayout } from './layout.ts'
import { markBeside } from './reformatted.ts'
import { appliedMigration, optionalNumber, optionalText, text } from './rows.ts'

/** Times as ISO 8601 text. */
export interface LedgerFacts extends AppliedMigration {
  /** A rollback is stored with it. */
  readonly reversible: boolean
  /** It was recorded as applied without being run. */
  readonly baselined: boolean
  readonly durationMs: number | undefined
  readonly appliedAt: string | undefined
  readonly appliedBy: string
  readonly host: string
  readonly gitCommit: string | undefined
}

// The first layout had neither commits nor a history.
const selectFacts = (layout: number): string => `
SELECT m.version_text AS version, m.name, m.checksum, m.state, m.statements_applied, m.statements_total,
  m.rollback_checksum IS NOT NULL AS reversible, pg_catalog.round(m.duration_ms) AS duration_ms, m.applied_by, m.host,
  pg_catalog.to_char(m.applied_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS applied_at,
  ${layout > 1 ? 'm.git_commit' : 'NULL'} AS git_commit, ${layout > 1 ? `e.event ${equals} 'baselined'` : 'false'} AS baselined
FROM poststack.schema_migrations m
${layout > 1 ? newestEvents : ''}
ORDER BY m.version`

const newestEvents = `LEFT JOIN (
  SELECT DISTINCT ON (h.version) h.version, h.event FROM poststack.migration_events h
  WHERE h.event ${equals} ANY ('{applied,baselined,repaired,rolled-back}'::text[]) ORDER BY h.version, h.id DESC) e ON e.version ${equals} m.version`

/** Sorted by version, with those marked of whose files only comments or blanks were edited; nothing when there is no ledger. Fails as `readLedger` does. */
export async function readLedgerFacts(
  client: Queryable,
  files: readonly Migration[],
): Promise<readonly LedgerFacts[] | undefined> {
  const layout = await ledgerLayout(client)
  if (layout === undefined) return undefined
  try {
    const { rows } = await client.query(selectFacts(layout))
    const facts = rows.map((row) => ({
      ...appliedMigration(row),
      reversible: row['reversible'] === true,
      baselined: row['baselined'] === true,
      durationMs: optionalNumber(row['duration_ms']),
      appliedAt: optionalText(row['applied_at']),
      appliedBy: text(row['applied_by']),
      host: text(row['host']),
      gitCommit: optionalText(row['git_commit']),
    }))
    return await markBeside(files, facts, client)
  } catch (error) {
    throw await explainDenied(client, error, 'read')
  }
}
