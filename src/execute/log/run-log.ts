/**
 * What a run says, as lines of JSON in files: one line an event, with the run's id, one file for each category. Nothing is written until
 * something is done, and whatever the disk refuses is told once and stands in nobody's way.
 */
import { randomBytes } from 'node:crypto'
import { appendFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { makeFolder } from '../../config/make-folder.ts'
import { isCode, recordBug, type ErrorRecord } from '../../errors.ts'
import type { Outcome, StackEvent } from '../../events.ts'
import { type LogLevel, logLevels } from '../../config/choices.ts'
import { diskReason } from '../backup/disk-words.ts'
import { categoryOf, levelOf, scrub } from './lines.ts'
import { type LogCategory, logPath, rotate, rotation } from './log-files.ts'

export interface RunLogOptions {
  /** Absolute path of the folder for logs. */
  readonly folder: string
  readonly level: LogLevel
  /** The command, as it is called: `up`. */
  readonly command: string
  /** Told once when the disk refuses. */
  readonly onRefused: (message: string) => void
}

export interface RunLog {
  event(event: StackEvent): void
  outcome(outcome: Outcome): void
  /** What a command has done that is no plan and has no outcome: its end. */
  done(event: string, fields: object): void
  /** The same of a command that may have had nothing to do: no log begins with it. */
  ended(event: string, fields: object): void
  error(error: ErrorRecord): void
  /** Something was thrown that should not have been. */
  bug(error: unknown): void
}

/** Events that change something; with the first of them the log begins. */
const deeds: ReadonlySet<StackEvent['type']> = new Set([
  'step-started',
  'migration-started',
  'migration-applied',
  'migration-rolled-back',
  'backup-progress',
  'watch-changed',
])

const heldBack = 100

export function createRunLog(options: RunLogOptions): RunLog {
  const run = randomBytes(4).toString('hex')
  const sink = createSink(options)
  let held: (() => void)[] | undefined = []
  /** Before anything is done, it waits; where nothing is done, it never comes. */
  const put = (write: () => void, isDeed: boolean): void => {
    if (held === undefined) {
      write()
      return
    }
    held.push(write)
    if (held.length > heldBack) held.shift()
    if (!isDeed) return
    const all = held
    held = undefined
    for (const one of all) one()
  }
  const line = (
    { category, level }: { readonly category: LogCategory; readonly level: LogLevel },
    fields: object,
    isDeed = false,
  ): void => {
    if (logLevels.indexOf(level) < logLevels.indexOf(options.level)) return
    const time = new Date().toISOString()
    // Events hold no secrets. What a server or a program has said may look like one all the same.
    const text = JSON.stringify(
      { time, level, run, command: options.command, category, ...fields },
      (_key, value: unknown) => (typeof value === 'string' ? scrub(value) : value),
    )
    put(() => {
      sink(category, text)
    }, isDeed)
  }
  return {
    event: (event) => {
      const { type, ...fields } = event
      const isDeed = deeds.has(type)
      line({ category: categoryOf(event), level: levelOf(event) }, { event: type, ...fields }, isDeed)
      // A deed that is itself too small to be told begins the log all the same.
      if (isDeed) put(() => undefined, true)
    },
    outcome: ({ durationMs, ok, plan: { goal, runtime, stack }, results }) => {
      const counts = { done: 0, failed: 0, skipped: 0, 'not-needed': 0 }
      for (const { status } of results) counts[status] += 1
      line(
        { category: 'main', level: ok ? 'info' : 'error' },
        { event: 'outcome', stack, runtime, goal, ok, ...counts, durationMs },
      )
    },
    done: (event, fields) => {
      line({ category: 'main', level: 'info' }, { event, ...fields }, true)
    },
    ended: (event, fields) => {
      line({ category: 'main', level: 'info' }, { event, ...fields })
    },
    error: ({ code, hint, message }) => {
      line(
        { category: 'main', level: 'error' },
        { event: 'error', code, message, ...(hint === undefined ? {} : { hint }) },
      )
    },
    bug: (error) => {
      line({ category: 'main', level: 'error' }, { event: 'error', ...recordBug(error) })
    },
  }
}

// Only what is ours: the folder may hold other logs of the project.
const ignored = '/poststack*.log\n/containers/\n/database/\n/.gitignore\n'

/** When a file was last looked at whether it must be put aside, and how much came into it since. */
interface Look {
  readonly time: Date
  readonly written: number
}

const dayMs = 86_400_000

/** A watch goes on for weeks. */
function isLongAgo({ time, written }: Look, now: Date): boolean {
  return written >= rotation.bytes || now.getTime() - time.getTime() >= dayMs
}

/** Appends a line at once and closes the file: lines of several processes do not mix, and one that is killed has lost none. */
function createSink({ folder, onRefused }: RunLogOptions): (category: LogCategory, text: string) => void {
  const looks = new Map<LogCategory, Look>()
  let refused = false
  return (category, text) => {
    if (refused) return
    try {
      const path = logPath(folder, category)
      const now = new Date()
      const look = looks.get(category)
      if (look === undefined) {
        makeFolder(dirname(path))
        ignore(folder)
      }
      const isDue = look === undefined || isLongAgo(look, now)
      if (isDue) rotate(path, now)
      const line = `${text}\n`
      appendFileSync(path, line, { mode: 0o600 })
      const { time, written } = isDue ? { time: now, written: 0 } : look
      looks.set(category, { time, written: written + Buffer.byteLength(line) })
    } catch (error) {
      refused = true
      onRefused(`the log in ${folder} cannot be written (${reasonOf(error)}); the work goes on without it`)
    }
  }
}

function ignore(folder: string): void {
  try {
    writeFileSync(join(folder, '.gitignore'), ignored, { flag: 'wx' })
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error
  }
}

/** In words; a code beside them can be looked up. */
function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? `, ${String(error.code)}` : ''
  return `${diskReason(error) ?? String(error)}${code}`
}
