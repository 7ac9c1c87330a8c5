/**
 * The words that the snapshot's query is put together from. All of it runs with a search_path of `pg_catalog` alone, so a bare
 * name is the catalog's own, and whatever is printed about other schemas is qualified.
 */
import { ledgerSchema } from '../schema-name.ts'

/** One kind of object; every field is SQL. */
export interface Branch {
  readonly class: string
  readonly name: string
  /** Null where the object stands by itself. */
  readonly parent?: string
  /** An attribute that is null has its default and is left out. */
  readonly attributes: Readonly<Record<string, string>>
  /** All that follows FROM. */
  readonly from: string
}

export function select({ class: kind, name, parent, attributes, from }: Branch): string {
  const pairs = Object.entries(attributes).map(([key, value]) => `'${key}', ${value}`)
  return `SELECT (${kind})::text, (${name})::text, (${parent ?? 'NULL'})::text, json_strip_nulls(json_build_object(${pairs.join(', ')}))::text FROM ${from}`
}

/**
 * What the branches select from: extension members with the functions and casts that the server makes of range types, the schemas that
 * count, and the relations in them.
 */
export const sources = `
members AS MATERIALIZED (
  SELECT classid, objid FROM pg_depend
  WHERE deptype = 'e' OR deptype = 'i' AND classid IN ('pg_proc'::regclass, 'pg_cast'::regclass)),
spaces AS MATERIALIZED (
  SELECT n.oid, quote_ident(n.nspname) AS name FROM pg_namespace n
  WHERE left(n.nspname, 3) <> 'pg_' AND n.nspname NOT IN ('information_schema', '${ledgerSchema}')),
relations AS MATERIALIZED (
  SELECT c.*, s.name || '.' || quote_ident(c.relname) AS name,
    CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized-view' WHEN 'f' THEN 'foreign-table' WHEN 'c' THEN 'composite-type'
      WHEN 'S' THEN 'sequence' WHEN 'i' THEN 'index' WHEN 'I' THEN 'index' ELSE 'table' END AS class
  FROM pg_class c JOIN spaces s ON s.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c', 'S', 'i', 'I') AND ${notMember('pg_class', 'c.oid')})`

/** Objects that came with an extension belong to it; the extension with its version stands for them. */
export function notMember(catalog: string, oid: string): string {
  return `${oid} NOT IN (SELECT m.objid FROM members m WHERE m.classid = '${catalog}'::regclass)`
}

/** PostgreSQL's own name for an object. */
export function identity(catalog: string, oid: string): string {
  return withoutCatalog(`(pg_identify_object('${catalog}'::regclass, ${oid}, 0)).identity`)
}

/** The server qualifies types in argument lists whatever the search_path; nobody writes `pg_catalog.text`. */
export function withoutCatalog(name: string): string {
  return `replace(${name}, 'pg_catalog.', '')`
}

export function role(oid: string): string {
  return `quote_ident(pg_get_userbyid(${oid}))`
}

/** The elements of an array of texts, sorted, as one text; without each element `e` for which `but` holds. */
export function sorted(array: string, but = 'false'): string {
  return `(SELECT string_agg(e, ', ' ORDER BY e COLLATE "C") FROM unnest(${array}) e WHERE NOT ${but})`
}

/**
 * Privileges, sorted; `*` marks the right to pass one on. Null where they are what an object of this kind has when nobody
 * granted anything, whether the catalog says so by null or by a list.
 */
export function privileges(acl: string, kind: string, owner: string): string {
  return `CASE WHEN ${acl} IS NOT NULL THEN NULLIF(${grants(acl, owner)}, ${grants(`acldefault('${kind}', ${owner})`, owner)}) END`
}

export function grants(acl: string, owner: string): string {
  return `coalesce((SELECT string_agg(g.line, '; ' ORDER BY g.line COLLATE "C") FROM (
    SELECT CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE ${role('x.grantee')} END
      || ' ' || string_agg(x.privilege_type || CASE WHEN x.is_grantable THEN '*' ELSE '' END, ', ' ORDER BY x.privilege_type COLLATE "C")
      || CASE WHEN x.grantor = ${owner} THEN '' ELSE ' by ' || ${role('x.grantor')} END AS line
    FROM aclexplode(${acl}) x GROUP BY x.grantee, x.grantor) g), 'nobody')`
}

/**
 * Options of foreign objects, without what may be a secret: snapshots are stored and shown. That such an option is there is seen, a
 * change of its value is not; a hash would let a short password be guessed.
 */
export function foreignOptions(options: string): string {
  const secret = `o.option_name ~* 'pass|secret|token|credential|private|api_?key' OR o.option_value ~* 'passw|pwd|secret|://[^/]*@'`
  return optionList(options, secret)
}

/** Of user mappings nothing but the user's name is shown: each wrapper has its own words for secrets. */
export function userMappingOptions(options: string): string {
  return optionList(options, `o.option_name !~* '^user(_?name)?$'`)
}

function optionList(options: string, secret: string): string {
  return `(SELECT string_agg(quote_ident(o.option_name) || '=' || CASE WHEN ${secret} THEN '(hidden)' ELSE coalesce(o.option_value, '') END, ', '
    ORDER BY o.option_name COLLATE "C") FROM pg_options_to_table(${options}) o)`
}

/** A function's name with its arguments; null where there is none. */
export function routine(oid: string): string {
  return `NULLIF(${oid}::regprocedure::text, '-')`
}

/** Null, the default, where the state is the usual one. */
export function firing(state: string): string {
  return `CASE ${state} WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'on replicas only' WHEN 'A' THEN 'always' END`
}

export function flag(condition: string): string {
  return `CASE WHEN ${condition} THEN 'yes' END`
}
