/**
 * SQL for scripts and tests: a template tag over a few sessions, which let the process end when nothing is under way.
 */
import type { PoolClient } from 'pg'
import { clientConfig, loadClient, type ConnectTarget } from './database.ts'
import { connectFailed } from './errors.ts'
import type { OwnedSql, Sql } from '../sql.ts'
import { PoststackError, toldAs } from '../../errors.ts'
import { isServerError, type ServerError } from '../../migrations/connection.ts'
import { queryFailed } from '../../migrations/run/query.ts'
import { codeFrame, placeAt } from '../../migrations/sql/frame.ts'

export interface SqlOptions {
  /** Sessions at once. @default 4 */
  readonly max?: number
}

/** Connects when the first statement is run. Statements fail with `DATABASE_UNREACHABLE` and the like, and with the server's own errors. */
export function createSql(target: ConnectTarget, { max = 4 }: SqlOptions = {}): OwnedSql {
  let pool: ReturnType<typeof openPool> | undefined
  const connected = async (): Promise<PoolClient> => {
    pool ??= openPool(target, max)
    const opened = await pool.catch((error: unknown) => {
      // The next statement tries again: the file of a certificate may be there by then.
      pool = undefined
      throw error
    })
    return await opened.connect()
  }
  const withClient = async <Result>(body: (client: PoolClient) => Promise<Result>): Promise<Result> => {
    const client = await connected().catch((error: unknown) => {
      throw connectFailed(error, target)
    })
    try {
      return await body(client)
    } finally {
      client.release()
    }
  }
  const sql = sqlOn(
    (text, values) => withClient((client) => rowsOf(client, text, values)),
    (body) => withClient((client) => inTransaction(client, body)),
  )
  return Object.assign(sql, {
    end: async (): Promise<void> => {
      const opened = await pool
      pool = undefined
      await opened?.end()
    },
  })
}

type Query = (text: string, values: readonly unknown[] | undefined) => Promise<readonly object[]>

function sqlOn(query: Query, begin: Sql['begin']): Sql {
  const tag = async (text: TemplateStringsArray, ...values: readonly unknown[]): Promise<readonly object[]> =>
    await query(
      text.reduce((all, part, index) => `${all}$${String(index)}${part}`),
      values,
    )
  return Object.assign(tag, {
    query: async (text: string, values?: readonly unknown[]): Promise<readonly object[]> => await query(text, values),
    begin,
  }) as Sql
}

async function inTransaction<Result>(client: PoolClient, body: (sql: Sql) => Promise<Result>): Promise<Result> {
  let failed: unknown
  const inside = sqlOn(
    (text, values) =>
      rowsOf(client, text, values).catch((error: unknown) => {
        failed ??= error
        throw error
      }),
    () => Promise.reject(new Error('a transaction is open already: use its sql')),
  )
  await client.query('BEGIN')
  try {
    const result = await body(inside)
    // Where a statement failed and its error was caught, the server answers COMMIT with a rollback, and calls that no error.
    const { command } = await client.query('COMMIT')
    if (command === 'ROLLBACK')
      throw new Error('the transaction was rolled back, because a statement in it had failed', { cause: failed })
    return result
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined)
    throw error
  }
}

async function rowsOf(
  client: PoolClient,
  text: string,
  values: readonly unknown[] | undefined,
): Promise<readonly object[]> {
  const asked: Promise<unknown> = values === undefined ? client.query(text) : client.query(text, [...values])
  const answer = await asked.catch((error: unknown) => {
    throw told(error, text)
  })
  const last: unknown = Array.isArray(answer) ? answer.at(-1) : answer
  return (last as { readonly rows?: readonly object[] } | undefined)?.rows ?? []
}

/** It stays the server's own, for whoever catches it; what a person needs to see of it is made when nobody does. */
function told(error: unknown, text: string): unknown {
  if (!isServerError(error)) return error
  return Object.defineProperty(error, toldAs, { get: () => statementFailed(text, error) })
}

function statementFailed(text: string, error: ServerError): PoststackError {
  const { message, hint, details } = queryFailed(text, error)
  const start = text.search(/\S/)
  // Of a value that it refuses the server names no place.
  const frame = details['line'] !== undefined || start === -1 ? [] : ['', codeFrame(text, placeAt(text, start))]
  return new PoststackError('QUERY_FAILED', [message, ...frame].join('\n'), {
    hint: hint ?? 'Correct the statement, or what it works on, and run the script again.',
    details,
    cause: error,
  })
}

async function openPool(target: ConnectTarget, max: number) {
  const { Pool } = await loadClient()
  const pool = new Pool({ ...(await clientConfig(target)), max, allowExitOnIdle: true })
  // An idle session that the server ends is replaced by the next statement's.
  pool.on('error', () => undefined)
  return pool
}
