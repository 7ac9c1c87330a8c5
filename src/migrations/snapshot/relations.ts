/**
 * The snapshot's branches for tables and all that is table-like, with what hangs on them.
 */
import {
  firing,
  flag,
  foreignOptions,
  identity,
  notMember,
  privileges,
  role,
  select,
  sorted,
  type Branch,
} from './sql.ts'

/** Branches for a server of this `server_version_num`. */
export function relationBranches(version: number): readonly string[] {
  return [
    relations,
    columns(version),
    columnOrder,
    sequences,
    indexes,
    constraints,
    domainConstraints,
    triggers,
    rules,
    policies,
    statistics,
  ].map(select)
}

const tablespace = `(SELECT quote_ident(s.spcname) FROM pg_tablespace s WHERE s.oid = c.reltablespace)`
const parents = `(SELECT string_agg(h.inhparent::regclass::text, ', ' ORDER BY h.inhseqno) FROM pg_inherits h WHERE h.inhrelid = c.oid)`
const persistence = `CASE c.relpersistence WHEN 'u' THEN 'unlogged' END`
// Declared here as well as inherited, or by inheritance alone: a column of the second kind goes with its parent's.
const inherited = (count: string, local: string): string =>
  `CASE WHEN ${count} > 0 THEN CASE WHEN ${local} THEN 'and declared' ELSE 'yes' END END`
const table = `c.class || ' ' || c.name`
// Some builds of PostgreSQL write a number of their own into columns, and never the same twice: nobody has declared it.
const ownOption = `e LIKE 'pg\\_attver=%'`

const relations: Branch = {
  class: 'c.class',
  name: 'c.name',
  attributes: {
    persistence,
    'of type': `CASE WHEN c.reloftype <> 0 THEN format_type(c.reloftype, NULL) END`,
    'partition key': `CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END`,
    inherits: parents,
    partition: `pg_get_expr(c.relpartbound, c.oid)`,
    'detach pending': flag(
      `(SELECT bool_or((to_jsonb(h) ->> 'inhdetachpending')::boolean) FROM pg_inherits h WHERE h.inhrelid = c.oid)`,
    ),
    query: `CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END`,
    server: `(SELECT quote_ident(s.srvname) FROM pg_foreign_server s WHERE s.oid = f.ftserver)`,
    'foreign options': foreignOptions('f.ftoptions'),
    'access method': `CASE WHEN c.relkind IN ('r', 'p', 'm') THEN (SELECT quote_ident(m.amname) FROM pg_am m WHERE m.oid = c.relam) END`,
    options: sorted('c.reloptions'),
    'toast options': `(SELECT ${sorted('t.reloptions')} FROM pg_class t WHERE t.oid = c.reltoastrelid)`,
    tablespace,
    'row security': `CASE WHEN c.relrowsecurity THEN 'enabled' END`,
    'row security for the owner': `CASE WHEN c.relforcerowsecurity THEN 'forced' END`,
    'replica identity': `CASE c.relreplident WHEN 'f' THEN 'full' WHEN 'i' THEN 'index' WHEN 'n' THEN CASE WHEN c.relkind IN ('r', 'p', 'm') THEN 'nothing' END END`,
    owner: role('c.relowner'),
    privileges: `CASE WHEN c.relkind = 'c' THEN ${privileges('t.typacl', 'T', 'c.relowner')} ELSE ${privileges('c.relacl', 'r', 'c.relowner')} END`,
  },
  from: `relations c LEFT JOIN pg_foreign_table f ON f.ftrelid = c.oid LEFT JOIN pg_type t ON t.oid = c.reltype
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')`,
}

// From PostgreSQL 18 on a NOT NULL is a constraint with a name. It stays an attribute of the column: its name is mostly made up by the
// server, from names that may have changed since, so a rollback that restores the NOT NULL would not restore the name.
function columns(version: number): Branch {
  const compression = `CASE a.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END`
  const notNull = `(SELECT NULLIF(concat_ws(', ', CASE WHEN k.connoinherit THEN 'no inherit' END, CASE WHEN NOT k.convalidated THEN 'not valid' END), '')
    FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'n' AND k.conkey[1] = a.attnum)`
  return {
    class: `'column'`,
    name: `c.name || '.' || quote_ident(a.attname)`,
    parent: table,
    attributes: {
      type: `format_type(a.atttypid, a.atttypmod)`,
      null: `CASE WHEN a.attnotnull THEN 'not null' ELSE 'null' END`,
      ...(version >= 180000 ? { 'not null constraint': notNull } : {}),
      default: `CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END`,
      generated: `CASE WHEN a.attgenerated <> '' THEN pg_get_expr(d.adbin, d.adrelid) || CASE a.attgenerated WHEN 'v' THEN ' virtual' ELSE ' stored' END END`,
      identity: `CASE a.attidentity WHEN 'a' THEN 'always' WHEN 'd' THEN 'by default' END`,
      collation: `CASE WHEN a.attcollation NOT IN (0, t.typcollation) THEN a.attcollation::regcollation::text END`,
      storage: `CASE WHEN a.attstorage <> t.typstorage THEN CASE a.attstorage WHEN 'p' THEN 'plain' WHEN 'e' THEN 'external' WHEN 'm' THEN 'main' ELSE 'extended' END END`,
      ...(version >= 140000 ? { compression } : {}),
      statistics: `NULLIF(a.attstattarget, -1)`,
      options: sorted('a.attoptions', ownOption),
      'foreign options': foreignOptions('a.attfdwoptions'),
      inherited: inherited('a.attinhcount', 'a.attislocal'),
      privileges: privileges('a.attacl', 'c', 'c.relowner'),
    },
    from: `relations c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
      WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')`,
  }
}

// Of its own, because a column that was dropped and added again stands last, and no rollback can help that.
const columnOrder: Branch = {
  class: `'column-order'`,
  name: 'c.name',
  parent: table,
  attributes: {
    order: `(SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)`,
  },
  from: `relations c WHERE c.relkind IN ('r', 'p', 'f', 'c')`,
}

// A sequence of an identity or serial column comes and goes with its table.
const sequences: Branch = {
  class: `'sequence'`,
  name: 'c.name',
  parent: `o.class || ' ' || o.name`,
  attributes: {
    persistence,
    type: `format_type(q.seqtypid, NULL)`,
    start: 'q.seqstart::text',
    increment: 'q.seqincrement::text',
    minimum: 'q.seqmin::text',
    maximum: 'q.seqmax::text',
    cache: 'q.seqcache::text',
    cycle: flag('q.seqcycle'),
    'owned by': `(SELECT o.name || '.' || quote_ident(a.attname) FROM pg_attribute a WHERE a.attrelid = o.oid AND a.attnum = d.refobjsubid)`,
    owner: role('c.relowner'),
    privileges: privileges('c.relacl', 's', 'c.relowner'),
  },
  from: `relations c JOIN pg_sequence q ON q.seqrelid = c.oid
    LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.objsubid = 0 AND d.refclassid = 'pg_class'::regclass
      AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
    LEFT JOIN relations o ON o.oid = d.refobjid`,
}

const indexes: Branch = {
  class: `'index'`,
  name: 'c.name',
  parent: `coalesce('constraint ' || quote_ident(k.conname) || ' on ' || r.name, r.class || ' ' || r.name)`,
  attributes: {
    definition: 'pg_get_indexdef(c.oid)',
    valid: `CASE WHEN NOT i.indisvalid THEN 'not valid' ELSE 'valid' END`,
    ready: `CASE WHEN NOT i.indisready THEN 'not ready' ELSE 'ready' END`,
    'attached to': parents,
    'replica identity': flag('i.indisreplident'),
    clustered: flag('i.indisclustered'),
    statistics: `(SELECT string_agg(a.attnum || '=' || a.attstattarget, ', ' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND a.attstattarget >= 0)`,
    tablespace,
  },
  from: `relations c JOIN pg_index i ON i.indexrelid = c.oid JOIN relations r ON r.oid = i.indrelid
    LEFT JOIN pg_constraint k ON k.conindid = c.oid AND k.conrelid = r.oid AND k.contype IN ('p', 'u', 'x')`,
}

// Whether it is validated, deferrable or enforced stands in the definition. Constraint triggers are triggers to everybody.
const constraint = {
  definition: 'pg_get_constraintdef(k.oid)',
  inherited: inherited('k.coninhcount', 'k.conislocal'),
}

const constraints: Branch = {
  class: `'constraint'`,
  name: `quote_ident(k.conname) || ' on ' || c.name`,
  parent: table,
  attributes: {
    ...constraint,
    // DISABLE TRIGGER ALL turns the check of a foreign key off, and no other catalog tells.
    checking: `CASE k.contype WHEN 'f' THEN (SELECT string_agg(DISTINCT ${firing('t.tgenabled')}, ', ') FROM pg_trigger t WHERE t.tgconstraint = k.oid) END`,
  },
  from: `pg_constraint k JOIN relations c ON c.oid = k.conrelid WHERE k.contype NOT IN ('t', 'n')`,
}

const domainConstraints: Branch = {
  class: `'constraint'`,
  name: `quote_ident(k.conname) || ' on ' || ${identity('pg_type', 't.oid')}`,
  parent: `'domain ' || ${identity('pg_type', 't.oid')}`,
  attributes: constraint,
  from: `pg_constraint k JOIN pg_type t ON t.oid = k.contypid JOIN spaces s ON s.oid = t.typnamespace
    WHERE k.contype <> 'n' AND ${notMember('pg_type', 't.oid')}`,
}

const triggers: Branch = {
  class: `'trigger'`,
  name: `quote_ident(t.tgname) || ' on ' || c.name`,
  parent: table,
  attributes: { definition: 'pg_get_triggerdef(t.oid)', firing: firing('t.tgenabled') },
  from: `pg_trigger t JOIN relations c ON c.oid = t.tgrelid WHERE NOT t.tgisinternal`,
}

const rules: Branch = {
  class: `'rule'`,
  name: `quote_ident(w.rulename) || ' on ' || c.name`,
  parent: table,
  attributes: { definition: 'pg_get_ruledef(w.oid)', firing: firing('w.ev_enabled') },
  // A view's own rule is its query.
  from: `pg_rewrite w JOIN relations c ON c.oid = w.ev_class WHERE w.rulename <> '_RETURN'`,
}

const policies: Branch = {
  class: `'policy'`,
  name: `quote_ident(p.polname) || ' on ' || c.name`,
  parent: table,
  attributes: {
    kind: `CASE WHEN p.polpermissive THEN 'permissive' ELSE 'restrictive' END`,
    command: `CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END`,
    roles: `(SELECT string_agg(CASE r WHEN 0 THEN 'PUBLIC' ELSE ${role('r')} END, ', ' ORDER BY ${role('r')} COLLATE "C") FROM unnest(p.polroles) r)`,
    using: 'pg_get_expr(p.polqual, p.polrelid)',
    check: 'pg_get_expr(p.polwithcheck, p.polrelid)',
  },
  from: `pg_policy p JOIN relations c ON c.oid = p.polrelid`,
}

const statistics: Branch = {
  class: `'statistics-object'`,
  name: `s.name || '.' || quote_ident(x.stxname)`,
  parent: table,
  attributes: {
    definition: 'pg_get_statisticsobjdef(x.oid)',
    target: 'NULLIF(x.stxstattarget, -1)',
    owner: role('x.stxowner'),
  },
  from: `pg_statistic_ext x JOIN spaces s ON s.oid = x.stxnamespace JOIN relations c ON c.oid = x.stxrelid
    WHERE ${notMember('pg_statistic_ext', 'x.oid')}`,
}
