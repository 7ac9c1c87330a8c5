/**
 * What the commands of group `database` share: find the database, report, ask, turn what comes of it into an exit code.
 */
import { setMaxListeners } from 'node:events'
import { join, resolve } from 'node:path'

import { type ErrorDetails, type ExitCode, isPoststackError, PoststackError } from '../errors.ts'
import type { FindProgram } from '../execute/backup/program.ts'
import { readGitCommit } from '../execute/git-commit.ts'
import { stackEventOf } from '../execute/migration-events.ts'
import { type Connect, type Connection, isServerError } from '../migrations/connection.ts'
import { inspectFolder, readMigrations } from '../migrations/files/read.ts'
import { asking } from '../migrations/own-path.ts'
import type { RunOptions } from '../migrations/run/run.ts'
import type { MigrationFolder } from '../migrations/types.ts'
import { chooseDatabase } from '../plan/choose-database.ts'
import type { Stack } from '../stack.ts'
import { confirm } from './confirm.ts'
import type { Context, Io } from './context.ts'
import { limitsOf, type DatabaseFlags, type RunFlags } from './flags-database.ts'
import type { CommonFlags } from './flags.ts'
import { createReporter } from './report/create.ts'
import { placeText } from './report/database-words.ts'
import type { DatabaseFacts } from './report/documents.ts'
import type { Reporter } from './report/reporter.ts'
import { fail, openDeclared } from './session.ts'
import { targetByUrl, type TargetDatabase } from './target-by-url.ts'

export interface DatabaseSession {
  readonly target: TargetDatabase
  readonly facts: DatabaseFacts
  readonly report: Reporter
  readonly io: Io
  readonly signal: AbortSignal
  /** What every run that changes the database is given. */
  readonly runOptions: (flags?: RunFlags) => RunOptions
  readonly readFolder: () => Promise<MigrationFolder>
  /** The same, with what is wrong beside what is right. */
  readonly inspectFolder: () => ReturnType<typeof inspectFolder>
  /** Opens a session for looking around, and closes it whatever comes of it. */
  readonly look: <T>(body: (connection: Connection) => Promise<T>) => Promise<T>
  /** The same with the search_path that the role has, for SQL of a person. */
  readonly lookAsRole: <T>(body: (connection: Connection) => Promise<T>) => Promise<T>
}

/** Finds the database, runs the command, reports whatever fails, and leaves the exit code in the context. */
export async function runDatabase(
  context: Context,
  flags: DatabaseFlags,
  command: (session: DatabaseSession) => Promise<ExitCode>,
): Promise<void> {
  const { io } = context
  const report = createReporter(io, flags)
  const signal = AbortSignal.any([io.signal])
  setMaxListeners(0, signal)
  let stack: Stack | undefined
  let target: TargetDatabase | undefined
  try {
    target = await targetByUrl(flags, io, report)
    if (target === undefined) {
      stack = await openDeclared(flags, io, report)
      target = await declaredTarget(stack, flags, io)
    }
    context.exitCode = await command(createSession(target, { io, report, signal }))
  } catch (error) {
    context.exitCode = fail(explained(error, target), io.signal, report)
  } finally {
    await stack?.close()
    report.close()
  }
}

/** The same for a command that needs nothing but the files of a database: neither its server nor what runs it is asked anything. */
export async function runFiles(
  context: Context,
  flags: DatabaseFlags,
  command: (place: DatabaseFiles, report: Reporter) => Promise<ExitCode>,
): Promise<void> {
  const { io } = context
  const report = createReporter(io, flags)
  let stack: Stack | undefined
  try {
    let place: DatabaseFiles | undefined = await targetByUrl(flags, io, report)
    if (place === undefined) {
      stack = await openDeclared(flags, io, report)
      place = declaredFiles(stack, flags, io)
    }
    context.exitCode = await command(place, report)
  } catch (error) {
    context.exitCode = fail(error, io.signal, report)
  } finally {
    await stack?.close()
    report.close()
  }
}

/** The same for the folder of the migrations alone. Where `--migrations` names it, no config is read. */
export async function runFolder(
  context: Context,
  flags: DatabaseFlags,
  command: (folder: string, report: Reporter) => Promise<ExitCode>,
): Promise<void> {
  const { io } = context
  const { migrations } = flags
  if (migrations === undefined) {
    await runFiles(context, flags, async (place, report) => {
      warnOfUndeclared(place, report)
      return await command(place.folder, report)
    })
    return
  }
  const report = createReporter(io, flags)
  try {
    context.exitCode = await command(resolve(io.cwd, migrations), report)
  } catch (error) {
    context.exitCode = fail(error, io.signal, report)
  } finally {
    report.close()
  }
}

/** One declared database of a stack that is open; whatever it fails with says what to do. */
export async function lookInto<T>(
  stack: Stack,
  {
    flags,
    io,
    report,
  }: { readonly flags: CommonFlags & { readonly service: string }; readonly io: Io; readonly report: Reporter },
  body: (session: DatabaseSession) => Promise<T>,
): Promise<T> {
  const target = await declaredTarget(stack, flags, io)
  const signal = AbortSignal.any([io.signal])
  setMaxListeners(0, signal)
  try {
    return await body(createSession(target, { io, report, signal }))
  } catch (error) {
    throw explained(error, target)
  }
}

async function declaredTarget(
  stack: Stack,
  flags: Pick<DatabaseFlags, 'service' | 'database' | 'migrations'>,
  io: Io,
): Promise<TargetDatabase> {
  const { service, database } = flags
  const declared = await stack.database({ service, database })
  const program: FindProgram = (options) => stack.databaseProgram({ service, database }, options)
  return { ...declared, program, ...declaredFiles(stack, flags, io) }
}

type DatabaseFiles = Pick<TargetDatabase, 'service' | 'folder' | 'undeclared' | 'root'>

function declaredFiles(
  { config, configFile }: Stack,
  { service, database, migrations }: Pick<DatabaseFlags, 'service' | 'database' | 'migrations'>,
  { cwd }: Io,
): DatabaseFiles {
  const declared = chooseDatabase(config, { service, database })
  const { root } = config
  if (migrations !== undefined) return { service: declared.name, folder: resolve(cwd, migrations), root: undefined }
  if (declared.migrations !== undefined) return { service: declared.name, folder: declared.migrations, root }
  // Without a config the usual folder counts as declared as soon as it is there.
  const undeclared = configFile === undefined ? {} : ({ undeclared: true } as const)
  return { service: declared.name, folder: join(root, 'migrations'), root, ...undeclared }
}

/** For commands that make or apply files which `up` does not know of. */
export function warnOfUndeclared({ service, undeclared }: DatabaseFiles, report: Reporter): void {
  if (undeclared !== true) return
  const message = `the config names no migrations of ${service ?? 'this database'}, so \`up\` applies none: add migrations: './migrations' to it`
  report.event({ type: 'warning', message })
}

/** For a declared database of a stack that is open already. */
export async function declaredSession(
  stack: Stack,
  service: string,
  tools: Pick<DatabaseSession, 'io' | 'report' | 'signal'>,
): Promise<DatabaseSession> {
  return createSession(await declaredTarget(stack, { service }, tools.io), tools)
}

function createSession(
  target: TargetDatabase,
  { io, report, signal }: { readonly io: Io; readonly report: Reporter; readonly signal: AbortSignal },
): DatabaseSession {
  const { service, host, port, user, database, folder, root } = target
  const reading = root === undefined ? {} : { root }
  return {
    target,
    facts: { ...(service === undefined ? {} : { service }), host, port, user, database },
    report,
    io,
    signal,
    runOptions: (flags = {}) => ({
      connect: target.connect,
      signal,
      toolVersion: POSTSTACK_VERSION,
      onEvent: (event) => {
        report.event(stackEventOf(event))
      },
      gitCommit: () => readGitCommit(folder, { env: io.env, signal }),
      // Nobody else works on a database that the stack owns, so there is nobody to hold up.
      ...(target.owned ? { lockTimeoutMs: 0 } : {}),
      ...limitsOf(flags),
    }),
    readFolder: () => readMigrations(folder, reading),
    inspectFolder: () => inspectFolder(folder, reading),
    look: (body) => within(asking(target.connect), signal, body),
    lookAsRole: (body) => within(target.connect, signal, body),
  }
}

async function within<T>(
  connect: Connect,
  signal: AbortSignal,
  body: (connection: Connection) => Promise<T>,
): Promise<T> {
  const connection = await connect({ applicationName: 'poststack look', signal })
  try {
    return await body(connection)
  } finally {
    await connection.close()
  }
}

/** Whatever the server refuses is no bug of ours. */
function explained(error: unknown, target: TargetDatabase | undefined): unknown {
  if (!isServerError(error)) return silent(error, target)
  return new PoststackError(
    'STEP_FAILED',
    `The server refused a question: ${error.message} (SQLSTATE ${error.code}).`,
    {
      hint:
        error.code === '42501'
          ? 'Connect as a role that has the right, or have it granted to this one.'
          : 'Mend what the server complains about, then run again.',
      details: { sqlstate: error.code },
      cause: error,
    },
  )
}

/** The stack's own server was seen to run: to start it would change nothing, or give it another port. */
function silent(error: unknown, target: TargetDatabase | undefined): unknown {
  if (target?.service === undefined || !target.owned) return error
  if (!isPoststackError(error) || error.code !== 'DATABASE_UNREACHABLE' || !('reason' in error.details)) return error
  return new PoststackError(error.code, error.message, {
    hint: `It runs and does not answer; why is told by: poststack container health ${target.service}`,
    details: error.details,
    cause: error,
  })
}

export interface Consent {
  /** `--yes` */
  readonly given: boolean
  /** What would be done, as `drop schema poststack`. */
  readonly deed: string
  /** What it would be done to, where that is not the database. */
  readonly place?: string | undefined
  /** What it comes down to, one line each. */
  readonly lines: readonly string[]
  /** `Drop it?` */
  readonly question: string
  /** The same as data, for whoever reads JSON. */
  readonly details?: ErrorDetails | undefined
}

/**
 * Shows the exact target and what would be done, and asks. Returns when somebody agreed; fails with `CONSENT_NEEDED` when not, also because
 * there is no terminal to ask on.
 */
export async function agree({ facts, io, report }: DatabaseSession, consent: Consent): Promise<void> {
  const { given, deed, details = {}, lines, place = placeText(facts), question } = consent
  const shown = [`This will ${deed} in ${place}:`, ...lines.map((line) => `  ${line}`.trimEnd())].join('\n')
  if (given) {
    report.say(shown)
    return
  }
  if (await confirm(`${shown}\n${question} [y/N] `, io)) return
  throw new PoststackError('CONSENT_NEEDED', `${shown.replace('This will', 'this would')}\nNothing was done.`, {
    hint: 'run it again with --yes if that is what you want',
    details: { deed, database: facts, ...details },
  })
}
