import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { isPoststackError } from '../../../src/errors.ts'
import type { RepairCase } from '../../../src/migrations/repair/cases.ts'
import { compiled } from '../../support/compiled.ts'
import { apply, failApply, failureOf, ledgerOf, tablesOf } from '../../support/migrations.ts'
import { startPostgres, type TestDatabase, type TestServer } from '../../support/postgres.ts'
import { repairSteps } from '../../support/repair.ts'
import type { WorkerOrder } from './worker.ts'

let server: TestServer
let database: TestDatabase

beforeAll(async () => {
  server = await startPostgres()
})
afterAll(async () => await server.stop())
beforeEach(async () => {
  database = await server.createDatabase()
})

const { inspect, settle, events, takeBack } = repairSteps(() => database)

function shown(found: RepairCase): readonly string[] {
  return found.statements.map(({ number, recorded, verdict, sql }) => `${number} ${recorded} / ${verdict}: ${sql}`)
}

function offered(found: RepairCase | undefined): readonly string[] {
  return found?.offers.map(({ choice }) => choice) ?? []
}

const files = {
  '1_a.sql': 'CREATE TABLE t (id int); INSERT INTO t VALUES (1), (1);',
  '2_b.sql': `CREATE TABLE b (id int);
CREATE UNIQUE INDEX CONCURRENTLY t_id ON t (id);
ALTER TABLE t ADD COLUMN later int;
CREATE TABLE c (id int);`,
  '3_d.sql': 'CREATE TABLE d ()',
}

describe('a file that failed after some of it was committed', () => {
  beforeEach(async () => {
    await failApply(database, files)
    expect(await ledgerOf(database)).toEqual(['1 applied', '2 failed'])
  })

  test('must be shown with the error, what the ledger counts and what the catalog has', async () => {
    const [found, ...others] = await inspect(files)
    expect(others).toEqual([])
    expect(found).toMatchObject({
      kind: 'half-applied',
      version: '2',
      name: 'b',
      file: '2_b.sql',
      message: 'Migration "2 b" failed half-way: 1 of 4 statements are done; statement 2 was begun.',
      lines: [],
    })
    expect(found?.error).toContain('could not create unique index "t_id"')
    expect(found === undefined ? [] : shown(found)).toEqual([
      '1 done / done: CREATE TABLE b (id int)',
      '2 begun / not done: CREATE UNIQUE INDEX CONCURRENTLY t_id ON t (id)',
      '3 not begun / not done: ALTER TABLE t ADD COLUMN later int',
      '4 not begun / not done: CREATE TABLE c (id int)',
    ])
    expect(found?.statements.map(({ line }) => line)).toEqual([1, 2, 3, 4])
    expect(offered(found)).toEqual(['mark-applied', 'mark-rolled-back', 'continue-at'])
  })

  test('looking must write nothing and take no lock', async () => {
    const before = await database.rows('SELECT m::text FROM poststack.schema_migrations m')
    await inspect(files)
    expect(await database.rows('SELECT m::text FROM poststack.schema_migrations m')).toEqual(before)
    expect(await database.rows(`SELECT FROM pg_locks WHERE locktype = 'advisory'`)).toEqual([])
  })

  test('what is done by hand meanwhile must be seen', async () => {
    const [first] = await inspect(files)
    // Fails, and leaves what a build that was cut off leaves.
    await database.rows('CREATE UNIQUE INDEX CONCURRENTLY t_id ON t (id)').catch(() => undefined)
    await database.rows('ALTER TABLE t ADD COLUMN later int')
    const [second] = await inspect(files)
    expect(second?.statements.map(({ verdict }) => verdict)).toEqual(['done', 'not done', 'done', 'not done'])
    expect(second?.statements[1]?.findings).toEqual(['index t_id is there, but INVALID: its build did not end'])
    expect(second?.mark).not.toBe(first?.mark)
  })

  test('continued at a statement, the next run must do that and those after it, and none before', async () => {
    await database.rows('DELETE FROM t; CREATE UNIQUE INDEX t_id ON t (id); ALTER TABLE t ADD COLUMN later int')
    const done = await settle(files, '2', { kind: 'continue-at', statement: 4 })
    expect(done.message).toBe(
      'Migration "2 b" goes on at statement 4 of 4 with the next migrate. Only the ledger changed.',
    )
    expect(await ledgerOf(database)).toEqual(['1 applied', '2 failed'])
    expect((await apply(database, files)).applied.map(({ version }) => version)).toEqual(['2', '3'])
    expect(await tablesOf(database)).toEqual(['public.b', 'public.c', 'public.d', 'public.t'])
    expect(await events()).toEqual(['applied 1', 'failed 2', 'repaired 2 continue-at', 'applied 2', 'applied 3'])
    expect(await inspect(files)).toEqual([])
  })

  test('continued in the middle of what shares a transaction, the rest of it must be done', async () => {
    await database.rows('DELETE FROM t')
    await settle(files, '2', { kind: 'continue-at', statement: 3 })
    await apply(database, files)
    expect(await tablesOf(database)).toContain('public.c')
    expect(await database.rows(`SELECT FROM pg_indexes WHERE indexname = 't_id'`)).toEqual([])
  })

  test('continued at its beginning, everything must be done again', async () => {
    await database.rows('DELETE FROM t; DROP TABLE b')
    await settle(files, '2', { kind: 'continue-at', statement: 1 })
    await apply(database, files)
    expect(await tablesOf(database)).toEqual(['public.b', 'public.c', 'public.d', 'public.t'])
  })

  test.each([0, 5, 1.5, NaN])('a statement that it does not have must be refused: %d', async (statement) => {
    const error = await failureOf(settle(files, '2', { kind: 'continue-at', statement }))
    expect(error.code).toBe('USAGE')
    expect(error.message).toContain('has the statements 1 to 4')
    expect(await events()).toEqual(['applied 1', 'failed 2'])
  })

  test('a file that was edited before that statement must not be continued; one edited after it may be', async () => {
    const edited = { ...files, '2_b.sql': files['2_b.sql'].replace('later int', 'later text') }
    expect((await inspect(edited))[0]?.lines).toContain('+ALTER TABLE t ADD COLUMN later text;')
    const error = await failureOf(settle(edited, '2', { kind: 'continue-at', statement: 4 }))
    expect([error.code, error.message.split('\n')[0]]).toEqual([
      'MIGRATION_CHANGED',
      'Statement 3 of 2_b.sql is not what was run, so the file cannot go on at statement 4.',
    ])
    await settle(edited, '2', { kind: 'continue-at', statement: 3 })
    await apply(database, edited)
    expect(await database.rows(`SELECT data_type FROM information_schema.columns WHERE column_name = 'later'`)).toEqual(
      [{ data_type: 'text' }],
    )
    expect(await ledgerOf(database)).toEqual(['1 applied', '2 applied', '3 applied'])
  })

  test('marked as applied, it must be done with, and the history tell what was before', async () => {
    const result = await settle(files, '2', 'mark-applied')
    expect(result.message).toContain('Only the ledger changed')
    expect(await ledgerOf(database)).toEqual(['1 applied', '2 applied'])
    expect(await inspect(files)).toEqual([])
    expect((await apply(database, files)).applied.map(({ version }) => version)).toEqual(['3'])
    expect(await tablesOf(database)).not.toContain('public.c')
    const [event] = await database.rows(`SELECT * FROM poststack.migration_events WHERE event = 'repaired'`)
    expect(event).toMatchObject({
      version_text: '2',
      name: 'b',
      tool_version: '1.2.3',
      detail: {
        choice: 'mark-applied',
        before: { state: 'failed', applied: 1, total: 4, running: 2 },
        after: { state: 'applied' },
      },
    })
    const [row] = await database.rows(`SELECT * FROM poststack.schema_migrations WHERE version = 2`)
    expect(row).toMatchObject({ statements_applied: 4, statements_total: 4, error: null, statement_running: null })
    expect(row?.['applied_at']).toBeInstanceOf(Date)
  })

  test('marked as applied, the text of the file as it is now must be recorded, so that nothing looks edited', async () => {
    const corrected = { ...files, '2_b.sql': 'CREATE TABLE b (id int);', '2_b.rollback.sql': 'DROP TABLE b' }
    await settle(corrected, '2', 'mark-applied')
    expect(await inspect(corrected)).toEqual([])
    await takeBack()
    expect(await tablesOf(database)).toEqual(['public.t'])
  })

  test('marked as rolled back, only the ledger forgets it, and the next run begins anew', async () => {
    const result = await settle(files, '2', 'mark-rolled-back')
    expect(result.message).toContain('what it made in the database is still there')
    expect(await ledgerOf(database)).toEqual(['1 applied'])
    expect(await tablesOf(database)).toEqual(['public.b', 'public.t'])
    expect((await failApply(database, files)).message).toContain('relation "b" already exists')
    await settle(files, '2', 'mark-rolled-back').catch(() => undefined)
    await database.rows('DROP TABLE b; DELETE FROM t')
    await apply(database, files)
    expect(await ledgerOf(database)).toEqual(['1 applied', '2 applied', '3 applied'])
  })

  test('a case that is not as it was seen must be refused, and nothing changed', async () => {
    const [seen] = await inspect(files)
    await database.rows('DROP TABLE b')
    const error = await failureOf(settle(files, '2', 'mark-applied', { seen: seen?.mark }))
    expect([error.code, error.message]).toEqual([
      'STEP_FAILED',
      'Migration "2 b" is not as it was when you looked at it. Nothing was changed.',
    ])
    expect(await ledgerOf(database)).toEqual(['1 applied', '2 failed'])
    const [again] = await inspect(files)
    await settle(files, '2', 'mark-applied', { seen: again?.mark })
    expect(await ledgerOf(database)).toEqual(['1 applied', '2 applied'])
  })

  test('of two who settle it at once, one must be told that it is over', async () => {
    const [seen] = await inspect(files)
    const both = await Promise.allSettled([
      settle(files, '2', 'mark-applied', { seen: seen?.mark }),
      settle(files, '2', 'mark-rolled-back', { seen: seen?.mark }),
    ])
    expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
    const refused = both.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []))
    expect(
      refused.every((reason) => isPoststackError(reason) && /STEP_FAILED|MIGRATION_UNKNOWN/.test(reason.code)),
    ).toBe(true)
    expect((await events()).filter((event) => event.startsWith('repaired'))).toHaveLength(1)
  })

  test('what its case does not offer must be refused', async () => {
    for (const [version, choice, code] of [
      ['2', 'accept-text', 'USAGE'],
      ['2', 'write-file', 'USAGE'],
      ['1', 'mark-applied', 'USAGE'],
      ['1', 'mark-rolled-back', 'USAGE'],
      ['3', 'mark-applied', 'MIGRATION_UNKNOWN'],
    ] as const) {
      // oxlint-disable-next-line no-await-in-loop
      expect((await failureOf(settle(files, version, choice))).code).toBe(code)
    }
    expect(await ledgerOf(database)).toEqual(['1 applied', '2 failed'])
  })

  test('without its file it can be settled or written back, but not be continued', async () => {
    const { '2_b.sql': _, ...rest } = files
    const cases = await inspect(rest)
    expect(cases.map(({ kind }) => kind)).toEqual(['half-applied', 'file-missing'])
    expect(cases.flatMap(offered)).toEqual(['mark-applied', 'mark-rolled-back', 'write-file'])
    expect((await failureOf(settle(rest, '2', { kind: 'continue-at', statement: 2 }))).code).toBe('USAGE')
  })

  test('one that ended its own transaction must be shown as unknown, and can be continued', async () => {
    // What a text has to hold to do that is refused beforehand; older versions let it through.
    await database.rows(`UPDATE poststack.schema_migrations SET state = 'unknown', statements_applied = 0, statements_total = NULL,
      statements_chain = NULL, statement_running = NULL, error = '{"message": "it did"}' WHERE version = 2`)
    const [found] = await inspect(files)
    expect(found).toMatchObject({ kind: 'unknown', error: 'it did' })
    expect(found?.statements.map(({ verdict }) => verdict)).toEqual(['done', 'not done', 'not done', 'not done'])
    await database.rows('DELETE FROM t')
    await settle(files, '2', { kind: 'continue-at', statement: 2 })
    await apply(database, files)
    expect(await ledgerOf(database)).toEqual(['1 applied', '2 applied', '3 applied'])
  })
})

test('while a run is at work nothing must be offered, and its session be named', async () => {
  const blocked = {
    '1_a.sql': files['1_a.sql'],
    '2_b.sql': 'CREATE TABLE b (id int);\nCREATE INDEX CONCURRENTLY t_id ON t (id);',
  }
  await apply(database, { '1_a.sql': files['1_a.sql'] })
  const blocker = await database.session()
  await blocker.query('BEGIN')
  await blocker.query('INSERT INTO t VALUES (3)')
  const running = apply(database, blocked)
  let found: RepairCase | undefined
  for (let tries = 0; tries < 200 && found?.statements[1]?.recorded !== 'begun'; tries++) {
    // oxlint-disable-next-line no-await-in-loop
    ;[found] = await inspect(blocked)
  }
  expect(found?.kind).toBe('half-applied')
  expect(found?.message).toMatch(/A run is at work on this database now \(pid \d+, .*poststack lock/)
  expect(found?.offers).toEqual([])
  await blocker.query('COMMIT')
  await running
  expect(await inspect(blocked)).toEqual([])
})

test('after kill -9 in a concurrent build, the INVALID index must be named, and the next run still finish it', async () => {
  const sql = { '1_a.sql': 'CREATE TABLE t (id int);\nCREATE INDEX CONCURRENTLY t_id ON t (id);\nCREATE TABLE c ();' }
  await apply(database, {})
  await database.rows('CREATE TABLE other ()')
  const blocker = await database.session()
  await blocker.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
  await blocker.query('SELECT * FROM other')
  const worker = fork(await compiled(fileURLToPath(new URL('worker.ts', import.meta.url))))
  try {
    await once(worker, 'message')
    worker.send({ target: database.target, files: sql } satisfies WorkerOrder)
    await until(`SELECT FROM pg_index WHERE NOT indisvalid AND indrelid = to_regclass('t')`)
  } finally {
    worker.kill('SIGKILL')
  }
  // Its sessions end when the server sees that their client is gone.
  await until(
    `SELECT WHERE NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name LIKE 'poststack migrate %')`,
  )
  const [found] = await inspect(sql)
  expect(found?.message).toBe(
    'Migration "1 a" was cut off half-way: 1 of 3 statements are done; statement 2 was begun.',
  )
  expect(found === undefined ? [] : shown(found)).toEqual([
    '1 done / done: CREATE TABLE t (id int)',
    '2 begun / not done: CREATE INDEX CONCURRENTLY t_id ON t (id)',
    '3 not begun / not done: CREATE TABLE c ()',
  ])
  expect(found?.statements[1]?.findings).toEqual(['index t_id is there, but INVALID: its build did not end'])
  expect(offered(found)).toEqual(['mark-applied', 'mark-rolled-back', 'continue-at'])
  await blocker.query('COMMIT')
  await settle(sql, '1', { kind: 'continue-at', statement: 2 }, { seen: found?.mark })
  await apply(database, sql)
  expect(await database.rows(`SELECT indisvalid FROM pg_index WHERE indrelid = 't'::regclass`)).toEqual([
    { indisvalid: true },
  ])
  expect(await inspect(sql)).toEqual([])
})

async function until(select: string): Promise<void> {
  const end = performance.now() + 20_000
  // oxlint-disable-next-line no-await-in-loop
  while ((await database.rows(select)).length === 0) {
    if (performance.now() > end) throw new Error(`never came: ${select}`)
    // oxlint-disable-next-line no-await-in-loop
    await sleep(25)
  }
}

describe('a rollback that stopped half-way', () => {
  const back = {
    '1_a.sql': 'CREATE TABLE t (id int);\nCREATE INDEX t_id ON t (id);\nCREATE TABLE u ();',
    '1_a.rollback.sql': 'DROP TABLE u;\nDROP INDEX CONCURRENTLY t_id;\nDROP TABLE nowhere;\nDROP TABLE t;',
  }
  beforeEach(async () => {
    await apply(database, back)
    await failureOf(takeBack())
    expect(await ledgerOf(database)).toEqual(['1 rolling-back'])
  })

  test('must be shown with the statements of the rollback', async () => {
    const [found] = await inspect(back)
    expect(found).toMatchObject({
      kind: 'half-rolled-back',
      message: 'The rollback of migration "1 a" stopped half-way: 2 of 4 statements are done.',
    })
    expect(found?.error).toContain('table "nowhere" does not exist')
    expect(found === undefined ? [] : shown(found)).toEqual([
      '1 done / done: DROP TABLE u',
      '2 done / done: DROP INDEX CONCURRENTLY t_id',
      '3 not begun / done: DROP TABLE nowhere',
      '4 not begun / not done: DROP TABLE t',
    ])
    expect(offered(found)).toEqual(['mark-applied', 'mark-rolled-back', 'continue-at'])
  })

  test('continued at a statement, the next rollback must do the rest', async () => {
    const { message } = await settle(back, '1', { kind: 'continue-at', statement: 4 })
    expect(message).toContain('with the next rollback')
    await takeBack()
    expect(await tablesOf(database)).toEqual([])
    expect(await ledgerOf(database)).toEqual([])
  })

  test('without any text of the rollback it can be settled, but not be continued', async () => {
    await database.rows('UPDATE poststack.schema_migrations SET rollback_sql = NULL, rollback_checksum = NULL')
    const upOnly = { '1_a.sql': back['1_a.sql'] }
    const [found] = await inspect(upOnly)
    expect(offered(found)).toEqual(['mark-applied', 'mark-rolled-back'])
    const error = await failureOf(settle(upOnly, '1', { kind: 'continue-at', statement: 4 }))
    expect(error.code).toBe('USAGE')
    expect(await ledgerOf(database)).toEqual(['1 rolling-back'])
  })

  test('marked as rolled back, it is out of the ledger', async () => {
    await settle(back, '1', 'mark-rolled-back')
    expect(await ledgerOf(database)).toEqual([])
    expect(await tablesOf(database)).toEqual(['public.t'])
  })

  test('marked as applied, it is applied again, with the text that was applied', async () => {
    await database.rows('CREATE TABLE u (); CREATE INDEX t_id ON t (id)')
    await settle(back, '1', 'mark-applied')
    expect(await ledgerOf(database)).toEqual(['1 applied'])
    expect(await inspect(back)).toEqual([])
    const [row] = await database.rows('SELECT * FROM poststack.schema_migrations')
    expect(row).toMatchObject({
      up_sql: back['1_a.sql'],
      rollback_sql: back['1_a.rollback.sql'],
      statements_applied: 3,
      statements_total: 3,
    })
  })
})

test('a database without a ledger has nothing to repair, and gets none', async () => {
  expect(await inspect(files)).toEqual([])
  expect((await failureOf(settle(files, '1', 'mark-applied'))).code).toBe('MIGRATION_UNKNOWN')
  expect(await database.rows(`SELECT FROM pg_namespace WHERE nspname = 'poststack'`)).toEqual([])
})
