import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { migrate, status } from '../../../src/database.ts'
import { compareSnapshots } from '../../../src/migrations/snapshot/difference.ts'
import { describeDifference } from '../../../src/migrations/snapshot/describe.ts'
import { readSnapshot } from '../../../src/migrations/snapshot/read.ts'
import { apply, failApply, shown, type SqlFiles, tablesOf } from '../../support/migrations.ts'
import { startPostgres, type TestDatabase, type TestServer } from '../../support/postgres.ts'

let server: TestServer
let database: TestDatabase

beforeAll(async () => {
  server = await startPostgres()
})
afterAll(async () => {
  await server.stop()
})
beforeEach(async () => {
  database = await server.createDatabase()
})

function urlOf({ target }: TestDatabase): string {
  return `postgresql://postgres:${target.password ?? ''}@127.0.0.1:${target.port}/${target.database}`
}

/** A folder as projects have it after years: tables, indexes, rows, functions, changes, each with its way back. */
function generated(count: number): readonly (readonly [file: string, sql: string])[] {
  const list: [string, string][] = []
  for (let n = 1; n <= count; n++) {
    const table = `t${n - ((n - 1) % 5)}`
    const [name, up, down] = [
      [
        'table',
        `CREATE TABLE ${table} (id bigint PRIMARY KEY, name text NOT NULL, at timestamptz DEFAULT now());`,
        `DROP TABLE ${table};`,
      ],
      ['index', `CREATE INDEX ${table}_name ON ${table} (name);`, `DROP INDEX ${table}_name;`],
      [
        'rows',
        `INSERT INTO ${table} (id, name) SELECT n, 'row ' || n FROM generate_series(1, 20) n;`,
        `DELETE FROM ${table};`,
      ],
      [
        'function',
        `CREATE FUNCTION f${n}(a int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN a; END $$;`,
        `DROP FUNCTION f${n}(int);`,
      ],
      [
        'column',
        `ALTER TABLE ${table} ADD COLUMN extra text;\nCOMMENT ON TABLE ${table} IS 'number ${n}';`,
        `ALTER TABLE ${table} DROP COLUMN extra;`,
      ],
    ][(n - 1) % 5] as [string, string, string]
    const stem = `${String(n).padStart(5, '0')}_${name}`
    list.push([`${stem}.sql`, `-- ${name} ${n}\n${up}\n`], [`${stem}.rollback.sql`, `${down}\n`])
  }
  return list
}

test.each([[1000], [5000]])(
  '%i files on disk are applied, looked at, and left alone the second time',
  { timeout: 300_000 },
  async (count) => {
    const dir = await mkdtemp(join(tmpdir(), 'poststack-folder-'))
    try {
      for (const [file, sql] of generated(count)) await writeFile(join(dir, file), sql)
      const url = urlOf(database)
      const times: string[] = []
      const timed = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
        const began = performance.now()
        const result = await work()
        times.push(`${what} ${Math.round(performance.now() - began)} ms`)
        return result
      }
      const before = process.memoryUsage().rss
      const first = await timed('apply', () => migrate({ url, dir }))
      expect(first.applied).toHaveLength(count)
      expect(await timed('no-op', () => migrate({ url, dir }))).toEqual({ applied: [], already: count })
      expect(await timed('status', () => status({ url, dir }))).toMatchObject({ applied: count, upToDate: true })
      const grown = Math.round((process.memoryUsage().rss - before) / 1024 ** 2)
      console.log(`${count} files: ${times.join(', ')}, memory +${grown} MB`)
      expect(grown).toBeLessThan(500)
      const [row] = await database.rows('SELECT count(*)::int AS n FROM pg_tables WHERE schemaname = $1', ['public'])
      expect(row?.['n']).toBe(count / 5)
    } finally {
      await rm(dir, { recursive: true, force: true })
    }
  },
)

const shop = `CREATE SCHEMA shop; CREATE TYPE shop.mood AS ENUM ('good', 'so; so', 'bad');
CREATE TABLE shop.users (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text UNIQUE, mood shop.mood DEFAULT 'good', note text);
CREATE TABLE shop.orders (id serial PRIMARY KEY, user_id bigint REFERENCES shop.users ON DELETE CASCADE, at date) ;
CREATE TABLE shop.parts (at date NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE shop.parts_1 PARTITION OF shop.parts FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE FUNCTION shop.touch() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN NEW.note := 'it''s; done'; RETURN NEW; END; $f$;
CREATE FUNCTION shop.twice(a int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT a * 2; END;
CREATE TRIGGER touched BEFORE UPDATE ON shop.users FOR EACH ROW EXECUTE FUNCTION shop.touch();
CREATE VIEW shop.mails AS SELECT email FROM shop.users; CREATE MATERIALIZED VIEW shop.counts AS SELECT count(*) FROM shop.orders;
CREATE INDEX ON shop.users (lower(email)); COMMENT ON TABLE shop.users IS 'people; of the shop';
ALTER TABLE shop.users ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON shop.users USING (email = current_user);
GRANT SELECT ON shop.users TO PUBLIC;
INSERT INTO shop.users (email, note) VALUES ('a@x', E'tab\\there\\nand; \\\\. a line'), ('b@x', NULL), ('\\\\.', '\\\\N');
INSERT INTO shop.orders (user_id, at) SELECT 1, '2020-01-01' FROM generate_series(1, 500);
REFRESH MATERIALIZED VIEW shop.counts;
SELECT lo_from_bytea(0, '\\x00ff'), lo_from_bytea(0, convert_to('second; COMMIT;', 'UTF8'));`

const largeObjects = `SELECT oid::int, encode(lo_get(oid), 'hex') AS data FROM pg_largeobject_metadata ORDER BY 1`

const binaries = '/usr/lib/postgresql/15'

describe('a file as pg_dump writes it', () => {
  let old: TestServer

  beforeAll(async () => {
    // pg_dump reads no server that is newer than itself.
    if (existsSync(`${binaries}/bin/pg_dump`)) old = await startPostgres({}, { folder: binaries })
  })
  afterAll(async () => {
    await old?.stop()
  })

  test
    .skipIf(!existsSync(`${binaries}/bin/pg_dump`))
    .each([[[]], [['--inserts', '--no-owner']], [['--clean', '--if-exists']]])(
    'with %j, makes the same schema and the same rows',
    async (flags) => {
      const [source, fresh] = [await old.createDatabase(), await old.createDatabase()]
      await source.rows(shop)
      const args = [...flags, '-d', urlOf(source)]
      const { stdout } = await promisify(execFile)(`${binaries}/bin/pg_dump`, args, { maxBuffer: 1e8 })
      if (flags.length === 0) expect(stdout).toMatch(/COPY shop\.users[^]*\\\.\n/)
      await apply(fresh, { '001_dump.sql': stdout, '002_next.sql': 'CREATE TABLE unqualified (id int)' })
      const [a, b] = [await source.session(), await fresh.session()]
      await b.query('DROP TABLE public.unqualified')
      const differences = compareSnapshots(await readSnapshot(a), await readSnapshot(b))
      expect(differences.map(describeDifference)).toEqual([])
      for (const table of ['shop.users', 'shop.orders', 'shop.counts']) {
        const text = `SELECT to_jsonb(t) AS row FROM ${table} t ORDER BY 1`
        expect((await b.query(text)).rows).toEqual((await a.query(text)).rows)
      }
      const { rows } = await a.query(largeObjects)
      expect(rows).toHaveLength(2)
      expect((await b.query(largeObjects)).rows).toEqual(rows)
      await Promise.all([a.close(), b.close()])
    },
  )
})

describe('folders of other tools, renamed', () => {
  test.each<[string, SqlFiles]>([
    [
      'golang-migrate',
      {
        '000001_users.sql': 'BEGIN;\nCREATE TABLE users (id int);\nCOMMIT;\n',
        '000001_users.rollback.sql': 'DROP TABLE IF EXISTS users;\n',
        '000002_orders.sql': 'CREATE TABLE orders (id int);\n',
      },
    ],
    [
      'dbmate',
      {
        '20240101120000_users.sql': '-- migrate:up\nCREATE TABLE users (id int);\n',
        '20240101120000_users.rollback.sql': '-- migrate:down\nDROP TABLE users;\n',
        '20240102120000_orders.sql':
          '-- migrate:up transaction:false\nCREATE TABLE orders (id int);\nCREATE INDEX CONCURRENTLY o ON orders (id);\n-- migrate:down\n',
      },
    ],
    [
      'goose',
      {
        '00001_users.sql':
          '-- +goose Up\n-- +goose StatementBegin\nCREATE FUNCTION one() RETURNS int AS $$ BEGIN RETURN 1; END; $$ LANGUAGE plpgsql;\n-- +goose StatementEnd\nCREATE TABLE users (id int);\n',
        '00002_orders.sql':
          '-- +goose NO TRANSACTION\n-- +goose Up\nCREATE TABLE orders (id int);\nCREATE INDEX CONCURRENTLY o ON orders (id);\n',
      },
    ],
    [
      'Flyway',
      {
        '1_users.sql': '/* V1 */ CREATE TABLE users (id int);',
        '2_orders.sql': 'CREATE TABLE orders (id int);',
        '10_seed.sql': 'INSERT INTO users VALUES (1)',
      },
    ],
    [
      'node-pg-migrate',
      {
        '1700000000000_users.sql': '-- Up Migration\nCREATE TABLE users (id int);\n',
        '1700000000001_orders.sql': '-- Up Migration\nCREATE TABLE orders (id int);\n\n-- Down Migration\n',
      },
    ],
    [
      'Rails',
      {
        '20240101000000_create_users.sql': 'CREATE TABLE users (id int)',
        '20240101000001_create_orders.sql': 'CREATE TABLE orders (id int)',
      },
    ],
    [
      'sqlx',
      {
        '0001-users.sql': '-- Add migration script here\nCREATE TABLE users (id int);\n',
        '0002-orders.sql': '-- Add migration script here\nCREATE TABLE orders (id int);',
      },
    ],
  ])('%s', async (_, files) => {
    const ups = Object.keys(files).filter((file) => !file.includes('.rollback.'))
    expect((await apply(database, files)).applied).toHaveLength(ups.length)
    expect(await tablesOf(database)).toEqual(['public.orders', 'public.users'])
  })

  test("tables of another tool's ledger are left alone", async () => {
    await database.rows('CREATE TABLE public.schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL)')
    await database.rows('INSERT INTO public.schema_migrations VALUES (7, false)')
    await apply(database, { '8_users.sql': 'CREATE TABLE users (id int)' })
    expect(await database.rows('SELECT version::text, dirty FROM public.schema_migrations')).toEqual([
      { version: '7', dirty: false },
    ])
  })
})

describe('files of the first Poststack', () => {
  const first = `CREATE SCHEMA IF NOT EXISTS poststack;
SET search_path TO poststack;
CREATE TABLE IF NOT EXISTS system_info (id SERIAL PRIMARY KEY, key VARCHAR(255) NOT NULL UNIQUE, value TEXT);
`
  test.each([
    [
      'that make its tables',
      { '001_initial_schema.sql': first.replace('IF NOT EXISTS system_info', 'system_info') },
      '42P07',
    ],
    [
      'that fill its tables',
      {
        '001_initial_schema.sql': first,
        '003_initial_data.sql': "INSERT INTO poststack.system_info (key, value) VALUES ('a', 'b')",
      },
      '42703',
    ],
    [
      'that index its tables',
      { '002_indexes.sql': 'CREATE INDEX services_status ON poststack.services (config)' },
      '42703',
    ],
  ])('%s are refused with the reason, and nothing of ours is harmed', async (_, files, sqlstate) => {
    const error = await failApply(database, files)
    expect(error.details['sqlstate']).toBe(sqlstate)
    expect(shown(error)).toContain('In the schema "poststack" Poststack keeps its own tables')
    expect(await database.rows(`SELECT value FROM poststack.system_info WHERE name = 'ledger_layout'`)).toHaveLength(1)
  })

  test('one that empties the ledger is told what it has done', async () => {
    const error = await failApply(database, { '001_x.sql': 'DELETE FROM poststack.schema_migrations' })
    expect(error.message).toMatch(/^001_x\.sql could not be recorded: it removed or changed its own row/)
    expect(error.code).toBe('MIGRATION_FAILED')
    expect(await database.rows('SELECT state FROM poststack.schema_migrations')).toEqual([])
  })

  test('a rollback of theirs that drops the whole schema takes the ledger with it in vain', async () => {
    const error = await failApply(database, { '001_x.sql': 'DROP SCHEMA poststack CASCADE' })
    expect(error.message).toContain('001_x.sql')
    expect(await database.rows('SELECT state FROM poststack.schema_migrations')).toEqual([])
  })
})
