/**
 * Which database of a stack is meant: the one that is named, or the only one there is; never the first that is found.
 */
import type { Config } from '../config/types.ts'
import { PoststackError } from '../errors.ts'

/** Which of the declared databases; needed only where there are several. */
export interface DatabaseChoice {
  /** Name of the PostgreSQL service. */
  readonly service?: string | undefined
  /** Name of the database, instead of the service. */
  readonly database?: string | undefined
}

export type DatabaseService = Exclude<Config['services'][number], { kind: 'container' }>

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
