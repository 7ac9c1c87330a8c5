/** Changes of tables and what hangs on them. */
import type { Change } from './snapshot-fixture.ts'

export const tables: readonly Change[] = [
  ['CREATE TABLE fresh (id serial PRIMARY KEY, name text)', 'DROP TABLE fresh', '+ table public.fresh'],
  ['CREATE TABLE "Odd, name" ("a, b" text)', 'DROP TABLE "Odd, name"', '+ table public."Odd, name"'],
  ['CREATE UNLOGGED TABLE fresh ()', 'DROP TABLE fresh', '+ table public.fresh'],
  [
    'ALTER TABLE orders SET UNLOGGED',
    'ALTER TABLE orders SET LOGGED',
    '~ table public.orders',
    '~ sequence public.orders_id_seq',
  ],
  ['ALTER TABLE users SET (fillfactor = 50)', 'ALTER TABLE users RESET (fillfactor)', '~ table public.users'],
  [
    'ALTER TABLE users SET (toast.autovacuum_enabled = off)',
    'ALTER TABLE users RESET (toast.autovacuum_enabled)',
    '~ table public.users',
  ],
  [
    'ALTER TABLE users ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE users DISABLE ROW LEVEL SECURITY',
    '~ table public.users',
  ],
  [
    'ALTER TABLE users FORCE ROW LEVEL SECURITY',
    'ALTER TABLE users NO FORCE ROW LEVEL SECURITY',
    '~ table public.users',
  ],
  ['ALTER TABLE users REPLICA IDENTITY FULL', 'ALTER TABLE users REPLICA IDENTITY DEFAULT', '~ table public.users'],
  [
    'ALTER TABLE users REPLICA IDENTITY USING INDEX users_pkey',
    'ALTER TABLE users REPLICA IDENTITY DEFAULT',
    '~ table public.users',
    '~ index public.users_pkey',
  ],
  ['ALTER TABLE users OWNER TO snapshot_owner', 'ALTER TABLE users OWNER TO postgres', '~ table public.users'],
  ['GRANT SELECT ON users TO snapshot_reader', 'REVOKE SELECT ON users FROM snapshot_reader', '~ table public.users'],
  ['REVOKE ALL ON users FROM postgres', 'GRANT ALL ON users TO postgres', '~ table public.users'],
  ['ALTER TABLE users SET TABLESPACE elsewhere', 'ALTER TABLE users SET TABLESPACE pg_default', '~ table public.users'],
  [
    'ALTER TABLE parts DETACH PARTITION parts_1',
    `ALTER TABLE parts ATTACH PARTITION parts_1 FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')`,
    '~ table public.parts_1',
    '~ column public.parts_1.day',
    '~ column public.parts_1.id',
  ],
  [
    `ALTER TABLE parts DETACH PARTITION parts_1; ALTER TABLE parts ATTACH PARTITION parts_1 FOR VALUES FROM ('2020-01-01') TO ('2022-01-01')`,
    `ALTER TABLE parts DETACH PARTITION parts_1; ALTER TABLE parts ATTACH PARTITION parts_1 FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')`,
    '~ table public.parts_1',
  ],
  [
    'DROP TABLE parts; CREATE TABLE parts (id integer, day date) PARTITION BY LIST (day); CREATE TABLE parts_1 (LIKE parts)',
    `DROP TABLE parts, parts_1; CREATE TABLE parts (id integer, day date) PARTITION BY RANGE (day); CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')`,
    '~ table public.parts',
    '~ table public.parts_1',
    '~ column public.parts_1.day',
    '~ column public.parts_1.id',
  ],
  [
    'ALTER TABLE heir NO INHERIT users',
    'DROP TABLE heir; CREATE TABLE heir (extra text) INHERITS (users); ALTER PUBLICATION news ADD TABLE heir',
    '~ table public.heir',
    '~ column public.heir.age',
    '~ column public.heir.feeling',
    '~ column public.heir.id',
    '~ column public.heir.name',
    '~ column public.heir.note',
  ],
  ['CREATE TABLE typed OF pair', 'DROP TABLE typed', '+ table public.typed'],
  [
    'CREATE OR REPLACE VIEW adults AS SELECT id, name FROM users WHERE age > 18',
    'CREATE OR REPLACE VIEW adults AS SELECT id, name FROM users WHERE age > 17',
    '~ view public.adults',
  ],
  ['ALTER VIEW adults SET (security_barrier)', 'ALTER VIEW adults RESET (security_barrier)', '~ view public.adults'],
  [
    `ALTER VIEW adults ALTER name SET DEFAULT 'y'`,
    'ALTER VIEW adults ALTER name DROP DEFAULT',
    '~ column public.adults.name',
  ],
  [
    'DROP MATERIALIZED VIEW ages',
    'CREATE MATERIALIZED VIEW ages AS SELECT age, count(*) AS n FROM users GROUP BY age',
    '- materialized-view public.ages',
  ],
  [
    'ALTER MATERIALIZED VIEW ages SET (fillfactor = 50)',
    'ALTER MATERIALIZED VIEW ages RESET (fillfactor)',
    '~ materialized-view public.ages',
  ],
  [
    `ALTER FOREIGN TABLE remote OPTIONS (ADD place 'x')`,
    'ALTER FOREIGN TABLE remote OPTIONS (DROP place)',
    '~ foreign-table public.remote',
  ],
  ['ALTER TYPE pair ADD ATTRIBUTE c date', 'ALTER TYPE pair DROP ATTRIBUTE c', '+ column public.pair.c'],
  [
    'GRANT USAGE ON TYPE pair TO snapshot_reader; REVOKE USAGE ON TYPE pair FROM PUBLIC',
    'GRANT USAGE ON TYPE pair TO PUBLIC; REVOKE USAGE ON TYPE pair FROM snapshot_reader',
    '~ composite-type public.pair',
  ],
  [
    'ALTER TABLE users SET SCHEMA app',
    'ALTER TABLE app.users SET SCHEMA public',
    '+ table app.users',
    '- table public.users',
    '~ constraint orders_user on public.orders',
    '~ materialized-view public.ages',
    '~ statistics-object public.users_stat',
    '~ table public.heir',
    '~ view public.adults',
    '- publication-table public.users in publication news',
    '+ publication-table app.users in publication news',
  ],
]

export const columns: readonly Change[] = [
  ['ALTER TABLE orders ADD COLUMN extra text', 'ALTER TABLE orders DROP COLUMN extra', '+ column public.orders.extra'],
  [
    'ALTER TABLE orders ALTER user_id TYPE bigint',
    'ALTER TABLE orders ALTER user_id TYPE integer',
    '~ column public.orders.user_id',
  ],
  [
    'ALTER TABLE orders DROP COLUMN doubled; ALTER TABLE orders ALTER sum TYPE numeric(9, 2)',
    'ALTER TABLE orders ALTER sum TYPE numeric(8, 2); ALTER TABLE orders ADD doubled numeric GENERATED ALWAYS AS (sum * 2) STORED',
    '- column public.orders.doubled',
    '~ column public.orders.sum',
  ],
  [
    'ALTER TABLE orders ALTER sum SET NOT NULL',
    'ALTER TABLE orders ALTER sum DROP NOT NULL',
    '~ column public.orders.sum',
  ],
  [
    `ALTER TABLE ONLY users ALTER name SET DEFAULT 'y'`,
    `ALTER TABLE ONLY users ALTER name SET DEFAULT 'x'`,
    '~ column public.users.name',
  ],
  [
    'ALTER TABLE ONLY users ALTER name DROP DEFAULT',
    `ALTER TABLE ONLY users ALTER name SET DEFAULT 'x'`,
    '~ column public.users.name',
  ],
  [
    'ALTER TABLE orders ALTER doubled DROP EXPRESSION',
    'ALTER TABLE orders DROP doubled; ALTER TABLE orders ADD doubled numeric GENERATED ALWAYS AS (sum * 2) STORED',
    '~ column public.orders.doubled',
  ],
  [
    'ALTER TABLE parts ALTER id SET NOT NULL; ALTER TABLE parts_1 ALTER id SET NOT NULL',
    'ALTER TABLE parts ALTER id DROP NOT NULL; ALTER TABLE parts_1 ALTER id DROP NOT NULL',
    '~ column public.parts.id',
    '~ column public.parts_1.id',
  ],
  [
    'ALTER TABLE ONLY users ALTER id ADD GENERATED ALWAYS AS IDENTITY',
    'ALTER TABLE ONLY users ALTER id DROP IDENTITY',
    '~ column public.users.id',
    '+ sequence public.users_id_seq',
  ],
  [
    'ALTER TABLE orders ALTER id DROP DEFAULT',
    `ALTER TABLE orders ALTER id SET DEFAULT nextval('orders_id_seq')`,
    '~ column public.orders.id',
  ],
  [
    'ALTER TABLE ONLY users ALTER note SET STORAGE EXTERNAL',
    'ALTER TABLE ONLY users ALTER note SET STORAGE EXTENDED',
    '~ column public.users.note',
  ],
  [
    'ALTER TABLE ONLY users ALTER note SET COMPRESSION pglz',
    'ALTER TABLE ONLY users ALTER note SET COMPRESSION default',
    '~ column public.users.note',
  ],
  [
    'ALTER TABLE ONLY users ALTER note SET STATISTICS 500',
    'ALTER TABLE ONLY users ALTER note SET STATISTICS -1',
    '~ column public.users.note',
  ],
  [
    'ALTER TABLE ONLY users ALTER note SET (n_distinct = 5)',
    'ALTER TABLE ONLY users ALTER note RESET (n_distinct)',
    '~ column public.users.note',
  ],
  [
    'GRANT UPDATE (note) ON users TO snapshot_reader',
    'REVOKE UPDATE (note) ON users FROM snapshot_reader',
    '~ column public.users.note',
  ],
  [
    'ALTER TABLE heir ALTER extra TYPE text COLLATE "C"',
    'ALTER TABLE heir ALTER extra TYPE text',
    '~ column public.heir.extra',
  ],
  [
    `ALTER FOREIGN TABLE remote ALTER id OPTIONS (ADD column_name 'x')`,
    'ALTER FOREIGN TABLE remote ALTER id OPTIONS (DROP column_name)',
    '~ column public.remote.id',
  ],
  [
    'ALTER TABLE orders RENAME sum TO amount',
    'ALTER TABLE orders RENAME amount TO sum',
    '- column public.orders.sum',
    '+ column public.orders.amount',
    '~ column public.orders.doubled',
  ],
]

export const partsOfTables: readonly Change[] = [
  ['CREATE INDEX fresh ON users (age)', 'DROP INDEX fresh', '+ index public.fresh'],
  [
    'DROP INDEX users_name; CREATE INDEX users_name ON users (name DESC)',
    'DROP INDEX users_name; CREATE INDEX users_name ON users (name)',
    '~ index public.users_name',
  ],
  [
    'DROP INDEX users_name; CREATE UNIQUE INDEX users_name ON users (name) WHERE age > 0',
    'DROP INDEX users_name; CREATE INDEX users_name ON users (name)',
    '~ index public.users_name',
  ],
  ['ALTER TABLE users CLUSTER ON users_name', 'ALTER TABLE users SET WITHOUT CLUSTER', '~ index public.users_name'],
  [
    'ALTER INDEX users_name SET (fillfactor = 50)',
    'ALTER INDEX users_name RESET (fillfactor)',
    '~ index public.users_name',
  ],
  [
    'ALTER INDEX users_lower ALTER 1 SET STATISTICS 100',
    'ALTER INDEX users_lower ALTER 1 SET STATISTICS -1',
    '~ index public.users_lower',
  ],
  [
    'ALTER INDEX users_name SET TABLESPACE elsewhere',
    'ALTER INDEX users_name SET TABLESPACE pg_default',
    '~ index public.users_name',
  ],
  [
    `UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'users_name'::regclass`,
    `UPDATE pg_index SET indisvalid = true WHERE indexrelid = 'users_name'::regclass`,
    '~ index public.users_name',
  ],
  [
    `UPDATE pg_index SET indisready = false WHERE indexrelid = 'users_name'::regclass`,
    `UPDATE pg_index SET indisready = true WHERE indexrelid = 'users_name'::regclass`,
    '~ index public.users_name',
  ],
  ['CREATE INDEX parts_id ON ONLY parts (id)', 'DROP INDEX parts_id', '+ index public.parts_id'],
  [
    'ALTER TABLE orders ADD CONSTRAINT fresh UNIQUE (user_id)',
    'ALTER TABLE orders DROP CONSTRAINT fresh',
    '+ constraint fresh on public.orders',
  ],
  [
    'ALTER TABLE orders DROP CONSTRAINT orders_pkey',
    'ALTER TABLE orders ADD PRIMARY KEY (id)',
    '- constraint orders_pkey on public.orders',
  ],
  [
    'ALTER TABLE orders ADD CONSTRAINT fresh CHECK (sum > 0)',
    'ALTER TABLE orders DROP CONSTRAINT fresh',
    '+ constraint fresh on public.orders',
  ],
  [
    'ALTER TABLE orders ADD CONSTRAINT fresh EXCLUDE USING gist (box(point(id, id), point(id, id)) WITH &&)',
    'ALTER TABLE orders DROP CONSTRAINT fresh',
    '+ constraint fresh on public.orders',
  ],
  [
    'ALTER TABLE orders RENAME CONSTRAINT orders_user TO other',
    'ALTER TABLE orders RENAME CONSTRAINT other TO orders_user',
    '- constraint orders_user on public.orders',
    '+ constraint other on public.orders',
  ],
  [
    'ALTER TABLE orders ALTER CONSTRAINT orders_user DEFERRABLE INITIALLY DEFERRED',
    'ALTER TABLE orders ALTER CONSTRAINT orders_user NOT DEFERRABLE',
    '~ constraint orders_user on public.orders',
  ],
  [
    'ALTER TABLE orders DROP CONSTRAINT orders_user, ADD CONSTRAINT orders_user FOREIGN KEY (user_id) REFERENCES users NOT VALID',
    'ALTER TABLE orders VALIDATE CONSTRAINT orders_user',
    '~ constraint orders_user on public.orders',
  ],
  [
    'ALTER TABLE orders DROP CONSTRAINT orders_user, ADD CONSTRAINT orders_user FOREIGN KEY (user_id) REFERENCES users ON DELETE CASCADE',
    'ALTER TABLE orders DROP CONSTRAINT orders_user, ADD CONSTRAINT orders_user FOREIGN KEY (user_id) REFERENCES users',
    '~ constraint orders_user on public.orders',
  ],
  [
    'ALTER TABLE orders DISABLE TRIGGER ALL',
    'ALTER TABLE orders ENABLE TRIGGER ALL',
    '~ constraint orders_user on public.orders',
  ],
  [
    'CREATE TRIGGER fresh AFTER INSERT ON orders FOR EACH STATEMENT EXECUTE FUNCTION touch()',
    'DROP TRIGGER fresh ON orders',
    '+ trigger fresh on public.orders',
  ],
  [
    'DROP TRIGGER touch_users ON users; CREATE TRIGGER touch_users BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION touch()',
    'DROP TRIGGER touch_users ON users; CREATE TRIGGER touch_users BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch()',
    '~ trigger touch_users on public.users',
  ],
  [
    'ALTER TABLE users DISABLE TRIGGER touch_users',
    'ALTER TABLE users ENABLE TRIGGER touch_users',
    '~ trigger touch_users on public.users',
  ],
  [
    'ALTER TABLE users ENABLE ALWAYS TRIGGER touch_users',
    'ALTER TABLE users ENABLE TRIGGER touch_users',
    '~ trigger touch_users on public.users',
  ],
  [
    'CREATE RULE fresh AS ON UPDATE TO orders DO ALSO NOTHING',
    'DROP RULE fresh ON orders',
    '+ rule fresh on public.orders',
  ],
  [
    'CREATE OR REPLACE RULE no_delete AS ON DELETE TO orders WHERE OLD.id > 1 DO INSTEAD NOTHING',
    'CREATE OR REPLACE RULE no_delete AS ON DELETE TO orders DO INSTEAD NOTHING',
    '~ rule no_delete on public.orders',
  ],
  [
    'ALTER TABLE orders DISABLE RULE no_delete',
    'ALTER TABLE orders ENABLE RULE no_delete',
    '~ rule no_delete on public.orders',
  ],
  [
    'CREATE POLICY fresh ON orders AS RESTRICTIVE FOR INSERT WITH CHECK (sum > 0)',
    'DROP POLICY fresh ON orders',
    '+ policy fresh on public.orders',
  ],
  [
    'ALTER POLICY own ON users TO snapshot_reader',
    'ALTER POLICY own ON users TO PUBLIC',
    '~ policy own on public.users',
  ],
  [
    'ALTER POLICY own ON users USING (age > 2)',
    'ALTER POLICY own ON users USING (age > 1)',
    '~ policy own on public.users',
  ],
  [
    'CREATE STATISTICS fresh (ndistinct) ON name, age FROM users',
    'DROP STATISTICS fresh',
    '+ statistics-object public.fresh',
  ],
  [
    'ALTER STATISTICS users_stat SET STATISTICS 100',
    'ALTER STATISTICS users_stat SET STATISTICS -1',
    '~ statistics-object public.users_stat',
  ],
  ['ALTER SEQUENCE numbers INCREMENT 5', 'ALTER SEQUENCE numbers INCREMENT 1', '~ sequence public.numbers'],
  ['ALTER SEQUENCE numbers AS integer', 'ALTER SEQUENCE numbers AS bigint', '~ sequence public.numbers'],
  [
    'ALTER SEQUENCE numbers MAXVALUE 100 CYCLE CACHE 7',
    'ALTER SEQUENCE numbers NO MAXVALUE NO CYCLE CACHE 1',
    '~ sequence public.numbers',
  ],
  ['ALTER SEQUENCE numbers START 9', 'ALTER SEQUENCE numbers START 1', '~ sequence public.numbers'],
  ['ALTER SEQUENCE numbers OWNED BY users.id', 'ALTER SEQUENCE numbers OWNED BY NONE', '~ sequence public.numbers'],
  [
    'GRANT USAGE ON SEQUENCE numbers TO snapshot_reader',
    'REVOKE USAGE ON SEQUENCE numbers FROM snapshot_reader',
    '~ sequence public.numbers',
  ],
]
