/**
 * What a migration run says while it works.
 */
import type { ServerNotice } from './connection.ts'
import type { LockHolder } from './lock.ts'

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
