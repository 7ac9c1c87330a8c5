/**
 * SQL on a server that a runtime under test has started.
 */
import { Client } from 'pg'
import type { PostgresCase } from './runtimes.ts'

/** Runs SQL on the server as soon as it lets us in. */
export async function query(made: PostgresCase, sql: string): Promise<unknown> {
  await ready(made)
  return connectAndQuery(made, sql)
}

/** Returns as soon as the server answers, be it with a refused password. */
export async function ready(made: PostgresCase): Promise<void> {
  const until = Date.now() + 30_000
  for (;;) {
    try {
      await connectAndQuery(made, 'select 1')
      return
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined
      if (code === '28P01') return
      if (Date.now() > until) throw error
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}

async function connectAndQuery({ port, user, database, password }: PostgresCase, sql: string): Promise<unknown> {
  const client = new Client({ host: '127.0.0.1', port, user, database, password, connectionTimeoutMillis: 5_000 })
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}
