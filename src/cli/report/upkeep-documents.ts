/**
 * The answers of what keeps a stack well, as data: backups, logs, the doctor.
 */
import type { BackupFormat, Manifest } from '../../execute/backup/manifest.ts'
import type { Finding } from '../../execute/doctor/finding.ts'
import type { LogEntry } from '../../execute/log/lines.ts'
import type { LogCategory, LogFile } from '../../execute/log/log-files.ts'
import type { DatabaseFacts } from './database-facts.ts'

export interface BackupDocument {
  readonly type: 'backup-result'
  readonly database: DatabaseFacts
  /** Absolute path, and so are all below. */
  readonly file: string
  readonly manifest: string
  readonly format: BackupFormat
  readonly schemaOnly: boolean
  readonly bytes: number
  readonly sha256: string
  /** It was restored once, and the copy was the same. */
  readonly verified: boolean
  /** How many the ledger has; absent where there is none. */
  readonly migrations?: number
  /** Number of the newest migration in it. */
  readonly newest?: string
  /** Older backups that were deleted. */
  readonly deleted: readonly string[]
  readonly durationMs: number
}

export interface RestoreDocument {
  readonly type: 'restore-result'
  /** The database that was made. */
  readonly database: DatabaseFacts
  readonly file: string
  /** Of the backup. */
  readonly bytes: number
  /** Where the database is now that had the name before. */
  readonly kept?: string
  /** The copy is what the manifest says; without one nothing is known of what it should be. */
  readonly compared: boolean
  readonly migrations?: number
  readonly newest?: string
  /** What could not be compared, or is printed in other words than in the backup. */
  readonly notes: readonly string[]
  readonly durationMs: number
}

export interface BackupListDocument {
  readonly type: 'backup-list'
  readonly folder: string
  /** Newest first. */
  readonly backups: readonly (Pick<Manifest, 'time' | 'database' | 'schemaOnly' | 'verified' | 'bytes' | 'sha256'> & {
    readonly file: string
    readonly format: BackupFormat
    readonly migrations?: number
    readonly newest?: string
  })[]
  /** What is no good backup, and why. */
  readonly others: readonly { readonly file: string; readonly bytes: number; readonly reason: string }[]
}

export interface LogListDocument {
  readonly type: 'log-list'
  readonly folder: string
  readonly files: readonly LogFile[]
}

export interface LogEntryDocument {
  readonly type: 'log-entry'
  readonly entry: LogEntry
}

export interface LogCleanDocument {
  readonly type: 'log-clean'
  readonly folder: string
  /** What was deleted, or would be. */
  readonly files: readonly LogFile[]
  readonly dryRun: boolean
  readonly bytes: number
}

export interface LogSizeDocument {
  readonly type: 'log-size'
  readonly folder: string
  readonly bytes: number
  readonly categories: readonly { readonly category: LogCategory; readonly files: number; readonly bytes: number }[]
}

export interface DoctorDocument {
  readonly type: 'doctor'
  /** Nothing that was found keeps `up` from working. */
  readonly works: boolean
  readonly findings: readonly Finding[]
}

export type UpkeepDocument =
  | BackupDocument
  | RestoreDocument
  | BackupListDocument
  | LogListDocument
  | LogEntryDocument
  | LogCleanDocument
  | LogSizeDocument
  | DoctorDocument
