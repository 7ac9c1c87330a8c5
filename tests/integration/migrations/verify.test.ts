import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { connect } from '../../../src/execute/database/database.ts'
import type { Connect } from '../../../src/migrations/connection.ts'
import { readMigrations } from '../../../src/migrations/files/read.ts'
import { readLedgerFacts } from '../../../src/migrations/ledger/facts.ts'
import { migrate } from '../../../src/migrations/run/migrate.ts'
import { migrationStates } from '../../../src/migrations/status.ts'
import { type Finding } from '../../../src/migrations/verify/files.ts'
import { readSnapshot } from '../../../src/migrations/snapshot/read.ts'
import { verify, type VerifyOptions, type VerifyReport } from '../../../src/migrations/verify/verify.ts'
import { apply, failApply, folderOf, type SqlFiles } from '../../support/migrations.ts'
import { startPostgres, type TestDatabase, type TestServer } from '../../support/postgres.ts'
import { rollbackPairs } from '../../support/rollback-pairs.ts'

let server: TestServer
let database: TestDatabase
const forever = new AbortController().signal

beforeAll(async () => {
  server = await startPostgres()
  database = await server.createDatabase()
  await database.rows(`CREATE ROLE reader; `)
  await database.rows(`CREATE ROLE poor LOGIN PASSWORD 'test-password'`)
})
afterAll(async () => {
  await server.stop()
})
beforeEach(async () => {
  database = await server.createDatabase()
})

const connectTo =
  (name: string, user = 'postgres'): Connect =>
  async ({ applicationName, signal }) =>
    await connect({ ...database.target, database: name, user, applicationName }, signal)

async function check(files: SqlFiles, options: Partial<VerifyOptions> = {}): Promise<VerifyReport> {
  const folder = folderOf(files)
  return await verify({
    connect: database.connect,
    connectTo,
    folder,
    signal: forever,
    toolVersion: '1.2.3',
    ...options,
  })
}

function only(report: VerifyReport): Finding {
  expect(report.findings).toHaveLength(1)
  return report.findings[0] as Finding
}

/** What another process could see of a check: databases and roles of the server, and everything in the database. */
async function world(): Promise<unknown> {
  const session = await database.session()
  const names = await session.query(
    `SELECT datname::text AS name FROM pg_database UNION ALL SELECT rolname::text FROM pg_roles ORDER BY 1`,
  )
  const known = await session.query(`SELECT to_regclass('poststack.schema_migrations') IS NOT NULL AS known`)
  const ledger =
    known.rows[0]?.['known'] === true
      ? await session.query(`SELECT to_jsonb(m) AS row FROM poststack.schema_migrations m ORDER BY version`)
      : undefined
  const { objects } = await readSnapshot(session)
  await session.close()
  return { names: names.rows, ledger: ledger?.rows, objects }
}

const three: SqlFiles = {
  '001_users.sql': 'CREATE TABLE users (\n  id int\n);\n\nCREATE INDEX users_id ON users (id);\n',
  '001_users.rollback.sql': 'DROP TABLE users;\n',
  '002_orders.sql': 'BEGIN;\nCREATE TABLE orders (id int);\nCREATE TABLE lines (id int);\nCOMMIT;\n',
}

describe('files against the ledger', () => {
  beforeEach(async () => {
    await apply(database, three)
  })

  test('nothing is found where nothing changed', async () => {
    expect(await check(three)).toEqual({ ok: true, files: 2, applied: 2, findings: [], proofs: [] })
  })

  test('other comments and blanks are a warning, with the line', async () => {
    const sql = 'CREATE TABLE users (\n  id int -- the number\n);\n\nCREATE INDEX users_id ON users (id);\n'
    const report = await check({ ...three, '001_users.sql': sql })
    expect(report.ok).toBe(true)
    expect(only(report)).toMatchObject({ severity: 'warning', rule: 'reformatted', file: '001_users.sql', line: 2 })
    expect(only(report).lines).toEqual([
      '@@ -1 +1 @@',
      ' CREATE TABLE users (',
      '-  id int',
      '+  id int -- the number',
      ' );',
      ' ',
    ])
  })

  test('an edit names the statement and its line', async () => {
    const sql = 'CREATE TABLE users (\n  id int\n);\n\nCREATE UNIQUE INDEX users_id ON users (id);\n'
    const report = await check({ ...three, '001_users.sql': sql })
    expect(report.ok).toBe(false)
    expect(only(report)).toMatchObject({
      severity: 'error',
      rule: 'changed',
      version: '001',
      line: 5,
      message: '001_users.sql was edited after it was applied: statement 2 changed.',
    })
    expect(only(report).lines).toContain('+CREATE UNIQUE INDEX users_id ON users (id);')
  })

  test('the line is right behind a BEGIN that is not counted', async () => {
    const sql = 'BEGIN;\nCREATE TABLE orders (id int);\nCREATE TABLE lines (id bigint);\nCOMMIT;\n'
    const found = only(await check({ ...three, '002_orders.sql': sql }))
    expect(found).toMatchObject({ line: 3, message: expect.stringContaining('statement 2 changed') })
  })

  test('a statement more and a statement less are told apart', async () => {
    const more = await check({ ...three, '001_users.sql': `${three['001_users.sql']}SELECT 1;\n` })
    expect(only(more)).toMatchObject({ line: 6, message: expect.stringContaining('statement 3 was added') })
    const less = await check({ ...three, '001_users.sql': 'CREATE TABLE users (\n  id int\n);\n' })
    expect(only(less)).toMatchObject({ line: 4, message: expect.stringContaining('statement 2 is gone') })
  })

  test('missing, late and another one under its number', async () => {
    const { '001_users.sql': _, '001_users.rollback.sql': __, ...rest } = three
    expect(only(await check(rest))).toMatchObject({ rule: 'missing', version: '001', file: undefined })
    const late = await check({ ...three, '0001.5_x.sql': 'SELECT 1' }).catch((error: unknown) => error)
    expect(late).toMatchObject({ code: 'MIGRATION_INVALID' })
    const between = await check({ '000_first.sql': 'SELECT 1', ...three })
    expect(only(between)).toMatchObject({ rule: 'late', version: '000', file: '000_first.sql' })
    const other = await check({ ...rest, '001_accounts.sql': 'CREATE TABLE accounts ()' })
    expect(only(other)).toMatchObject({
      rule: 'changed',
      message: expect.stringContaining('was applied as "001 users"'),
    })
  })

  test('another name with the same text under the same number is a warning', async () => {
    const { '002_orders.sql': sql = '', ...rest } = three
    const renamed = { ...rest, '002_purchases.sql': sql }
    expect(only(await check(renamed))).toMatchObject({
      severity: 'warning',
      rule: 'renamed',
      file: '002_purchases.sql',
    })
    const { migrations } = folderOf(renamed)
    const session = await database.session()
    const states = migrationStates(migrations, (await readLedgerFacts(session, migrations)) ?? [])
    expect(states[1]).toMatchObject({ state: 'applied', name: 'orders', file: '002_purchases.sql', renamed: true })
    expect(states.filter((one) => one.renamed === true)).toHaveLength(1)
  })

  test('an edited and an added rollback are warnings', async () => {
    const edited = await check({ ...three, '001_users.rollback.sql': 'DROP TABLE users CASCADE;\n' })
    expect(only(edited)).toMatchObject({
      severity: 'warning',
      rule: 'rollback-changed',
      file: '001_users.rollback.sql',
    })
    expect(only(edited).lines).toEqual(['@@ -1 +1 @@', '-DROP TABLE users;', '+DROP TABLE users CASCADE;'])
    const added = await check({ ...three, '002_orders.rollback.sql': 'DROP TABLE orders, lines;' })
    expect(only(added)).toMatchObject({ rule: 'rollback-changed', lines: [] })
    expect(only(added).message).toContain('was added after')
  })
})

test('an edit in an included file is placed in that one', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'poststack-verify-'))
  try {
    await writeFile(join(dir, '001_a.sql'), 'CREATE TABLE a (id int);\n\\ir parts/b.sql\nCREATE TABLE c (id int);\n')
    await mkdir(join(dir, 'parts'))
    await writeFile(join(dir, 'parts', 'b.sql'), '-- part\n\nCREATE TABLE b (id int);\n')
    const options = { connect: database.connect, connectTo, signal: forever, toolVersion: '1.2.3' }
    await migrate({ ...options, folder: await readMigrations(dir) })
    await writeFile(join(dir, 'parts', 'b.sql'), '-- part\n\nCREATE TABLE b (id bigint);\n')
    const found = only(await verify({ ...options, folder: await readMigrations(dir) }))
    expect(found).toMatchObject({ rule: 'changed', file: '001_a.sql', line: undefined })
    expect(found.message).toMatch(/statement 2 changed \(.*parts\/b\.sql:3\)\.$/)
    await writeFile(join(dir, 'parts', 'b.sql'), '-- other\n\nCREATE TABLE b (id int);\n')
    expect(only(await verify({ ...options, folder: await readMigrations(dir) }))).toMatchObject({ rule: 'reformatted' })
    await writeFile(join(dir, 'parts', 'b.sql'), '-- part\n\nCREATE TABLE b (id int);\n')
    await writeFile(join(dir, '002_d.sql'), '\\ir parts/d.sql\n')
    await writeFile(join(dir, 'parts', 'd.sql'), '\ncreate tabel d ();\n')
    const pending = only(await verify({ ...options, folder: await readMigrations(dir) }))
    expect(pending).toMatchObject({ rule: 'invalid', file: '002_d.sql', line: undefined, column: undefined })
    expect(pending.message).toMatch(/parts\/d\.sql, line 2, column 8: syntax error/)
  } finally {
    await rm(dir, { recursive: true })
  }
})

test('pending files that a run would refuse are found, with their place', async () => {
  await apply(database, three)
  const files = {
    ...three,
    '003_fine.sql': 'SELECT 1',
    '003_fine.rollback.sql': '-- back\ndrop tabel fine;\n',
    '004_typo.sql': '-- a table\ncreate tabel x();\n',
    '005_ends.sql': 'begin; select 1; commit; select 1; begin;',
    '006_header.sql': '-- poststack: lock-timeout 10 parsecs\nSELECT 1;\n',
  }
  const report = await check(files)
  expect(report.ok).toBe(false)
  expect(report.findings.map(({ rule, severity }) => `${severity} ${rule}`)).toEqual(
    report.findings.map(() => 'error invalid'),
  )
  expect(
    report.findings.map(({ message, version, file, line, column }) => ({ at: [version, file, line, column], message })),
  ).toMatchInlineSnapshot(`
    [
      {
        "at": [
          "003",
          "003_fine.rollback.sql",
          2,
          6,
        ],
        "message": "003_fine.rollback.sql, line 2, column 6: syntax error at or near "tabel" (SQLSTATE 42601)",
      },
      {
        "at": [
          "004",
          "004_typo.sql",
          2,
          8,
        ],
        "message": "004_typo.sql, line 2, column 8: syntax error at or near "tabel" (SQLSTATE 42601)",
      },
      {
        "at": [
          "005",
          "005_ends.sql",
          1,
          1,
        ],
        "message": "005_ends.sql, line 1, column 1: a migration cannot begin or end a transaction, because every file runs in one of its own.",
      },
      {
        "at": [
          "005",
          "005_ends.sql",
          1,
          18,
        ],
        "message": "005_ends.sql, line 1, column 18: a migration cannot begin or end a transaction, because every file runs in one of its own.",
      },
      {
        "at": [
          "005",
          "005_ends.sql",
          1,
          36,
        ],
        "message": "005_ends.sql, line 1, column 36: a migration cannot begin or end a transaction, because every file runs in one of its own.",
      },
      {
        "at": [
          "006",
          "006_header.sql",
          1,
          1,
        ],
        "message": "006_header.sql, line 1, column 1: "10 parsecs" is no length of time for the directive lock-timeout.",
      },
    ]
  `)
  expect(report.findings[1]?.lines).toEqual(['  1 | -- a table', '> 2 | create tabel x();', '    |        ^'])
  // What was applied is done with, whatever stands in its file by now.
  expect(only(await check({ ...three, '001_users.rollback.sql': 'drop tabel users;' })).rule).toBe('rollback-changed')
})

test('a half-applied migration is found', async () => {
  const files = { '001_a.sql': 'CREATE TABLE a (id int);\nCREATE INDEX CONCURRENTLY a_id ON a (id);\nSELECT 1/0;\n' }
  await failApply(database, files)
  const report = await check(files, { drift: true })
  expect(report.ok).toBe(false)
  expect(only(report)).toMatchObject({ rule: 'unfinished', version: '001', file: '001_a.sql' })
  expect(only(report).message).toContain('2 of 3 statements are done')
})

test('a database without a ledger has nothing to compare', async () => {
  const before = await world()
  expect(await check(three, { drift: true })).toMatchObject({ ok: true, applied: 0, findings: [] })
  expect(await world()).toEqual(before)
})

const files: SqlFiles = Object.fromEntries(
  rollbackPairs.flatMap(({ name, up, down }, index) => {
    const stem = `${String(index + 1).padStart(3, '0')}_${name}`
    return [[`${stem}.sql`, up], ...(down === undefined ? [] : [[`${stem}.rollback.sql`, down]])] as [string, string][]
  }),
)

describe('rollbacks', () => {
  let report: VerifyReport
  let before: unknown
  let after: unknown
  let elapsed = 0
  const heard: string[] = []

  beforeAll(async () => {
    database = await server.createDatabase()
    await apply(database, { '001_users.sql': files['001_users.sql'] ?? '' })
    before = await world()
    const began = performance.now()
    report = await check(files, {
      rollbacks: true,
      onProof: ({ name }, n, total) => heard.push(`${name} ${n}/${total}`),
    })
    elapsed = Math.round(performance.now() - began)
    after = await world()
  })

  test.each(rollbackPairs)('$name: $verdict', ({ name, verdict, names = [] }) => {
    const proof = report.proofs.find((one) => one.name === name)
    expect(
      { verdict: proof?.verdict, lines: verdict === 'exact' ? proof?.lines : [] },
      proof?.lines.join('\n'),
    ).toEqual({
      verdict,
      lines: [],
    })
    for (const wanted of names) expect(proof?.lines.join('\n')).toContain(wanted)
  })

  test('each is heard of, and each that is not exact is a finding', () => {
    expect(heard).toEqual(rollbackPairs.map(({ name }, n) => `${name} ${n + 1}/${rollbackPairs.length}`))
    const wrong = rollbackPairs.filter(({ verdict }) => verdict !== 'exact').length
    expect(
      report.findings.filter(({ rule }) => rule.startsWith('rollback-') && rule !== 'rollback-changed'),
    ).toHaveLength(wrong)
    expect(report.ok).toBe(false)
  })

  test('the database that is checked and the server are as before', () => {
    expect(after).toEqual(before)
  })

  test('the query of the snapshots is sent once for each session, not for each snapshot', async () => {
    const sent: string[] = []
    const listening =
      (name: string): Connect =>
      async (options) => {
        const connection = await connectTo(name)(options)
        return {
          ...connection,
          query: async (text, values) => {
            if (text.length > 10_000) sent.push(text)
            return await connection.query(text, values)
          },
        }
      }
    const right = Object.entries(files).filter(([file]) => /^0(01|04)_/.test(file))
    const proved = await check(Object.fromEntries(right), { rollbacks: true, connectTo: listening })
    expect(proved.proofs.map(({ verdict }) => verdict)).toEqual(['exact', 'exact'])
    expect(sent).toHaveLength(1)
  })

  test('it takes seconds, not minutes', () => {
    console.log(`${rollbackPairs.length} rollbacks proved in ${elapsed} ms`)
    expect(elapsed).toBeLessThan(60_000)
  })
})
