/**
 * Listens for containers that end.
 */
import { onAbort } from '../abort.ts'
import { isPoststackError } from '../errors.ts'
import type { WatchedStack } from './one-run.ts'

export interface Listening {
  readonly services: readonly string[]
  readonly signal: AbortSignal
  /** A container of the service has ended; nobody knows which when it is absent. */
  readonly onEnd: (service: string | undefined) => void
  /** Enough time has passed since the last end for a look. */
  readonly onQuiet: () => void
  /** Gets a bug of ours. */
  readonly onBug: (error: unknown) => void
}

/** A removal by hand is an end and then the removal: who looks between the two starts what is about to go. */
const endMs = 150

/** Gives what stops it. */
export function listen(stack: Pick<WatchedStack, 'watchEnds'>, listening: Listening): () => void {
  const { services, signal, onEnd, onQuiet, onBug } = listening
  const controller = new AbortController()
  let soon: NodeJS.Timeout | undefined
  const forget = onAbort(signal, () => controller.abort(signal.reason))
  stack
    .watchEnds({
      services,
      signal: controller.signal,
      onEnd: (service) => {
        onEnd(service)
        clearTimeout(soon)
        soon = setTimeout(onQuiet, endMs)
      },
    })
    // Without a runtime nothing can end; the run that needs one says why there is none.
    .catch((error: unknown) => {
      if (!isPoststackError(error)) onBug(error)
    })
  return () => {
    forget()
    controller.abort()
    clearTimeout(soon)
  }
}
