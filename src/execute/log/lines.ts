/**
 * Lines of the log: which level and category an event has, and a line that was read back. Pure.
 */
import { type LogLevel, logLevels } from '../../config/choices.ts'
import { hideUrlPasswords } from '../../config/schema/issues.ts'
import type { StackEvent } from '../../events.ts'
import type { LogCategory } from './log-files.ts'

/** A line as it stands in a file, with further fields of its event. */
export interface LogEntry {
  readonly time: string
  readonly level: LogLevel
  /** The same in all lines of one run. */
  readonly run: string
  readonly command: string
  readonly category: LogCategory
  readonly event: string
  readonly [field: string]: unknown
}

export function levelOf({ type }: StackEvent): LogLevel {
  switch (type) {
    case 'step-progress':
    case 'backup-progress':
    case 'step-started':
    case 'migration-started':
    case 'watch-waiting':
    case 'config-read':
      return 'debug'
    case 'step-failed':
    case 'watch-failed':
      return 'error'
    case 'warning':
    case 'watch-crashing':
    case 'migration-blocked':
    case 'migration-retrying':
      return 'warning'
    case 'run-started':
    case 'step-done':
    case 'step-skipped':
    case 'migration-applied':
    case 'migration-rolled-back':
    case 'server-notice':
    case 'rollback-proved':
    case 'lock-waiting':
    case 'watch-changed':
    case 'schema-changed':
    case 'notice':
      return 'info'
  }
}

const databaseSteps: ReadonlySet<string> = new Set(['migrate', 'record', 'seed', 'set-password'])

export function categoryOf(event: StackEvent): LogCategory {
  switch (event.type) {
    case 'step-started':
    case 'step-progress':
    case 'step-done':
    case 'step-failed':
    case 'step-skipped':
      return databaseSteps.has(event.kind) ? 'database' : 'container'
    case 'migration-started':
    case 'migration-applied':
    case 'migration-rolled-back':
    case 'migration-blocked':
    case 'migration-retrying':
    case 'server-notice':
    case 'rollback-proved':
    case 'schema-changed':
    case 'backup-progress':
      return 'database'
    case 'watch-crashing':
      return 'container'
    case 'run-started':
    case 'config-read':
    case 'lock-waiting':
    case 'watch-changed':
    case 'watch-failed':
    case 'watch-waiting':
    case 'notice':
    case 'warning':
      return 'main'
  }
}

/** Nothing for a line that is not one of ours, such as one that a full disk has cut. */
export function parseLine(text: string): LogEntry | undefined {
  try {
    const value: unknown = JSON.parse(text)
    const isEntry = typeof value === 'object' && value !== null && 'time' in value && 'level' in value && 'run' in value
    return isEntry ? (value as LogEntry) : undefined
  } catch {
    return undefined
  }
}

export interface LogFilter {
  readonly run?: string | undefined
  /** And what is more important. */
  readonly level?: LogLevel | undefined
}

export function matches({ level, run }: LogEntry, filter: LogFilter): boolean {
  if (filter.run !== undefined && !run.startsWith(filter.run)) return false
  return filter.level === undefined || logLevels.indexOf(level) >= logLevels.indexOf(filter.level)
}

const hidden = '***'

/** A text without what looks like a secret: the password of a URL, and what follows a word for one. */
export function scrub(text: string): string {
  return hideUrlPasswords(text).replaceAll(
    /\b(\w*(?:password|passwd|secret|token|api_?key))(["']?\s*[:=]\s*|\s+(?=['"]))(?:'[^']*'|"[^"]*"|[^\s,;'"]+)/gi,
    `$1$2${hidden}`,
  )
}
