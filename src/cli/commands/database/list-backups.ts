import { resolve } from 'node:path'

import { ExitCode } from '../../../errors.ts'
import { listBackups as readBackups } from '../../../execute/backup/files.ts'
import { backupFolder } from '../../backups.ts'
import type { Context } from '../../context.ts'
import { runFiles } from '../../database-session.ts'
import type { DatabaseFlags } from '../../flags-database.ts'
import { backupListText, ledgerFacts } from '../../report/backup-words.ts'

interface ListFlags extends DatabaseFlags {
  readonly folder?: string
}

/** `poststack database list-backups` */
export async function listBackups(this: Context, flags: ListFlags): Promise<void> {
  const { io } = this
  await runFiles(this, flags, async (place, report) => {
    const folder = flags.folder === undefined ? backupFolder(place, io) : resolve(io.cwd, flags.folder)
    const { backups, others } = await readBackups(folder)
    const document = {
      type: 'backup-list',
      folder,
      backups: backups.map(({ file, manifest }) => {
        const { bytes, database, dump, schemaOnly, sha256, time, verified } = manifest
        return { file, time, database, format: dump, schemaOnly, verified, bytes, sha256, ...ledgerFacts(manifest) }
      }),
      others,
    } as const
    report.result(document, backupListText(document))
    return ExitCode.ok
  })
}
