/**
 * A database of the stack as the database commands act on it: the declared one, never the first that is found.
 */
import type { ParsedConfig } from '../config/parse/parse.ts'
import { openSecrets } from '../config/secrets.ts'
import type { Config } from '../config/types.ts'
import { PoststackError } from '../errors.ts'
import type { Connect } from '../migrations/connection.ts'
import { databaseTarget } from '../plan/desired.ts'
import type { DatabaseChoice, DeclaredDatabase } from './database/choice.ts'
import { connect } from './database/database.ts'

type DatabaseService = Exclude<Config['services'][number], { kind: 'container' }>

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

/** Those that a choice is made among. One that does not run by itself is meant only when it is named, or when there is no other. */
export function databasesMeant(config: Config, choice: DatabaseChoice): readonly DatabaseService[] {
  const databases = config.services.filter((service) => service.kind !== 'container')
  const active = databases.filter(({ idle }) => idle === undefined)
  const isNamed = choice.service !== undefined || choice.database !== undefined
  return isNamed || active.length === 0 ? databases : active
}

/** The one service that is meant. Fails with `UNKNOWN_SERVICE` when there is none, and with `USAGE` when there are several. */
export function chooseDatabase(config: Config, choice: DatabaseChoice): DatabaseService {
  const services = databasesMeant(config, choice)
  const named = services.filter(
    ({ name, database }) =>
      (choice.service === undefined || name === choice.service) &&
      (choice.database === undefined || database === choice.database),
  )
  const [first] = named
  if (first !== undefined && named.length === 1) return first
  const list = services.map(({ name, database }) => `${name} (database ${database})`).join(', ')
  if (services.length === 0) {
    throw new PoststackError('UNKNOWN_SERVICE', 'no PostgreSQL service is declared', {
      hint: 'declare one with postgres(), or name a database with --url',
    })
  }
  if (first === undefined) {
    const service = choice.service === undefined ? 'PostgreSQL service' : `PostgreSQL service ${choice.service}`
    const asked = choice.database === undefined ? service : `${service} with a database ${choice.database}`
    throw new PoststackError('UNKNOWN_SERVICE', `there is no ${asked}`, {
      hint: `one of those declared: ${list}`,
    })
  }
  throw new PoststackError('USAGE', 'several PostgreSQL services are declared, and a database command acts on one', {
    hint: `name it with --service: ${list}`,
  })
}
