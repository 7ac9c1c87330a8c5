/**
 * `watchStack()`: opens a stack, and keeps it as declared.
 */
import { openStack, type OpenOptions, type WatchingStack } from './stack.ts'
import type { StackWatchOptions } from './stack/options.ts'
import { watchOpened } from './stack/watching.ts'

export interface WatchStackOptions extends OpenOptions, StackWatchOptions {
  /** Ends the watch; what runs in the stack goes on running, and a run that is under way is taken back. @default never */
  readonly signal?: AbortSignal | undefined
}

/** Fails when the config cannot be read at first; from then on it waits for the next change, until the signal is given. */
export async function watchStack(options: WatchStackOptions): Promise<WatchingStack> {
  const { services, onEdit, confirm, onOutcome, ...open } = options
  return await watchOpened({
    open: (configFile) => openStack({ ...open, configFile: configFile ?? open.configFile }),
    services,
    onEdit,
    confirm,
    onOutcome,
    emit: options.emit ?? (() => undefined),
    signal: options.signal ?? new AbortController().signal,
  })
}
