/** Things that take long to make, made before they are asked for: while one is used, the next is on its way. */
export interface Ahead<Thing> {
  /** The one that was made ahead, or else a new one. `wantsNext`: another will be asked for, and is begun when this one is there. */
  take(wantsNext: boolean): Promise<Thing>
}

export function createAhead<Thing>(make: () => Promise<Thing>): Ahead<Thing> {
  let ready: Promise<Thing> | undefined
  const begin = (): void => {
    ready ??= make()
    // A failure is told to who takes it, if anybody does.
    ready.catch(() => undefined)
  }
  return {
    async take(wantsNext) {
      const mine = ready ?? make()
      ready = undefined
      if (wantsNext) mine.then(begin, begin)
      return await mine
    },
  }
}
