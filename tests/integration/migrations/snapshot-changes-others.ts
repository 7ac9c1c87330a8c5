/** Changes of all that is no table, and what PostgreSQL 18 brought. */
import type { Change } from './snapshot-fixture.ts'

export const routines: readonly Change[] = [
  [
    `CREATE OR REPLACE FUNCTION add(a integer, b integer DEFAULT 1) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT a + b + 0'`,
    `CREATE OR REPLACE FUNCTION add(a integer, b integer DEFAULT 1) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT a + b'`,
    '~ function public.add(integer,integer)',
  ],
  [
    `CREATE FUNCTION add(text) RETURNS text LANGUAGE sql AS 'SELECT $1'`,
    'DROP FUNCTION add(text)',
    '+ function public.add(text)',
  ],
  [
    'ALTER FUNCTION add SECURITY DEFINER SET search_path = app',
    'ALTER FUNCTION add SECURITY INVOKER RESET search_path',
    '~ function public.add(integer,integer)',
  ],
  [
    'ALTER FUNCTION add STABLE PARALLEL SAFE COST 5',
    'ALTER FUNCTION add IMMUTABLE PARALLEL UNSAFE COST 100',
    '~ function public.add(integer,integer)',
  ],
  [
    'ALTER FUNCTION add OWNER TO snapshot_owner',
    'ALTER FUNCTION add OWNER TO postgres',
    '~ function public.add(integer,integer)',
  ],
  [
    'REVOKE EXECUTE ON FUNCTION add FROM PUBLIC',
    'GRANT EXECUTE ON FUNCTION add TO PUBLIC',
    '~ function public.add(integer,integer)',
  ],
  [
    `CREATE OR REPLACE PROCEDURE work() LANGUAGE sql AS 'SELECT 2'`,
    `CREATE OR REPLACE PROCEDURE work() LANGUAGE sql AS 'SELECT 1'`,
    '~ procedure public.work()',
  ],
  [
    `CREATE OR REPLACE AGGREGATE total (integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '1')`,
    `CREATE OR REPLACE AGGREGATE total (integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '0')`,
    '~ aggregate public.total(integer)',
  ],
  [`CREATE TYPE fresh AS ENUM ('a')`, 'DROP TYPE fresh', '+ enum public.fresh'],
  [
    `ALTER TYPE mood RENAME VALUE 'ok' TO 'fine'`,
    `ALTER TYPE mood RENAME VALUE 'fine' TO 'ok'`,
    `- enum-value public.mood 'ok'`,
    `+ enum-value public.mood 'fine'`,
  ],
  ['ALTER TYPE mood OWNER TO snapshot_owner', 'ALTER TYPE mood OWNER TO postgres', '~ enum public.mood'],
  [
    `DROP TYPE span; CREATE TYPE span AS RANGE (subtype = bigint)`,
    'DROP TYPE span; CREATE TYPE span AS RANGE (subtype = integer)',
    '~ range public.span',
  ],
  ['ALTER DOMAIN email SET NOT NULL', 'ALTER DOMAIN email DROP NOT NULL', '~ domain public.email'],
  [`ALTER DOMAIN email SET DEFAULT 'a@b'`, 'ALTER DOMAIN email DROP DEFAULT', '~ domain public.email'],
  [
    `ALTER DOMAIN email ADD CONSTRAINT fresh CHECK (VALUE <> '')`,
    'ALTER DOMAIN email DROP CONSTRAINT fresh',
    '+ constraint fresh on public.email',
  ],
  ['CREATE TYPE shell', 'DROP TYPE shell', '+ type public.shell'],
  [
    'CREATE OPERATOR ==== (LEFTARG = integer, RIGHTARG = integer, FUNCTION = same)',
    'DROP OPERATOR ==== (integer, integer)',
    '+ operator public.====(integer,integer)',
  ],
  [
    'ALTER OPERATOR === (integer, integer) SET (RESTRICT = eqsel)',
    'ALTER OPERATOR === (integer, integer) SET (RESTRICT = NONE)',
    '~ operator public.===(integer,integer)',
  ],
  [
    'CREATE OPERATOR CLASS cls FOR TYPE integer USING btree FAMILY fam AS OPERATOR 3 =',
    'DROP OPERATOR CLASS cls USING btree',
    '+ operator-class public.cls USING btree',
    '~ operator-family public.fam USING btree',
  ],
  [
    'ALTER OPERATOR FAMILY fam USING btree ADD FUNCTION 1 (integer, integer) btint4cmp(integer, integer)',
    'ALTER OPERATOR FAMILY fam USING btree DROP FUNCTION 1 (integer, integer)',
    '~ operator-family public.fam USING btree',
  ],
  ['CREATE CAST (pair AS text) WITH INOUT AS ASSIGNMENT', 'DROP CAST (pair AS text)', '+ cast (public.pair AS text)'],
  ['DROP COLLATION plain', 'CREATE COLLATION plain FROM "C"', '- collation public.plain'],
  [
    `CREATE CONVERSION conv FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8`,
    'DROP CONVERSION conv',
    '+ conversion public.conv',
  ],
  [
    `CREATE FUNCTION read(internal) RETURNS internal LANGUAGE internal IMMUTABLE AS 'textlike_support'; CREATE TRANSFORM FOR pair LANGUAGE plpgsql (FROM SQL WITH FUNCTION read(internal))`,
    'DROP TRANSFORM FOR pair LANGUAGE plpgsql; DROP FUNCTION read',
    '+ function public.read(internal)',
    '+ transform for public.pair language plpgsql',
  ],
  ['CREATE LANGUAGE tongue HANDLER plpgsql_call_handler', 'DROP LANGUAGE tongue', '+ language tongue'],
  [
    'CREATE ACCESS METHOD pile TYPE TABLE HANDLER heap_tableam_handler',
    'DROP ACCESS METHOD pile',
    '+ access-method pile',
  ],
]

export const others: readonly Change[] = [
  ['CREATE SCHEMA fresh CREATE TABLE t ()', 'DROP SCHEMA fresh CASCADE', '+ schema fresh', '+ table fresh.t'],
  ['ALTER SCHEMA app OWNER TO snapshot_owner', 'ALTER SCHEMA app OWNER TO postgres', '~ schema app'],
  [
    'GRANT USAGE ON SCHEMA app TO snapshot_reader WITH GRANT OPTION',
    'REVOKE ALL ON SCHEMA app FROM snapshot_reader',
    '~ schema app',
  ],
  ['CREATE EXTENSION citext', 'DROP EXTENSION citext', '+ extension citext'],
  [
    'ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO snapshot_reader',
    'ALTER DEFAULT PRIVILEGES IN SCHEMA app REVOKE SELECT ON TABLES FROM snapshot_reader',
    '+ default-privileges for role postgres in schema app on tables',
  ],
  [
    'CREATE EVENT TRIGGER fresh ON ddl_command_end EXECUTE FUNCTION fired()',
    'DROP EVENT TRIGGER fresh',
    '+ event-trigger fresh',
  ],
  ['CREATE PUBLICATION fresh FOR ALL TABLES', 'DROP PUBLICATION fresh', '+ publication fresh'],
  [
    `ALTER PUBLICATION news SET (publish = 'insert, update')`,
    `ALTER PUBLICATION news SET (publish = 'insert')`,
    '~ publication news',
  ],
  [
    'ALTER PUBLICATION news ADD TABLE orders',
    'ALTER PUBLICATION news DROP TABLE orders',
    '+ publication-table public.orders in publication news',
  ],
  [
    'ALTER PUBLICATION news SET TABLE users (id, name) WHERE (id > 5)',
    'ALTER PUBLICATION news SET TABLE users',
    '~ publication-table public.heir in publication news',
    '~ publication-table public.users in publication news',
  ],
  [
    'ALTER PUBLICATION news ADD TABLES IN SCHEMA app',
    'ALTER PUBLICATION news DROP TABLES IN SCHEMA app',
    '+ publication-schema app in publication news',
  ],
  [
    `CREATE SUBSCRIPTION sub CONNECTION 'dbname=nowhere password=hunter2' PUBLICATION news WITH (connect = false, slot_name = NONE)`,
    'DROP SUBSCRIPTION sub',
    '+ subscription sub',
  ],
  [
    'CREATE TEXT SEARCH CONFIGURATION fresh (PARSER = "default")',
    'DROP TEXT SEARCH CONFIGURATION fresh',
    '+ text-search-configuration public.fresh',
  ],
  [
    'ALTER TEXT SEARCH CONFIGURATION search ALTER MAPPING FOR asciiword WITH words',
    'ALTER TEXT SEARCH CONFIGURATION search ALTER MAPPING FOR asciiword WITH simple',
    '~ text-search-configuration public.search',
  ],
  [
    'ALTER TEXT SEARCH DICTIONARY words (Accept = false)',
    'ALTER TEXT SEARCH DICTIONARY words (Accept)',
    '~ text-search-dictionary public.words',
  ],
  [
    'CREATE TEXT SEARCH PARSER fresh (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype)',
    'DROP TEXT SEARCH PARSER fresh',
    '+ text-search-parser public.fresh',
  ],
  [
    'CREATE TEXT SEARCH TEMPLATE fresh (LEXIZE = dsimple_lexize)',
    'DROP TEXT SEARCH TEMPLATE fresh',
    '+ text-search-template public.fresh',
  ],
  [
    `ALTER FOREIGN DATA WRAPPER wrapper OPTIONS (ADD x '1')`,
    'ALTER FOREIGN DATA WRAPPER wrapper OPTIONS (DROP x)',
    '~ foreign-data-wrapper wrapper',
  ],
  [`ALTER SERVER far OPTIONS (SET host 'b')`, `ALTER SERVER far OPTIONS (SET host 'a')`, '~ server far'],
  [
    `ALTER SERVER far VERSION '2'`,
    `DROP SERVER far CASCADE; CREATE SERVER far FOREIGN DATA WRAPPER wrapper OPTIONS (host 'a'); CREATE USER MAPPING FOR snapshot_reader SERVER far OPTIONS (user 'u', password 'x'); CREATE FOREIGN TABLE remote (id integer) SERVER far`,
    '~ server far',
  ],
  [
    'GRANT USAGE ON FOREIGN SERVER far TO snapshot_reader',
    'REVOKE USAGE ON FOREIGN SERVER far FROM snapshot_reader',
    '~ server far',
  ],
  [
    `ALTER USER MAPPING FOR snapshot_reader SERVER far OPTIONS (SET user 'v')`,
    `ALTER USER MAPPING FOR snapshot_reader SERVER far OPTIONS (SET user 'u')`,
    '~ user-mapping snapshot_reader on server far',
  ],
  [
    'CREATE USER MAPPING FOR PUBLIC SERVER far',
    'DROP USER MAPPING FOR PUBLIC SERVER far',
    '+ user-mapping PUBLIC on server far',
  ],
]

const commented: readonly (readonly [object: string, name: string])[] = [
  ['SCHEMA app', 'on schema app'],
  ['TABLE users', 'on table public.users'],
  ['COLUMN users.note', 'on column public.users.note'],
  ['COLUMN adults.id', 'on column public.adults.id'],
  ['VIEW adults', 'on view public.adults'],
  ['MATERIALIZED VIEW ages', 'on materialized view public.ages'],
  ['INDEX users_name', 'on index public.users_name'],
  ['SEQUENCE numbers', 'on sequence public.numbers'],
  ['CONSTRAINT orders_user ON orders', 'on constraint orders_user on public.orders'],
  ['CONSTRAINT email_check ON DOMAIN email', 'on constraint email_check on public.email'],
  ['TRIGGER touch_users ON users', 'on trigger touch_users on public.users'],
  ['RULE no_delete ON orders', 'on rule no_delete on public.orders'],
  ['POLICY own ON users', 'on policy own on public.users'],
  ['FUNCTION add', 'on function public.add(integer,integer)'],
  ['TYPE mood', 'on enum public.mood'],
  ['TYPE pair', 'on composite type public.pair'],
  ['DOMAIN email', 'on domain public.email'],
  ['STATISTICS users_stat', 'on statistics object public.users_stat'],
  ['EXTENSION plpgsql', 'on extension plpgsql'],
  ['PUBLICATION news', 'on publication news'],
  ['SERVER far', 'on server far'],
]

/** Comments are on anything, and are found in one way. */
export const comments: readonly Change[] = commented.map(([object, name]) =>
  name === 'on extension plpgsql'
    ? [`COMMENT ON ${object} IS 'new'`, `COMMENT ON ${object} IS 'PL/pgSQL procedural language'`, `~ comment ${name}`]
    : [`COMMENT ON ${object} IS 'new'`, `COMMENT ON ${object} IS NULL`, `+ comment ${name}`],
)

/** What PostgreSQL 18 brought. */
export const since18: readonly Change[] = [
  [
    'ALTER TABLE orders ADD tripled numeric GENERATED ALWAYS AS (sum * 3) VIRTUAL',
    'ALTER TABLE orders DROP tripled',
    '+ column public.orders.tripled',
  ],
  [
    'ALTER TABLE orders ALTER doubled DROP EXPRESSION; ALTER TABLE orders DROP doubled; ALTER TABLE orders ADD doubled numeric GENERATED ALWAYS AS (sum * 2) VIRTUAL',
    'ALTER TABLE orders DROP doubled; ALTER TABLE orders ADD doubled numeric GENERATED ALWAYS AS (sum * 2) STORED',
    '~ column public.orders.doubled',
  ],
  [
    'ALTER TABLE orders ADD CONSTRAINT present NOT NULL sum NOT VALID',
    'ALTER TABLE orders ALTER sum DROP NOT NULL',
    '~ column public.orders.sum',
  ],
  [
    'ALTER TABLE orders ALTER CONSTRAINT orders_user NOT ENFORCED',
    'ALTER TABLE orders ALTER CONSTRAINT orders_user ENFORCED',
    '~ constraint orders_user on public.orders',
  ],
  [
    `ALTER PUBLICATION news SET (publish_generated_columns = stored)`,
    'ALTER PUBLICATION news SET (publish_generated_columns = none)',
    '~ publication news',
  ],
]
