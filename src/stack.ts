/// <reference lib="esnext.disposable" preserve="true" />
/**
 * `openStack()`: the one place that puts the parts together. Everything else is handed what it needs.
 *
 * The line above is for users whose compiler does not know `await using` otherwise; it stands in the published types.
 */
import { setMaxListeners } from 'node:events'

import type { ConfigInputs } from './config/load/inputs.ts'
import type { Config } from './config/types.ts'
import type { Emit, StackEvent } from './events.ts'
import type { FoundProgram, ProgramOptions } from './execute/backup/program.ts'
import { settlePorts } from './execute/auto-ports.ts'
import type { DeclaredDatabase } from './execute/database/choice.ts'
import type { DatabaseChoice } from './plan/choose-database.ts'
import { findDatabase } from './execute/declared-database.ts'
import { loadAhead } from './execute/load-ahead.ts'
import type { MigrateResult } from './migrations/run/migrate.ts'
import type { AttachedProgram, EndOptions } from './runtime/runtime.ts'
import { checkOptions } from './stack/check-options.ts'
import { createContainers } from './stack/containers.ts'
import { watchEnds } from './stack/ends.ts'
import { createEventStreams, type EventStreams } from './stack/event-stream.ts'
import { createOneRuntime, type OneRuntime } from './stack/one-runtime.ts'
import { chooseRuntime, type Opened, ownServers, selectFor, withConfig, within } from './stack/opened.ts'
import type {
  CallOptions,
  ConfigOptions,
  Containers,
  MigrateStackOptions,
  PsqlOptions,
  ScriptOptions,
  ScriptProgram,
  SelectOptions,
  StackWatchOptions,
  VariablesOptions,
  WholeStack,
} from './stack/options.ts'
import { databaseProgram, psqlProgram } from './stack/programs.ts'
import { readConfig } from './stack/read-config.ts'
import { readVariables } from './stack/variables.ts'
import { createWhole } from './stack/whole.ts'
import type { Watching } from './watch/watch.ts'

export interface OpenOptions extends ConfigOptions {
  /** Called with each event. @default none */
  readonly emit?: Emit | undefined
  /** Stops everything under way; what was begun is taken back. @default never */
  readonly signal?: AbortSignal | undefined
}

/**
 * A stack that was read and can be asked, brought up and taken down. Each method can be called again and again, and several at once: those
 * that change something take turns. `await using` closes it.
 */
export interface Stack extends WholeStack {
  readonly config: Config
  /** What the config was made from: files, also those that it names and that are not there, patterns, names of variables. */
  readonly inputs: ConfigInputs
  /** Absolute; absent where conventions apply, and where the config was handed over. */
  readonly configFile: string | undefined
  /**
   * Applies what is pending to one declared database, which has to run; what was applied before stays when it fails. Migrations alone: hooks
   * and seeds are steps of `up`, which migrates, too. Those that are remembered for their content run with the next one.
   * Fails with `UNKNOWN_SERVICE`, with `USAGE` when there are several databases and none was chosen, with `NOT_RUNNING` when it is the stack's
   * own and does not run, with `DATABASE_UNREACHABLE`, and as `migrate` of `poststack/migrations` does.
   */
  migrate(options?: MigrateStackOptions): Promise<MigrateResult>
  /**
   * Brings it up, and keeps it as declared while its files and containers change, until the signal of the call or of the stack is given; then `ended` is fulfilled. The
   * config is read again for it, and after each change of it; this stack stays as it was read.
   */
  watch(options?: StackWatchOptions): Promise<WatchingStack>
  /**
   * What is said from this call on, whichever method says it. What is not asked for yet is kept in memory. Ends with `close`, and with the
   * signal of the call or of the stack.
   */
  events(options?: CallOptions): AsyncIterableIterator<StackEvent>
  /**
   * One declared database, and the way in. Nothing is connected yet. Where the stack runs the server itself, the address is that at which it
   * runs now, and connecting fails with `NOT_RUNNING` while it does not run, whoever else listens there. Fails with `UNKNOWN_SERVICE` when
   * there is none of that name, and with `USAGE` when there are several and none was chosen.
   */
  database(choice?: DatabaseChoice): Promise<DeclaredDatabase>
  /**
   * Environment variables that lead programs on this machine to the stack: `DATABASE_URL`, `PGHOST` and the like for one database, and
   * `<SERVICE>_URL` for each service. Passwords stand in them. The address of a server that runs is that at which it runs.
   */
  variables(choice?: VariablesOptions): Promise<Readonly<Record<string, string>>>
  /** The psql to run for a database. Fails with `NOT_RUNNING`, and with `PROGRAM_MISSING` when there is none. */
  psql(options?: PsqlOptions): Promise<AttachedProgram>
  /**
   * A script of the project, ready to run with these variables and with the stack in `poststack/run`, under the permissions of the config.
   * Fails with `SCRIPT_INVALID` when it cannot be read.
   */
  script(options: ScriptOptions): Promise<ScriptProgram>
  /**
   * A program of PostgreSQL (`pg_dump`, `pg_restore`, `psql`) for a declared database: in the server's container, or of this machine. Fails
   * with `NOT_RUNNING`, and with `PROGRAM_MISSING` when there is none that fits the server.
   */
  databaseProgram(choice: DatabaseChoice, options: ProgramOptions): Promise<FoundProgram>
  /** Its containers and images, apart from migrations. */
  readonly containers: Containers
  /**
   * Tells of each container of the stack that ends or is removed, whoever did it, until the signal is given; then it returns. With `services`
   * it tells of theirs and of those that they depend on.
   */
  watchEnds(options: EndOptions & SelectOptions): Promise<void>
  /** Frees connections and ends `events`; what runs goes on running. Nothing the second time; the stack can be used again. */
  close(): Promise<void>
  /** The same as `close`. */
  [Symbol.asyncDispose](): Promise<void>
}

export interface WatchingStack extends Watching {
  /** As the config was when it could be read last. */
  stack(): Stack
}

/** Reads the config and whatever it names. Nothing of the world is touched before a method is called. */
export async function openStack(options: OpenOptions): Promise<Stack> {
  await checkOptions(options)
  // A signal of our own, because every wait of a large stack listens to it, and Node warns from eleven on.
  const signal = options.signal === undefined ? new AbortController().signal : AbortSignal.any([options.signal])
  setMaxListeners(0, signal)
  const streams = createEventStreams(options.emit ?? (() => undefined))
  const { emit } = streams
  const onWaiting = (): void => {
    loadAhead(options.runtime)
  }
  const { parsed, file, inputs, notKept, keep } = await readConfig(options, { emit, signal, onWaiting })
  const opened: Opened = {
    parsed,
    env: options.env,
    runtime: options.runtime ?? parsed.config.runtime,
    grants: { cwd: options.cwd, permissions: options.permissions ?? {}, trusted: options.allowAll === true },
    emit,
    signal,
  }
  const runtime = createOneRuntime((services) => chooseRuntime(opened, services))
  const config = await settlePorts(parsed.config, { runtime, signal })
  return createStack(withConfig(opened, config), {
    files: { inputs, configFile: file },
    keepConfig: async () => {
      if (notKept !== undefined) await keep()
    },
    streams,
    runtime,
    reopen: (again) => openStack({ ...options, ...again, configFile: again.configFile ?? options.configFile }),
  })
}

interface Surroundings {
  readonly files: Pick<Stack, 'inputs' | 'configFile'>
  /** Keeps the config's result, if that could not be done when it was read. */
  readonly keepConfig: () => Promise<void>
  readonly streams: EventStreams
  readonly runtime: OneRuntime
  /** The same stack as its config is now. */
  readonly reopen: (options: Pick<OpenOptions, 'configFile' | 'emit' | 'signal'>) => Promise<Stack>
}

function createStack(opened: Opened, { files, keepConfig, streams, reopen, runtime }: Surroundings): Stack {
  const { config } = opened.parsed
  const { select } = runtime
  const close = async (): Promise<void> => {
    streams.endAll()
    await runtime.close()
  }

  const whole = createWhole(opened, select)
  return {
    config,
    ...files,
    ...whole,
    async up(options) {
      const raised = await whole.up(options)
      // The key that a config's result is kept with is made by the first one, and the second one is to write nothing.
      await keepConfig()
      return raised
    },
    async watch(options = {}) {
      const { watchOpened } = await import('./stack/watching.ts')
      const { emit } = opened
      const signal = AbortSignal.any(options.signal === undefined ? [opened.signal] : [opened.signal, options.signal])
      setMaxListeners(0, signal)
      return await watchOpened({
        ...options,
        emit,
        signal,
        open: (configFile) => reopen({ configFile: configFile ?? files.configFile, emit, signal }),
      })
    },
    async migrate(options = {}) {
      const { migrateDatabase } = await import('./stack/migrations.ts')
      return await within(opened, options, (call) => migrateDatabase(call, select, options))
    },
    events: ({ signal } = {}) => streams.listen(signal, opened.signal),
    database: (choice = {}) => findDatabase(opened.parsed, choice, (only) => ownServers(opened, select, only)),
    watchEnds: (ends) => watchEnds(opened, select, ends),
    variables: (choice = {}) => readVariables(opened, select, choice),
    psql: (psql = {}) => within(opened, psql, (call) => psqlProgram(call, selectFor(call, select), psql)),
    databaseProgram: (choice, program) => databaseProgram(opened, select, choice, program),
    script: async (script) => (await import('./stack/scripts.ts')).scriptProgram(opened, select, script),
    containers: createContainers(opened, select),
    close,
    [Symbol.asyncDispose]: close,
  }
}
