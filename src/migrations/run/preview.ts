/**
 * What a run would do, found out without doing it: no lock is taken, nothing is created, and every text is looked at as the run
 * would look at it.
 */
import { isPoststackError, type PoststackError } from '../../errors.ts'
import type { Connect, Connection } from '../connection.ts'
import type { MigrationEvent } from '../events.ts'
import { placeIn } from '../files/place-in.ts'
import { readLedgerBeside, reformattedWords } from '../ledger/reformatted.ts'
import { type LedgerRow, readLedgerRows } from '../ledger/rows.ts'
import { resolveMigrations } from '../resolve.ts'
import { ledgerSchema } from '../schema-name.ts'
import { lossesOf } from '../sql/losses.ts'
import type { AppliedMigration, Migration, MigrationFolder, PendingLoss } from '../types.ts'
import { canonicalVersion } from '../version.ts'
import { refuseChanged, unfinishedRow } from './migrate.ts'
import { isPooled } from '../lock/pooler.ts'
import { prepareJobs, prepareMigrations, type Preparing } from './prepare.ts'
import { problemsError } from './refused.ts'
import { chooseRollbacks, refuseChangedRollback, rollbackJob, type RollbackOptions } from './rollback.ts'
import { type Job, type RunOptions, waitForOthers } from './run.ts'
import { asking } from '../own-path.ts'

export interface PreviewOptions {
  readonly connect: Connect
  readonly signal: AbortSignal
}

/** How one text would be carried out. */
export interface PreviewedFile {
  readonly version: string
  readonly name: string
  /** File name, or where else the text is from. */
  readonly file: string
  /** How many statements it has, done ones included. */
  readonly statements: number
  /** Those that run outside of a transaction: number from 1, the file where it is one that is included, line in it, and what they are. */
  readonly alone: readonly {
    readonly statement: number
    readonly file?: string
    readonly line: number
    readonly what: string
  }[]
  /** Statements that an earlier run has done, after which this one goes on. */
  readonly done: number
  /** What a person should know about the text. */
  readonly notices: readonly string[]
}

export interface MigratePreview {
  /** How many the database has. */
  readonly already: number
  /** In the order they would be applied. */
  readonly pending: readonly PreviewedFile[]
  /** What a person should know about applied files. */
  readonly warnings: readonly string[]
}

export interface RollbackPreview {
  /** In the order they would be taken back: the newest first. */
  readonly rollbacks: readonly PreviewedFile[]
  /** How many would be left. */
  readonly left: number
}

/** What `migrate` would apply. Fails with what it would refuse before its first file. */
export async function previewMigrate(
  options: PreviewOptions & { readonly folder: MigrationFolder; readonly target?: string | undefined },
): Promise<MigratePreview> {
  const { folder, target } = options
  return await looking(options, async (look, notices) => {
    const ledger = await readLedgerBeside(folder.migrations, look.work)
    const { pending, problems, reformatted } = resolveMigrations(folder.migrations, ledger, { target })
    if (problems.length > 0) throw problemsError(problems)
    const { jobs, started } = await prepareAll(look, pending, ledger)
    const already = ledger.length - (started === undefined ? 0 : 1)
    const warnings = reformatted.map(({ file }) => `${file}: ${reformattedWords}`)
    return { already, pending: jobs.map((job) => previewOf(job, doneOf(job, started), notices)), warnings }
  })
}

/** What can be told of pending texts on a session that is open, before `migrate` begins. */
export interface LookedAhead {
  /** What it would refuse before its first file. */
  readonly refused?: PoststackError
  /** What it would take away of the data that are there, in the order in which they would go. */
  readonly losses: readonly PendingLoss[]
}

/** Looks at what is pending beside what the ledger has. */
export async function lookAhead(
  work: Connection,
  ledger: readonly AppliedMigration[],
  pending: readonly Migration[],
): Promise<LookedAhead> {
  try {
    const { jobs, started } = await prepareAll(
      { work, pooled: await isPooled(work), emit: () => undefined },
      pending,
      ledger,
    )
    const losses = lossesIn(jobs, (job) => doneOf(job, started))
    return { losses: losses.length === 0 || (await holdsTables(work)) ? losses : [] }
  } catch (error) {
    if (!isPoststackError(error) || error.code === 'DATABASE_UNREACHABLE') throw error
    return { refused: error, losses: [] }
  }
}

function lossesIn(jobs: readonly Job[], done: (job: Job) => number): readonly PendingLoss[] {
  const made = new Set<string>()
  return jobs.flatMap((job) =>
    lossesOf(job.program.statements, done(job), made).map(({ index, what }) => {
      const { file, place } = placeIn({ file: job.file, ...job.text }, index)
      return { file, line: place.line, what }
    }),
  )
}

/** Whether anybody has made a table there: with none, nothing can be lost. */
async function holdsTables(work: Connection): Promise<boolean> {
  const others = `^(pg_|information_schema$|${ledgerSchema}$)`
  const sql = 'SELECT 1 FROM pg_catalog.pg_tables WHERE NOT schemaname OPERATOR(pg_catalog.~) $1 LIMIT 1'
  const { rows } = await work.query(sql, [others])
  return rows.length > 0
}

interface Prepared {
  readonly jobs: readonly Job[]
  /** The row that an earlier run left unfinished. */
  readonly started: LedgerRow | undefined
}

async function prepareAll(
  look: Preparing,
  pending: readonly Migration[],
  ledger: readonly AppliedMigration[],
): Promise<Prepared> {
  const jobs = await prepareMigrations(look, pending)
  const started = await unfinishedRow(look, ledger)
  if (started !== undefined) await refuseChanged(jobs, started)
  return { jobs, started }
}

/** How many statements of it an earlier run has done. */
function doneOf({ version }: Job, started: LedgerRow | undefined): number {
  const goesOn = started !== undefined && canonicalVersion(started.version) === canonicalVersion(version)
  return goesOn ? (started.unfinished?.applied ?? 0) : 0
}

/** What `rollback` would take back. Fails with what it would refuse before its first step. */
export async function previewRollback(
  options: RollbackPreviewOptions & {
    /** A migration that is half-applied may be so because another run is at it: it is waited for before that is said. */
    readonly wait?: Pick<RunOptions, 'lockWaitMs' | 'onEvent'>
  },
): Promise<RollbackPreview> {
  const { connect, signal, wait } = options
  try {
    return await lookAtRollback(options)
  } catch (error) {
    if (wait === undefined || !isPoststackError(error) || error.code !== 'MIGRATION_UNFINISHED') throw error
    await waitForOthers({ connect, signal, ...wait })
    return await lookAtRollback(options)
  }
}

type RollbackPreviewOptions = PreviewOptions & Pick<RollbackOptions, 'target' | 'steps' | 'folder' | 'useFile'>

async function lookAtRollback(options: RollbackPreviewOptions): Promise<RollbackPreview> {
  return await looking(options, async (look, notices) => {
    const rows = await readLedgerRows(look.work)
    const choices = chooseRollbacks(rows, options)
    const jobs = await prepareJobs(look, choices.map(rollbackJob))
    for (const { file, notice } of choices)
      if (notice !== undefined) look.emit({ type: 'notice', file, message: notice })
    await refuseChangedRollback(jobs, choices)
    const rollbacks = jobs.map((job, index) => previewOf(job, choices[index]?.row.unfinished?.applied ?? 0, notices))
    return { rollbacks, left: rows.length - rollbacks.length }
  })
}

type Notices = readonly Extract<MigrationEvent, { type: 'notice' }>[]

async function looking<T>(
  { connect, signal }: PreviewOptions,
  body: (look: Preparing, notices: Notices) => Promise<T>,
): Promise<T> {
  const notices: Extract<MigrationEvent, { type: 'notice' }>[] = []
  const work: Connection = await asking(connect)({ applicationName: 'poststack preview', signal })
  try {
    const emit = (event: MigrationEvent): void => {
      if (event.type === 'notice') notices.push(event)
    }
    return await body({ work, pooled: await isPooled(work), emit }, notices)
  } finally {
    await work.close()
  }
}

function previewOf(job: Job, done: number, notices: Notices): PreviewedFile {
  const { version, name, file, program, text } = job
  const alone = program.parts.flatMap((part) => {
    if (part.kind === 'group') return []
    const start = program.statements[part.first]?.start ?? part.script.offset
    const at = placeIn({ file, ...text }, start)
    const within = at.file === file ? {} : { file: at.file }
    return [{ statement: part.first + 1, ...within, line: at.place.line, what: part.what }]
  })
  const own = notices.filter((notice) => notice.file === file).map(({ message }) => message)
  return { version, name, file, statements: program.statements.length, alone, done, notices: own }
}
