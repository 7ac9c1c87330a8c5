/**
 * The answer of `report`, as text for people. Pure; no colour.
 */
import { gapsOf, type Report, type ReportDatabase, valueOf } from '../page/document.ts'
import { planWords } from '../page/plan-part.ts'
import { counted } from './database-words.ts'
import type { ReportDocument } from './documents.ts'
import { sizeText } from './size-text.ts'
import { duration, hintLines, minuteOf, statusText, table } from './words.ts'

/** With a page: where it is, and what is not on it. Without one: in short what would stand on it. */
export function reportText(report: ReportDocument, page: string | undefined): string {
  if (page === undefined || report.file === undefined) return `${shortText(report)}${gapsText(report)}`
  return `wrote ${report.file} (${sizeText(Buffer.byteLength(page))})\n${gapsText(report)}`
}

function shortText(report: Report): string {
  const status = valueOf(report.status)
  const rows = [
    ['plan', planWords(report.plan)],
    ...report.databases.map((database) => [database.service, databaseWords(database)]),
    ['last run', lastRun(report)],
  ]
  return `${status === undefined ? `${report.stack}: state unknown\n` : statusText(status)}\n${table(rows).join('\n')}\n`
}

function databaseWords({ migrations, schema }: ReportDatabase): string {
  const standing = valueOf(migrations)
  const found = valueOf(schema)
  const words = [
    ...(standing === undefined
      ? []
      : [`${counted(standing.applied, 'migration')} applied, ${String(standing.pending)} pending`]),
    ...(found === undefined
      ? []
      : [counted(found.tables.length, 'table'), counted(found.foreignKeys.length, 'foreign key')]),
  ]
  return words.length === 0 ? 'not read' : words.join(', ')
}

function lastRun({ runs }: Report): string {
  const [last] = valueOf(runs) ?? []
  if (last === undefined) return 'none in the log'
  const { command, durationMs, startedAt, state } = last
  const took = durationMs === undefined ? '' : ` in ${duration(durationMs)}`
  const end = state === 'unfinished' ? '' : `: ${state}`
  return `${command}${end}${took}, ${minuteOf(startedAt)}`
}

/** What could not be read, and why; nothing where all was. */
export function gapsText(report: Report): string {
  return gapsOf(report)
    .map(({ hint, message, what }) => {
      const ways = hint === undefined ? [] : hintLines(hint).map((line) => `  ${line}`)
      return [`\nnot in it: ${what}`, `  ${message.replaceAll('\n', '\n  ')}`, ...ways, ''].join('\n')
    })
    .join('')
}
