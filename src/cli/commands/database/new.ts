import { join } from 'node:path'
import { ExitCode } from '../../../errors.ts'
import { createMigration } from '../../../migrations/files/new.ts'
import type { Context } from '../../context.ts'
import { runFolder } from '../../database-session.ts'
import type { DatabaseFlags } from '../../flags-database.ts'

/** `poststack database new` */
export async function newMigration(this: Context, flags: DatabaseFlags, ...words: readonly string[]): Promise<void> {
  const { signal } = this.io
  await runFolder(this, flags, async (path, report) => {
    const made = await createMigration({ folder: path, name: words.join(' '), now: new Date(), signal })
    const { folder, version } = made
    const [file, rollbackFile] = [join(folder, made.file), join(folder, made.rollbackFile)]
    report.result({ type: 'new-migration', migration: version, file, rollbackFile }, `${file}\n${rollbackFile}\n`)
    return ExitCode.ok
  })
}
