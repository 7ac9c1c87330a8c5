/**
 * Whether a thing is in the catalog. Names without a schema are looked for along the session's search_path.
 */
import type { CatalogObject, ObjectKind } from '../sql/effects.ts'
import { equals } from '../own-path.ts'
import type { Queryable } from '../types.ts'
import { quoteName } from '../sql/quote.ts'

/** `invalid`: an index whose build did not end, which the server does not use. */
export type Presence = 'there' | 'invalid' | 'not there'

/** Looks, and changes nothing. */
export async function findObject(client: Queryable, object: CatalogObject): Promise<Presence> {
  const { text, values } = lookup(object)
  const { rows } = await client.query(text, values)
  if (rows.length === 0) return 'not there'
  return rows.some((row) => row['valid'] !== false) ? 'there' : 'invalid'
}

interface Lookup {
  readonly text: string
  readonly values: readonly unknown[]
}

const relationKinds: Partial<Record<ObjectKind, string>> = {
  table: 'rp',
  'foreign table': 'f',
  view: 'v',
  'materialized view': 'm',
  sequence: 'S',
}

// Parts of a table: catalog, column with the table, column with the name, what else must hold.
const parts: Partial<Record<ObjectKind, string>> = {
  column: `pg_catalog.pg_attribute WHERE attrelid ${equals} pg_catalog.to_regclass($1) AND attname ${equals} $2 AND attnum OPERATOR(pg_catalog.>) 0 AND NOT attisdropped`,
  constraint: `pg_catalog.pg_constraint WHERE conrelid ${equals} pg_catalog.to_regclass($1) AND conname ${equals} $2`,
  validation: `pg_catalog.pg_constraint WHERE conrelid ${equals} pg_catalog.to_regclass($1) AND conname ${equals} $2 AND convalidated`,
  trigger: `pg_catalog.pg_trigger WHERE tgrelid ${equals} pg_catalog.to_regclass($1) AND tgname ${equals} $2 AND NOT tgisinternal`,
  policy: `pg_catalog.pg_policy WHERE polrelid ${equals} pg_catalog.to_regclass($1) AND polname ${equals} $2`,
  rule: `pg_catalog.pg_rewrite WHERE ev_class ${equals} pg_catalog.to_regclass($1) AND rulename ${equals} $2`,
  'enum value': `pg_catalog.pg_enum WHERE enumtypid ${equals} pg_catalog.to_regtype($1) AND enumlabel ${equals} $2`,
}

const selectIndex = `
SELECT i.indisvalid AS valid FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid ${equals} i.indexrelid WHERE `

// Types that are not there give null, which equals nothing.
const selectFunction = `
SELECT FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid ${equals} p.pronamespace
WHERE p.proname ${equals} $1 AND CASE WHEN $2::pg_catalog.text IS NULL THEN pg_catalog.pg_function_is_visible(p.oid) ELSE n.nspname ${equals} $2 END
  AND ($3::pg_catalog.text[] IS NULL OR ARRAY(SELECT pg_catalog.unnest(p.proargtypes::pg_catalog.oid[])) ${equals} ARRAY(
    SELECT pg_catalog.to_regtype(t.name)::pg_catalog.oid FROM pg_catalog.unnest($3::pg_catalog.text[]) WITH ORDINALITY AS t (name, place) ORDER BY t.place))`

function lookup(object: CatalogObject): Lookup {
  const { kind, schema, name, of } = object
  const full = quoteName({ schema, name })
  const part = parts[kind]
  if (part !== undefined) return { text: `SELECT FROM ${part}`, values: [of === undefined ? '' : quoteName(of), name] }
  const relation = relationKinds[kind]
  if (relation !== undefined) {
    const text = `SELECT FROM pg_catalog.pg_class WHERE oid ${equals} pg_catalog.to_regclass($1) AND pg_catalog.strpos($2, relkind::pg_catalog.text) OPERATOR(pg_catalog.>) 0`
    return { text, values: [full, relation] }
  }
  // Where its table is known an index is in the schema of that, wherever search_path leads.
  if (kind === 'index' && of !== undefined) {
    const text = `${selectIndex} i.indrelid ${equals} pg_catalog.to_regclass($1) AND c.relname ${equals} $2`
    return { text, values: [quoteName(of), name] }
  }
  if (kind === 'index') return { text: `${selectIndex} c.oid ${equals} pg_catalog.to_regclass($1)`, values: [full] }
  if (kind === 'schema')
    return { text: `SELECT FROM pg_catalog.pg_namespace WHERE nspname ${equals} $1`, values: [name] }
  if (kind === 'extension')
    return { text: `SELECT FROM pg_catalog.pg_extension WHERE extname ${equals} $1`, values: [name] }
  if (kind === 'function') return { text: selectFunction, values: [name, schema ?? null, object.arguments ?? null] }
  return { text: 'SELECT WHERE pg_catalog.to_regtype($1) IS NOT NULL', values: [full] }
}
