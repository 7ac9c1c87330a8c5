/**
 * What of a ledger a person can settle: half-done migrations with what the catalog says about them, and texts that differ between
 * ledger and folder without harm. Looks only; what may be done about each is in its offers.
 */
import { createHash } from 'node:crypto'
import type { Connect } from '../connection.ts'
import { fileNameOf } from '../files/file-name.ts'
import { type LedgerRow, readLedgerRows } from '../ledger/rows.ts'
import { compareStructure } from '../sql/structure.ts'
import type { Migration, MigrationFolder, Queryable, SqlText } from '../types.ts'
import { canonicalVersion } from '../version.ts'
import { textDiff } from '../verify/text-diff.ts'
import { gatherEvidence, type StatementEvidence } from './evidence.ts'
import { describeHolder, findHolder } from '../lock/lock.ts'
import { asking } from '../own-path.ts'

export type RepairChoiceKind =
  | 'mark-applied'
  | 'mark-rolled-back'
  | 'continue-at'
  | 'accept-text'
  | 'store-rollback'
  | 'write-file'

export type RepairChoice =
  | { readonly kind: Exclude<RepairChoiceKind, 'continue-at'> }
  /** `statement` counts from 1: the first that is to be run. */
  | { readonly kind: 'continue-at'; readonly statement: number }

/** Something that can be done about a case. Nothing is done by itself. */
export interface RepairOffer {
  readonly choice: RepairChoiceKind
  /** What it would do, in one or two sentences. */
  readonly does: string
}

export interface RepairCase {
  /**
   * `half-applied`: a run was cut off or a statement failed after others were committed. `half-rolled-back`: the same of its rollback.
   * `unknown`: it ended its own transaction. `reformatted`: only comments and blanks of the file changed since. `rollback-changed`: its
   * rollback file was added or edited since. `file-missing`: it is applied and its file is gone.
   */
  readonly kind: 'half-applied' | 'half-rolled-back' | 'unknown' | 'reformatted' | 'rollback-changed' | 'file-missing'
  readonly version: string
  readonly name: string
  /** File name, where there is one. */
  readonly file: string | undefined
  /** What is the matter. */
  readonly message: string
  /** Error that the row has from the run that failed: its first line. */
  readonly error: string | undefined
  /** One for each statement of the stored text of a half-done one. */
  readonly statements: readonly StatementEvidence[]
  /** Stored text against the file's, as `diff -u` writes it. */
  readonly lines: readonly string[]
  /** None while a run is at work on it. */
  readonly offers: readonly RepairOffer[]
  /** Changes when anything of this changes. `repair` takes it, so that nobody settles what they have not seen. */
  readonly mark: string
}

export interface InspectRepairOptions {
  readonly connect: Connect
  readonly folder: MigrationFolder
  readonly signal: AbortSignal
}

/** Every case of a database, sorted by version. Reads only, takes no lock. Fails as `readLedgerRows` does. */
export async function inspectRepair({ connect, folder, signal }: InspectRepairOptions): Promise<readonly RepairCase[]> {
  const connection = await asking(connect)({ applicationName: 'poststack repair', signal })
  try {
    const rows = await readLedgerRows(connection)
    const cases = await findCases(connection, rows, folder)
    const holder = cases.some(isHalf) ? await findHolder(connection) : undefined
    if (holder === undefined) return cases
    const busy = `A run is at work on this database now (${describeHolder(holder)}), so this may be its doing.`
    return cases.map((one) => (isHalf(one) ? { ...one, message: `${one.message} ${busy}`, offers: [] } : one))
  } finally {
    await connection.close()
  }
}

/** It stands between applied and not applied, so nothing else can be done before it is settled. */
export function isHalf({ kind }: Pick<RepairCase, 'kind'>): boolean {
  return kind === 'half-applied' || kind === 'half-rolled-back' || kind === 'unknown'
}

/** The cases of some rows. Outside of a transaction; afterwards the session is as it was. */
export async function findCases(
  client: Queryable,
  rows: readonly LedgerRow[],
  folder: MigrationFolder,
): Promise<readonly RepairCase[]> {
  const files = new Map(folder.migrations.map((file) => [canonicalVersion(file.version), file]))
  const cases: RepairCase[] = []
  // One picture of the catalog, and a search_path that is gone afterwards: names stand for what they stand for in a migration, also
  // where the session itself looks along a path of our own.
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL search_path TO DEFAULT')
  try {
    for (const row of rows) {
      const file = files.get(canonicalVersion(row.version))
      const facts: CaseFacts = { client, row, file, folder }
      // oxlint-disable-next-line no-await-in-loop -- one connection
      for (const found of [
        await halfDone(facts),
        await reformatted(facts),
        await rollbackChanged(facts),
        missing(facts),
      ])
        if (found !== undefined) cases.push(withMark(found, facts))
    }
  } finally {
    await client.query('ROLLBACK')
  }
  return cases
}

interface CaseFacts {
  readonly client: Queryable
  readonly row: LedgerRow
  readonly file: Migration | undefined
  readonly folder: MigrationFolder
}

type Unmarked = Omit<RepairCase, 'mark'>

function withMark(found: Unmarked, { row, file }: CaseFacts): RepairCase {
  const { kind, statements } = found
  const seen = [
    kind,
    [row.state, row.checksum, row.rollback?.checksum, row.unfinished, row.chain, row.runningStatement, row.error],
    [file?.file, file?.checksum, file?.rollback?.checksum],
    statements.map(({ verdict, findings }) => [verdict, findings]),
  ]
  return { ...found, mark: createHash('sha256').update(JSON.stringify(seen)).digest('hex').slice(0, 16) }
}

function base({
  row,
  file,
}: CaseFacts): Pick<Unmarked, 'version' | 'name' | 'file' | 'error' | 'statements' | 'lines'> {
  const { version, name } = row
  return { version, name, file: file?.file, error: undefined, statements: [], lines: [] }
}

async function halfDone(facts: CaseFacts): Promise<Unmarked | undefined> {
  const { client, row, file } = facts
  const { unfinished } = row
  if (unfinished === undefined) return undefined
  const back = unfinished.state === 'rolling-back'
  const text = textOf(row, file)
  const statements =
    text === undefined
      ? []
      : await gatherEvidence(client, text.sql, { applied: unfinished.applied, running: row.runningStatement })
  const message = row.error?.['message']
  const changed =
    back || file === undefined || file.checksum === row.checksum ? [] : await textDiff(row.upSql, file.sql)
  return {
    ...base(facts),
    kind: back ? 'half-rolled-back' : unfinished.state === 'unknown' ? 'unknown' : 'half-applied',
    message: halfMessage(row),
    error: typeof message === 'string' ? message.split('\n', 1)[0] : undefined,
    statements,
    lines: changed,
    offers: halfOffers(row, file),
  }
}

/** The text that a half-done row is about: the migration's, or that of its way back. */
export function textOf(row: LedgerRow, file: Migration | undefined): SqlText | undefined {
  if (row.state === 'rolling-back') return row.rollback ?? file?.rollback
  return { sql: row.upSql, checksum: row.checksum }
}

function halfMessage({ version, name, unfinished, runningStatement }: LedgerRow): string {
  const label = `"${version} ${name}"`
  const count = `${unfinished?.applied ?? 0} of ${unfinished?.total ?? '?'} statements are done`
  const begun = runningStatement === undefined ? '' : `; statement ${runningStatement} was begun`
  switch (unfinished?.state) {
    case 'rolling-back':
      return `The rollback of migration ${label} stopped half-way: ${count}${begun}.`
    case 'unknown':
      return `Migration ${label} ended its own transaction, so the ledger does not know what of it the database has.`
    case 'failed':
      return `Migration ${label} failed half-way: ${count}${begun}.`
    case 'running':
    case undefined:
      return `Migration ${label} was cut off half-way: ${count}${begun}.`
  }
}

function halfOffers(row: LedgerRow, file: Migration | undefined): readonly RepairOffer[] {
  const back = row.state === 'rolling-back'
  const next = back ? 'rollback' : 'migrate'
  const offers: RepairOffer[] = [
    {
      choice: 'mark-applied',
      does: back
        ? 'Records it as applied, for one whose rollback you have undone by hand. Only the ledger changes.'
        : 'Records it as applied, for one that you have finished by hand. Only the ledger changes.',
    },
    {
      choice: 'mark-rolled-back',
      does: back
        ? 'Takes it out of the ledger, for one whose rollback you have finished by hand. Only the ledger changes.'
        : 'Takes it out of the ledger, for one that you have undone by hand; the next migrate runs it from its beginning. Only the ledger changes.',
    },
  ]
  // The text that it would go on with.
  if ((back ? textOf(row, file) : file) === undefined) return offers
  const does = `Counts the statements before the one you name as done, and no others; the next ${next} goes on there. Only the ledger changes.`
  return [...offers, { choice: 'continue-at', does }]
}

async function reformatted(facts: CaseFacts): Promise<Unmarked | undefined> {
  const { row, file } = facts
  if (row.unfinished !== undefined || file === undefined || file.checksum === row.checksum) return undefined
  if (!(await compareStructure(row.upSql, file.sql)).same) return undefined
  return {
    ...base(facts),
    kind: 'reformatted',
    message: `In ${file.file} only comments or blanks changed since it was applied.`,
    lines: await textDiff(row.upSql, file.sql),
    offers: [{ choice: 'accept-text', does: 'Stores the text of the file in the ledger. Nothing is run.' }],
  }
}

async function rollbackChanged(facts: CaseFacts): Promise<Unmarked | undefined> {
  const { row, file } = facts
  const now = file?.rollback
  if (row.unfinished !== undefined || now === undefined || now.checksum === row.rollback?.checksum) return undefined
  const what = row.rollback === undefined ? 'added' : 'edited'
  return {
    ...base(facts),
    kind: 'rollback-changed',
    message: `${now.file} was ${what} after its migration was applied; a rollback uses what the ledger has.`,
    lines: await textDiff(row.rollback?.sql ?? '', now.sql),
    offers: [{ choice: 'store-rollback', does: 'Stores the text of the rollback file in the ledger. Nothing is run.' }],
  }
}

function missing(facts: CaseFacts): Unmarked | undefined {
  const { row, file, folder } = facts
  if (file !== undefined) return undefined
  const twin = folder.migrations.find(({ checksum }) => checksum === row.checksum)
  const target = fileNameOf(row, folder.migrations)
  const label = `"${row.version} ${row.name}"`
  const known = twin === undefined ? '' : ` ${twin.file} has the same text: rename it back to number ${row.version}.`
  const files = row.rollback === undefined ? target : `${target} and its rollback`
  return {
    ...base(facts),
    kind: 'file-missing',
    message: `The ledger has migration ${label}, but its file is gone.${known}`,
    offers:
      twin !== undefined || target === undefined
        ? []
        : [{ choice: 'write-file', does: `Writes ${files} with the text that the ledger has.` }],
  }
}
