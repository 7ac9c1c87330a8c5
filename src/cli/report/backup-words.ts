/**
 * The answers of the commands about backups, as text for people. Pure; no colour.
 */
import type { Manifest } from '../../execute/backup/manifest.ts'
import { counted, placeText } from './database-words.ts'
import { sizeText } from './size-text.ts'
import type { BackupDocument, BackupListDocument, RestoreDocument } from './upkeep-documents.ts'
import { duration, minuteOf, table } from './words.ts'

/** The ledger of a backup, as the documents have it. */
export function ledgerFacts({ state: { ledger } }: Pick<Manifest, 'state'>): {
  readonly migrations?: number
  readonly newest?: string
} {
  if (ledger === undefined) return {}
  const { migrations, version } = ledger
  return { migrations, ...(version === undefined ? {} : { newest: version }) }
}

/** `12 migrations up to 012`. */
export function ledgerText({ migrations, newest }: ReturnType<typeof ledgerFacts>): string {
  if (migrations === undefined) return 'no ledger'
  return `${counted(migrations, 'migration')}${newest === undefined ? '' : ` up to ${newest}`}`
}

export function backupText(document: BackupDocument): string {
  const { bytes, database, deleted, durationMs, file, schemaOnly, verified } = document
  const what = schemaOnly ? 'the schema of ' : ''
  const how = [sizeText(bytes), ledgerText(document), ...(verified ? ['verified'] : [])].join(', ')
  return [
    `${what}${placeText(database)} is in ${file} (${how}; ${duration(durationMs)})`,
    ...deleted.map((one) => `deleted ${one}`),
    '',
  ].join('\n')
}

export function restoreText(document: RestoreDocument): string {
  const { compared, database, durationMs, file, kept } = document
  const what = compared ? `is as in ${file} (${ledgerText(document)}` : `was made from ${file} (not compared`
  return [
    `${placeText(database)} ${what}; ${duration(durationMs)})`,
    ...(kept === undefined
      ? []
      : [
          `the database before is kept as ${kept}; when nobody misses it: poststack database query 'DROP DATABASE "${kept}"'`,
        ]),
    '',
  ].join('\n')
}

export function backupListText({ backups, folder, others }: BackupListDocument): string {
  if (backups.length + others.length === 0) return `no backups in ${folder}\n`
  const nameOf = (file: string): string => file.slice(folder.length + 1)
  const rows = backups.map((backup) => [
    nameOf(backup.file),
    minuteOf(backup.time),
    sizeText(backup.bytes),
    backup.database.service ?? `${backup.database.name} at ${backup.database.host}`,
    ledgerText(backup),
    [...(backup.schemaOnly ? ['schema only'] : []), ...(backup.verified ? ['verified'] : [])].join(', '),
  ])
  const rest = others.map(({ bytes, file, reason }) => [nameOf(file), sizeText(bytes), reason])
  return [
    `${counted(backups.length, 'backup')} in ${folder}`,
    ...(rows.length === 0 ? [] : ['', ...table(rows)]),
    ...(rest.length === 0 ? [] : ['', 'no good:', ...table(rest)]),
    '',
  ].join('\n')
}
