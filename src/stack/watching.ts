/**
 * Watching a stack: it is opened again whenever its config changes.
 */
import type { Config } from '../config/types.ts'
import type { Emit } from '../events.ts'
import { readNames } from '../execute/read-desired.ts'
import { servicesNamed } from '../plan/named.ts'
import type { WatchedStack } from '../watch/one-run.ts'
import { watch, type Watching } from '../watch/watch.ts'
import type { StackWatchOptions } from './options.ts'

export interface WatchedOptions<Opened> extends StackWatchOptions {
  /** Opens the stack: with the config that is found, and from then on with that very file. */
  readonly open: (configFile: string | undefined) => Promise<Opened>
  readonly emit: Emit
  readonly signal: AbortSignal
}

/** Fails when the config cannot be read at first; from then on it waits for the next change, until the signal is given. */
export async function watchOpened<Opened extends WatchedStack & { readonly config: Config }>(
  options: WatchedOptions<Opened>,
): Promise<Watching & { readonly stack: () => Opened }> {
  const { open, services = [], onEdit = 'rollback', confirm, onOutcome, emit, signal } = options
  let stack: Opened | undefined
  const watching = await watch({
    open: async (configFile) => {
      const opened = await open(configFile)
      // Before anything is watched, so that a mistyped name leaves nothing behind, not even a log.
      if (stack === undefined) await checkNames(opened, services)
      stack = opened
      return stack
    },
    services,
    onEdit,
    confirm,
    onOutcome,
    emit,
    signal,
  })
  // Whoever waits for the end may begin to do so later than it fails.
  watching.ended.catch(() => undefined)
  return {
    ...watching,
    stack: () => {
      if (stack === undefined) throw new Error('nothing is watched before the config was read')
      return stack
    },
  }
}

async function checkNames(
  stack: WatchedStack & { readonly config: Config },
  services: readonly string[],
): Promise<void> {
  try {
    servicesNamed(services, readNames(stack.config), [])
  } catch (error) {
    await stack.close()
    throw error
  }
}
