import { test } from 'poststack/vitest'
import { expect } from 'vitest'

const amounts = Array.from({ length: 100 }, (_, index) => index + 1)

test.for(amounts)('a transfer moves %i, and no more than there is', async (amount, { database }) => {
  const { sql } = database
  const open = async (owner: string, balance: number): Promise<number> => {
    const [row] = await sql<{
      id: string
    }>`INSERT INTO accounts (owner, balance) VALUES (${owner}, ${balance}) RETURNING id`
    return Number(row?.id)
  }
  const [ada, bob] = [await open('Ada', amount), await open('Bob', 0)]
  await sql`SELECT transfer(${ada}, ${bob}, ${amount})`
  await expect(sql`SELECT transfer(${ada}, ${bob}, ${amount})`).rejects.toThrow('violates check constraint')
  expect(await sql`SELECT owner, balance::int FROM accounts ORDER BY owner`).toEqual([
    { owner: 'Ada', balance: 0 },
    { owner: 'Bob', balance: amount },
  ])
  expect(await sql`SELECT amount::int FROM transfers`).toEqual([{ amount }])
})
