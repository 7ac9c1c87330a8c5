/**
 * The answers of the commands about migrations, as text for people. Pure; no colour.
 */
import type { PreviewedFile } from '../../migrations/run/preview.ts'
import type {
  BaselineDocument,
  DatabaseFacts,
  MigrateDocument,
  MigratePreviewDocument,
  RollbackDocument,
  RollbackPreviewDocument,
} from './documents.ts'
import { duration, table } from './words.ts'

/** `database shop at 127.0.0.1:5432`, with the service where it is declared. */
export function placeText({ service, host, port, database }: DatabaseFacts): string {
  // A folder is where a socket lies.
  const at = host.startsWith('/') ? `${host} (port ${String(port)})` : `${host}:${String(port)}`
  return `database ${database} at ${at}${service === undefined ? '' : ` (service ${service})`}`
}

export function counted(count: number, noun: string): string {
  return `${String(count)} ${noun}${count === 1 ? '' : 's'}`
}

export function migrateText({ database, applied, already, durationMs }: MigrateDocument): string {
  const has = `${placeText(database)} has ${counted(already + applied.length, 'migration')}`
  if (applied.length === 0) return `nothing to apply: ${has}\n`
  return `${counted(applied.length, 'migration')} applied in ${duration(durationMs)}; ${has} now\n`
}

export function rollbackText({ database, rolledBack, left, durationMs }: RollbackDocument): string {
  const has = `${placeText(database)} has ${counted(left, 'migration')}`
  if (rolledBack.length === 0) return `nothing to roll back: ${has}\n`
  return `${counted(rolledBack.length, 'migration')} rolled back in ${duration(durationMs)}; ${has} now\n`
}

export function migratePreviewText({ database, already, pending, warnings }: MigratePreviewDocument): string {
  const has = `${placeText(database)}, which has ${String(already)}`
  const notes = warnings.map((warning) => `note: ${warning}\n`).join('')
  if (pending.length === 0) return `${notes}nothing to apply to ${has}\n`
  const head = `would apply ${counted(pending.length, 'migration')} to ${has}:`
  return notes + previewText(head, pending)
}

export function rollbackPreviewText({ database, left, rollbacks }: RollbackPreviewDocument): string {
  if (rollbacks.length === 0) return `nothing to roll back in ${placeText(database)}\n`
  const head = `would roll back ${counted(rollbacks.length, 'migration')} in ${placeText(database)}, which then has ${String(left)}:`
  return previewText(head, rollbacks)
}

function previewText(head: string, files: readonly PreviewedFile[]): string {
  const rows = files.map((file) => [file.file, counted(file.statements, 'statement'), mannerOf(file)])
  const lines = table(rows).flatMap((row, index) => {
    const { alone = [], notices = [] } = files[index] ?? {}
    return [
      row,
      ...alone.map(
        ({ statement, file, line, what }) =>
          `      ${file === undefined ? '' : `${file}, `}line ${String(line)}: ${what} (statement ${String(statement)})`,
      ),
      ...notices.map((notice) => `      note: ${notice}`),
    ]
  })
  return [head, '', ...lines, '', 'nothing was done', ''].join('\n')
}

function mannerOf({ alone, done, statements }: PreviewedFile): string {
  const goesOn = done === 0 ? '' : `, goes on at statement ${String(done + 1)}`
  if (alone.length === 0) return (statements === 0 ? 'only recorded' : 'in one transaction') + goesOn
  return `${alone.length === statements ? 'all' : String(alone.length)} outside of a transaction${goesOn}`
}

export function baselineText({ database, recorded }: BaselineDocument): string {
  if (recorded.length === 0) return `nothing to record: ${placeText(database)} has them all\n`
  return `${counted(recorded.length, 'migration')} recorded as applied in ${placeText(database)}; none was run\n`
}
