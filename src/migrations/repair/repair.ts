/**
 * Settles one case by the person's choice, under the migration lock, with a line in the history in the same transaction. It never touches
 * what migrations made: only the ledger, or a file of the folder.
 */
import { unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isCode, PoststackError } from '../../errors.ts'
import { fileNameOf } from '../files/file-name.ts'
import { rollbackEnd } from '../files/parse.ts'
import { ensureLedger, ledgerLayout } from '../ledger/layout.ts'
import { type LedgerEvent, recordEvent } from '../ledger/record.ts'
import { type LedgerRow, readLedgerRows } from '../ledger/rows.ts'
import { ownPath } from '../own-path.ts'
import type { Migration, MigrationFolder } from '../types.ts'
import { canonicalVersion } from '../version.ts'
import { lockLost } from '../run/failure.ts'
import { commit, guarded } from '../run/guard.ts'
import { holdsLock } from '../lock/lock.ts'
import { findCases, type RepairCase, type RepairChoice, type RepairChoiceKind } from './cases.ts'
import { type Change, changeOf } from './changes.ts'
import { refuseRollbacks } from '../run/prepare.ts'
import { recordSchemaSafely } from '../run/run-file.ts'
import { type Run, type RunOptions, recordCommit, withRun } from '../run/run.ts'

export interface RepairOptions extends RunOptions {
  readonly folder: MigrationFolder
  readonly version: string
  readonly choice: RepairChoice
  /** `mark` of the case that the person has seen: the repair fails when it is another by now. @default not looked at */
  readonly seen?: string | undefined
}

export interface RepairResult {
  readonly version: string
  readonly name: string
  readonly choice: RepairChoiceKind
  /** What was done, and what comes next. */
  readonly message: string
  /** Names of the files that were written. */
  readonly files: readonly string[]
}

/**
 * Does what was chosen, or nothing. Fails with `MIGRATION_UNKNOWN` where the ledger has no such migration, `USAGE` for a choice that its
 * case does not offer, `STEP_FAILED` when the case is not as it was seen, `MIGRATION_CHANGED` or `MIGRATION_INVALID` when the file
 * cannot be continued at that statement or its rollback cannot be carried out, `NAME_TAKEN` when the file to write is there.
 */
export async function repair(options: RepairOptions): Promise<RepairResult> {
  return await withRun(options, async (run) => {
    const { row, found } = await guarded(run, undefined, () => lookAgain(run, options))
    const change = await changeOf({ row, file: fileOf(options), choice: options.choice })
    await guarded(run, undefined, () => refuseRollbacks(run, change.stores, 'Nothing was changed.'))
    await recordCommit(run, options)
    await guarded(run, undefined, () => carryOut(run, options, { row, change }))
    const files = await commitWithFiles(run, options, row)
    const { version, name } = found
    return { version, name, choice: options.choice.kind, message: change.message, files }
  })
}

function fileOf({ folder, version }: RepairOptions): Migration | undefined {
  return folder.migrations.find((file) => canonicalVersion(file.version) === canonicalVersion(version))
}

interface Looked {
  readonly row: LedgerRow
  readonly found: RepairCase
}

/** The case as it is now, with the lock held; what was seen without it may be over. */
async function lookAgain(run: Run, options: RepairOptions): Promise<Looked> {
  const { folder, version, choice, seen } = options
  const rows = await readRows(run)
  const row = rows.find((one) => canonicalVersion(one.version) === canonicalVersion(version))
  if (row === undefined) {
    throw new PoststackError(
      'MIGRATION_UNKNOWN',
      `The ledger has no migration ${version}, so there is nothing to repair about it.`,
      {
        hint: 'Name the number of a migration that is applied or half-applied: poststack database migration-status lists them.',
        details: { version },
      },
    )
  }
  const cases = await findCases(run.work, [row], folder)
  const found = cases.find(({ offers }) => offers.some((offer) => offer.choice === choice.kind))
  if (seen !== undefined && found?.mark !== seen) throw changedSince(row)
  if (found === undefined) throw notOffered(row, cases, choice.kind)
  return { row, found }
}

async function readRows({ work, author }: Run): Promise<readonly LedgerRow[]> {
  // Without a ledger none is made: there is nothing to repair. An older one is brought along.
  if ((await ledgerLayout(work)) === undefined) return []
  await ensureLedger(work, author.toolVersion)
  return await readLedgerRows(work)
}

function changedSince({ version, name }: LedgerRow): PoststackError {
  const message = `Migration "${version} ${name}" is not as it was when you looked at it. Nothing was changed.`
  return new PoststackError('STEP_FAILED', message, {
    hint: 'Look at it again, then choose: poststack database repair',
    details: { version },
  })
}

function notOffered({ version, name }: LedgerRow, cases: readonly RepairCase[], choice: string): PoststackError {
  const offered = cases.flatMap(({ offers }) => offers.map((offer) => offer.choice))
  const label = `"${version} ${name}"`
  const message =
    offered.length === 0
      ? `There is nothing to repair about migration ${label}.`
      : `"${choice}" is no way to settle migration ${label} as it is now. Nothing was changed.`
  return new PoststackError('USAGE', message, {
    hint:
      offered.length === 0
        ? 'See how it stands: poststack database migration-status'
        : `Choose one of: ${offered.join(', ')}. What each does is told by: poststack database repair`,
    details: { version, offered },
  })
}

interface Deed {
  readonly row: LedgerRow
  readonly change: Change
}

/** In a transaction that is left open. */
async function carryOut(run: Run, options: RepairOptions, { row, change }: Deed): Promise<void> {
  const { work, author } = run
  const { kind } = options.choice
  await work.query(`BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL ${ownPath}`)
  const fence = `version = $1 AND ${holdsLock(run.lock.pid)} RETURNING version`
  const version = canonicalVersion(row.version)
  const { rows } = await work.query(`${change.sql} WHERE ${fence}`, [version, ...change.values])
  if (rows.length === 0) throw lockLost(undefined, run.progress)
  const event: LedgerEvent = kind === 'accept-text' ? 'text-accepted' : 'repaired'
  const { before, after } = change
  const migration = { ...row, ...change.checksum }
  await recordEvent(work, { event, migration, author, detail: { choice: kind, before, after } })
  if (change.schema) await recordSchemaSafely(run, await newestApplied(run))
}

async function commitWithFiles(
  run: Run,
  { choice, folder }: RepairOptions,
  row: LedgerRow,
): Promise<readonly string[]> {
  const written = choice.kind === 'write-file' ? await writeFiles(row, folder) : []
  try {
    await commit(run, undefined)
  } catch (error) {
    await removeFiles(folder, written)
    throw error
  }
  return written
}

async function newestApplied({ work }: Run): Promise<string | undefined> {
  const select = `SELECT version_text AS version FROM poststack.schema_migrations m WHERE state = 'applied' ORDER BY m.version DESC LIMIT 1`
  const { rows } = await work.query(select)
  return rows[0] === undefined ? undefined : String(rows[0]['version'])
}

async function writeFiles(row: LedgerRow, folder: MigrationFolder): Promise<readonly string[]> {
  const file = fileNameOf(row, folder.migrations)
  if (file === undefined) throw new Error(`no file name for ${row.version}`)
  const wanted = [{ file, sql: row.upSql }]
  if (row.rollback !== undefined)
    wanted.push({ file: `${file.slice(0, -'.sql'.length)}${rollbackEnd}`, sql: row.rollback.sql })
  const written: string[] = []
  for (const one of wanted) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- both or neither
      await writeFile(join(folder.path, one.file), one.sql, { flag: 'wx' })
      written.push(one.file)
    } catch (error) {
      // oxlint-disable-next-line no-await-in-loop
      await removeFiles(folder, written)
      throw notWritten(one.file, error)
    }
  }
  return written
}

async function removeFiles(folder: MigrationFolder, files: readonly string[]): Promise<void> {
  await Promise.all(files.map((file) => unlink(join(folder.path, file))))
}

function notWritten(file: string, cause: unknown): PoststackError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return isCode(cause, 'EEXIST')
    ? new PoststackError('NAME_TAKEN', `${file} is there already. Nothing was changed.`, {
        hint: 'Look what it holds; move it away if it is not needed, then run again.',
        details: { file },
        cause,
      })
    : new PoststackError('STEP_FAILED', `${file} cannot be written: ${reason}. Nothing was changed.`, {
        hint: 'Give yourself the right to write into the migration folder.',
        details: { file },
        cause,
      })
}
