/**
 * The answers of the commands about logs, as text for people. Pure; no colour.
 */
import type { LogLevel } from '../../config/choices.ts'
import type { LogEntry } from '../../execute/log/lines.ts'
import { logCategories, type LogFile } from '../../execute/log/log-files.ts'
import { counted } from './database-words.ts'
import { sizeText } from './size-text.ts'
import type { LogCleanDocument, LogListDocument, LogSizeDocument } from './upkeep-documents.ts'
import { duration, minuteOf, table } from './words.ts'

export function logListText({ files, folder }: LogListDocument): string {
  if (files.length === 0) return `no logs in ${folder}\n`
  return `${counted(files.length, 'file')} in ${folder}\n\n${rowsOf(files, folder).join('\n')}\n`
}

function rowsOf(files: readonly LogFile[], folder: string): readonly string[] {
  return table(
    files.map(({ bytes, category, changed, path }) => [
      path.slice(folder.length + 1),
      category,
      sizeText(bytes),
      minuteOf(changed),
    ]),
  )
}

export function logCleanText({ bytes, dryRun, files, folder }: LogCleanDocument): string {
  if (files.length === 0) return 'nothing to delete\n'
  const head = `${dryRun ? 'would delete' : 'deleted'} ${counted(files.length, 'file')}, ${sizeText(bytes)}`
  return `${head}:\n\n${rowsOf(files, folder).join('\n')}\n`
}

function sum(files: readonly LogFile[]): number {
  return files.reduce((total, { bytes }) => total + bytes, 0)
}

export function logSizes(files: readonly LogFile[]): Pick<LogSizeDocument, 'bytes' | 'categories'> {
  return {
    bytes: sum(files),
    categories: logCategories.map((category) => {
      const mine = files.filter((file) => file.category === category)
      return { category, files: mine.length, bytes: sum(mine) }
    }),
  }
}

export function logSizeText({ bytes, categories, folder }: LogSizeDocument): string {
  const rows = categories.map((one) => [one.category, counted(one.files, 'file'), sizeText(one.bytes)])
  return `${sizeText(bytes)} in ${folder}\n\n${table(rows).join('\n')}\n`
}

const levelWords: Readonly<Record<LogLevel, string>> = { debug: 'debug', info: 'info', warning: 'warn', error: 'error' }

/** Fields that a line shows in its own way, or that say nothing to a person. */
const shown = new Set([
  'time',
  'level',
  'run',
  'command',
  'category',
  'event',
  'durationMs',
  'message',
  'error',
  'step',
  'cause',
])

/** `2026-11-26 01:12:48  info   3f9a0c12  step-done  subject=service:db kind=start  412 ms`. */
export function logEntryText(entry: LogEntry): string {
  const { durationMs, event, level, message, run, time } = entry
  const fields = Object.entries(entry).flatMap(([name, value]) =>
    shown.has(name) ? [] : [`${name}=${valueText(value)}`],
  )
  const error = entry['error'] as { readonly code?: unknown; readonly message?: unknown } | undefined
  const words = [
    ...fields,
    ...(typeof message === 'string' ? [message] : []),
    ...(error === undefined ? [] : [`${String(error.message)} [${String(error.code)}]`]),
    ...(typeof durationMs === 'number' ? [duration(durationMs)] : []),
  ]
  const start = `${time.slice(0, 19).replace('T', ' ')}  ${levelWords[level].padEnd(5)}  ${run}  ${event}`
  return `${start}  ${words.join('  ')}`.replaceAll('\n', '\n    ').trimEnd()
}

function valueText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
