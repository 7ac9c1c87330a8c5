/**
 * Watches the files that a stack is made from, whichever these are at the time.
 */
import type { Emit } from '../events.ts'
import { createContents } from './contents.ts'
import { type FileWatch, watchFiles } from './files.ts'
import { type Inputs, isInput, sameInputs } from './inputs.ts'
import { createSettling } from './settle.ts'

export interface InputWatch {
  /** How many of them exist. */
  readonly count: number
  /** These are to be watched from now on. */
  follow(inputs: Inputs, options: FollowOptions): Promise<void>
  close(): Promise<void>
}

export interface FollowOptions {
  /**
   * What is new among them and was written since this time (milliseconds) counts as changed, because nobody knows whether whoever read
   * it saw it before or after.
   */
  readonly since: number
  /** Also when the list of them is the same: what counts may be another. */
  readonly anew: boolean
}

export interface InputWatchOptions {
  /** Gets the paths of inputs whose content has changed, sorted. */
  readonly onChanged: (paths: readonly string[]) => void
  readonly emit: Emit
  readonly signal: AbortSignal
}

export function createInputWatch({ onChanged, emit, signal }: InputWatchOptions): InputWatch {
  const contents = createContents(signal)
  let current: { readonly inputs: Inputs; readonly files: FileWatch } | undefined
  let hasToldOfPolling = false
  const onError = (error: unknown): void => {
    const message = `some files cannot be watched: ${error instanceof Error ? error.message : String(error)}`
    emit({ type: 'warning', message })
  }
  const report = createSettling({ contents, onChanged, onError, signal })
  const onPolling = (reason: string): void => {
    if (hasToldOfPolling) return
    hasToldOfPolling = true
    const message = `${reason}; files are looked at again and again instead of being watched, which is slower`
    emit({ type: 'warning', message })
  }
  return {
    get count() {
      return contents.size
    },
    follow: async (inputs, { since, anew }) => {
      const before = current
      if (!anew && before !== undefined && sameInputs(before.inputs, inputs)) {
        current = { inputs, files: before.files }
        return
      }
      // The new one listens before the old one ends, so that nothing is missed between the two.
      const files = await watchFiles({ inputs, onReport: report, onPolling, onError, signal })
      current = { inputs, files }
      await before?.files.close()
      contents.keep((path) => isInput(inputs, path))
      const young = await contents.learn(files.found, since)
      if (young.length > 0) onChanged(young.toSorted())
    },
    close: async () => {
      await current?.files.close()
      current = undefined
    },
  }
}
