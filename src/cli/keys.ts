/**
 * Single keys of a terminal, without Enter.
 */
import type { Io } from './context.ts'

export interface Keys {
  /** Has the keys that `take` says it takes go there and nowhere else, such as to a question. The result ends that. */
  divert(take: (key: string) => boolean): () => void
  close(): void
}

const controlC = '\u0003'

/** Calls `onKey` for each key that is pressed; without a terminal nothing is ever pressed. */
export function listenToKeys({ stdin, stderr }: Pick<Io, 'stdin' | 'stderr'>, onKey: (key: string) => void): Keys {
  if (stdin.isTTY !== true || stderr.isTTY !== true || stdin.setRawMode === undefined)
    return { divert: () => () => undefined, close: () => undefined }
  let diverted: ((key: string) => boolean) | undefined
  const hear = (data: Buffer | string): void => {
    for (const key of String(data)) {
      // A terminal that hands over single keys makes no signal of this one.
      if (key === controlC) process.kill(process.pid, 'SIGINT')
      else if (diverted?.(key) !== true) onKey(key)
    }
  }
  stdin.setRawMode(true)
  stdin.on('data', hear)
  stdin.resume()
  return {
    divert: (take) => {
      diverted = take
      return () => {
        diverted = undefined
      }
    },
    close: () => {
      stdin.removeListener('data', hear)
      stdin.setRawMode?.(false)
      stdin.pause()
    },
  }
}
