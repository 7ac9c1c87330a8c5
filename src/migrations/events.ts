/**
 * What a migration run says while it works.
 */
import type { ServerNotice } from './connection.ts'
import type { LockHolder } from './lock/lock.ts'

/** One thing that happens in a run, as plain data. */
export type MigrationEvent =
  /** Another session migrates this database; said at once and then every second. */
  | {
      readonly type: 'lock-waiting'
      readonly holder: LockHolder | undefined
      readonly description: string
      readonly waitedMs: number
    }
  | {
      readonly type: 'migration-started'
      readonly version: string
      readonly name: string
      readonly file: string
      readonly number: number
      readonly total: number
    }
  | {
      readonly type: 'migration-applied'
      readonly version: string
      readonly name: string
      readonly file: string
      readonly durationMs: number
    }
  /** Something the server said while a file ran, such as RAISE NOTICE. */
  | ({ readonly type: 'server-notice'; readonly file: string } & ServerNotice)
  /** Its statement waits for a lock that others hold; said about twice a second. A seed has no version: then it is empty. */
  | {
      readonly type: 'migration-blocked'
      readonly version: string
      readonly file: string
      readonly blockers: readonly string[]
      readonly waitedMs: number
    }
  /** It could not get its locks, was rolled back, and is tried again after the pause. */
  | {
      readonly type: 'migration-retrying'
      readonly version: string
      readonly file: string
      readonly attempt: number
      readonly pauseMs: number
      readonly blockers: readonly string[]
      /** Two sessions waited for each other, and the server ended this one. */
      readonly deadlock?: true
    }
  | {
      readonly type: 'migration-rolled-back'
      readonly version: string
      readonly name: string
      readonly file: string
      readonly durationMs: number
    }
  /** Something that was done about a text or about what an earlier run left, and that a person should know. */
  | { readonly type: 'notice'; readonly message: string; readonly file?: string }
