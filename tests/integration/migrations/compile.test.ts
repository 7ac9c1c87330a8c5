import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { compileSql } from '../../../src/migrations/sql/compile.ts'
import { indexOfCharacter } from '../../../src/migrations/sql/locate.ts'
import type { Program } from '../../../src/migrations/sql/program.ts'
import { readMigrations } from '../../../src/migrations/files/read.ts'
import { startPostgres, type TestDatabase, type TestServer } from '../../support/postgres.ts'

let server: TestServer
let database: TestDatabase

beforeAll(async () => {
  server = await startPostgres()
  database = await server.createDatabase()
})
afterAll(async () => await server.stop())

async function compile(sql: string): Promise<Program> {
  const compiled = await compileSql(sql)
  if ('problems' in compiled) throw new Error(JSON.stringify(compiled.problems))
  return compiled.program
}

const setUp = `
CREATE TABLE t (a int); CREATE INDEX i ON t (a); CREATE MATERIALIZED VIEW v AS SELECT 1 AS a; CREATE UNIQUE INDEX ON v (a);
CREATE TABLE parted (a int) PARTITION BY LIST (a); CREATE TABLE part PARTITION OF parted FOR VALUES IN (1);
CREATE TYPE mood AS ENUM ('sad'); CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1'; CREATE PUBLICATION pub;`

// The server is the judge: what it refuses inside a transaction must be what is cut out.
test('exactly what the server refuses in a transaction must be what runs alone', async () => {
  const session = await database.session()
  expect((await session.script(setUp)).error).toBeUndefined()
  const statements = [
    'CREATE INDEX CONCURRENTLY ON t (a)',
    'CREATE INDEX ON t (a)',
    'DROP INDEX CONCURRENTLY i',
    'DROP INDEX i',
    'REINDEX INDEX CONCURRENTLY i',
    'REINDEX (CONCURRENTLY) TABLE t',
    'REINDEX (CONCURRENTLY false) TABLE t',
    'REINDEX TABLE t',
    'REINDEX SCHEMA public',
    'REINDEX SYSTEM nowhere',
    'REINDEX DATABASE nowhere',
    'ALTER TABLE parted DETACH PARTITION part CONCURRENTLY',
    'ALTER TABLE parted DETACH PARTITION part',
    'VACUUM',
    'VACUUM (FULL) t',
    'ANALYZE t',
    'CREATE DATABASE d',
    'DROP DATABASE IF EXISTS nowhere',
    'ALTER DATABASE postgres SET TABLESPACE pg_default',
    'ALTER DATABASE postgres CONNECTION LIMIT 5',
    "ALTER DATABASE postgres SET work_mem = '1MB'",
    "CREATE TABLESPACE x LOCATION '/nowhere'",
    'DROP TABLESPACE IF EXISTS x',
    "ALTER SYSTEM SET work_mem = '1MB'",
    "CREATE SUBSCRIPTION s CONNECTION 'host=nowhere' PUBLICATION pub",
    "CREATE SUBSCRIPTION s CONNECTION 'host=nowhere' PUBLICATION pub WITH (connect = false)",
    'CLUSTER',
    'CLUSTER t USING i',
    'DISCARD ALL',
    'DISCARD PLANS',
    "COMMIT PREPARED 'x'",
    "ROLLBACK PREPARED 'x'",
    'REFRESH MATERIALIZED VIEW CONCURRENTLY v',
    "ALTER TYPE mood ADD VALUE 'happy'",
    'CALL p()',
    'DO $$ BEGIN END $$',
    'SAVEPOINT a',
    'CHECKPOINT',
    'LISTEN x',
    'LOCK TABLE t',
    "COPY t TO '/dev/null'",
    'TRUNCATE t',
  ]
  const wrong: string[] = []
  for (const sql of statements) {
    // oxlint-disable-next-line no-await-in-loop -- one session
    await session.script('BEGIN')
    // oxlint-disable-next-line no-await-in-loop
    const { error } = await session.script(sql)
    // oxlint-disable-next-line no-await-in-loop
    await session.script('ROLLBACK')
    // oxlint-disable-next-line no-await-in-loop
    const alone = (await compile(sql)).parts[0]?.kind === 'alone'
    if ((error?.code === '25001') !== alone) wrong.push(`${sql}: ${error?.message ?? 'accepted'}`)
    if (!alone && error !== undefined) wrong.push(`${sql}: ${error.message}`)
  }
  expect(wrong).toEqual([])
})

test('subscriptions, which must be there before the server looks, are told apart as it does', async () => {
  const session = await database.session()
  const made = "CREATE SUBSCRIPTION s2 CONNECTION 'host=nowhere' PUBLICATION pub WITH (connect = false)"
  expect((await session.script(made)).error).toBeUndefined()
  const statements = [
    'ALTER SUBSCRIPTION s2 REFRESH PUBLICATION',
    'ALTER SUBSCRIPTION s2 SET PUBLICATION pub',
    'ALTER SUBSCRIPTION s2 SET PUBLICATION pub WITH (refresh = false)',
    "ALTER SUBSCRIPTION s2 SET (synchronous_commit = 'off')",
    'DROP SUBSCRIPTION s2',
  ]
  const refused: string[] = []
  const alone: string[] = []
  // Refreshing is refused only while the subscription is on.
  await session.script('ALTER SUBSCRIPTION s2 ENABLE')
  for (const sql of statements) {
    // oxlint-disable-next-line no-await-in-loop -- one session
    await session.script('BEGIN')
    // oxlint-disable-next-line no-await-in-loop
    if ((await session.script(sql)).error?.code === '25001') refused.push(sql)
    // oxlint-disable-next-line no-await-in-loop
    await session.script('ROLLBACK')
    // oxlint-disable-next-line no-await-in-loop
    if ((await compile(sql)).parts[0]?.kind === 'alone') alone.push(sql)
  }
  expect(alone).toEqual(refused)
  await session.script('ALTER SUBSCRIPTION s2 DISABLE; ALTER SUBSCRIPTION s2 SET (slot_name = NONE)')
  expect((await session.script('DROP SUBSCRIPTION s2')).error).toBeUndefined()
})

test('a position the server reports must be a place in the file, whatever was blanked before it', async () => {
  const session = await database.session()
  const sql = "\\restrict größe😀\nBEGIN;\u00a0\nSELECT '😀';\nSELECT nowhere;\nCOMMIT;\n"
  const [part] = (await compile(sql)).parts
  const script = part?.kind === 'group' ? part.scripts[0] : undefined
  const { error } = await session.script(script?.text ?? '')
  const index = indexOfCharacter(script?.text ?? '', Number(error?.position))
  expect(sql.slice(index)).toBe('nowhere;\nCOMMIT;\n')
})

test(
  'files of 100 MB, of INSERTs and of COPY, must be read and compiled in bounded time and memory',
  { timeout: 300_000 },
  async () => {
    const top = mkdtempSync(join(tmpdir(), 'poststack-large-'))
    try {
      const folder = join(top, 'migrations')
      mkdirSync(folder)
      const insert = "INSERT INTO t (a, b, c) VALUES (12345, 'some text; größe', '2024-01-01');\n"
      const half = insert.repeat(Math.ceil(50_000_000 / insert.length))
      const rows = "12345\tsome text; ' $$ /* \t2024-01-01\n".repeat(1_400_000)
      writeFileSync(join(folder, '1_inserts.sql'), `${half}CREATE INDEX CONCURRENTLY i ON t (a);\n${half}`)
      writeFileSync(
        join(folder, '2_copy.sql'),
        `COPY t FROM stdin;\n${rows}\\.\nSELECT 1;\nCOPY t FROM stdin;\n${rows}`,
      )
      const started = performance.now()
      const { migrations } = await readMigrations(folder)
      const read = performance.now()
      const [inserts, copies] = [await compile(migrations[0]?.sql ?? ''), await compile(migrations[1]?.sql ?? '')]
      const compiled = performance.now()
      expect(inserts.parts.map(({ kind }) => kind)).toEqual(['group', 'alone', 'group'])
      expect(inserts.statements).toHaveLength((half.length / insert.length) * 2 + 1)
      const [part] = copies.parts
      expect(part?.kind === 'group' && part.scripts.map((script) => script.copies.map((data) => data.length))).toEqual([
        [rows.length],
        [rows.length],
      ])
      // Measured on two busy cores: 3 s to read both files, 8 s to compile them, 1.0 GB at the end.
      expect(read - started).toBeLessThan(30_000)
      expect(compiled - read).toBeLessThan(90_000)
      expect(process.memoryUsage().rss).toBeLessThan(2_500_000_000)
    } finally {
      rmSync(top, { recursive: true, force: true })
    }
  },
)
