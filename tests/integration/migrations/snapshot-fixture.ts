/**
 * The schema that the snapshot's tests start from.
 */

/** What all changes start from. */
export const fixture = `
CREATE SCHEMA app;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE pair AS (a integer, b text);
CREATE DOMAIN email AS text CHECK (VALUE LIKE '%@%');
CREATE TYPE span AS RANGE (subtype = integer);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE FUNCTION add(a integer, b integer DEFAULT 1) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT a + b';
CREATE FUNCTION same(a integer, b integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT a = b';
CREATE PROCEDURE work() LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE total (integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '0');
CREATE TABLE users (id integer PRIMARY KEY, name text NOT NULL DEFAULT 'x', note text, age integer, feeling mood);
CREATE INDEX users_name ON users (name);
CREATE INDEX users_lower ON users (lower(name));
CREATE TABLE orders (id bigserial PRIMARY KEY, user_id integer CONSTRAINT orders_user REFERENCES users, sum numeric(8, 2), doubled numeric GENERATED ALWAYS AS (sum * 2) STORED);
CREATE TABLE parts (id integer, day date) PARTITION BY RANGE (day);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE heir (extra text) INHERITS (users);
CREATE VIEW adults AS SELECT id, name FROM users WHERE age > 17;
CREATE MATERIALIZED VIEW ages AS SELECT age, count(*) AS n FROM users GROUP BY age;
CREATE TRIGGER touch_users BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch();
CREATE RULE no_delete AS ON DELETE TO orders DO INSTEAD NOTHING;
CREATE POLICY own ON users FOR SELECT USING (age > 1);
CREATE STATISTICS users_stat ON name, note FROM users;
CREATE SEQUENCE numbers;
CREATE OPERATOR === (LEFTARG = integer, RIGHTARG = integer, FUNCTION = same);
CREATE OPERATOR FAMILY fam USING btree;
CREATE COLLATION plain FROM "C";
CREATE TEXT SEARCH DICTIONARY words (TEMPLATE = simple);
CREATE TEXT SEARCH CONFIGURATION search (COPY = simple);
CREATE FOREIGN DATA WRAPPER wrapper;
CREATE SERVER far FOREIGN DATA WRAPPER wrapper OPTIONS (host 'a');
CREATE USER MAPPING FOR snapshot_reader SERVER far OPTIONS (user 'u', password 'hunter2');
CREATE FOREIGN TABLE remote (id integer) SERVER far;
CREATE PUBLICATION news FOR TABLE users WITH (publish = 'insert');
CREATE FUNCTION fired() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
`

/** Made once for the server. */
export const roles = `CREATE ROLE snapshot_reader; CREATE ROLE snapshot_owner; GRANT snapshot_owner TO postgres`

/** SQL, the SQL that takes it back, and what it changes as `mark class name`. */
export type Change = readonly [change: string, undo: string, ...differences: string[]]
