/**
 * What the global setup hands to the workers. Types only, but for the name.
 */

export interface ProvidedDatabases {
  /** Of the declared database, password included. */
  readonly url: string
  /** The database to copy. */
  readonly template: string
  /** What the names of this run's databases begin with. */
  readonly prefix: string
  /** Counts the runs of a watching Vitest: databases of workers are fresh in each. */
  readonly round: number
}

declare module 'vitest' {
  interface ProvidedContext {
    readonly poststack: ProvidedDatabases
  }
}
