/**
 * A config that was read, and what each of the stack's methods makes of it: the declared state, a world to act on, the lock.
 */
import { setMaxListeners } from 'node:events'

import { onAbort, orInterrupted, throwIfAborted } from '../abort.ts'
import type { RuntimeChoice } from '../config/define.ts'
import type { ParsedConfig } from '../config/parse/parse.ts'
import type { Grants } from '../config/script.ts'
import type { Config } from '../config/types.ts'
import type { Emit } from '../events.ts'
import { stayWhereItIs } from '../execute/elsewhere.ts'
import { lookAtServers, type OwnServers } from '../execute/own-servers.ts'
import { readDesired, readNames, type DesiredRead, type ReadDesiredOptions } from '../execute/read-desired.ts'
import { withStackLock } from '../execute/stack-lock.ts'
import { servicesNamed } from '../plan/named.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { selectRuntime } from '../runtime/select.ts'
import type { CallOptions } from './options.ts'

export interface Opened {
  readonly parsed: ParsedConfig
  readonly env: Readonly<Record<string, string | undefined>>
  readonly runtime: RuntimeChoice
  /** What scripts may do, as the config may. */
  readonly grants: Grants
  readonly emit: Emit
  readonly signal: AbortSignal
}

/** Opens the runtime on the first call; every later one gets the same. */
export type SelectRuntime = (services: Config['services']) => Promise<Runtime>

/** Runs one call on the stack, stopped by the stack's signal and by its own. */
export async function within<Result>(
  opened: Opened,
  { signal: own }: CallOptions,
  body: (opened: Opened) => Promise<Result>,
): Promise<Result> {
  if (own === undefined) return await body(opened)
  const controller = new AbortController()
  const { signal } = controller
  setMaxListeners(0, signal)
  // Not AbortSignal.any: one made for each call would be remembered by a signal that lives as long as the program.
  const forget = [opened.signal, own].map((one) => {
    throwIfAborted(one)
    return onAbort(one, () => controller.abort(one.reason))
  })
  try {
    return await body({ ...opened, signal })
  } finally {
    for (const each of forget) each()
  }
}

/** The same runtime, waited for as long as the call may take; that is chosen for all calls, so it goes on when one of them is stopped. */
export function selectFor({ signal }: Opened, select: SelectRuntime): SelectRuntime {
  return (services) => orInterrupted(select(services), signal)
}

export async function chooseRuntime(
  { env, parsed: { config }, runtime, signal }: Opened,
  services: Config['services'],
): Promise<Runtime> {
  const chosen = await selectRuntime({ choice: runtime, env, root: config.root, services, signal })
  return runtime === 'auto' ? await stayWhereItIs(chosen, services, { config, env, signal }) : chosen
}

/** Services for which a runtime must be there at all: where no engine answers, no container can be there either. */
export function databasesOf({ parsed }: Opened): Config['services'] {
  return parsed.config.services.filter(({ kind }) => kind !== 'container')
}

/** Where the stack's own servers are now. Whoever connects to a database of the stack, or leads a program to one, looks here first. */
export function ownServers(opened: Opened, select: SelectRuntime, config = opened.parsed.config): Promise<OwnServers> {
  const { env, signal } = opened
  return lookAtServers({ config, env, signal, select: () => selectFor(opened, select)(databasesOf(opened)) })
}

export function withConfig(opened: Opened, config: Config): Opened {
  return { ...opened, parsed: { ...opened.parsed, config } }
}

/** For commands that are about containers: the files of the migrations are not even read. */
export function withoutMigrations(opened: Opened): Opened {
  const { config } = opened.parsed
  const services = config.services.map((service) =>
    service.kind === 'container' ? service : { ...service, migrations: undefined },
  )
  return withConfig(opened, { ...config, services })
}

/** For commands that are about images and leftovers: no service is out of their sight for its profiles. */
export function withoutProfiles(opened: Opened): Opened {
  const { config } = opened.parsed
  return withConfig(opened, {
    ...config,
    services: config.services.map((service) => ({ ...service, idle: undefined })),
  })
}

export type ReadOptions = Pick<ReadDesiredOptions, 'services' | 'create' | 'onBrokenBuild'>

export function read({ parsed, signal }: Opened, options: ReadOptions): Promise<DesiredRead> {
  return readDesired({ ...parsed, signal, ...options })
}

/** One process at a time works on this stack; `command` is what the others who wait are told. */
export async function locked<Result>(
  { parsed, emit, signal }: Opened,
  command: string,
  run: () => Promise<Result>,
): Promise<Result> {
  const { name, root } = parsed.config
  const onWaiting = (holder: string, waitedMs: number): void => {
    emit({ type: 'lock-waiting', holder, waitedMs })
  }
  return withStackLock({ root, stack: name, command: `poststack ${command}`, signal, onWaiting }, run)
}

/** The services of these names, or of the containers of these names. Fails with `UNKNOWN_SERVICE`. */
export function namedIn({ parsed }: Opened, names: readonly string[]): readonly string[] {
  return names.length === 0 ? [] : servicesNamed(names, readNames(parsed.config), [])
}
