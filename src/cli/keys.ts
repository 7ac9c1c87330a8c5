/**
 * Single keys of a terminal, without Enter.
 */
import type { Io } from './context.ts'

export interface Keys {
  /** Gives the terminal back while something else reads from it, such as a question. */
  pause<Result>(body: () => Promise<Result>): Promise<Result>
  close(): void
}

const controlC = '\u0003'

/** Calls `onKey` for each key that is pressed; without a terminal nothing is ever pressed. */
export function listenToKeys({ stdin, stderr }: Pick<Io, 'stdin' | 'stderr'>, onKey: (key: string) => void): Keys {
  if (stdin.isTTY !== true || stderr.isTTY !== true || stdin.setRawMode === undefined)
    return { pause: (body) => body(), close: () => undefined }
  const hear = (data: Buffer | string): void => {
    for (const key of String(data)) {
      // A terminal that hands over single keys makes no signal of this one.
      if (key === controlC) process.kill(process.pid, 'SIGINT')
      else onKey(key)
    }
  }
  const open = (): void => {
    stdin.setRawMode?.(true)
    stdin.on('data', hear)
    stdin.resume()
  }
  const close = (): void => {
    stdin.removeListener('data', hear)
    stdin.setRawMode?.(false)
    stdin.pause()
  }
  open()
  return {
    pause: async (body) => {
      close()
      try {
        return await body()
      } finally {
        open()
      }
    },
    close,
  }
}
