/**
 * A database of the stack as the database commands act on it: the declared one, never the first that is found.
 */
import type { ParsedConfig } from '../config/parse/parse.ts'
import { openSecrets } from '../config/secrets.ts'
import type { Config, ServiceConfig } from '../config/types.ts'
import type { Connect } from '../migrations/connection.ts'
import { chooseDatabase, type DatabaseChoice } from '../plan/choose-database.ts'
import { databaseTarget } from '../plan/desired.ts'
import type { DatabaseTarget } from '../plan/types.ts'
import type { DeclaredDatabase } from './database/choice.ts'
import { connect } from './database/database.ts'
import type { OwnServers } from './own-servers.ts'

const connectTimeoutMs = 15_000

/**
 * The chosen database. A server of the stack's own is looked for first: its address is that at which it runs now, and where it does not run,
 * connecting looks again and then fails with `NOT_RUNNING`, whoever else listens at the declared address.
 */
export async function findDatabase(
  { config, literals }: ParsedConfig,
  choice: DatabaseChoice,
  look: (config: Config) => Promise<OwnServers>,
): Promise<DeclaredDatabase> {
  const service = chooseDatabase(config, choice)
  const { name: serviceName } = service
  let servers = await look(only(service, config))
  const targetNow = (): DatabaseTarget => databaseTarget(chooseDatabase(servers.config, { service: serviceName }))
  const reach = async (): Promise<DatabaseTarget> => {
    if (servers.isThere(serviceName)) return targetNow()
    servers = await look(only(service, config))
    const absence = await servers.absence(serviceName)
    if (absence !== undefined) throw absence.error
    return targetNow()
  }
  const { host, port, user, database } = targetNow()
  const secrets = await openSecrets({ root: config.root, config, literals, create: false })
  const connectTo =
    (name: string): Connect =>
    async ({ applicationName, signal }) => {
      const { password, ...there } = await reach()
      const revealed = password === undefined ? undefined : secrets.reveal(password)
      const to = { ...there, database: name, password: revealed, applicationName, connectTimeoutMs }
      return await connect(to, signal)
    }
  return {
    service: serviceName,
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

/** No engine has to be asked for the others. */
function only(service: ServiceConfig, config: Config): Config {
  return { ...config, services: [service] }
}
