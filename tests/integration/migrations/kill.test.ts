import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { MigrationEvent } from '../../../src/migrations/events.ts'
import { compareSnapshots } from '../../../src/migrations/snapshot/difference.ts'
import { readSnapshot } from '../../../src/migrations/snapshot/read.ts'
import { compiled } from '../../support/compiled.ts'
import { apply, indexesOf, ledgerRow, noticesOf, type SqlFiles, tablesOf, until } from '../../support/migrations.ts'
import { startPostgres, type TestDatabase, type TestServer } from '../../support/postgres.ts'
import { chooseSeed, randomNumbers } from '../../support/random.ts'
import type { WorkerOrder, WorkerReport } from './worker.ts'

let server: TestServer
let database: TestDatabase
const workers: ChildProcess[] = []

beforeAll(async () => {
  server = await startPostgres()
})
afterAll(async () => {
  for (const worker of workers) worker.kill('SIGKILL')
  await server.stop()
})
beforeEach(async () => {
  database = await server.createDatabase()
})

async function startWorker(): Promise<ChildProcess> {
  const worker = fork(await compiled(fileURLToPath(new URL('worker.ts', import.meta.url))))
  workers.push(worker)
  await once(worker, 'message')
  return worker
}

/** Two hundred files; each INSERT names itself, so that one which ran twice, or never, is seen. */
function manyFiles(): SqlFiles {
  const files: Record<string, string> = { '1_runs.sql': 'CREATE TABLE runs (file int, step int, word text)' }
  for (let n = 2; n <= 200; n++) {
    const insert = (step: number): string => `INSERT INTO runs VALUES (${n}, ${step}, md5('${n}.${step}'));`
    const kinds = [
      `CREATE TABLE t${n} (a int, b text); ${insert(1)} ${insert(2)}`,
      `CREATE TABLE t${n} (a int, b text); ${insert(1)}
       CREATE INDEX CONCURRENTLY i${n} ON t${n} (a); ${insert(2)} ${insert(3)} CREATE INDEX CONCURRENTLY ON t${n} (b); ${insert(4)}`,
      `${insert(1)} CREATE INDEX CONCURRENTLY r${n} ON runs (file, (step + ${n})); ${insert(2)}
       DROP INDEX CONCURRENTLY r${n}; VACUUM runs; ${insert(3)}`,
      `-- poststack: no-transaction
       ${insert(1)} CREATE TABLE t${n} (a int UNIQUE); ${insert(2)} CREATE INDEX CONCURRENTLY IF NOT EXISTS i${n} ON t${n} (a);
       REINDEX TABLE CONCURRENTLY t${n}; ${insert(3)}`,
      `CREATE TABLE p${n} (a int) PARTITION BY LIST (a); CREATE TABLE p${n}_1 PARTITION OF p${n} FOR VALUES IN (1); ${insert(1)}
       SET search_path = pg_catalog; ALTER TABLE public.p${n} DETACH PARTITION public.p${n}_1 CONCURRENTLY;
       INSERT INTO public.runs VALUES (${n}, 2, md5(current_setting('search_path')));`,
    ]
    files[`${n}_m.sql`] = kinds[n % kinds.length] ?? ''
  }
  return files
}

/** What a run has made of a database, whenever it was done. */
async function outcome(of: TestDatabase): Promise<readonly unknown[]> {
  return await Promise.all([
    of.rows('SELECT file, step, word, count(*)::int AS times FROM runs GROUP BY file, step, word ORDER BY file, step'),
    of.rows(`SELECT version, state, checksum, statements_total, statements_applied, statements_chain, statement_running, statement_context, error
      FROM poststack.schema_migrations ORDER BY version`),
    indexesOf(of),
    of.rows(`SELECT event, version FROM poststack.migration_events WHERE event = 'applied' ORDER BY version`),
  ])
}

test(
  'fifty runs killed at random moments: the next goes on, and at the end all is as after one run',
  { timeout: 240_000 },
  async () => {
    const seed = chooseSeed()
    const random = randomNumbers(seed)
    const files = manyFiles()
    const straight = await server.createDatabase()
    await apply(straight, files)
    let next = startWorker()
    let kills = 0
    let finished = 0
    while (kills < 50) {
      // oxlint-disable-next-line no-await-in-loop -- one run after the other
      const worker = await next
      // Starting takes long; the one after is got ready meanwhile.
      next = startWorker()
      // Some die before their first file, the others after some files, each a little later than that.
      let files_ = random() < 0.15 ? 0 : 1 + Math.floor(random() * 5)
      const delayMs = files_ === 0 ? random() * 250 : random() * 12
      // oxlint-disable-next-line no-await-in-loop
      const ended = await new Promise<WorkerReport | undefined>((resolve) => {
        worker.on('exit', () => resolve(undefined))
        const kill = (): void => void setTimeout(() => worker.kill('SIGKILL'), delayMs)
        worker.on('message', (report: WorkerReport) => {
          if (report.event === undefined) resolve(report)
          else if (report.event === 'migration-started' && --files_ === 0) kill()
        })
        worker.send({ target: database.target, files } satisfies WorkerOrder)
        if (files_ === 0) kill()
      })
      expect(ended?.error, `seed ${seed}, after ${kills} kills`).toBeUndefined()
      if (ended === undefined) kills++
      else {
        finished++
        worker.kill('SIGKILL')
        break
      }
    }
    ;(await next).kill('SIGKILL')
    expect(finished, `seed ${seed}: all was done after ${kills} kills`).toBe(0)
    const [before] = await database.rows('SELECT count(*)::int AS count FROM poststack.schema_migrations')
    console.info(`seed ${seed}: ${String(before?.['count'])} of 200 files begun when the last was killed`)
    await apply(database, files)
    expect(await outcome(database), `seed ${seed}`).toEqual(await outcome(straight))
    const [one, other] = [await readSnapshot(await database.session()), await readSnapshot(await straight.session())]
    expect(compareSnapshots(one, other), `seed ${seed}`).toEqual([])
    expect(one.objects.length).toBeGreaterThan(400)
  },
)

test('what a killed run left building is ended by the next one, which says so', async () => {
  await database.rows('CREATE TABLE t (a int)')
  const writer = await database.session()
  await writer.script('BEGIN; INSERT INTO t VALUES (1)')
  const worker = await startWorker()
  const files = { '1_i.sql': 'CREATE TABLE u (); CREATE INDEX CONCURRENTLY i ON t (a); CREATE TABLE v ()' }
  worker.send({ target: database.target, files } satisfies WorkerOrder)
  await until(database, 'SELECT FROM pg_index WHERE NOT indisvalid')
  worker.kill('SIGKILL')
  const events: MigrationEvent[] = []
  const next = apply(database, files, { onEvent: (event) => events.push(event) })
  for (let tries = 0; tries < 200 && noticesOf(events).length === 0; tries++) {
    // oxlint-disable-next-line no-await-in-loop
    await sleep(10)
  }
  // The server looks for its client once a second; whether it was found by that or by us, it is gone now.
  await until(
    database,
    `SELECT WHERE (SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%INDEX CONCURRENTLY%' AND pid <> pg_backend_pid() AND datname = current_database() AND state = 'active') < 2`,
  )
  await writer.query('COMMIT')
  await next
  expect(noticesOf(events)).toEqual([
    expect.stringMatching(/^ended the session that an earlier run left behind \(pid \d+, poststack migrate /),
    'goes on at statement 2 of 3, where an earlier run stopped',
    'dropped public.i, an INVALID index that an unfinished build had left',
  ])
  expect(await indexesOf(database)).toEqual(['i valid'])
  expect(await tablesOf(database)).toEqual(['public.t', 'public.u', 'public.v'])
  expect(await ledgerRow(database, 1)).toMatchObject({
    state: 'applied',
    statements_applied: 3,
    statement_running: null,
  })
})
