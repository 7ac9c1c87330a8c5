import { access } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'

import { ExitCode, isPoststackError, PoststackError } from '../../../errors.ts'
import { findBackup, type FoundBackup } from '../../../execute/backup/found.ts'
import { restoreBackup } from '../../../execute/backup/restore.ts'
import { findHolder } from '../../../migrations/lock/lock.ts'
import { asking } from '../../../migrations/own-path.ts'
import { backupFolder } from '../../backups.ts'
import type { Context } from '../../context.ts'
import { agree, type DatabaseSession, runDatabase } from '../../database-session.ts'
import type { DatabaseFlags } from '../../flags-database.ts'
import { ledgerFacts, ledgerText, restoreText } from '../../report/backup-words.ts'
import { counted } from '../../report/database-words.ts'
import { minuteOf } from '../../report/words.ts'
import { sizeText } from '../../report/size-text.ts'
import { jobsMisplaced } from './backup.ts'

interface RestoreFlags extends DatabaseFlags {
  readonly into?: string
  readonly noOwner: boolean
  readonly yes: boolean
  readonly jobs?: number
}

/** `poststack database restore <file>` */
export async function restore(this: Context, flags: RestoreFlags, name: string): Promise<void> {
  await runDatabase(this, flags, async (session) => {
    const { facts, report, signal, target } = session
    const backup = await findBackup(await fileOf(name, session))
    if (flags.jobs !== undefined && backup.dump !== 'directory') throw jobsMisplaced('a backup that is a folder')
    const into = flags.into ?? target.database
    const there = await lookAt(session, into)
    if (flags.into !== undefined && there !== undefined) throw isThere(into)
    if (there !== undefined) await agreeTo(session, { backup, there, given: flags.yes })
    const { durationMs, kept, notes } = await restoreBackup({
      connectTo: target.connectTo,
      database: target.database,
      name: into,
      backup,
      jobs: flags.jobs,
      noOwner: flags.noOwner,
      program: target.program,
      signal,
      now: new Date(),
      onProgress: (progress) => {
        report.event({ type: 'backup-progress', ...progress })
      },
    })
    for (const message of notes) report.event({ type: 'warning', message })
    const document = {
      type: 'restore-result',
      database: { ...facts, database: into },
      file: backup.file,
      bytes: backup.bytes,
      ...(kept === undefined ? {} : { kept }),
      compared: backup.manifest !== undefined,
      ...(backup.manifest === undefined ? {} : ledgerFacts(backup.manifest)),
      notes,
      durationMs,
    } as const
    report.result(document, restoreText(document))
    return ExitCode.ok
  })
}

/** A path, or the name of one among the project's backups. */
async function fileOf(name: string, { io, target }: DatabaseSession): Promise<string> {
  const here = resolve(io.cwd, name)
  if (name !== basename(name)) return here
  const kept = join(backupFolder(target, io), name)
  return await access(here).then(
    () => here,
    () =>
      access(kept).then(
        () => kept,
        () => {
          throw new PoststackError('BACKUP_INVALID', `There is no ${[...new Set([here, kept])].join(', and no ')}.`, {
            hint: 'See what there is: poststack database list-backups',
            details: { file: here },
          })
        },
      ),
  )
}

interface There {
  readonly bytes: number
  readonly sessions: number
}

/** The database that has the name now; nothing when there is none. Fails with `LOCK_TIMEOUT` while somebody migrates it. */
async function lookAt({ signal, target }: DatabaseSession, name: string): Promise<There | undefined> {
  let connection: Awaited<ReturnType<typeof target.connect>>
  try {
    connection = await asking(target.connectTo(name))({ applicationName: 'poststack look', signal })
  } catch (error) {
    if (isPoststackError(error) && error.code === 'DATABASE_MISSING') return undefined
    throw error
  }
  try {
    const holder = await findHolder(connection)
    if (holder !== undefined)
      throw new PoststackError(
        'LOCK_TIMEOUT',
        `Process ${String(holder.pid)} (${holder.application}) migrates ${name}.`,
        {
          hint: 'Wait until it has ended, then run again.',
          details: { holder },
        },
      )
    const { rows } = await connection.query(`SELECT pg_catalog.pg_database_size(pg_catalog.current_database()) AS bytes,
  (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity a WHERE a.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
    AND a.backend_type OPERATOR(pg_catalog.=) 'client backend' AND a.pid OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid()) AS sessions`)
    return { bytes: Number(rows[0]?.['bytes']), sessions: Number(rows[0]?.['sessions']) }
  } finally {
    await connection.close()
  }
}

interface Replacement {
  readonly backup: FoundBackup
  readonly there: There
  readonly given: boolean
}

async function agreeTo(session: DatabaseSession, { backup, given, there }: Replacement): Promise<void> {
  const { bytes, file, manifest } = backup
  const of =
    manifest === undefined
      ? 'with nothing beside it'
      : `${minuteOf(manifest.time)}, ${ledgerText(ledgerFacts(manifest))}`
  await agree(session, {
    given,
    deed: 'put a backup in the place of what is there',
    lines: [
      `backup    ${file}`,
      `          ${sizeText(bytes)}, ${of}`,
      `there now ${sizeText(there.bytes)}, which is kept under another name`,
      ...(there.sessions === 0 ? [] : [`ended     ${counted(there.sessions, 'session')} on the database`]),
    ],
    question: 'Restore it?',
  })
}

function isThere(name: string): PoststackError {
  return new PoststackError('USAGE', `There is already a database ${name}, and --into makes a new one.`, {
    hint: 'Give a name that is free; without --into the backup takes the place of the declared database.',
  })
}
