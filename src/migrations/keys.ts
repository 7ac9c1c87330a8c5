/**
 * Primary and foreign keys of the tables of a database: what `report` draws as relations.
 */
import type { Queryable } from './types.ts'

export interface PrimaryKey {
  readonly schema: string
  readonly table: string
  /** In the order of the key. */
  readonly columns: readonly string[]
}

/** What a table refers to, column by column. */
export interface ForeignKey extends PrimaryKey {
  readonly name: string
  readonly toSchema: string
  readonly toTable: string
  readonly toColumns: readonly string[]
  /** What becomes of the row when that which it refers to is deleted, as SQL writes it: `CASCADE`. */
  readonly onDelete: string
}

export interface TableKeys {
  readonly primaryKeys: readonly PrimaryKey[]
  readonly foreignKeys: readonly ForeignKey[]
}

/** The keys of all tables outside of the server's own schemas, sorted by table. Reads catalogs, never a table. */
export async function readKeys(client: Queryable): Promise<TableKeys> {
  const { rows } = await client.query(selectKeys)
  return {
    primaryKeys: rows.filter(({ kind }) => kind === 'p').map(keyOf),
    foreignKeys: rows
      .filter(({ kind }) => kind === 'f')
      .map((row) => ({
        ...keyOf(row),
        name: String(row['name']),
        toSchema: String(row['to_schema']),
        toTable: String(row['to_table']),
        toColumns: namesIn(row['to_columns']),
        onDelete: actions[String(row['on_delete'])] ?? 'NO ACTION',
      })),
  }
}

function keyOf(row: Readonly<Record<string, unknown>>): PrimaryKey {
  return { schema: String(row['schema']), table: String(row['table']), columns: namesIn(row['columns']) }
}

function namesIn(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : []
}

const actions: Readonly<Record<string, string>> = {
  a: 'NO ACTION',
  r: 'RESTRICT',
  c: 'CASCADE',
  n: 'SET NULL',
  d: 'SET DEFAULT',
}

const columnsOf = (
  relation: string,
  key: string,
): string => `(SELECT pg_catalog.jsonb_agg(a.attname ORDER BY x.position)
    FROM pg_catalog.unnest(${key}) WITH ORDINALITY x (number, position)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = ${relation} AND a.attnum = x.number)`

// A foreign key of a partitioned table has copies, for partitions on either side; their parent tells all of it.
const selectKeys = `
SELECT k.contype::text AS kind, k.conname::text AS name, n.nspname::text AS schema, c.relname::text AS "table",
  ${columnsOf('k.conrelid', 'k.conkey')} AS columns, tn.nspname::text AS to_schema, t.relname::text AS to_table,
  ${columnsOf('k.confrelid', 'k.confkey')} AS to_columns, k.confdeltype::text AS on_delete
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_class t ON t.oid = k.confrelid
LEFT JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
WHERE (k.contype = 'p' OR (k.contype = 'f' AND k.conparentid = 0)) AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY n.nspname, c.relname, k.conname`
