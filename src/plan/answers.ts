/**
 * What services, databases and ports of the host answer when they are asked.
 */
import type { ErrorCode, ErrorRecord } from '../errors.ts'
import type { StackRecord } from '../migrations/ledger/stack-tables.ts'
import type { AppliedMigration, PendingLoss, SeededFile } from '../migrations/types.ts'

export interface ObservedProbe {
  /** `ready`: one probe succeeded just now. `not-ready`: it failed. `unknown`: nothing to ask, as nothing runs. */
  readonly state: 'ready' | 'not-ready' | 'unknown'
  /** Why not, in a sentence. */
  readonly reason?: string
  /** Why not, where it has a code: a database that does not let us in. */
  readonly code?: ErrorCode
}

export type ObservedDatabase =
  /** Nothing to ask yet: the server does not run. On a volume that is still to be made every migration is pending. */
  | ({ readonly state: 'unknown' } & PendingTexts)
  /** It runs, but does not let us in. */
  | { readonly state: 'unreachable'; readonly code: ErrorCode; readonly reason: string }
  /** The ledger's rows sorted by version; an empty list when there is no ledger yet. */
  | ({
      readonly state: 'read'
      readonly applied: readonly AppliedMigration[]
      /** What it was seeded with, where seeds are declared. */
      readonly seeded?: readonly SeededFile[]
      /** What its tables say about the stack; `foreign` when they are not ours, absent when there are none. */
      readonly recorded?: StackRecord | 'foreign'
    } & PendingTexts)

/** What is to be told of the texts that are pending. */
export interface PendingTexts {
  /** What the run would refuse before its first file. */
  readonly refused?: ErrorRecord
  /** What only a server could tell for sure, one line for each file. */
  readonly doubts?: readonly string[]
  /** What they take away of the data that are there. */
  readonly losses?: readonly PendingLoss[]
}

/** A host port that a service wants and that something else holds. */
export interface BusyPort {
  readonly host: number
  readonly hostAddress: string
  /** @default tcp */
  readonly protocol?: 'udp'
  /** Who holds it, as exactly as can be found out: "container other-db", "process postgres (pid 123)", "another process". */
  readonly holder: string
  /** The runtime, another one than that in use, on which this very stack holds it. */
  readonly elsewhere?: string
}
