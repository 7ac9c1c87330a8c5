/** The public API. A config imports this file each time it is loaded, so nothing third-party may be imported here. */
import type { OpenOptions, Stack } from './stack.ts'

export { container, defineConfig, postgres } from './config/define.ts'
export { ExitCode, PoststackError, isPoststackError } from './errors.ts'
export type {
  ConfigExport,
  ContainerService,
  DefineContext,
  PostgresService,
  ServiceMap,
  StackConfig,
} from './config/define.ts'
export type {
  BuildOptions,
  Condition,
  ContainerOptions,
  EnvValue,
  ExternalPostgresOptions,
  ManagedPostgresOptions,
  PortOptions,
  PostgresOptions,
  ReadyOptions,
  Reference,
  RuntimeChoice,
  VolumeOptions,
} from './config/options.ts'
export type { ErrorCode, ErrorDetails, ErrorRecord, PoststackErrorOptions } from './errors.ts'
export type { Outcome, StackEvent, StepResult } from './events.ts'
export type { ServiceStatus, StackStatus } from './plan/status.ts'
export type { Plan, PlanStep } from './plan/step.ts'
export type { DownOptions, OpenOptions, SelectOptions, Stack, UpOptions } from './stack.ts'

/**
 * Opens the stack that a config declares. Reads the config and the files it names; the world is touched by the methods of what
 * it returns. Loads everything else of Poststack when it is called.
 *
 * @example
 * const stack = await openStack({ cwd: process.cwd(), env: process.env })
 * const { ok } = await stack.up()
 *
 * @throws `PoststackError` with `CONFIG_NOT_FOUND`, `CONFIG_FAILED`, `CONFIG_DENIED`, `CONFIG_TIMEOUT` or `CONFIG_INVALID`.
 */
export async function openStack(options: OpenOptions): Promise<Stack> {
  const { openStack: open } = await import('./stack.ts')
  return open(options)
}
