/**
 * Takes back what the files of a database do not hold any more, so that a run can apply what they hold now. Only in databases that
 * the stack owns, with the text that was stored (or, where none was, that of the rollback file written since), and never without proof or consent.
 */
import { given } from '../abort.ts'
import { PoststackError } from '../errors.ts'
import type { Emit } from '../events.ts'
import type { DeclaredDatabase } from '../execute/database/choice.ts'
import { stackEventOf } from '../execute/migration-events.ts'
import { readMigrations } from '../migrations/files/read.ts'
import type { LedgerRow } from '../migrations/ledger/rows.ts'
import { rollback, type RollbackOptions } from '../migrations/run/rollback.ts'
import type { Migration } from '../migrations/types.ts'
import type { RollbackProof } from '../migrations/verify/proof.ts'
import { replay } from '../migrations/verify/replay.ts'
import { decideEdits, type EditDecision, isSameDecision, type LeftRow } from './edits.ts'
import { migrationOf, type Proofs, readRows } from './proofs.ts'

/** What becomes of the newest applied migration when its file is edited. */
export type OnEdit = 'rollback' | 'replay' | 'ask' | 'refuse'

/** What somebody is asked to agree to. */
export interface TakeBackQuestion {
  readonly service: string
  readonly database: string
  /** Migrations that would be taken back, the newest first. */
  readonly migrations: readonly {
    readonly version: string
    readonly name: string
    readonly why: LeftRow['why'] | 'edited'
  }[]
}

/** The signal is given when the question is withdrawn: files have changed, and whatever is answered to it counts no more. */
export type ConfirmTakeBack = (question: TakeBackQuestion, withdrawn: AbortSignal) => Promise<boolean>

/** `stale`: nothing, because the files are not any more as they were when it was decided. */
export type TakeBackEnd = 'nothing' | 'done' | 'stale'

export interface TakeBackOptions {
  readonly database: DeclaredDatabase
  readonly onEdit: OnEdit
  readonly proofs: Proofs
  /** Asked before more is taken back than an edit of the newest asks for. Without it nobody agrees. */
  readonly confirm?: ConfirmTakeBack | undefined
  /** Given when files have changed since the run began: a question that is open then is withdrawn. */
  readonly changed: AbortSignal
  readonly emit: Emit
  readonly signal: AbortSignal
}

/**
 * Fails with a `PoststackError` that says why nothing may be taken back: `MIGRATION_CHANGED`, `CONSENT_NEEDED`, `MIGRATION_IRREVERSIBLE`, or
 * what `rollback` fails with.
 */
export async function takeBackEdits(options: TakeBackOptions): Promise<TakeBackEnd> {
  const { migrations, owned } = options.database
  if (!owned || migrations === undefined) return 'nothing'
  const { decision, rows } = await decide(migrations, options)
  const ahead = await prepare(decision, rows, options)
  if (ahead === undefined) return 'nothing'
  // While somebody thought about it, or a rollback was tried, files may have been put back: what stands in them again must not lose its rows.
  if (ahead === 'stale' || !isSameDecision(decision, (await decide(migrations, options)).decision)) {
    const message = 'files have changed meanwhile, so nothing is taken back, and all is looked at anew'
    options.emit({ type: 'warning', message: `${options.database.service}: ${message}` })
    return 'stale'
  }
  await ahead()
  return 'done'
}

interface Decided {
  readonly decision: EditDecision
  readonly rows: readonly LedgerRow[]
}

async function decide(path: string, { database, signal }: TakeBackOptions): Promise<Decided> {
  const folder = await readMigrations(path, { root: database.root })
  const rows = await readRows(database, signal)
  return { decision: decideEdits(folder.migrations, rows), rows }
}

/** What is to be done once it may be. */
type Ahead = () => Promise<void>

/** Has what is to be done proved and agreed to. Nothing where nothing is to be taken back. */
async function prepare(
  decision: EditDecision,
  rows: readonly LedgerRow[],
  options: TakeBackOptions,
): Promise<Ahead | 'stale' | undefined> {
  switch (decision.kind) {
    case 'none':
      return undefined
    case 'older':
      throw older(decision)
    case 'edited':
      return await prepareNewest(decision, rows, options)
    case 'left':
      return await prepareLeft(decision, options)
  }
}

type Edited = Extract<EditDecision, { kind: 'edited' }>

async function prepareNewest(
  { file, row }: Edited,
  rows: readonly LedgerRow[],
  options: TakeBackOptions,
): Promise<Ahead | 'stale'> {
  const { database, emit, onEdit, proofs } = options
  if (onEdit === 'replay') return () => replayEdited({ file, before: rows.slice(0, -1) }, options)
  if (onEdit === 'refuse') throw changed(file, 'and --on-edit=refuse leaves it so. ')
  // A new migration is applied as soon as it is saved, and its rollback is often written after it.
  const since = row.rollback === undefined ? file.rollback : undefined
  if (row.rollback === undefined && since === undefined) throw withoutRollback(file)
  const proof = await proofs.of(
    database,
    since === undefined ? rows : rows.map((one) => (one === row ? { ...row, rollback: since } : one)),
  )
  const { version, name, verdict } = proof
  emit({ type: 'rollback-proved', migration: version, name, file: proof.file, verdict, number: 1, total: 1 })
  if (verdict !== 'exact' && verdict !== 'column-order') throw changed(file, `and ${unproved(proof)}`)
  if (onEdit === 'ask' && !(await isAgreed([{ row, why: 'edited' }], options))) return 'stale'
  const asTried = { path: database.migrations ?? '', migrations: [{ ...migrationOf(row), rollback: since }] }
  return () => goBack({ steps: 1, ...(since === undefined ? {} : { useFile: true, folder: asTried }) }, [row], options)
}

async function prepareLeft(
  { rows, target }: Extract<EditDecision, { kind: 'left' }>,
  options: TakeBackOptions,
): Promise<Ahead | 'stale'> {
  const stuck = rows.find(({ row }) => row.rollback === undefined)
  if (stuck !== undefined) throw irreversible(stuck, rows)
  if (!(await isAgreed(rows, options))) return 'stale'
  const back = rows.map(({ row }) => row)
  return () => goBack({ target }, back, options)
}

async function goBack(
  far: Pick<RollbackOptions, 'steps' | 'target' | 'useFile' | 'folder'>,
  rows: readonly LedgerRow[],
  { database, emit, signal }: TakeBackOptions,
): Promise<void> {
  await rollback({
    connect: database.connect,
    signal,
    toolVersion: POSTSTACK_VERSION,
    // Nobody else works on a database that the stack owns, so there is nobody to hold up.
    lockTimeoutMs: 0,
    ...far,
    agreed: rows.map(({ version }) => version),
    onEvent: (event) => {
      const said = stackEventOf(event)
      const isOne = said.type === 'migration-started' || said.type === 'migration-rolled-back'
      emit(isOne ? { ...said, service: database.service } : said)
    },
  })
}

interface Replay {
  readonly file: Migration
  /** The applied ones before it. */
  readonly before: readonly LedgerRow[]
}

/** The database made anew from what was applied before, and the new text. No rollback is needed, and no row survives. */
async function replayEdited(
  { before, file }: Replay,
  { database: { connectTo, database, migrations: path = '', service }, emit, signal }: TakeBackOptions,
): Promise<void> {
  await replay({
    connectTo,
    database,
    folder: { path, migrations: [...before.map(migrationOf), file] },
    silentUpTo: before.at(-1)?.version,
    signal,
    toolVersion: POSTSTACK_VERSION,
    onEvent: (event) => {
      const said = stackEventOf(event)
      emit(said.type === 'migration-started' || said.type === 'migration-applied' ? { ...said, service } : said)
    },
    onSessions: (applications) => {
      const others = applications.map((name) => (name === '' ? 'one without a name' : name)).join(', ')
      const ended = applications.length === 0 ? '' : `; disconnected: ${others}`
      const message = `database ${database} is replaced by one made anew from its migrations, without its rows${ended}`
      emit({ type: 'warning', subject: `service:${service}`, message })
    },
  })
}

/** False when the question was withdrawn; fails when nobody agrees. */
async function isAgreed(
  rows: readonly { readonly row: LedgerRow; readonly why: TakeBackQuestion['migrations'][number]['why'] }[],
  { changed: withdrawn, confirm, database }: TakeBackOptions,
): Promise<boolean> {
  const migrations = rows.map(({ row, why }) => ({ version: row.version, name: row.name, why }))
  const question = { service: database.service, database: database.database, migrations }
  // Whoever answers at once is not kept from it by files that are written again and again.
  const answer = await Promise.race([confirm?.(question, withdrawn), given(withdrawn, () => false)])
  if (answer === true) return true
  if (withdrawn.aborted) return false
  const list = migrations.map(({ version, name }) => `"${version} ${name}"`).join(', ')
  throw new PoststackError(
    'CONSENT_NEEDED',
    `${database.service}: these migrations would be rolled back, and nobody agreed to it: ${list}. Nothing was done.`,
    {
      hint: `Put the files back; or let it happen with poststack watch --yes; or do it yourself: poststack database rollback --steps ${migrations.length}`,
      details: { service: database.service, migrations },
    },
  )
}

function changed({ file, version }: Migration, why: string): PoststackError {
  return new PoststackError('MIGRATION_CHANGED', `${file} was edited after it was applied, ${why}Nothing was done.`, {
    hint: 'Undo the edit, and put what it should do into a new migration; or take it back yourself (poststack database rollback), and save again.',
    details: { version, file },
  })
}

function withoutRollback({ file, version }: Migration): PoststackError {
  return new PoststackError(
    'MIGRATION_CHANGED',
    `${file} was edited after it was applied, and it cannot be taken back: it has no rollback file. Nothing was done.`,
    {
      hint: 'Undo the edit, and put what it should do into a new migration; or write its rollback file, for the text that was applied.',
      details: { version, file },
    },
  )
}

function older({ file, newest, row }: Extract<EditDecision, { kind: 'older' }>): PoststackError {
  const { version } = row
  return new PoststackError(
    'MIGRATION_CHANGED',
    `${file.file} was edited after it was applied, and others were applied on top of it, up to "${newest.version} ${newest.name}"; only the newest can be taken back and applied anew. Nothing was done.`,
    {
      hint: 'Undo the edit, and put what it should do into a new migration. Or take back all that stands on it: poststack database rollback --target-version, with the number before it.',
      details: { version, file: file.file },
    },
  )
}

function unproved({ lines, verdict }: RollbackProof): string {
  const why = lines.length === 0 ? verdict : lines.slice(0, 5).join('\n')
  return `its rollback, tried on a copy, does not restore the schema:\n${why}\n`
}

function irreversible({ row }: LeftRow, rows: readonly LeftRow[]): PoststackError {
  const label = `"${row.version} ${row.name}"`
  const gone = rows.findLast(({ why }) => why === 'gone')?.row ?? row
  return new PoststackError(
    'MIGRATION_IRREVERSIBLE',
    `The file of migration "${gone.version} ${gone.name}" is gone, and ${label} has no stored rollback to go back with. Nothing was done.`,
    {
      hint: 'Put the file back, for example from version control; its text also stands in the ledger: poststack database repair writes it back.',
      details: { version: row.version },
    },
  )
}
