import { join, resolve } from 'node:path'

import { ExitCode, isPoststackError, PoststackError } from '../../../errors.ts'
import { makeBackup } from '../../../execute/backup/backup.ts'
import { deleteBackup, listBackups, makeBackupFolder } from '../../../execute/backup/files.ts'
import {
  type BackupFormat,
  backupName,
  expired,
  type Manifest,
  manifestPath,
  type Retention,
} from '../../../execute/backup/manifest.ts'
import { verifyBackup } from '../../../execute/backup/restore.ts'
import type { Context, Io } from '../../context.ts'
import { type DatabaseSession, runDatabase } from '../../database-session.ts'
import type { DatabaseFlags } from '../../flags-database.ts'
import { backupText, ledgerFacts } from '../../report/backup-words.ts'
import type { TargetDatabase } from '../../target-by-url.ts'

interface BackupFlags extends DatabaseFlags, Retention {
  readonly output?: string
  readonly format?: BackupFormat
  readonly schemaOnly: boolean
  readonly verify: boolean
  readonly jobs?: number
}

/** Where backups of the project are, unless somebody says otherwise. */
export function backupFolder({ root }: TargetDatabase, { cwd }: Io): string {
  return join(root ?? cwd, 'backups')
}

/** `poststack database backup` */
export async function backup(this: Context, flags: BackupFlags): Promise<void> {
  await runDatabase(this, flags, async (session) => {
    const { facts } = session
    const { jobs, schemaOnly } = flags
    if (jobs !== undefined && flags.format !== 'directory') throw jobsMisplaced('a backup of --format directory')
    const began = performance.now()
    const now = new Date()
    const database = databaseOf(session)
    const { file, manifest } = await writeIn(flags.format, { session, flags, database, now })
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
      deleted: await deleteOlder(resolve(file, '..'), database, flags, now),
      durationMs: Math.round(performance.now() - began),
    } as const
    session.report.result(document, backupText(document))
    return ExitCode.ok
  })
}

interface Writing {
  readonly session: DatabaseSession
  readonly flags: BackupFlags
  readonly database: Manifest['database']
  readonly now: Date
}

/** As it was asked for. Where nothing was, an archive; or SQL as text, where there is no program but one that can write nothing else. */
async function writeIn(format: BackupFormat | undefined, writing: Writing): Promise<Written> {
  if (format !== undefined) return await write(format, writing)
  try {
    return await write('custom', writing)
  } catch (error) {
    if (!isPoststackError(error) || error.code !== 'PROGRAM_MISSING' || error.details['program'] !== 'pg_dump')
      throw error
    const written = await write('plain', writing)
    const message = 'written as SQL by pg_dump in WebAssembly: no other pg_dump of this machine fits the server'
    writing.session.report.event({ type: 'notice', message })
    return written
  }
}

interface Written {
  readonly file: string
  readonly manifest: Manifest
}

async function write(format: BackupFormat, { database, flags, now, session }: Writing): Promise<Written> {
  const { io, report, signal, target } = session
  const folder = backupFolder(target, io)
  const file =
    flags.output === undefined ? join(folder, backupName(database, format, now)) : resolve(io.cwd, flags.output)
  if (flags.output === undefined) await makeBackupFolder(folder)
  const manifest = await makeBackup({
    connect: target.connect,
    program: target.program,
    database,
    file,
    format,
    jobs: flags.jobs,
    schemaOnly: flags.schemaOnly,
    signal,
    toolVersion: POSTSTACK_VERSION,
    onProgress: (progress) => {
      report.event({ type: 'backup-progress', ...progress })
    },
    verify: flags.verify ? verifyWith(session) : undefined,
  })
  return { file, manifest }
}

/** Several write, or read, files of their own at once; of one file there is one. */
export function jobsMisplaced(whole: string): PoststackError {
  return new PoststackError('USAGE', `--jobs is for ${whole}, in which each table has a file.`, {
    hint: 'Leave it out, or make the backup with --format directory.',
  })
}

function databaseOf({ facts: { database, host, port, service } }: DatabaseSession): Manifest['database'] {
  return { ...(service === undefined ? {} : { service }), host, port, name: database }
}

function verifyWith({ report, signal, target }: DatabaseSession): Parameters<typeof makeBackup>[0]['verify'] {
  return async ({ manifest, path }) => {
    const { notes } = await verifyBackup({
      connectTo: target.connectTo,
      database: target.database,
      program: target.program,
      signal,
      noOwner: false,
      backup: { file: path, bytes: manifest.bytes, dump: manifest.dump, manifest },
      onProgress: (progress) => {
        report.event({ type: 'backup-progress', ...progress })
      },
    })
    for (const message of notes) report.event({ type: 'warning', message })
  }
}

async function deleteOlder(
  folder: string,
  database: Manifest['database'],
  retention: Retention,
  now: Date,
): Promise<readonly string[]> {
  if (retention.keep === undefined && retention.keepDays === undefined) return []
  const gone = expired((await listBackups(folder)).backups, database, retention, now)
  for (const one of gone) await deleteBackup(one)
  return gone.map(({ file }) => file)
}
