/**
 * Rollbacks that are proved ahead, on a real server: what an edit need not wait for.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect } from '../../../src/execute/database/database.ts'
import type { DeclaredDatabase } from '../../../src/execute/database/choice.ts'
import type { Connect } from '../../../src/migrations/connection.ts'
import { createProofs, readRows } from '../../../src/watch/proofs.ts'
import { apply, type SqlFiles } from '../../support/migrations.ts'
import { startPostgres, type TestDatabase, type TestServer } from '../../support/postgres.ts'

let server: TestServer

beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server.stop())

/** `sessions` counts those that are opened on databases that are made for it. */
function declared({ target }: TestDatabase): DeclaredDatabase & { sessions: number; broken: boolean } {
  const { host, port, user, database } = target
  const connectTo =
    (name: string): Connect =>
    async ({ applicationName, signal }) => {
      if (name !== database) {
        one.sessions += 1
        if (one.broken) throw new Error('the server is being restarted')
      }
      return await connect({ ...target, database: name, applicationName }, signal)
    }
  const facts = { service: 'db', host, port, user, database, migrations: '/migrations', root: '/', owned: true }
  const one = { ...facts, connect: connectTo(database), connectTo, sessions: 0, broken: false }
  return one
}

const first: SqlFiles = { '001_a.sql': 'CREATE TABLE a ()', '001_a.rollback.sql': 'DROP TABLE a' }
const second: SqlFiles = { ...first, '002_b.sql': 'CREATE TABLE b ()', '002_b.rollback.sql': 'SELECT 1' }

test('what was proved ahead must be there at once, until something else is the newest', async () => {
  const { signal } = new AbortController()
  const database = await server.createDatabase()
  const one = declared(database)
  await apply(database, first)
  const proofs = createProofs(signal)
  proofs.ahead(one)
  // Whoever saves meanwhile comes first.
  proofs.hold()
  await proofs.settled
  expect(one.sessions).toBe(0)
  proofs.ahead(one)
  await proofs.settled
  const made = one.sessions
  expect(made).toBeGreaterThan(0)
  expect(await proofs.of(one, await readRows(one, signal))).toMatchObject({ version: '001', verdict: 'exact' })
  proofs.ahead(one)
  await proofs.settled
  expect(one.sessions).toBe(made)

  await apply(database, second)
  expect(await proofs.of(one, await readRows(one, signal))).toMatchObject({ version: '002', verdict: 'not-restored' })
  expect(one.sessions).toBeGreaterThan(made)
})

test('a proof that could not be made ahead must be made when it is asked for, and none without a rollback', async () => {
  const controller = new AbortController()
  const database = await server.createDatabase()
  const one = declared(database)
  await apply(database, first)
  const proofs = createProofs(controller.signal)
  one.broken = true
  proofs.ahead(one)
  await proofs.settled
  expect(one.sessions).toBeGreaterThan(0)
  one.broken = false
  const rows = await readRows(one, controller.signal)
  expect(await proofs.of(one, rows)).toMatchObject({ verdict: 'exact' })
  const made = one.sessions
  await apply(database, { ...first, '002_b.sql': 'CREATE TABLE b ()' })
  proofs.ahead(one)
  await proofs.settled
  expect(one.sessions).toBe(made)
  // The end of the watch is not held up.
  proofs.ahead(one)
  controller.abort()
  await proofs.settled
  await expect(proofs.of(one, rows.slice(0, 0))).rejects.toMatchObject({ code: 'INTERRUPTED' })
})
