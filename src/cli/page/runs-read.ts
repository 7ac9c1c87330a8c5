/**
 * The lines of the log, put together to the runs they are of. Pure.
 */
import type { LogEntry } from '../../execute/log/lines.ts'

export interface ReportRun {
  readonly id: string
  /** As it was called: `up`, `database migrate`. */
  readonly command: string
  /** ISO 8601, of its first and its last line. */
  readonly startedAt: string
  readonly endedAt: string
  /** `unfinished`: its end is not in the log, and nothing that failed either; so it is with commands that say none. */
  readonly state: 'done' | 'failed' | 'unfinished'
  readonly durationMs?: number
  /** Steps by what became of them, where the run had any. */
  readonly steps?: { readonly done: number; readonly failed: number; readonly skipped: number }
  /** File names. */
  readonly applied: readonly string[]
  readonly rolledBack: readonly string[]
  readonly errors: readonly { readonly subject?: string; readonly code?: string; readonly message: string }[]
}

/** Newest first, at most so many. */
export function runsOf(entries: readonly LogEntry[], most: number): readonly ReportRun[] {
  const lines = new Map<string, LogEntry[]>()
  for (const entry of entries) {
    const mine = lines.get(entry.run)
    if (mine === undefined) lines.set(entry.run, [entry])
    else mine.push(entry)
  }
  const runs = [...lines].map(([id, mine]) => runOf(id, mine))
  return runs.toSorted((one, other) => (one.startedAt < other.startedAt ? 1 : -1)).slice(0, most)
}

/** What commands say at their end that have no steps: `migrate-result`. */
function isEnd({ event }: LogEntry): boolean {
  return typeof event === 'string' && event.endsWith('-result')
}

/** People edit files, and other versions write other fields: nothing here is taken for what it should be. */
function runOf(id: string, entries: readonly LogEntry[]): ReportRun {
  const errors = entries.flatMap((entry) => errorIn(entry))
  // Where a run goes on and on, as "watch" does, the last one tells.
  const outcome = entries.findLast(({ event }) => event === 'outcome')
  const end = outcome ?? entries.findLast((entry) => isEnd(entry))
  const durationMs = end?.['durationMs']
  return {
    id,
    command: textIn(entries[0], 'command'),
    startedAt: textIn(entries[0], 'time'),
    endedAt: textIn(entries.at(-1), 'time'),
    state: stateOf(end, errors),
    ...(typeof durationMs === 'number' ? { durationMs } : {}),
    ...(outcome === undefined
      ? {}
      : {
          steps: {
            done: countIn(outcome, 'done'),
            failed: countIn(outcome, 'failed'),
            skipped: countIn(outcome, 'skipped'),
          },
        }),
    applied: filesOf(entries, 'migration-applied'),
    rolledBack: filesOf(entries, 'migration-rolled-back'),
    errors,
  }
}

function stateOf(end: LogEntry | undefined, errors: ReportRun['errors']): ReportRun['state'] {
  if (end?.event === 'outcome') return end['ok'] === true ? 'done' : 'failed'
  if (errors.length > 0) return 'failed'
  return end === undefined ? 'unfinished' : 'done'
}

function textIn(entry: LogEntry | undefined, field: string): string {
  const value: unknown = entry?.[field]
  return typeof value === 'string' ? value : ''
}

function countIn(entry: LogEntry, field: string): number {
  const value = entry[field]
  return typeof value === 'number' ? value : 0
}

function filesOf(entries: readonly LogEntry[], event: string): readonly string[] {
  return entries.flatMap((entry) => (entry.event === event && typeof entry['file'] === 'string' ? [entry['file']] : []))
}

function errorIn(entry: LogEntry): ReportRun['errors'] {
  const told: unknown = entry.event === 'error' ? entry : entry['error']
  if (typeof told !== 'object' || told === null || !('message' in told)) return []
  const subject = entry['subject']
  return [
    {
      ...(typeof subject === 'string' ? { subject } : {}),
      ...('code' in told && typeof told.code === 'string' ? { code: told.code } : {}),
      message: String(told.message),
    },
  ]
}
