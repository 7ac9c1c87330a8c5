/**
 * Gives the ports declared as `'auto'` their numbers: of those that `plan/auto-ports.ts` proposes, the first that is free.
 */
import type { Config } from '../config/types.ts'
import { portWish, withPort, type PortWish } from '../plan/auto-ports.ts'
import { currentContainer } from '../plan/current.ts'
import type { HostPort } from '../plan/reconcile/held-ports.ts'
import { projectId } from '../plan/names.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { busyPorts } from './ports.ts'

export interface SettleOptions {
  /** What runs the services; closed again when it cannot be asked. */
  readonly runtime: {
    readonly select: (services: Config['services']) => Promise<Runtime>
    readonly close: () => Promise<void>
  }
  readonly signal: AbortSignal
}

/** Who has a busy port does not matter here. */
const holder = (): Promise<undefined> => Promise.resolve(undefined)

/** The config with the numbers that hold now, for everything that it is asked for. */
export async function settlePorts(config: Config, { runtime: one, signal }: SettleOptions): Promise<Config> {
  if (config.autoPorts.length === 0) return config
  // Where nothing runs services there is nothing to settle; what needs a runtime says that it is missing.
  const runtime = await one.select(config.services.filter(({ kind }) => kind !== 'container')).catch(() => undefined)
  if (runtime === undefined) return config
  try {
    return await choosePorts(config, {
      runtime,
      signal,
      busyPorts: (wanted) => busyPorts(wanted, { signal, holder }),
    })
  } catch (error) {
    await one.close()
    throw error
  }
}

export interface ChooseOptions {
  readonly runtime: Pick<Runtime, 'observe'>
  /** Those of the ports that something has. */
  readonly busyPorts: (wanted: readonly HostPort[], signal: AbortSignal) => Promise<readonly HostPort[]>
  readonly signal: AbortSignal
}

/** The same, by what the runtime shows. */
export async function choosePorts(config: Config, options: ChooseOptions): Promise<Config> {
  const { runtime, signal } = options
  const project = projectId(config.root)
  const scope = { stack: config.name, project, containerNames: [], volumeNames: [], networkNames: [], imageRefs: [] }
  const { containers } = await runtime.observe(scope, { signal })
  let settled = config
  for (const auto of config.autoPorts) {
    const wish = portWish(auto, settled, currentContainer(auto.service, containers, scope))
    if (wish === undefined) continue
    const number = wish.held ?? (await firstFree(wish, options))
    if (number !== undefined) settled = withPort(settled, auto, number)
  }
  return settled
}

async function firstFree(
  { candidates, where }: PortWish,
  { busyPorts: findBusy, signal }: ChooseOptions,
): Promise<number | undefined> {
  for (const host of candidates) {
    const busy = await findBusy([{ host, ...where }], signal)
    if (busy.length === 0) return host
  }
  return undefined
}
