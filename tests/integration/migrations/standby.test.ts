import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect } from '../../../src/execute/database/database.ts'
import type { Connect } from '../../../src/migrations/connection.ts'
import { migrate } from '../../../src/migrations/run/migrate.ts'
import { dropSchema } from '../../../src/migrations/run/schema.ts'
import { proveRollbacks } from '../../../src/migrations/verify/rollbacks.ts'
import { failureOf, folderOf } from '../../support/migrations.ts'
import { startPostgres, type TestServer } from '../../support/postgres.ts'

let server: TestServer

beforeAll(async () => {
  server = await startPostgres({}, { standby: true })
})
afterAll(async () => {
  await server.stop()
})

const to =
  (database: string): Connect =>
  async ({ applicationName, signal }) =>
    await connect(
      { host: '127.0.0.1', user: 'postgres', connectTimeoutMs: 10_000, ...server, database, applicationName },
      signal,
    )

test('a standby must be called one, with the way to the primary', async () => {
  const signal = new AbortController().signal
  const options = { connect: to('postgres'), connectTo: to, signal, toolVersion: '1' }
  const folder = folderOf({ '001_a.sql': 'CREATE TABLE a ()', '001_a.rollback.sql': 'DROP TABLE a' })
  const runs = [
    async () => await migrate({ ...options, folder }),
    async () => await proveRollbacks({ ...options, folder }),
    async () => await dropSchema(options),
  ]
  for (const run of runs) {
    // oxlint-disable-next-line no-await-in-loop
    const { hint, message } = await failureOf(run())
    expect(message).toContain('The server is a standby')
    expect(hint).toContain('primary')
  }
})
