/**
 * Which runtime runs the stack: the one that was asked for, or the first that answers.
 */
import { isPoststackError, PoststackError } from '../errors.ts'
import type { ServiceConfig } from '../config/types.ts'
import type { RuntimeChoice } from '../config/define.ts'
import type { EngineName, Environment } from './container/engine-address.ts'
import type { Runtime } from './runtime.ts'

export interface SelectOptions {
  readonly choice: RuntimeChoice
  /** Only those that are to run: `poststack up db` may do without what the whole stack needs. */
  readonly services: readonly Pick<ServiceConfig, 'name' | 'kind'>[]
  /** The project's folder, where the native runtime keeps its data. */
  readonly root: string
  readonly env: Environment
  readonly signal?: AbortSignal
}

/**
 * Opens the runtime; the caller closes it. Drivers are loaded only when they are tried.
 *
 * @throws `RUNTIME_MISSING` or `RUNTIME_UNREACHABLE`, with everything that was tried and what can still be started.
 */
export async function selectRuntime(options: SelectOptions): Promise<Runtime> {
  switch (options.choice) {
    case 'podman':
    case 'docker':
      return openChosen(options.choice, options)
    case 'native':
      refuseContainers(options)
      return openNative(options)
    case 'auto':
      return selectAutomatically(options)
  }
}

/** Loads the driver that a choice leads to first; may be called ahead of time. */
export function loadDriver(choice: RuntimeChoice): Promise<unknown> {
  return choice === 'native' ? import('./native/native.ts') : import('./container/container.ts')
}

async function selectAutomatically(options: SelectOptions): Promise<Runtime> {
  const failures: PoststackError[] = []
  for (const name of ['podman', 'docker'] as const) {
    try {
      return await openEngine(name, options)
    } catch (error) {
      if (!isPoststackError(error) || options.signal?.aborted === true) throw error
      failures.push(error)
    }
  }
  if (containersOf(options).length === 0) return openNative(options)
  throw noEngine(options, failures)
}

/** An engine that was asked for. What could do without it is told only where it really can. */
async function openChosen(name: EngineName, options: SelectOptions): Promise<Runtime> {
  try {
    return await openEngine(name, options)
  } catch (error) {
    if (!isPoststackError(error) || error.code !== 'RUNTIME_MISSING') throw error
    const { code, message, details } = error
    const instead =
      containersOf(options).length === 0 ? 'Or do without an engine: --runtime native' : startable(options, 'native')
    throw new PoststackError(code, message, { hint: `${error.hint ?? ''}\n${instead}`.trim(), details, cause: error })
  }
}

async function openEngine(name: EngineName, { env, signal }: SelectOptions): Promise<Runtime> {
  const { createContainerRuntime } = await import('./container/container.ts')
  return createContainerRuntime({ name, env, signal: signal ?? new AbortController().signal })
}

async function openNative({ root, env }: SelectOptions): Promise<Runtime> {
  const { createNativeRuntime } = await import('./native/native.ts')
  return createNativeRuntime({ root, env })
}

function refuseContainers(options: SelectOptions): void {
  const containers = containersOf(options)
  if (containers.length === 0) return
  throw new PoststackError(
    'RUNTIME_MISSING',
    `The native runtime runs PostgreSQL only, and ${listNames(containers)} ${containers.length === 1 ? 'is a container' : 'are containers'}.`,
    {
      hint: `${startable(options)}\nOr use an engine: --runtime podman, or --runtime docker.`,
      details: { containers },
    },
  )
}

function noEngine(options: SelectOptions, failures: readonly PoststackError[]): PoststackError {
  const containers = containersOf(options)
  // One that is there and does not answer is nearer to the cause than one that was never installed.
  const nearest = failures.find(({ code }) => code === 'RUNTIME_UNREACHABLE') ?? failures[0]
  const reasons = failures.map(({ message }) => message)
  return new PoststackError(
    nearest?.code ?? 'RUNTIME_MISSING',
    `No container engine answers, and ${listNames(containers)} ${containers.length === 1 ? 'needs' : 'need'} one. ${reasons.join(' ')}`,
    {
      hint: [nearest?.hint ?? '', startable(options)].join('\n').trim(),
      details: { containers, tried: failures.map(({ code, message, details }) => ({ code, message, ...details })) },
    },
  )
}

/** What works without an engine, as a command to run. */
function startable({ services }: SelectOptions, runtime?: RuntimeChoice): string {
  const flag = runtime === undefined ? '' : ` --runtime ${runtime}`
  const names = services.filter(({ kind }) => kind !== 'container').map(({ name }) => name)
  return names.length === 0
    ? 'Install podman or docker: no service of this stack can run without one.'
    : `Start what needs no container engine: poststack up ${names.join(' ')}${flag}`
}

function containersOf({ services }: SelectOptions): readonly string[] {
  return services.filter(({ kind }) => kind === 'container').map(({ name }) => name)
}

function listNames(names: readonly string[]): string {
  const quoted = names.map((name) => `"${name}"`)
  const last = quoted.at(-1) ?? ''
  return quoted.length < 2 ? last : `${quoted.slice(0, -1).join(', ')} and ${last}`
}
