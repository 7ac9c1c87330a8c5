/**
 * The snapshot's branches for functions, types, and what is made of them: operators, casts, collations.
 */
import { flag, identity, notMember, privileges, role, routine, select, type Branch } from './sql.ts'

export const routineBranches: () => readonly string[] = () =>
  [
    functions,
    aggregates,
    types,
    enumValues,
    enumOrder,
    operators,
    operatorClasses,
    operatorFamilies,
    casts,
    collations,
    conversions,
    transforms,
    languages,
    accessMethods,
  ].map(select)

// The last object number that a new database may have taken for its own. What no schema holds is ours only above it.
const lastBuiltin = 16383

/** FROM and WHERE for a catalog whose objects stand in a schema. */
function inSpace(catalog: string, alias: string, namespace: string): string {
  return `${catalog} ${alias} JOIN spaces s ON s.oid = ${alias}.${namespace} WHERE ${notMember(catalog, `${alias}.oid`)}`
}

function outsideSpaces(catalog: string, alias: string): string {
  return `${catalog} ${alias} WHERE ${alias}.oid > ${lastBuiltin} AND ${notMember(catalog, `${alias}.oid`)}`
}

const functions: Branch = {
  class: `CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END`,
  name: identity('pg_proc', 'p.oid'),
  attributes: {
    definition: 'pg_get_functiondef(p.oid)',
    owner: role('p.proowner'),
    privileges: privileges('p.proacl', 'f', 'p.proowner'),
  },
  from: `${inSpace('pg_proc', 'p', 'pronamespace')} AND p.prokind <> 'a'`,
}

const aggregates: Branch = {
  class: `'aggregate'`,
  name: identity('pg_proc', 'p.oid'),
  attributes: {
    kind: `CASE a.aggkind WHEN 'o' THEN 'ordered-set' WHEN 'h' THEN 'hypothetical-set' END`,
    arguments: 'pg_get_function_arguments(p.oid)',
    result: 'pg_get_function_result(p.oid)',
    parallel: `CASE p.proparallel WHEN 's' THEN 'safe' WHEN 'r' THEN 'restricted' END`,
    transition: routine('a.aggtransfn'),
    state: 'format_type(a.aggtranstype, NULL)',
    'state size': 'NULLIF(a.aggtransspace, 0)',
    initial: 'a.agginitval',
    final: routine('a.aggfinalfn'),
    'final arguments': flag('a.aggfinalextra'),
    'final modifies': 'a.aggfinalmodify::text',
    combine: routine('a.aggcombinefn'),
    serialize: routine('a.aggserialfn'),
    deserialize: routine('a.aggdeserialfn'),
    'moving transition': routine('a.aggmtransfn'),
    'moving inverse': routine('a.aggminvtransfn'),
    'moving state': `CASE WHEN a.aggmtranstype <> 0 THEN format_type(a.aggmtranstype, NULL) END`,
    'moving state size': 'NULLIF(a.aggmtransspace, 0)',
    'moving initial': 'a.aggminitval',
    'moving final': routine('a.aggmfinalfn'),
    'moving final arguments': flag('a.aggmfinalextra'),
    'moving final modifies': 'a.aggmfinalmodify::text',
    'sort operator': `NULLIF(a.aggsortop::regoperator::text, '0')`,
    owner: role('p.proowner'),
    privileges: privileges('p.proacl', 'f', 'p.proowner'),
  },
  from: inSpace('pg_proc', 'p', 'pronamespace').replace(' WHERE', ' JOIN pg_aggregate a ON a.aggfnoid = p.oid WHERE'),
}

// Not the types that stand for a table's rows, for arrays or for multiranges: they come and go with what they are made of.
const types: Branch = {
  class: `CASE t.typtype WHEN 'd' THEN 'domain' WHEN 'e' THEN 'enum' WHEN 'r' THEN 'range' ELSE 'type' END`,
  name: identity('pg_type', 't.oid'),
  attributes: {
    defined: `CASE WHEN NOT t.typisdefined THEN 'not defined' ELSE 'defined' END`,
    type: `CASE t.typtype WHEN 'd' THEN format_type(t.typbasetype, t.typtypmod) END`,
    null: `CASE t.typtype WHEN 'd' THEN CASE WHEN t.typnotnull THEN 'not null' ELSE 'null' END END`,
    default: `coalesce(pg_get_expr(t.typdefaultbin, 0), t.typdefault)`,
    collation: `CASE WHEN t.typcollation NOT IN (0, 'pg_catalog."default"'::regcollation) THEN t.typcollation::regcollation::text END`,
    input: base(routine('t.typinput')),
    output: base(routine('t.typoutput')),
    receive: base(routine('t.typreceive')),
    send: base(routine('t.typsend')),
    'modifier input': base(routine('t.typmodin')),
    'modifier output': base(routine('t.typmodout')),
    analyze: base(routine('t.typanalyze')),
    length: base('t.typlen::text'),
    'by value': base(flag('t.typbyval')),
    alignment: base('t.typalign::text'),
    storage: base('t.typstorage::text'),
    category: base('t.typcategory::text'),
    preferred: base(flag('t.typispreferred')),
    delimiter: base('t.typdelim::text'),
    element: base(`CASE WHEN t.typelem <> 0 THEN format_type(t.typelem, NULL) END`),
    subtype: `CASE t.typtype WHEN 'r' THEN format_type(r.rngsubtype, NULL) END`,
    'subtype collation': `CASE WHEN r.rngcollation <> 0 THEN r.rngcollation::regcollation::text END`,
    'subtype operators': identity('pg_opclass', 'r.rngsubopc'),
    canonical: routine('r.rngcanonical'),
    difference: routine('r.rngsubdiff'),
    // Since PostgreSQL 14.
    multirange: `format_type((to_jsonb(r) ->> 'rngmultitypid')::oid, NULL)`,
    owner: role('t.typowner'),
    privileges: privileges('t.typacl', 'T', 't.typowner'),
  },
  from: `${inSpace('pg_type', 't', 'typnamespace').replace(' WHERE', ' LEFT JOIN pg_range r ON r.rngtypid = t.oid WHERE')}
    AND t.typtype IN ('b', 'd', 'e', 'r', 'p') AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)`,
}

function base(expression: string): string {
  return `CASE t.typtype WHEN 'b' THEN ${expression} END`
}

// An object for each label, so that a label left behind is told from a changed type.
const enumValues: Branch = {
  class: `'enum-value'`,
  name: `${identity('pg_type', 't.oid')} || ' ' || quote_literal(v.enumlabel)`,
  parent: `'enum ' || ${identity('pg_type', 't.oid')}`,
  attributes: {},
  from: inSpace('pg_type', 't', 'typnamespace').replace(' WHERE', ' JOIN pg_enum v ON v.enumtypid = t.oid WHERE'),
}

const enumOrder: Branch = {
  class: `'enum-order'`,
  name: identity('pg_type', 't.oid'),
  parent: `'enum ' || ${identity('pg_type', 't.oid')}`,
  attributes: {
    order: `(SELECT string_agg(quote_ident(v.enumlabel), ', ' ORDER BY v.enumsortorder) FROM pg_enum v WHERE v.enumtypid = t.oid)`,
  },
  from: `${inSpace('pg_type', 't', 'typnamespace')} AND t.typtype = 'e'`,
}

const operator = (oid: string): string => `NULLIF(${oid}::regoperator::text, '0')`

const operators: Branch = {
  class: `'operator'`,
  name: identity('pg_operator', 'o.oid'),
  attributes: {
    function: routine('o.oprcode::oid'),
    commutator: operator('o.oprcom'),
    negator: operator('o.oprnegate'),
    restrict: routine('o.oprrest::oid'),
    join: routine('o.oprjoin::oid'),
    hashes: flag('o.oprcanhash'),
    merges: flag('o.oprcanmerge'),
    owner: role('o.oprowner'),
  },
  from: inSpace('pg_operator', 'o', 'oprnamespace'),
}

const operatorClasses: Branch = {
  class: `'operator-class'`,
  name: identity('pg_opclass', 'o.oid'),
  attributes: {
    type: 'format_type(o.opcintype, NULL)',
    'stored type': `CASE WHEN o.opckeytype <> 0 THEN format_type(o.opckeytype, NULL) END`,
    default: flag('o.opcdefault'),
    family: identity('pg_opfamily', 'o.opcfamily'),
    owner: role('o.opcowner'),
  },
  from: inSpace('pg_opclass', 'o', 'opcnamespace'),
}

const operatorFamilies: Branch = {
  class: `'operator-family'`,
  name: identity('pg_opfamily', 'o.oid'),
  attributes: {
    operators: `(SELECT string_agg(a.amopstrategy || ' ' || a.amopopr::regoperator || CASE WHEN a.amopsortfamily <> 0 THEN ' for order by ' || ${identity('pg_opfamily', 'a.amopsortfamily')} ELSE '' END, ', '
      ORDER BY a.amopstrategy, a.amopopr::regoperator::text COLLATE "C") FROM pg_amop a WHERE a.amopfamily = o.oid)`,
    functions: `(SELECT string_agg(a.amprocnum || ' (' || format_type(a.amproclefttype, NULL) || ', ' || format_type(a.amprocrighttype, NULL) || ') ' || a.amproc::oid::regprocedure, ', '
      ORDER BY a.amprocnum, format_type(a.amproclefttype, NULL) COLLATE "C", format_type(a.amprocrighttype, NULL) COLLATE "C") FROM pg_amproc a WHERE a.amprocfamily = o.oid)`,
    owner: role('o.opfowner'),
  },
  from: inSpace('pg_opfamily', 'o', 'opfnamespace'),
}

const casts: Branch = {
  class: `'cast'`,
  name: identity('pg_cast', 'k.oid'),
  attributes: {
    context: `CASE k.castcontext WHEN 'a' THEN 'assignment' WHEN 'i' THEN 'implicit' ELSE 'explicit' END`,
    method: `CASE k.castmethod WHEN 'i' THEN 'input and output' WHEN 'b' THEN 'same bytes' ELSE ${routine('k.castfunc')} END`,
  },
  from: outsideSpaces('pg_cast', 'k'),
}

// Without the version of the library behind it, which is the machine's affair. `to_jsonb`, because the columns changed with PostgreSQL 15, 16 and 17.
const collations: Branch = {
  class: `'collation'`,
  name: identity('pg_collation', 'l.oid'),
  attributes: {
    provider: `CASE l.collprovider WHEN 'i' THEN 'icu' WHEN 'c' THEN 'libc' WHEN 'b' THEN 'builtin' ELSE l.collprovider::text END`,
    deterministic: `CASE WHEN l.collisdeterministic THEN 'deterministic' ELSE 'not deterministic' END`,
    locale: `concat_ws(' ', coalesce(to_jsonb(l) ->> 'colllocale', to_jsonb(l) ->> 'colliculocale'), NULLIF(concat_ws('/', l.collcollate, l.collctype), ''))`,
    rules: `to_jsonb(l) ->> 'collicurules'`,
    owner: role('l.collowner'),
  },
  from: inSpace('pg_collation', 'l', 'collnamespace'),
}

const conversions: Branch = {
  class: `'conversion'`,
  name: identity('pg_conversion', 'v.oid'),
  attributes: {
    from: 'pg_encoding_to_char(v.conforencoding)::text',
    to: 'pg_encoding_to_char(v.contoencoding)::text',
    function: routine('v.conproc::oid'),
    default: flag('v.condefault'),
    owner: role('v.conowner'),
  },
  from: inSpace('pg_conversion', 'v', 'connamespace'),
}

const transforms: Branch = {
  class: `'transform'`,
  // The server's own name for it differs from version to version.
  name: `'for ' || format_type(f.trftype, NULL) || ' language ' || (SELECT quote_ident(l.lanname) FROM pg_language l WHERE l.oid = f.trflang)`,
  attributes: { 'from SQL': routine('f.trffromsql::oid'), 'to SQL': routine('f.trftosql::oid') },
  from: outsideSpaces('pg_transform', 'f'),
}

const languages: Branch = {
  class: `'language'`,
  name: identity('pg_language', 'l.oid'),
  attributes: {
    trusted: `CASE WHEN l.lanpltrusted THEN 'trusted' ELSE 'not trusted' END`,
    handler: routine('l.lanplcallfoid'),
    inline: routine('l.laninline'),
    validator: routine('l.lanvalidator'),
    owner: role('l.lanowner'),
    privileges: privileges('l.lanacl', 'l', 'l.lanowner'),
  },
  from: outsideSpaces('pg_language', 'l'),
}

const accessMethods: Branch = {
  class: `'access-method'`,
  name: identity('pg_am', 'm.oid'),
  attributes: {
    kind: `CASE m.amtype WHEN 't' THEN 'table' ELSE 'index' END`,
    handler: routine('m.amhandler::oid'),
  },
  from: outsideSpaces('pg_am', 'm'),
}
