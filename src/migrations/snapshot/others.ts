/**
 * The snapshot's branches for what is neither table-like nor made of functions: schemas, extensions, replication, foreign servers, text
 * search, default privileges, and what is said about objects: comments and labels.
 */
import {
  firing,
  flag,
  foreignOptions,
  grants,
  identity,
  notMember,
  privileges,
  role,
  routine,
  select,
  userMappingOptions,
  withoutCatalog,
  type Branch,
} from './sql.ts'

/** Branches for a server of this `server_version_num`. */
export function otherBranches(version: number): readonly string[] {
  return [
    schemas,
    extensions,
    defaultPrivileges,
    eventTriggers,
    publications,
    publicationTables(version),
    ...(version >= 150000 ? [publicationSchemas] : []),
    subscriptions(version),
    textSearchConfigurations,
    textSearchDictionaries,
    textSearchParsers,
    textSearchTemplates,
    foreignDataWrappers,
    servers,
    userMappings,
    remarks('comment', 'pg_description', { text: 'd.description' }),
    remarks('security-label', 'pg_seclabel', { label: 'd.label' }),
  ].map(select)
}

const schemas: Branch = {
  class: `'schema'`,
  name: 's.name',
  attributes: { owner: role('n.nspowner'), privileges: privileges('n.nspacl', 'n', 'n.nspowner') },
  from: `spaces s JOIN pg_namespace n ON n.oid = s.oid WHERE ${notMember('pg_namespace', 's.oid')}`,
}

const extensions: Branch = {
  class: `'extension'`,
  name: 'quote_ident(e.extname)',
  attributes: {
    schema: `(SELECT quote_ident(n.nspname) FROM pg_namespace n WHERE n.oid = e.extnamespace)`,
    version: 'e.extversion',
  },
  from: 'pg_extension e',
}

const defaultPrivileges: Branch = {
  class: `'default-privileges'`,
  name: identity('pg_default_acl', 'd.oid'),
  attributes: { privileges: grants('d.defaclacl', 'd.defaclrole') },
  from: `pg_default_acl d WHERE d.defaclnamespace = 0 OR d.defaclnamespace IN (SELECT s.oid FROM spaces s)`,
}

const eventTriggers: Branch = {
  class: `'event-trigger'`,
  name: 'quote_ident(t.evtname)',
  attributes: {
    event: 't.evtevent::text',
    tags: `(SELECT string_agg(g, ', ' ORDER BY g COLLATE "C") FROM unnest(t.evttags) g)`,
    function: routine('t.evtfoid'),
    firing: firing('t.evtenabled'),
    owner: role('t.evtowner'),
  },
  from: `pg_event_trigger t WHERE ${notMember('pg_event_trigger', 't.oid')}`,
}

const publications: Branch = {
  class: `'publication'`,
  name: 'quote_ident(p.pubname)',
  attributes: {
    'all tables': flag('p.puballtables'),
    publishes: `concat_ws(', ', CASE WHEN p.pubinsert THEN 'insert' END, CASE WHEN p.pubupdate THEN 'update' END,
      CASE WHEN p.pubdelete THEN 'delete' END, CASE WHEN p.pubtruncate THEN 'truncate' END)`,
    'via root': flag('p.pubviaroot'),
    // Since PostgreSQL 18.
    'generated columns': `NULLIF(to_jsonb(p) ->> 'pubgencols', 'n')`,
    owner: role('p.pubowner'),
  },
  from: `pg_publication p WHERE ${notMember('pg_publication', 'p.oid')}`,
}

function publicationTables(version: number): Branch {
  const columns = `(SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attname COLLATE "C") FROM pg_attribute a
    WHERE a.attrelid = c.oid AND a.attnum = ANY (r.prattrs))`
  return {
    class: `'publication-table'`,
    name: `c.name || ' in publication ' || quote_ident(p.pubname)`,
    parent: `'publication ' || quote_ident(p.pubname)`,
    attributes: version >= 150000 ? { where: 'pg_get_expr(r.prqual, r.prrelid)', columns } : {},
    from: 'pg_publication_rel r JOIN relations c ON c.oid = r.prrelid JOIN pg_publication p ON p.oid = r.prpubid',
  }
}

const publicationSchemas: Branch = {
  class: `'publication-schema'`,
  name: `s.name || ' in publication ' || quote_ident(p.pubname)`,
  parent: `'publication ' || quote_ident(p.pubname)`,
  attributes: {},
  from: 'pg_publication_namespace r JOIN spaces s ON s.oid = r.pnnspid JOIN pg_publication p ON p.oid = r.pnpubid',
}

// Columns that everybody may read, so that a snapshot does not depend on who takes it; where to connect to, with its password, is not
// among them.
function subscriptions(version: number): Branch {
  const since14 = {
    binary: flag('u.subbinary'),
    streaming: `NULLIF(NULLIF(u.substream::text, 'false'), 'f')`,
    'synchronous commit': `NULLIF(u.subsynccommit, 'off')`,
  }
  // Without the progress that the server notes in it.
  const since15 = {
    'two phases': flag(`u.subtwophasestate <> 'd'`),
    'disabled on error': flag('u.subdisableonerr'),
  }
  const since16 = {
    origin: `NULLIF(u.suborigin, 'any')`,
    'password required': flag('u.subpasswordrequired'),
    'run as owner': flag('u.subrunasowner'),
  }
  return {
    class: `'subscription'`,
    name: 'quote_ident(u.subname)',
    attributes: {
      publications: `(SELECT string_agg(quote_ident(p), ', ' ORDER BY p COLLATE "C") FROM unnest(u.subpublications) p)`,
      enabled: `CASE WHEN u.subenabled THEN 'enabled' ELSE 'not enabled' END`,
      slot: 'u.subslotname::text',
      ...(version >= 140000 ? since14 : {}),
      ...(version >= 150000 ? since15 : {}),
      ...(version >= 160000 ? since16 : {}),
      ...(version >= 170000 ? { failover: flag('u.subfailover') } : {}),
      owner: role('u.subowner'),
    },
    from: `pg_subscription u WHERE u.subdbid = (SELECT b.oid FROM pg_database b WHERE b.datname = current_database())`,
  }
}

function textSearch(kind: string, catalog: string, alias: string, attributes: Branch['attributes']): Branch {
  const namespace = { t: 'tmplnamespace', p: 'prsnamespace', c: 'cfgnamespace', d: 'dictnamespace' }[alias]
  return {
    class: `'text-search-${kind}'`,
    name: identity(catalog, `${alias}.oid`),
    attributes,
    from: `${catalog} ${alias} JOIN spaces s ON s.oid = ${alias}.${namespace} WHERE ${notMember(catalog, `${alias}.oid`)}`,
  }
}

const textSearchConfigurations = textSearch('configuration', 'pg_ts_config', 'c', {
  parser: identity('pg_ts_parser', 'c.cfgparser'),
  mappings: `(SELECT string_agg(k.alias || ' ' || m.mapdict::regdictionary, ', ' ORDER BY k.tokid, m.mapseqno)
    FROM pg_ts_config_map m JOIN ts_token_type(c.cfgparser) k ON k.tokid = m.maptokentype WHERE m.mapcfg = c.oid)`,
  owner: role('c.cfgowner'),
})

const textSearchDictionaries = textSearch('dictionary', 'pg_ts_dict', 'd', {
  template: identity('pg_ts_template', 'd.dicttemplate'),
  options: 'd.dictinitoption',
  owner: role('d.dictowner'),
})

const textSearchParsers = textSearch('parser', 'pg_ts_parser', 'p', {
  start: routine('p.prsstart::oid'),
  token: routine('p.prstoken::oid'),
  end: routine('p.prsend::oid'),
  headline: routine('p.prsheadline::oid'),
  types: routine('p.prslextype::oid'),
})

const textSearchTemplates = textSearch('template', 'pg_ts_template', 't', {
  init: routine('t.tmplinit::oid'),
  lexize: routine('t.tmpllexize::oid'),
})

const foreignDataWrappers: Branch = {
  class: `'foreign-data-wrapper'`,
  name: 'quote_ident(w.fdwname)',
  attributes: {
    handler: routine('w.fdwhandler'),
    validator: routine('w.fdwvalidator'),
    options: foreignOptions('w.fdwoptions'),
    owner: role('w.fdwowner'),
    privileges: privileges('w.fdwacl', 'F', 'w.fdwowner'),
  },
  from: `pg_foreign_data_wrapper w WHERE ${notMember('pg_foreign_data_wrapper', 'w.oid')}`,
}

const servers: Branch = {
  class: `'server'`,
  name: 'quote_ident(v.srvname)',
  attributes: {
    wrapper: 'quote_ident(w.fdwname)',
    type: 'v.srvtype',
    version: 'v.srvversion',
    options: foreignOptions('v.srvoptions'),
    owner: role('v.srvowner'),
    privileges: privileges('v.srvacl', 'S', 'v.srvowner'),
  },
  from: `pg_foreign_server v JOIN pg_foreign_data_wrapper w ON w.oid = v.srvfdw WHERE ${notMember('pg_foreign_server', 'v.oid')}`,
}

// The view shows everybody that a mapping is there, and its options to those who may see them.
const userMappings: Branch = {
  class: `'user-mapping'`,
  name: `CASE m.umuser WHEN 0 THEN 'PUBLIC' ELSE quote_ident(m.usename) END || ' on server ' || quote_ident(m.srvname)`,
  parent: `'server ' || quote_ident(m.srvname)`,
  attributes: { options: userMappingOptions('m.umoptions') },
  from: 'pg_user_mappings m',
}

/**
 * What is said about objects of any kind, comments or security labels, as objects of their own: `on column public.users.email`. Built-in
 * objects are left out by their numbers; what hangs on a table is found by the table's schema.
 */
function remarks(kind: string, catalog: string, attributes: Branch['attributes']): Branch {
  const parent = `CASE WHEN i.type LIKE '% column' THEN 'column' WHEN i.type LIKE '% constraint' THEN 'constraint'
    WHEN i.type = 'type' THEN (SELECT CASE t.typtype WHEN 'd' THEN 'domain' WHEN 'e' THEN 'enum' WHEN 'r' THEN 'range' WHEN 'c' THEN 'composite-type' ELSE 'type' END FROM pg_type t WHERE t.oid = d.objoid)
    ELSE replace(i.type, ' ', '-') END || ' ' || ${withoutCatalog('i.identity')}`
  const relation = `CASE d.classoid
    WHEN 'pg_class'::regclass THEN d.objoid
    WHEN 'pg_trigger'::regclass THEN (SELECT t.tgrelid FROM pg_trigger t WHERE t.oid = d.objoid)
    WHEN 'pg_policy'::regclass THEN (SELECT p.polrelid FROM pg_policy p WHERE p.oid = d.objoid)
    WHEN 'pg_rewrite'::regclass THEN (SELECT w.ev_class FROM pg_rewrite w WHERE w.oid = d.objoid)
    WHEN 'pg_constraint'::regclass THEN (SELECT NULLIF(k.conrelid, 0) FROM pg_constraint k WHERE k.oid = d.objoid) END`
  const label = catalog === 'pg_seclabel' ? ` || ' for ' || quote_ident(d.provider)` : ''
  return {
    class: `'${kind}'`,
    name: `'on ' || replace(${parent}, '-', ' ')${label}`,
    parent,
    attributes,
    from: `(SELECT d.*, ${relation} AS relation FROM ${catalog} d WHERE d.objoid > 16383
        OR d.classoid = 'pg_extension'::regclass OR d.objoid = to_regnamespace('public') AND d.classoid = 'pg_namespace'::regclass) d
      CROSS JOIN LATERAL pg_identify_object(d.classoid, d.objoid, d.objsubid) i
      WHERE (d.relation IS NULL OR d.relation IN (SELECT c.oid FROM relations c))
        AND (i.schema IS NULL OR i.schema IN (SELECT s.name FROM spaces s))
        AND (i.type <> 'schema' OR i.identity IN (SELECT s.name FROM spaces s))
        AND NOT EXISTS (SELECT FROM members m WHERE m.classid = d.classoid AND m.objid = d.objoid)`,
  }
}
