/**
 * Reading the ledger. Nothing here creates, locks or changes anything, so it is what every look uses.
 */
import type { AppliedMigration, Queryable, Unfinished } from '../types.ts'
import { joined } from '../own-path.ts'
import { explainDenied } from './denied.ts'
import { ledgerLayout } from './layout.ts'

/** A row with everything that is told about a migration; times as ISO 8601 text. */
export interface LedgerRow extends AppliedMigration {
  readonly state: 'applied' | Unfinished['state']
  readonly upSql: string
  readonly rollback: { readonly sql: string; readonly checksum: string } | undefined
  readonly durationMs: number | undefined
  readonly startedAt: string
  readonly appliedAt: string | undefined
  readonly appliedBy: string
  readonly databaseRole: string
  readonly host: string
  readonly gitCommit: string | undefined
  readonly toolVersion: string
  readonly serverVersion: string
  /** Of the schema after it; only the last migration of a run has one. */
  readonly fingerprint: string | undefined
  /** Hash over the statements that are done; see `ProgramStatement.chain`. */
  readonly chain: string | undefined
  /** Number (from 1) of the statement that was begun outside of a transaction and whose end is not recorded. */
  readonly runningStatement: number | undefined
  readonly context: Readonly<Record<string, unknown>> | undefined
  readonly error: Readonly<Record<string, unknown>> | undefined
}

const selectApplied = `
SELECT version_text AS version, name, checksum, state, statements_applied, statements_total
FROM poststack.schema_migrations ORDER BY poststack.schema_migrations.version`

// A ledger of the first layout lacks columns; as JSON they are simply absent.
const selectRows = `
SELECT pg_catalog.to_jsonb(m) OPERATOR(pg_catalog.-) 'version'
  ${joined} pg_catalog.jsonb_build_object('started_at', pg_catalog.to_char(m.started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'applied_at', pg_catalog.to_char(m.applied_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) AS row
FROM poststack.schema_migrations m ORDER BY m.version`

/**
 * What of each row planning needs, sorted by version; nothing at all when there is no ledger. Fails with `LEDGER_FOREIGN`
 * when a table of that name is not ours, and with `LEDGER_DENIED` when the role may not read it.
 */
export async function readLedger(client: Queryable): Promise<readonly AppliedMigration[]> {
  return await read(client, selectApplied, appliedMigration)
}

/** The whole rows, sorted by version, with the texts in them. Fails as `readLedger` does. */
export async function readLedgerRows(client: Queryable): Promise<readonly LedgerRow[]> {
  return await read(client, selectRows, ledgerRow)
}

type Fields = Readonly<Record<string, unknown>>

async function read<T>(client: Queryable, select: string, convert: (row: Fields) => T): Promise<readonly T[]> {
  try {
    if ((await ledgerLayout(client)) === undefined) return []
    const { rows } = await client.query(select)
    return rows.map(convert)
  } catch (error) {
    throw await explainDenied(client, error, 'read')
  }
}

export function appliedMigration(row: Fields): AppliedMigration {
  const state = stateOf(row['state'])
  const facts = { version: text(row['version']), name: text(row['name']), checksum: text(row['checksum']) }
  return state === 'applied' ? facts : { ...facts, unfinished: unfinished(state, row) }
}

function ledgerRow(row: Fields): LedgerRow {
  const fields = row['row'] as Fields
  const rollbackSql = optionalText(fields['rollback_sql'])
  return {
    ...appliedMigration({ ...fields, version: fields['version_text'] }),
    state: stateOf(fields['state']),
    upSql: text(fields['up_sql']),
    rollback: rollbackSql === undefined ? undefined : { sql: rollbackSql, checksum: text(fields['rollback_checksum']) },
    durationMs: optionalNumber(fields['duration_ms']),
    startedAt: text(fields['started_at']),
    appliedAt: optionalText(fields['applied_at']),
    appliedBy: text(fields['applied_by']),
    databaseRole: text(fields['database_role']),
    host: text(fields['host']),
    gitCommit: optionalText(fields['git_commit']),
    toolVersion: text(fields['tool_version']),
    serverVersion: text(fields['server_version']),
    fingerprint: optionalText(fields['schema_fingerprint']),
    chain: optionalText(fields['statements_chain']),
    runningStatement: optionalNumber(fields['statement_running']),
    context: optionalRecord(fields['statement_context']),
    error: optionalRecord(fields['error']),
  }
}

function unfinished(state: Unfinished['state'], row: Fields): Unfinished {
  return {
    state,
    applied: optionalNumber(row['statements_applied']) ?? 0,
    total: optionalNumber(row['statements_total']),
  }
}

// The first layout knew no progress: what was not applied as a whole there had ended its own transaction.
function stateOf(value: unknown): LedgerRow['state'] {
  return value === 'applied' || value === 'running' || value === 'failed' || value === 'rolling-back'
    ? value
    : 'unknown'
}

export function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

export function optionalText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

export function optionalNumber(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined
}

function optionalRecord(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null ? (value as Fields) : undefined
}
