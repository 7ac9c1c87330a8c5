/**
 * Names that a shell may complete, out of the config. A person who types wants no errors: where it cannot be read, there is nothing to propose.
 */
import type { Context } from './context.ts'

/**
 * The word by which the scripts of `completion` ask what may come next: behind it stand the words of the line so far, the unfinished one last. The
 * answer is one proposal a line, and its meaning behind a tab.
 */
export const askingWord = '__complete'

/** For a parameter that names any service. */
export const serviceProposals = {
  proposeCompletions(this: Context, partial: string): Promise<readonly string[]> {
    return namesOf(this, partial, false)
  },
} as const

/** For one that names a service with a database. */
export const databaseProposals = {
  proposeCompletions(this: Context, partial: string): Promise<readonly string[]> {
    return namesOf(this, partial, true)
  },
} as const

async function namesOf({ io }: Context, partial: string, onlyDatabases: boolean): Promise<readonly string[]> {
  const { readConfig } = await import('../stack/read-config.ts')
  const { cwd, env, signal } = io
  const read = await readConfig({ cwd, env }, { emit: () => undefined, signal }).catch(() => undefined)
  const services = read?.parsed.config.services ?? []
  const fitting = services.filter(
    ({ kind, name }) => name.startsWith(partial) && !(onlyDatabases && kind === 'container'),
  )
  return fitting.map(({ name }) => name)
}
