import { test } from 'poststack/vitest'
import { describe, expect } from 'vitest'

// Tests that only read, or build on each other, may share a database: one for each worker of Vitest.
describe('statistics', () => {
  test('count what is there', async ({ workerDatabase: { sql } }) => {
    await sql`INSERT INTO accounts (owner, balance) VALUES ('Ada', 3), ('Bob', 5) ON CONFLICT DO NOTHING`
    expect(await sql`SELECT sum(balance)::int FROM accounts`).toEqual([{ sum: 8 }])
  })

  test('see what the test before has left, and nothing of tests with a database of their own', async ({
    database,
    workerDatabase,
  }) => {
    expect(await workerDatabase.sql`SELECT count(*)::int FROM accounts`).toEqual([{ count: 2 }])
    expect(await database.sql`SELECT count(*)::int FROM accounts`).toEqual([{ count: 0 }])
    expect(database.url).not.toBe(workerDatabase.url)
  })
})
