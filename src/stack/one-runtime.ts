/** The runtime of an opened stack: chosen when it is asked for first, and the same from then on. */
import type { Runtime } from '../runtime/runtime.ts'
import type { SelectRuntime } from './opened.ts'

export interface OneRuntime {
  readonly select: SelectRuntime
  /** The next call chooses anew. */
  readonly close: () => Promise<void>
}

export function createOneRuntime(choose: SelectRuntime): OneRuntime {
  let chosen: Promise<Runtime> | undefined
  const close = async (): Promise<void> => {
    // At once, so that a second call closes nothing twice.
    const last = chosen?.catch(() => undefined)
    chosen = undefined
    await (await last)?.close()
  }
  const begin = (services: Parameters<SelectRuntime>[0]): Promise<Runtime> => {
    const choosing = choose(services).catch((error: unknown) => {
      // An engine that does not answer now may do so the next time.
      if (chosen === choosing) chosen = undefined
      throw error
    })
    return choosing
  }
  const select: SelectRuntime = async (services) => {
    const choosing = (chosen ??= begin(services))
    const runtime = await choosing
    if (runtime.name !== 'native' || services.every(({ kind }) => kind !== 'container')) return runtime
    // It was taken for databases alone. It has nothing to free, so whoever still works with it goes on.
    if (chosen === choosing) chosen = undefined
    return await (chosen ??= begin(services))
  }
  return { select, close }
}
