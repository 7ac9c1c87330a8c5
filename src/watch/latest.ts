/**
 * One run at a time. Whatever is asked for while one is under way becomes exactly one more.
 */

/**
 * Gives a function that asks for a run. Its promise ends when nothing is asked for any more, and fails as soon as a run does; what was
 * asked for meanwhile then waits for the next call.
 */
export function latest(run: () => Promise<void>): () => Promise<void> {
  let isWanted = false
  let current: Promise<void> | undefined
  const drain = async (): Promise<void> => {
    try {
      while (isWanted) {
        isWanted = false
        // oxlint-disable-next-line no-await-in-loop -- that there is only one at a time is the point
        await run()
      }
    } finally {
      current = undefined
    }
  }
  return () => {
    isWanted = true
    // The first run begins in a later moment: if it asked for another at once, `current` would not be set yet, and two would run.
    current ??= Promise.resolve().then(drain)
    return current
  }
}
