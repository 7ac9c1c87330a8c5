/**
 * The way into a database, as the library and the commands hand it around. Types only.
 */
import type { Connect } from '../../migrations/connection.ts'

export interface DeclaredDatabase {
  readonly service: string
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
  /** Absolute path of its migrations' folder. */
  readonly migrations: string | undefined
  /** Folder of the config file; what a migration includes stands in it. */
  readonly root: string
  /** Poststack runs the server, so nobody else's work is in it. */
  readonly owned: boolean
  readonly connect: Connect
  /** The same server and role, another database. */
  readonly connectTo: (database: string) => Connect
}
