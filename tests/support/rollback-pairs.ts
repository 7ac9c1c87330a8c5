/**
 * Migrations with their rollbacks, right and wrong ones in turn, and what a check must say of each.
 */
import type { RollbackProof } from '../../src/migrations/verify/proof.ts'

export interface RollbackPair {
  readonly name: string
  readonly up: string
  /** Absent: there is no rollback file. */
  readonly down?: string
  readonly verdict: RollbackProof['verdict']
  /** What the lines must name; nothing else may be named for a wrong rollback. */
  readonly names?: readonly string[]
}

const right = (name: string, up: string, down: string): RollbackPair => ({ name, up, down, verdict: 'exact' })
const wrong = (name: string, up: string, down: string, names: readonly string[]): RollbackPair => ({
  name,
  up,
  down,
  verdict: 'not-restored',
  names,
})

const touch = (body: string): string =>
  `CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${body} RETURN NEW; END $$;`

/** In the order they are applied. `reader` must be a role of the server. */
export const rollbackPairs: readonly RollbackPair[] = [
  right(
    'users',
    `CREATE TABLE users (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text NOT NULL, status text DEFAULT 'new', age int);
     CREATE TYPE mood AS ENUM ('good', 'bad'); ${touch('')}
     CREATE TABLE parts (at date NOT NULL, n int) PARTITION BY RANGE (at);
     CREATE SEQUENCE numbers; CREATE VIEW mails AS SELECT email FROM users;`,
    `DROP VIEW mails; DROP SEQUENCE numbers; DROP TABLE parts; DROP FUNCTION touch(); DROP TYPE mood; DROP TABLE users;`,
  ),
  wrong(
    'default',
    `ALTER TABLE users ALTER status SET DEFAULT 'active'`,
    `ALTER TABLE users ALTER status SET DEFAULT 'old'`,
    ['public.users.status'],
  ),
  wrong('index', `CREATE TABLE a (id int); CREATE INDEX users_email ON users (email)`, `DROP TABLE a`, [
    'public.users_email',
  ]),
  right('index_right', `CREATE UNIQUE INDEX users_email2 ON users (email)`, `DROP INDEX users_email2`),
  wrong(
    'constraint_name',
    `ALTER TABLE users ADD CONSTRAINT adult CHECK (age > 17); ALTER TABLE users DROP CONSTRAINT users_pkey CASCADE;`,
    `ALTER TABLE users DROP CONSTRAINT adult; ALTER TABLE users ADD CONSTRAINT pk_users PRIMARY KEY (id);`,
    ['users_pkey', 'pk_users'],
  ),
  wrong('function_body', touch(`NEW.status := 'touched';`), `SELECT 1`, ['public.touch()']),
  right('function_body_right', touch(`NEW.age := 1;`), touch(`NEW.status := 'touched';`)),
  {
    name: 'enum_value',
    up: `ALTER TYPE mood ADD VALUE 'fair'`,
    down: `-- an enum value cannot be removed\nSELECT 1`,
    verdict: 'irreversible',
    names: ['mood'],
  },
  wrong(
    'trigger',
    `CREATE TRIGGER touched BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch(); CREATE TABLE b (id int)`,
    `DROP TABLE b`,
    ['touched'],
  ),
  wrong(
    'policy',
    `CREATE POLICY own ON users USING (true); ALTER TABLE users ENABLE ROW LEVEL SECURITY`,
    `ALTER TABLE users DISABLE ROW LEVEL SECURITY`,
    ['own'],
  ),
  wrong(
    'comment',
    `COMMENT ON COLUMN users.email IS 'where to write to'`,
    `COMMENT ON COLUMN users.email IS ''; COMMENT ON COLUMN users.age IS 'x'`,
    ['users.age'],
  ),
  wrong('grant', `GRANT SELECT, INSERT ON users TO reader`, `REVOKE SELECT ON users FROM reader`, ['public.users']),
  right('grant_right', `GRANT UPDATE ON users TO reader`, `REVOKE UPDATE ON users FROM reader`),
  wrong('owner', `ALTER TABLE parts OWNER TO reader`, `SELECT 1`, ['public.parts']),
  wrong('empty', `CREATE TABLE c (id int)`, `-- nothing`, ['public.c']),
  { name: 'failing', up: `CREATE TABLE d (id int)`, down: `DROP TABLE dd`, verdict: 'fails', names: ['dd'] },
  wrong('too_much', `CREATE VIEW f AS SELECT 1 AS one`, `DROP VIEW f, mails`, ['public.mails']),
  {
    name: 'column_order',
    up: `ALTER TABLE users DROP COLUMN status`,
    down: `ALTER TABLE users ADD COLUMN status text DEFAULT 'active'`,
    verdict: 'column-order',
    names: ['users'],
  },
  right('column_right', `ALTER TABLE users ADD COLUMN phone text`, `ALTER TABLE users DROP COLUMN phone`),
  wrong(
    'view_query',
    `CREATE OR REPLACE VIEW mails AS SELECT email FROM users WHERE age > 17`,
    `CREATE OR REPLACE VIEW mails AS SELECT email FROM users WHERE age > 0`,
    ['public.mails'],
  ),
  wrong('sequence', `CREATE SEQUENCE tickets; CREATE TABLE g (id int)`, `DROP TABLE g`, ['public.tickets']),
  wrong('schema_left', `CREATE SCHEMA audit; CREATE TABLE audit.log (id int)`, `DROP TABLE audit.log`, ['audit']),
  wrong(
    'partition',
    `CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')`,
    `ALTER TABLE parts DETACH PARTITION parts_1`,
    ['public.parts_1'],
  ),
  right(
    'partition_right',
    `CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM ('2021-01-01') TO ('2022-01-01')`,
    `DROP TABLE parts_2`,
  ),
  wrong(
    'not_twice',
    `CREATE TABLE h (id int); INSERT INTO parts_2 VALUES ('2021-02-03', 1); ALTER TABLE parts_2 ADD UNIQUE (n)`,
    `DROP TABLE h; ALTER TABLE parts_2 DROP CONSTRAINT parts_2_n_key`,
    ['cannot be applied again'],
  ),
  right('concurrently', `CREATE INDEX CONCURRENTLY users_age ON users (age)`, `DROP INDEX CONCURRENTLY users_age`),
  wrong(
    'concurrently_wrong',
    `CREATE INDEX CONCURRENTLY users_phone ON users (phone); CREATE INDEX CONCURRENTLY users_mail ON users (email)`,
    `DROP INDEX CONCURRENTLY users_phone`,
    ['public.users_mail'],
  ),
  { name: 'no_rollback', up: `CREATE TABLE i (id int)`, verdict: 'missing' },
  {
    name: 'role',
    up: `CREATE ROLE shopkeeper; CREATE TABLE j (id int)`,
    down: `DROP TABLE j; DROP ROLE shopkeeper`,
    verdict: 'not-tried',
    names: ['CREATE ROLE', 'DROP ROLE'],
  },
  {
    name: 'role_in_a_block',
    up: `DO $$ BEGIN EXECUTE 'CREATE ROLE shopkeeper2'; END $$`,
    down: `SELECT 1`,
    verdict: 'not-tried',
    names: ['CREATE ROLE'],
  },
  right(
    'words_only',
    `-- create user table; drop database\nCREATE TABLE k (id int); COMMENT ON TABLE k IS 'create role'`,
    `DROP TABLE k`,
  ),
  right('after_the_role', `ALTER TABLE j ADD COLUMN x int`, `ALTER TABLE j DROP COLUMN x`),
  wrong(
    'type_changed',
    `ALTER TABLE users ALTER phone TYPE varchar(20)`,
    `ALTER TABLE users ALTER phone TYPE varchar`,
    ['public.users.phone'],
  ),
  wrong('not_null', `ALTER TABLE users ALTER phone SET NOT NULL`, `SELECT 1`, ['public.users.phone']),
  wrong('domain', `CREATE DOMAIN short AS text CHECK (length(VALUE) < 9)`, `SELECT 1`, ['public.short']),
  wrong('default_rights', `ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO reader`, `SELECT 1`, ['default']),
  right('last', `CREATE TABLE z (id int)`, `DROP TABLE z`),
]
