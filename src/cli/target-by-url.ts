/**
 * The database that a command acts on without a declared stack: that of `--url`, or of POSTSTACK_DATABASE_URL.
 */
import { resolve } from 'node:path'

import { parseDatabaseUrl, wrongDatabaseUrl } from '../config/database-url.ts'
import {
  filledVariable,
  invalidEnvironment,
  readEnvironment,
  readEnvironmentIn,
  showVariable,
} from '../config/environment/environment.ts'
import { PoststackError } from '../errors.ts'
import type { FindProgram } from '../execute/backup/program.ts'
import { hostProgram } from '../execute/backup/host-program.ts'
import type { DeclaredDatabase } from '../execute/database/choice.ts'
import { connectToUrl } from '../execute/database/url.ts'
import type { Io } from './context.ts'
import type { DatabaseFlags } from './flags-database.ts'
import { logPlaceIn } from './report/logged.ts'
import type { Reporter } from './report/reporter.ts'

/** The database that a command acts on: a declared one, or that of `--url`. */
export type TargetDatabase = Pick<
  DeclaredDatabase,
  'host' | 'port' | 'user' | 'database' | 'owned' | 'connect' | 'connectTo'
> & {
  /** Absent with `--url`. */
  readonly service: string | undefined
  /** Absolute path; whether there is such a folder is not known yet. */
  readonly folder: string
  /** Set where the folder is the usual one only because the config names none: `up` leaves it alone. */
  readonly undeclared?: true
  /** What its files include stands in it; absent for the folder above `folder`. */
  readonly root: string | undefined
  /** PostgreSQL's own programs for it. */
  readonly program: FindProgram
}

/** The database of `--url`, or of POSTSTACK_DATABASE_URL unless a flag names a declared one. */
export async function targetByUrl(flags: DatabaseFlags, io: Io, report: Reporter): Promise<TargetDatabase | undefined> {
  const { cwd, env, signal } = io
  const namesDeclared = [flags.service, flags.database, flags.instance].some((flag) => flag !== undefined)
  if (flags.url === undefined && namesDeclared) return undefined
  const environment =
    flags.url === undefined
      ? await readEnvironment({ cwd, env, signal, configFile: flags.config })
      : await readEnvironmentIn(cwd, { cwd, env, signal })
  const { root, variables } = environment
  const said = filledVariable(variables, 'MIGRATIONS_PATH')?.value ?? 'migrations'
  const folder = flags.migrations === undefined ? resolve(root, said) : resolve(cwd, flags.migrations)
  if (flags.url !== undefined) {
    report.keepLog(logPlaceIn(environment, flags.logLevel))
    return urlTarget(flags.url, flags, { cwd, env, folder, signal })
  }
  const variable = filledVariable(variables, 'DATABASE_URL')
  if (variable === undefined) return undefined
  const wrong = wrongDatabaseUrl(variable.value)
  if (wrong !== undefined) throw invalidEnvironment([{ variable, message: wrong }])
  const target = urlTarget(variable.value, flags, { cwd, env, folder, signal })
  report.event({ type: 'notice', message: `${showVariable(variable)} names the database` })
  report.keepLog(logPlaceIn(environment, flags.logLevel))
  return target
}

function urlTarget(
  url: string,
  flags: DatabaseFlags,
  { cwd, env, folder, signal }: Pick<Io, 'cwd' | 'env' | 'signal'> & Pick<TargetDatabase, 'folder'>,
): TargetDatabase {
  const named = flags.service === undefined ? (flags.database === undefined ? undefined : '--database') : '--service'
  if (named !== undefined) {
    throw new PoststackError('USAGE', `--url and ${named} name two databases, and a database command acts on one.`, {
      hint: `Leave one of them out; the database of a URL stands at its end: postgresql://user@host:5432/database`,
    })
  }
  const password = env['PGPASSWORD']
  const found = connectToUrl(url, { password })
  return {
    ...found,
    program: (options) => hostProgram(parseDatabaseUrl(url, { password }), options, { env, signal, folders: [cwd] }),
    service: undefined,
    owned: false,
    folder,
    root: undefined,
  }
}
