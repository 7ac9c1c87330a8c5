/** The public API. A config imports this file each time it is loaded, so nothing third-party may be imported here. */
import type { OpenOptions, Stack, WatchingStack } from './stack.ts'
import type { WatchStackOptions } from './watch-stack.ts'

declare global {
  // Of Node or of browsers, as the project has it; our types must hold also where it says neither.
  interface AbortSignal {}
  interface URL {}
}

export { container, defineConfig, hook, postgres } from './config/define.ts'
export { env, glob, readText } from './config/reading.ts'
export { ExitCode, PoststackError, isPoststackError } from './errors.ts'
export type {
  ConfigExport,
  ContainerService,
  DefineContext,
  LayeredConfig,
  PostgresService,
  ServiceMap,
  StackConfig,
  StackOptions,
} from './config/define.ts'
export type { ConfigInputs, GlobRead } from './config/load/inputs.ts'
export type {
  Condition,
  EnvValue,
  ExternalPostgresOptions,
  Hook,
  Hooks,
  LogChoice,
  LogOptions,
  ManagedPostgresOptions,
  PostgresOptions,
  Reference,
  RememberedHook,
  RuntimeChoice,
} from './config/options.ts'
export type { Permissions } from './config/permissions.ts'
export type {
  BuildOptions,
  ContainerOptions,
  HealthcheckOptions,
  PortOptions,
  ReadyOptions,
  VolumeOptions,
} from './config/options-container.ts'
export type { ErrorCode, ErrorDetails, ErrorRecord, PoststackErrorOptions } from './errors.ts'
export type { Outcome, StackEvent, StepResult } from './events.ts'
export type { ServiceStatus, StackStatus } from './plan/status.ts'
export type { Plan, PlanStep } from './plan/step.ts'
export type { DeclaredDatabase } from './execute/database/choice.ts'
export type { DatabaseChoice } from './plan/choose-database.ts'
export type { MigrateResult } from './migrations/run/migrate.ts'
export type { OpenOptions, Stack, WatchingStack } from './stack.ts'
export type {
  CallOptions,
  ContainerList,
  Containers,
  DownOptions,
  LogsOptions,
  MigrateStackOptions,
  ProgramOptions,
  PsqlOptions,
  RemoveOptions,
  ScriptOptions,
  ScriptProgram,
  SelectOptions,
  ServiceHealth,
  ServiceLogLine,
  StackWatchOptions,
  StartOptions,
  StopOptions,
  UpOptions,
} from './stack/options.ts'
export type { WatchStackOptions } from './watch-stack.ts'
export type { OnEdit, TakeBackQuestion as WatchedQuestion } from './watch/take-back.ts'
export type { WatchEnd, Watching } from './watch/watch.ts'

/**
 * Opens the stack that a config declares. Reads the config and the files it names; the world is touched by the methods of what
 * it returns. Loads everything else of Poststack when it is called.
 *
 * @example
 * await using stack = await openStack({ cwd: process.cwd(), env: process.env })
 * const { ok } = await stack.up()
 *
 * @throws `PoststackError` with `CONFIG_NOT_FOUND`, `CONFIG_FAILED`, `CONFIG_DENIED`, `CONFIG_TIMEOUT` or `CONFIG_INVALID`.
 */
export async function openStack(options: OpenOptions): Promise<Stack> {
  const { openStack: open } = await import('./stack.ts')
  return open(options)
}

/**
 * Opens the stack, brings it up, and keeps it as declared while its files and containers change, until the signal is given. What goes wrong
 * in a run is told to `emit`, and the next change is waited for.
 *
 * @example
 * const watching = await watchStack({ cwd: process.cwd(), env: process.env, signal, emit: console.log })
 * await watching.ended
 *
 * @throws as `openStack` does, when the config cannot be read at first.
 */
export async function watchStack(options: WatchStackOptions): Promise<WatchingStack> {
  const { watchStack: watch } = await import('./watch-stack.ts')
  return watch(options)
}
