/**
 * `CREATE INDEX IF NOT EXISTS` goes by the name alone: where an INVALID index has it, there is no index in the end, and the server says
 * no more than that the name is there already.
 */
import type { Part, Program } from '../sql/program.ts'
import type { Queryable } from '../types.ts'
import { quoteName } from '../sql/quote.ts'
import { waysOutOf } from './recover.ts'

/** An INVALID index that a CREATE INDEX IF NOT EXISTS took for the one that was to be made. */
export interface PassedIndex {
  /** Qualified and quoted. */
  readonly name: string
  readonly definition: string
  readonly hint: string
  /** Number (from 0) of the statement in the file. */
  readonly statement: number
}

/** Looks after a part, in its transaction: the part may itself drop or rebuild what was there before. */
export async function findPassed(
  client: Queryable,
  { statements }: Program,
  part: Part,
): Promise<PassedIndex | undefined> {
  const named = statements
    .slice(part.first, part.first + part.count)
    .flatMap(({ index }, number) => (index === undefined ? [] : [{ ...index, statement: part.first + number }]))
  if (named.length === 0) return undefined
  const { rows } = await client.query(selectPassed, [
    named.map(({ table }) => quoteName(table)),
    named.map(({ name }) => name),
    named.map(({ statement }) => statement),
  ])
  const [row] = rows
  if (row === undefined) return undefined
  const name = String(row['name'])
  return { name, definition: String(row['definition']), hint: waysOutOf(name), statement: Number(row['statement']) }
}

const selectPassed = `
SELECT pg_catalog.quote_ident(n.nspname) OPERATOR(pg_catalog.||) '.' OPERATOR(pg_catalog.||) pg_catalog.quote_ident(c.relname) AS name,
  pg_catalog.pg_get_indexdef(c.oid) AS definition, named.statement
FROM ROWS FROM (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[]), pg_catalog.unnest($3::int[])) named (of_table, name, statement)
JOIN pg_catalog.pg_class t ON t.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(named.of_table)
JOIN pg_catalog.pg_class c ON c.relnamespace OPERATOR(pg_catalog.=) t.relnamespace AND c.relname OPERATOR(pg_catalog.=) named.name::name
JOIN pg_catalog.pg_index i ON i.indexrelid OPERATOR(pg_catalog.=) c.oid
JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
WHERE NOT i.indisvalid AND c.relkind OPERATOR(pg_catalog.=) 'i'
ORDER BY named.statement LIMIT 1`
