import { once } from 'node:events'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { throwIfAborted } from '../../../src/abort.ts'
import { PoststackError } from '../../../src/errors.ts'
import type { MigrationEvent } from '../../../src/migrations/events.ts'
import { seed, type SeedOptions } from '../../../src/migrations/run/seed.ts'
import type { Seed } from '../../../src/migrations/types.ts'
import { failureOf, shown, until } from '../../support/migrations.ts'
import { startPostgres, type TestDatabase, type TestServer } from '../../support/postgres.ts'

let server: TestServer
let database: TestDatabase

beforeAll(async () => {
  server = await startPostgres()
})
afterAll(async () => await server.stop())
beforeEach(async () => {
  database = await server.createDatabase()
})

const script = (file: string): Seed => ({ file, checksum: file, content: { kind: 'script', path: `/seeds/${file}` } })

const text = (file: string, sql: string): Seed => ({
  file,
  checksum: file,
  content: { kind: 'sql', text: { sql, checksum: file } },
})

async function run(seeds: readonly Seed[], options: Partial<SeedOptions> = {}): Promise<readonly string[]> {
  return await seed({
    connect: database.connect,
    seeds,
    runScript: async () => {},
    signal: new AbortController().signal,
    toolVersion: '1.2.3',
    ...options,
  })
}

const recorded = async (): Promise<readonly unknown[]> =>
  (await database.rows('SELECT file FROM poststack.seeded_files ORDER BY file')).map(({ file }) => file)

test('a script that has ended well is recorded, also when the run is told to stop in that moment', async () => {
  const stop = new AbortController()
  const runScript = async (): Promise<void> => stop.abort()
  expect(await run([script('1.ts')], { runScript, signal: stop.signal })).toEqual(['1.ts'])

  const again = new AbortController()
  const seeds = [script('1.ts'), script('2.ts'), script('3.ts')]
  const error = await failureOf(run(seeds, { runScript: async () => again.abort(), signal: again.signal }))
  expect(error.code).toBe('INTERRUPTED')
  expect(error.message).toBe('Stopped on request: 1 of 2 pending seeds applied; the next was not begun.')
  expect(await recorded()).toEqual(['1.ts', '2.ts'])
})

test('a lock that is lost while a script runs stops it, and is told as what it is', async () => {
  const loseLock = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'poststack lock %'`
  const runScript = async (_path: string, signal: AbortSignal): Promise<void> => {
    const stopped = once(signal, 'abort')
    await database.rows(loseLock)
    await stopped
    throwIfAborted(signal)
  }
  expect(shown(await failureOf(run([script('1.ts')], { runScript })))).toMatchInlineSnapshot(`
    "LOCK_LOST
    The connection that holds the migration lock was lost, so 1.ts was stopped.
    0 of 1 pending seed applied; what 1.ts has done by itself stays.

    Find out who or what ended the connection (a restart of the server, an administrator, the network), then run again: it goes on where this one stopped."
  `)
  expect(await recorded()).toEqual([])
})

test('a hook that is remembered as seeds are must be told as a hook', async () => {
  const hook: Seed = { ...script('hooks/fill.ts'), hook: 'afterMigrate' }
  const failed = new PoststackError('SCRIPT_FAILED', 'hooks/fill.ts ended with 3.')
  expect((await failureOf(run([hook], { runScript: () => Promise.reject(failed) }))).message).toBe(
    'hooks/fill.ts ended with 3.\nThe next up runs the hook afterMigrate again; what hooks/fill.ts has done by itself stays.',
  )
  const stop = new AbortController()
  const stopped = run([script('1.ts'), hook], { runScript: async () => stop.abort(), signal: stop.signal })
  expect((await failureOf(stopped)).message).toContain('1 of 2 pending files applied')
})

test('a script may run for longer than a session of the role may idle', async () => {
  await database.rows(`ALTER DATABASE ${database.target.database} SET idle_session_timeout = '1s'`)
  const runScript = async (): Promise<void> => {
    // It idles since later than the one of the run.
    await database.session({ applicationName: 'beside' })
    await until(database, `SELECT WHERE NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'beside')`)
  }
  expect(await run([script('1.ts')], { runScript })).toEqual(['1.ts'])
  expect(await recorded()).toEqual(['1.ts'])
})

test('a script that cannot be recorded: it is told that it runs again', async () => {
  const drop = 'DROP TABLE poststack.seeded_files'
  const runScript = async (): Promise<void> => void (await database.rows(drop))
  expect(shown(await failureOf(run([script('1.ts')], { runScript })))).toMatchInlineSnapshot(`
    "SEED_FAILED
    1.ts has ended well, but that could not be recorded, so the next run runs it again: relation "poststack.seeded_files" does not exist

    Mend what is in the way, and see to it that 1.ts may run twice; then run again."
  `)
})

test('a text that does not get a lock is tried again, and who was in the way is told', async () => {
  await database.rows('CREATE TABLE t (a int); INSERT INTO t VALUES (1)')
  const other = await database.session({ applicationName: 'the writer' })
  await other.script('BEGIN; UPDATE t SET a = 2')
  const events: MigrationEvent[] = []
  const onEvent = (event: MigrationEvent): void => {
    events.push(event)
    if (event.type === 'migration-retrying') void other.query('COMMIT')
  }
  const seeds = [text('1.sql', 'CREATE TABLE u (); UPDATE t SET a = a + 1')]
  expect(await run(seeds, { onEvent, lockTimeoutMs: 1_000 })).toEqual(['1.sql'])
  expect(await database.rows('SELECT a FROM t')).toEqual([{ a: 3 }])
  expect(events.some((event) => event.type === 'migration-blocked' && event.file === '1.sql')).toBe(true)
  expect(await recorded()).toEqual(['1.sql'])
})
