import { test } from 'poststack/vitest'
import { describe, expect } from 'vitest'

const numbers = Array.from({ length: 99 }, (_, index) => index + 1)

test('an account in any currency of the seeds, and in no other', async ({ database }) => {
  const codes = await database.sql<{ code: string }>`SELECT code FROM currencies ORDER BY code`
  expect(codes.map(({ code }) => code)).toEqual(['CHF', 'EUR', 'GBP', 'JPY', 'KWD'])
  const other = database.sql`INSERT INTO accounts (owner, currency) VALUES ('Ada', 'XXX')`
  await expect(other).rejects.toThrow('violates foreign key constraint')
})

describe('opening an account', () => {
  // All of them make an account of the same owner, who is unique in a database: each test has one of its own.
  test.for(numbers)('is the first one in its database (%i)', async (number, { database }) => {
    const [account] = await database.sql<{ id: string }>`INSERT INTO accounts (owner) VALUES ('Ada') RETURNING id`
    await database.sql`UPDATE accounts SET balance = ${number} WHERE id = ${account?.id}`
    const rows = await database.sql`SELECT owner, balance::int FROM accounts`
    expect(rows).toEqual([{ owner: 'Ada', balance: number }])
  })
})
