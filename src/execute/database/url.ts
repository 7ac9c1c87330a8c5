/**
 * A database by its URL, whoever runs it.
 */
import { parseDatabaseUrl, type DatabaseUrlOptions } from '../../config/database-url.ts'
import type { Connect } from '../../migrations/connection.ts'
import { connect } from './database.ts'

export interface UrlDatabase {
  /** Or the folder of a socket. */
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
  readonly connect: Connect
  /** The same server and role, another database. */
  readonly connectTo: (database: string) => Connect
}

const connectTimeoutMs = 15_000

/** Reads the URL; nothing is connected yet. Fails with `USAGE`, which never shows the URL. */
export function connectToUrl(url: string, options: DatabaseUrlOptions = {}): UrlDatabase {
  const { host, port, user, database, password, parameters } = parseDatabaseUrl(url, options)
  const connectTo =
    (name: string): Connect =>
    async ({ applicationName, signal }) => {
      const to = { host, port, user, database: name, password, parameters, applicationName, connectTimeoutMs }
      return await connect(to, signal)
    }
  return { host, port, user, database, connect: connectTo(database), connectTo }
}
