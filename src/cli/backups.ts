/**
 * Writing a backup, for the commands that do.
 */
import { join, resolve } from 'node:path'

import { isPoststackError } from '../errors.ts'
import { type BackupRequest, makeBackup } from '../execute/backup/backup.ts'
import { makeBackupFolder, removeEmptyFolder } from '../execute/backup/files.ts'
import { type BackupFormat, backupName, type Manifest } from '../execute/backup/manifest.ts'
import { verifyBackup } from '../execute/backup/restore.ts'
import type { Io } from './context.ts'
import type { DatabaseSession } from './database-session.ts'
import type { TargetDatabase } from './target-by-url.ts'

export interface BackupChoices {
  readonly output?: string
  readonly format?: BackupFormat
  readonly schemaOnly: boolean
  readonly verify: boolean
  readonly jobs?: number
}

export interface WrittenBackup {
  /** Absolute path, of a file or a folder. */
  readonly file: string
  readonly manifest: Manifest
}

/** Where backups of the project are, unless somebody says otherwise. */
export function backupFolder({ root }: Pick<TargetDatabase, 'root'>, { cwd }: Pick<Io, 'cwd'>): string {
  return join(root ?? cwd, 'backups')
}

/** As it was asked for. Where nothing was, an archive; or SQL as text, where there is no program but one that can write nothing else. */
export async function writeBackup(session: DatabaseSession, choices: BackupChoices, now: Date): Promise<WrittenBackup> {
  const { format } = choices
  if (format !== undefined) return await writeAs(format, { session, choices, now })
  try {
    return await writeAs('custom', { session, choices, now })
  } catch (error) {
    if (!isPoststackError(error) || error.code !== 'PROGRAM_MISSING' || error.details['program'] !== 'pg_dump')
      throw error
    const written = await writeAs('plain', { session, choices, now })
    const message = 'written as SQL by pg_dump in WebAssembly: no other pg_dump of this machine fits the server'
    session.report.event({ type: 'notice', message })
    return written
  }
}

interface Writing {
  readonly session: DatabaseSession
  readonly choices: BackupChoices
  readonly now: Date
}

async function writeAs(format: BackupFormat, { choices, now, session }: Writing): Promise<WrittenBackup> {
  const { io, report, signal, target } = session
  const { jobs, output, schemaOnly, verify } = choices
  const database = databaseOf(session)
  const folder = backupFolder(target, io)
  const file = output === undefined ? join(folder, backupName(database, format, now)) : resolve(io.cwd, output)
  const isNew = output === undefined && (await makeBackupFolder(folder))
  const request: BackupRequest = {
    connect: target.connect,
    program: target.program,
    database,
    file,
    format,
    jobs,
    schemaOnly,
    signal,
    toolVersion: POSTSTACK_VERSION,
    onProgress: (progress) => {
      report.event({ type: 'backup-progress', ...progress })
    },
    verify: verify ? verifyWith(session) : undefined,
  }
  try {
    return { file, manifest: await makeBackup(request) }
  } catch (error) {
    if (isNew) await removeEmptyFolder(folder)
    throw error
  }
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
