/**
 * From what the file system reports to what has changed: waits until writing has come to an end, then looks at contents.
 */
import { interruption, pause } from '../abort.ts'
import type { Contents, Difference } from './contents.ts'

export interface SettleOptions {
  readonly contents: Contents
  /** Gets all paths that have changed, together, sorted. */
  readonly onChanged: (paths: readonly string[]) => void
  readonly onError: (error: unknown) => void
  readonly signal: AbortSignal
}

/** An editor or a formatter writes a file in several strokes; so long after the last one it is taken for complete. */
const quietMs = 20
/**
 * Editors replace a file by another or empty it first, and a checkout takes files away before it brings others. So long a missing file may
 * come back, and an empty one be filled.
 */
const goneMs = 400
/** A file that is written without an end must not hold up the others. */
const longestMs = 3_000

/** Gives a function that takes each path something was reported of, any number of times. */
export function createSettling({ contents, onChanged, onError, signal }: SettleOptions): (path: string) => void {
  const reported = new Set<string>()
  let last = 0
  let isBusy = false

  const quiet = async (milliseconds: number): Promise<void> => {
    const began = performance.now()
    for (;;) {
      const left = Math.min(last + milliseconds, began + longestMs) - performance.now()
      if (left <= 0) return
      // oxlint-disable-next-line no-await-in-loop -- goes on for as long as something is being written
      await pause(Math.ceil(left), signal)
    }
  }
  const look = async (earlier: readonly string[] = []): Promise<readonly Difference[]> => {
    const paths = [...earlier, ...reported]
    reported.clear()
    const found = await contents.compare(paths)
    if (earlier.length > 0 || !found.some(({ isPassing }) => isPassing)) return found
    await quiet(goneMs)
    return look(paths)
  }
  const drain = async (): Promise<void> => {
    while (reported.size > 0) {
      // oxlint-disable-next-line no-await-in-loop -- one look after the other
      await quiet(quietMs)
      // oxlint-disable-next-line no-await-in-loop
      const found = await look()
      if (signal.aborted) throw interruption(signal)
      contents.remember(found)
      if (found.length > 0) onChanged(found.map(({ path }) => path).toSorted())
    }
  }
  return (path) => {
    reported.add(path)
    last = performance.now()
    if (isBusy) return
    isBusy = true
    drain()
      .catch((error: unknown) => {
        if (!signal.aborted) onError(error)
      })
      .finally(() => {
        isBusy = false
      })
  }
}
