/**
 * Services that die again and again right after they were started: restarting them for ever helps nobody. Pure; the time is handed in.
 */

/** A death this soon after our start counts as a crash, and so many of them in a row are a loop. */
const soonMs = 10_000
const mostCrashes = 3

export interface Crashes {
  /** Poststack has just made sure that these services run. */
  started(services: readonly string[], at: number): void
  /** How many times in a row it has died soon after its start, this one included; 0 when it had run for a while. */
  died(service: string, at: number): number
  /** Nobody starts it again until something changes. */
  isLooping(service: string): boolean
  /** Something has changed that may mend it. */
  forget(): void
}

export function createCrashes(): Crashes {
  const startedAt = new Map<string, number>()
  const counts = new Map<string, number>()
  return {
    started: (services, at) => {
      for (const service of services) startedAt.set(service, at)
    },
    died: (service, at) => {
      const since = startedAt.get(service)
      // One start has one end: an end that is reported twice, or not of a start of ours, counts for nothing.
      if (since === undefined) return counts.get(service) ?? 0
      startedAt.delete(service)
      const count = at - since <= soonMs ? (counts.get(service) ?? 0) + 1 : 0
      counts.set(service, count)
      return count
    },
    isLooping: (service) => (counts.get(service) ?? 0) >= mostCrashes,
    forget: () => {
      counts.clear()
    },
  }
}
