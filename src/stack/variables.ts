/**
 * The connection variables of the host's view, with passwords in them.
 */
import { openSecrets } from '../config/secrets.ts'
import { chooseDatabase, databasesMeant, type DatabaseChoice } from '../plan/choose-database.ts'
import { revealTexts } from '../execute/reveal.ts'
import { hostVariables } from '../plan/variables.ts'
import type { Opened } from './opened.ts'

/**
 * `DATABASE_URL` and the `PG…` variables lead to the chosen database, or the only one; where there are several and none was chosen, they
 * are left out, and a notice says so.
 */
export async function readVariables(
  { emit, parsed }: Opened,
  choice: DatabaseChoice,
): Promise<Readonly<Record<string, string>>> {
  const { config, literals } = parsed
  const databases = databasesMeant(config, choice)
  const names = databases.map(({ name }) => name)
  const isChosen = choice.service !== undefined || choice.database !== undefined
  const chosen = isChosen || databases.length === 1 ? chooseDatabase(config, choice) : undefined
  const texts = hostVariables(config.services, chosen)
  if (chosen === undefined && databases.length > 1) {
    const message = `several PostgreSQL services are declared (${names.join(', ')}): DATABASE_URL and PG… are left out; name one with --service`
    emit({ type: 'notice', message })
  }
  // A password that was never made is made now: what is handed out here must be what the server gets later.
  const create = databases.some(({ kind, password }) => kind === 'postgres' && !Object.hasOwn(literals, password.name))
  return revealTexts(texts, await openSecrets({ root: config.root, config, literals, create }))
}
