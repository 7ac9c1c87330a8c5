/**
 * The connection variables of the host's view, with passwords in them.
 */
import { openSecrets } from '../config/secrets.ts'
import type { Config } from '../config/types.ts'
import { chooseDatabase, databasesMeant, type DatabaseChoice } from '../plan/choose-database.ts'
import type { OwnServers } from '../execute/own-servers.ts'
import { revealTexts } from '../execute/reveal.ts'
import { hostVariables } from '../plan/variables.ts'
import { type Opened, ownServers, type SelectRuntime } from './opened.ts'
import type { VariablesOptions } from './options.ts'

/**
 * `DATABASE_URL` and the `PG…` variables lead to the chosen database, or the only one; where there are several and none was chosen, they
 * are left out, and a notice says so.
 */
export async function readVariables(
  opened: Opened,
  select: SelectRuntime,
  options: VariablesOptions,
): Promise<Readonly<Record<string, string>>> {
  const servers = await ownServers(opened, select)
  await beware(servers, opened, options)
  return await variablesAt(servers.config, opened, options)
}

/** The variables with the addresses that stand in this config. */
export async function variablesAt(
  config: Config,
  { emit, parsed: { literals } }: Opened,
  choice: DatabaseChoice,
): Promise<Readonly<Record<string, string>>> {
  const databases = databasesMeant(config, choice)
  const chosen = chosenOf(config, choice)
  const texts = hostVariables(config.services, chosen)
  if (chosen === undefined && databases.length > 1) {
    const names = databases.map(({ name }) => name)
    const message = `several PostgreSQL services are declared (${names.join(', ')}): DATABASE_URL and PG… are left out; name one with --service`
    emit({ type: 'notice', message })
  }
  // A password that was never made is made now: what is handed out here must be what the server gets later.
  const create = databases.some(({ kind, password }) => kind === 'postgres' && !Object.hasOwn(literals, password.name))
  return revealTexts(texts, await openSecrets({ root: config.root, config, literals, create }))
}

function chosenOf(config: Config, choice: DatabaseChoice): ReturnType<typeof chooseDatabase> | undefined {
  const isChosen = choice.service !== undefined || choice.database !== undefined
  return isChosen || databasesMeant(config, choice).length === 1 ? chooseDatabase(config, choice) : undefined
}

/**
 * Where a server that is meant does not run, its variables lead to whoever listens there instead. Where nobody does, they do no harm, and hold
 * as soon as it runs.
 */
export async function beware(
  { absence }: OwnServers,
  { emit, parsed: { config } }: Opened,
  { forProgram = false, ...choice }: VariablesOptions,
): Promise<void> {
  const chosen = chosenOf(config, choice)
  for (const { name } of chosen === undefined ? databasesMeant(config, choice) : [chosen]) {
    const found = await absence(name)
    if (found?.stranger !== true) continue
    if (forProgram) throw found.error
    emit({ type: 'warning', message: found.error.message })
  }
}
