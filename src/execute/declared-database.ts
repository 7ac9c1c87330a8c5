/**
 * A database of the stack as the database commands act on it: the declared one, never the first that is found.
 */
import type { ParsedConfig } from '../config/parse/parse.ts'
import { openSecrets } from '../config/secrets.ts'
import type { Connect } from '../migrations/connection.ts'
import { chooseDatabase, type DatabaseChoice } from '../plan/choose-database.ts'
import { databaseTarget } from '../plan/desired.ts'
import type { DeclaredDatabase } from './database/choice.ts'
import { connect } from './database/database.ts'

const connectTimeoutMs = 15_000

/** The chosen database. */
export async function findDatabase(
  { config, literals }: ParsedConfig,
  choice: DatabaseChoice,
): Promise<DeclaredDatabase> {
  const service = chooseDatabase(config, choice)
  const { host, port, user, database, password, parameters } = databaseTarget(service)
  const secrets = await openSecrets({ root: config.root, config, literals, create: false })
  const connectTo =
    (name: string): Connect =>
    async ({ applicationName, signal }) => {
      const revealed = password === undefined ? undefined : secrets.reveal(password)
      const to = { host, port, user, database: name, password: revealed, parameters, applicationName, connectTimeoutMs }
      return await connect(to, signal)
    }
  return {
    service: service.name,
    host,
    port,
    user,
    database,
    migrations: service.migrations,
    root: config.root,
    owned: service.kind === 'postgres',
    connect: connectTo(database),
    connectTo,
  }
}
