/**
 * Events for people: a line for what is done, and live rows for what runs.
 */
import kleur from 'kleur'

import type { ErrorRecord } from '../../errors.ts'
import type { StackEvent } from '../../events.ts'
import type { LiveRows } from './live.ts'
import { createMigrationLines } from './migration-lines.ts'
import { sizeText } from './size-text.ts'
import type { WatchBlock } from './watch-block.ts'
import { type WatchEvent, watchLines } from './watch-lines.ts'
import { doingWord, duration, errorLines, finishedWord, isInterruption, noteOf, subjectText } from './words.ts'

export interface PrinterOptions {
  readonly say: (text: string) => void
  readonly warn: (text: string) => void
  readonly live: LiveRows
  readonly block: WatchBlock
  readonly verbose: boolean
}

/** A function that prints each event as it should, and keeps the live rows. */
export function printEvents({ say, warn, live, block, verbose }: PrinterOptions): (event: StackEvent) => void {
  let width = 0
  const running = showRunning(live, block)
  const migrationLine = createMigrationLines()
  return (event) => {
    block.hear(event)
    switch (event.type) {
      case 'run-started':
        // What was made first, such as a backup, does not say that it has ended.
        running.end(alone)
        width = Math.max(...event.subjects.map((subject) => subjectText(subject).length), 0)
        if (event.steps > 0 && verbose) say(`${event.stack} on ${event.runtime}: ${String(event.steps)} steps`)
        return
      case 'step-started':
        running.begin(event.step, `${subjectText(event.subject)} ${doingWord(event.kind)}`)
        return
      case 'step-progress':
        running.progress(event.step, event.text)
        if (verbose) say(kleur.dim(`      ${subjectText(event.subject)}  ${event.text}`))
        return
      case 'step-done':
        running.end(event.step)
        say(stepLine(event, width))
        return
      case 'step-failed':
        running.end(event.step)
        say(stepLine(event, width))
        // An interruption is no error of the step, and the last line says it once for all; but what a database has now must be said.
        if (!isInterruption(event.error.code)) printError(event.error, say)
        else if (event.kind === 'migrate') say(`           ${event.error.message}`)
        return
      case 'step-skipped':
        if (verbose) say(`  ${kleur.dim('skipped')}  ${subjectText(event.subject)} ${doingWord(event.kind)}`)
        return
      case 'migration-started':
        beginMigration(event, running)
        return
      case 'migration-applied':
      case 'migration-rolled-back':
      case 'migration-blocked':
      case 'migration-retrying':
      case 'server-notice':
      case 'rollback-proved': {
        if (event.type === 'migration-applied' || event.type === 'migration-rolled-back') running.end(alone)
        const line = migrationLine(event, width)
        if (line !== undefined) say(line)
        return
      }
      case 'backup-progress':
        showBytes(event, running)
        return
      case 'watch-changed':
      case 'watch-crashing':
      case 'watch-waiting':
      case 'schema-changed':
        tellWatch(event, { say, live })
        return
      case 'watch-failed':
        // What it stopped in does not say that it has ended.
        running.end(alone)
        printError(event.error, say)
        return
      case 'lock-waiting':
      case 'config-read':
      case 'notice':
      case 'warning':
        tellInOneLine(event, { say, warn, verbose })
    }
  }
}

type OneLine = Extract<StackEvent, { type: 'lock-waiting' | 'config-read' | 'notice' | 'warning' }>

function tellInOneLine(event: OneLine, { say, warn, verbose }: Pick<PrinterOptions, 'say' | 'warn' | 'verbose'>): void {
  switch (event.type) {
    case 'lock-waiting':
      say(lockText(event))
      return
    case 'config-read':
      if (verbose) say(kleur.dim(configText(event)))
      return
    case 'notice':
      say(event.file === undefined ? event.message : `  note  ${event.file}: ${event.message}`)
      return
    case 'warning':
      warn(event.subject === undefined ? event.message : `${subjectText(event.subject)}: ${event.message}`)
  }
}

function configText({ cached, why }: Extract<StackEvent, { type: 'config-read' }>): string {
  if (cached) return 'config  as it was: nothing that it was made from has changed'
  return why === undefined ? 'config  evaluated, and kept for the next time' : `config  evaluated, and not kept: ${why}`
}

function lockText({ holder, lock, waitedMs }: Extract<StackEvent, { type: 'lock-waiting' }>): string {
  const what = lock === 'migrations' ? 'migrates this database' : 'works on this stack'
  return `waiting for ${holder}, which ${what} (${duration(waitedMs)})`
}

/** While it waits, a terminal shows so below everything else; elsewhere it is a line like any other. */
function tellWatch(event: WatchEvent, { say, live }: Pick<PrinterOptions, 'say' | 'live'>): void {
  if (event.type !== 'watch-waiting' || !live.draws) for (const line of watchLines(event)) say(line)
}

interface Running {
  begin(key: number, text: string): void
  /** Whether the thing with this key is this one. */
  isNow(key: number, text: string): boolean
  /** What the thing with this key is doing now; false if there is none. */
  progress(key: number, text: string): boolean
  end(key: number): void
}

/** Keeps the live rows: all that runs now, and since when; of a watch more than that. */
function showRunning(live: LiveRows, block: WatchBlock): Running {
  const running = new Map<number, { readonly text: string; readonly since: number; progress: string }>()
  live.show(() => {
    const now = performance.now()
    const parts = [...running.values()].map(
      ({ text, since, progress }) => `${text} ${duration(now - since)}${progress === '' ? '' : ` (${progress})`}`,
    )
    const text = parts.length === 0 ? '' : `  …  ${parts.join(' · ')}`
    const rows = block.rows(text)
    return rows.length === 0 && text !== '' ? [{ text }] : rows
  })
  return {
    begin: (key, text) => void running.set(key, { text, since: performance.now(), progress: '' }),
    isNow: (key, text) => running.get(key)?.text === text,
    progress(key, text) {
      const one = running.get(key)
      if (one !== undefined) one.progress = text
      return one !== undefined
    },
    end: (key) => void running.delete(key),
  }
}

/** Key of what runs outside of any step; steps count from 1. */
const alone = 0

function beginMigration(
  { step, file, number, total }: Extract<StackEvent, { type: 'migration-started' }>,
  running: Running,
): void {
  const text = total === 1 ? file : `${file} (${String(number)} of ${String(total)})`
  if (step === undefined || !running.progress(step, text)) running.begin(alone, text)
}

function showBytes({ bytes, total, what }: Extract<StackEvent, { type: 'backup-progress' }>, running: Running): void {
  const text = total === undefined ? sizeText(bytes) : `${sizeText(bytes)} of ${sizeText(total)}`
  if (!running.isNow(alone, what)) running.begin(alone, what)
  running.progress(alone, text)
}

/** Length of the longest usual word, so that the times stand in a column. */
const wordWidth = 9

function stepLine(event: Extract<StackEvent, { type: 'step-done' | 'step-failed' }>, width: number): string {
  const isDone = event.type === 'step-done'
  const mark = isDone
    ? `${kleur.green('ok')}     `
    : isInterruption(event.error.code)
      ? kleur.yellow('stopped')
      : `${kleur.red('failed')} `
  const word = isDone ? finishedWord(event) : doingWord(event.kind)
  const note = isDone ? noteOf(event) : ''
  const time = kleur.dim(duration(event.durationMs))
  return `  ${mark}  ${subjectText(event.subject).padEnd(width)}  ${word.padEnd(wordWidth)}  ${time}${note === '' ? '' : `  ${note}`}`
}

/** Message, details and hint, with the code. */
export function printError(error: ErrorRecord, say: (text: string) => void): void {
  const [first = '', ...rest] = errorLines(error)
  say(`${kleur.red('error')}  ${first}  ${kleur.dim(`[${error.code}]`)}`)
  for (const line of rest) say(line === '' ? '' : `       ${line}`)
}
