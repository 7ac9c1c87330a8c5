import { resolve } from 'node:path'

import { ExitCode, PoststackError } from '../../../errors.ts'
import { deleteBackup, listBackups } from '../../../execute/backup/files.ts'
import { expired, type Manifest, manifestPath, type Retention } from '../../../execute/backup/manifest.ts'
import { type BackupChoices, writeBackup } from '../../backups.ts'
import type { Context } from '../../context.ts'
import { runDatabase } from '../../database-session.ts'
import type { DatabaseFlags } from '../../flags-database.ts'
import { backupText, ledgerFacts } from '../../report/backup-words.ts'

interface BackupFlags extends DatabaseFlags, Retention, BackupChoices {}

/** `poststack database backup` */
export async function backup(this: Context, flags: BackupFlags): Promise<void> {
  await runDatabase(this, flags, async (session) => {
    const { facts } = session
    const { jobs, output, schemaOnly } = flags
    if (output === '-') throw noStream()
    if (jobs !== undefined && flags.format !== 'directory') throw jobsMisplaced('a backup of --format directory')
    const began = performance.now()
    const now = new Date()
    const { file, manifest } = await writeBackup(session, flags, now)
    const document = {
      type: 'backup-result',
      database: facts,
      file,
      manifest: manifestPath(file),
      format: manifest.dump,
      schemaOnly,
      bytes: manifest.bytes,
      sha256: manifest.sha256,
      verified: manifest.verified,
      ...ledgerFacts(manifest),
      deleted: await deleteOlder(resolve(file, '..'), manifest, flags, now),
      durationMs: Math.round(performance.now() - began),
    } as const
    session.report.result(document, backupText(document))
    return ExitCode.ok
  })
}

/** Several write, or read, files of their own at once; of one file there is one. */
export function jobsMisplaced(whole: string): PoststackError {
  return new PoststackError('USAGE', `--jobs is for ${whole}, in which each table has a file.`, {
    hint: 'Leave it out, or make the backup with --format directory.',
  })
}

/** A manifest stands beside each backup, and what is written is named when it is whole. */
function noStream(): PoststackError {
  return new PoststackError('USAGE', 'A backup is a file with a manifest beside it, and cannot go to stdout.', {
    hint: 'Give a path: --output shop.dump. For a file that is called so: --output ./-',
  })
}

async function deleteOlder(
  folder: string,
  made: Manifest,
  retention: Retention,
  now: Date,
): Promise<readonly string[]> {
  if (retention.keep === undefined && retention.keepDays === undefined) return []
  const gone = expired((await listBackups(folder)).backups, made, retention, now)
  for (const one of gone) await deleteBackup(one)
  return gone.map(({ file }) => file)
}
