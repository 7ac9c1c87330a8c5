/**
 * Words that a shell may complete, out of the config and its folder. A person who types wants no errors: where it cannot be read, there is nothing to
 * propose.
 */
import { readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'

import { logsOf } from '../config/logs.ts'
import { compareText } from '../config/text-order.ts'
import type { ReadConfig } from '../stack/read-config.ts'
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

/** For words of which the first names a service, and the others are those of a command. */
export const firstServiceProposals = {
  async proposeCompletions(this: Context, partial: string): Promise<readonly string[]> {
    const names = await namesOf(this, '', false)
    return names.some((name) => this.asked?.includes(name)) ? [] : names.filter((name) => name.startsWith(partial))
  },
} as const

/** For the number of a migration, as the files have it. */
export const versionProposals = {
  async proposeCompletions(this: Context): Promise<readonly string[]> {
    const { parseName } = await import('../migrations/files/parse.ts')
    const names = await Promise.all((await migrationFolders(this)).map((folder) => namesIn(folder)))
    return [...new Set(names.flat().flatMap((name) => parseName(name)?.version ?? []))]
  },
} as const

/** For a backup of the project, by its name. */
export const backupProposals = {
  async proposeCompletions(this: Context): Promise<readonly string[]> {
    const { isBackupName } = await import('../execute/backup/manifest.ts')
    const root = (await read(this))?.loaded.root
    return (await namesIn(join(root ?? this.io.cwd, 'backups'))).filter((name) => isBackupName(name))
  },
} as const

const proposedRuns = 20

/** For a run that the log tells of, the newest of them. */
export const runProposals = {
  async proposeCompletions(this: Context): Promise<readonly string[]> {
    const found = await read(this)
    if (found === undefined) return []
    const { logCategories } = await import('../execute/log/log-files.ts')
    const { readLog } = await import('../execute/log/read-log.ts')
    const { folder } = found.parsed.config.logs ?? logsOf({}, found.loaded.root)
    const runs = new Set<string>()
    const onEntry = ({ run }: { readonly run: string }): void => void runs.add(run)
    await readLog({ folder, categories: logCategories, filter: {}, tail: Number.MAX_SAFE_INTEGER, onEntry })
    return [...runs].slice(-proposedRuns)
  },
} as const

async function read({ io }: Context): Promise<ReadConfig | undefined> {
  const { readConfig } = await import('../stack/read-config.ts')
  const { cwd, env, signal } = io
  return await readConfig({ cwd, env }, { emit: () => undefined, signal }).catch(() => undefined)
}

async function namesOf(context: Context, partial: string, onlyDatabases: boolean): Promise<readonly string[]> {
  const services = (await read(context))?.parsed.config.services ?? []
  const fitting = services.filter(
    ({ kind, name }) => name.startsWith(partial) && !(onlyDatabases && kind === 'container'),
  )
  return fitting.map(({ name }) => name)
}

/** That of the flags, else those of the service that they name, or of all. */
async function migrationFolders(context: Context): Promise<readonly string[]> {
  const said = flagOf(context, '--migrations')
  if (said !== undefined) return [resolve(context.io.cwd, said)]
  const service = flagOf(context, '--service')
  const services = (await read(context))?.parsed.config.services ?? []
  return services.flatMap((one) =>
    one.kind === 'container' || one.migrations === undefined || (service !== undefined && one.name !== service)
      ? []
      : [one.migrations],
  )
}

function flagOf({ asked = [] }: Context, flag: string): string | undefined {
  const index = asked.indexOf(flag)
  const joined = asked.find((word) => word.startsWith(`${flag}=`))
  return index === -1 ? joined?.slice(flag.length + 1) : asked[index + 1]
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return (await readdir(folder).catch(() => [])).toSorted(compareText)
}
