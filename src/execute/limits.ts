/**
 * Bounds on how many things happen at once.
 */

export type Limit = <Result>(task: () => Promise<Result>) => Promise<Result>

/** At most `most` tasks run at once; the others wait their turn in the order they came. */
export function createLimit(most: number): Limit {
  const waiting: (() => void)[] = []
  let running = 0
  return async (task) => {
    if (running >= most) await new Promise<void>((resolve) => waiting.push(resolve))
    else running += 1
    try {
      return await task()
    } finally {
      // The place is handed on, not given back, so that nobody can slip in between.
      const next = waiting.shift()
      if (next === undefined) running -= 1
      else next()
    }
  }
}

/**
 * For lists of any length, such as the files of a big tree: takes an item only when there is room, so nothing piles up, and none when
 * one has failed.
 */
export async function forEachLimited<Item>(
  items: Iterable<Item>,
  limit: number,
  act: (item: Item) => Promise<void>,
): Promise<void> {
  const queue = items[Symbol.iterator]()
  let hasFailed = false
  const take = (): IteratorResult<Item, unknown> => (hasFailed ? { done: true, value: undefined } : queue.next())
  const work = async () => {
    try {
      for (let next = take(); next.done !== true; next = take()) await act(next.value)
    } catch (error) {
      hasFailed = true
      throw error
    }
  }
  await Promise.all(Array.from({ length: limit }, work))
}
