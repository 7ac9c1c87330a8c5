/**
 * The tables of a database with their columns, as `show-schema` tells them.
 */
import type { Queryable } from './types.ts'

export interface TableColumn {
  readonly name: string
  /** As SQL writes it: `numeric(10,2)`. */
  readonly type: string
  readonly nullable: boolean
  /** What a row gets that says nothing: an expression, or `identity`. */
  readonly fallback: string | undefined
}

export interface TableFacts {
  readonly schema: string
  readonly name: string
  readonly kind: 'table' | 'partitioned table' | 'view' | 'materialized view' | 'foreign table'
  /** The server's estimate; absent for what has no rows of its own, and before the server has counted for the first time. */
  readonly rows: number | undefined
  readonly columns: readonly TableColumn[]
}

/**
 * All tables and views outside of the server's own schemas, sorted by name; of one schema only, if one is named. Reads catalogs,
 * never a table.
 */
export async function readTables(client: Queryable, schema?: string): Promise<readonly TableFacts[]> {
  const { rows } = await client.query(selectTables, [schema ?? null])
  return rows.map((row) => ({
    schema: String(row['schema']),
    name: String(row['name']),
    kind: kinds[String(row['kind'])] ?? 'table',
    rows: row['rows'] === null ? undefined : Number(row['rows']),
    columns: (row['columns'] as readonly ColumnRow[]).map(({ name, type, nullable, fallback }) => ({
      name,
      type,
      nullable,
      fallback: fallback ?? undefined,
    })),
  }))
}

/** Whether there is a schema of that name. */
export async function hasSchema(client: Queryable, schema: string): Promise<boolean> {
  const { rows } = await client.query('SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1', [schema])
  return rows.length > 0
}

interface ColumnRow {
  readonly name: string
  readonly type: string
  readonly nullable: boolean
  readonly fallback: string | null
}

const kinds: Readonly<Record<string, TableFacts['kind']>> = {
  r: 'table',
  p: 'partitioned table',
  v: 'view',
  m: 'materialized view',
  f: 'foreign table',
}

// Before the first ANALYZE the catalog says -1 (0 before PostgreSQL 14); what the statistics have seen come and go is the next best.
const selectTables = `
SELECT n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind,
  CASE WHEN c.relkind NOT IN ('r', 'p', 'm') THEN NULL
    WHEN c.reltuples > 0 THEN c.reltuples::bigint
    WHEN c.relkind = 'p' THEN NULL
    ELSE s.n_live_tup END AS rows,
  COALESCE((SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
      'name', a.attname, 'type', pg_catalog.format_type(a.atttypid, a.atttypmod), 'nullable', NOT a.attnotnull,
      'fallback', CASE WHEN a.attidentity <> '' THEN 'identity' ELSE pg_catalog.pg_get_expr(d.adbin, d.adrelid) END) ORDER BY a.attnum)
    FROM pg_catalog.pg_attribute a
    LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '[]') AS columns
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_stat_all_tables s ON s.relid = c.oid
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND CASE WHEN $1::text IS NULL THEN n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ELSE n.nspname = $1 END
ORDER BY n.nspname, c.relname`
