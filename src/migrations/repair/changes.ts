/**
 * What each choice changes in a row of the ledger. Pure but for the parser, which counts and marks statements.
 */
import { PoststackError } from '../../errors.ts'
import type { LedgerRow } from '../ledger/rows.ts'
import { compileSql } from '../sql/compile.ts'
import type { Program } from '../sql/program.ts'
import { servedText } from '../sql/served.ts'
import { scanSql } from '../sql/statements.ts'
import { compareStructure } from '../sql/structure.ts'
import { checkTransactions } from '../sql/transactions.ts'
import type { Migration, SqlText } from '../types.ts'
import { type NamedText, rollbacksOf } from '../run/prepare.ts'
import { problemsError, textsError } from '../run/refused.ts'
import { type RepairChoice, textOf } from './cases.ts'

/** What is written. */
export interface Change {
  /** Statement up to its WHERE; $1 is the version. */
  readonly sql: string
  /** From $2 on. */
  readonly values: readonly unknown[]
  /** For the history. */
  readonly before: Readonly<Record<string, unknown>>
  readonly after: Readonly<Record<string, unknown>>
  /** Of the migration's text afterwards, where that changes. */
  readonly checksum: { readonly checksum?: string }
  /** The schema as it is now counts as what the newest migration left. */
  readonly schema: boolean
  /** Ways back that it stores, as they stand in files: to be looked at before. */
  readonly stores: readonly NamedText[]
  readonly message: string
}

export interface Chosen {
  readonly row: LedgerRow
  readonly file: Migration | undefined
  readonly choice: RepairChoice
}

/** What a choice that the case offers changes. Fails where the file cannot be continued at the statement. */
export async function changeOf({ row, file, choice }: Chosen): Promise<Change> {
  switch (choice.kind) {
    case 'mark-applied':
      return markApplied(row, file)
    case 'mark-rolled-back':
      return markRolledBack(row)
    case 'continue-at':
      return await continueAt(row, file, choice.statement)
    case 'accept-text':
      return acceptText(row, present(file))
    case 'store-rollback':
      return storeRollback(row, present(file))
    case 'write-file':
      return writeFile(row)
  }
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('a choice was offered that needs a file')
  return value
}

const update = 'UPDATE poststack.schema_migrations SET'
const notRunning = 'statement_running = NULL, statement_context = NULL'

function stand({ state, checksum, unfinished, runningStatement }: LedgerRow): Change['before'] {
  return { state, checksum, applied: unfinished?.applied, total: unfinished?.total, running: runningStatement }
}

// The file's text as it is now, which a run would have recorded when it went on; the row's own where the file is gone.
function markApplied(row: LedgerRow, file: Migration | undefined): Change {
  const back = row.state === 'rolling-back'
  const text: SqlText = back || file === undefined ? { sql: row.upSql, checksum: row.checksum } : file
  const rollback = back || file === undefined ? row.rollback : file.rollback
  const scan = scanSql(text.sql)
  const count = servedText(text.sql, scan, checkTransactions(text.sql, scan).pairs).statements.length
  return {
    sql: `${update} state = 'applied', applied_at = COALESCE(applied_at, pg_catalog.clock_timestamp()), error = NULL, ${notRunning},
  statements_applied = $2, statements_total = $2, checksum = $3, up_sql = $4, rollback_sql = $5, rollback_checksum = $6`,
    values: [count, text.checksum, text.sql, rollback?.sql ?? null, rollback?.checksum ?? null],
    before: stand(row),
    after: { state: 'applied', checksum: text.checksum },
    checksum: { checksum: text.checksum },
    schema: true,
    stores: back || file === undefined ? [] : rollbacksOf([file]),
    message: `${label(row)} is recorded as applied. Only the ledger changed: what of it was not done in the database still is not.`,
  }
}

function markRolledBack(row: LedgerRow): Change {
  const back = row.state === 'rolling-back'
  return {
    sql: 'DELETE FROM poststack.schema_migrations',
    values: [],
    before: stand(row),
    after: { state: 'absent' },
    checksum: {},
    // What a half-applied one left behind stays visible as drift; of one that was applied before, the record is of no use any more.
    schema: back,
    stores: [],
    message: `${label(row)} is no longer in the ledger. Only the ledger changed: what it made in the database is still there, unless you have removed it.`,
  }
}

async function continueAt(row: LedgerRow, file: Migration | undefined, statement: number): Promise<Change> {
  const back = row.state === 'rolling-back'
  const text = back ? present(textOf(row, file)) : present(file)
  const name = back ? `the rollback of ${label(row)}` : present(file).file
  const program = await compile(name, text)
  const total = program.statements.length
  if (!Number.isInteger(statement) || statement < 1 || statement > total) {
    throw new PoststackError('USAGE', `${name} has the statements 1 to ${total}, so it cannot go on at ${statement}.`, {
      hint: 'If all of them are done, choose mark-applied.',
      details: { version: row.version, total },
    })
  }
  if (!back) await refuseEdited(row, present(file), statement)
  const done = statement - 1
  return {
    sql: `${update} state = $2, ${notRunning}, statements_applied = $3, statements_total = $4, statements_chain = $5`,
    values: [back ? 'rolling-back' : 'failed', done, total, program.statements[done - 1]?.chain ?? null],
    before: stand(row),
    after: { state: back ? 'rolling-back' : 'failed', applied: done, total },
    checksum: {},
    schema: false,
    stores: [],
    message: `${label(row)} goes on at statement ${statement} of ${total} with the next ${back ? 'rollback' : 'migrate'}. Only the ledger changed.`,
  }
}

async function compile(file: string, text: SqlText): Promise<Program> {
  const compiled = await compileSql(text.sql)
  if ('program' in compiled) return compiled.program
  const refused = textsError([{ file, text, problems: compiled.problems }], 'Nothing was changed.')
  throw refused ?? new Error('problems without one')
}

// The numbers that were looked at are those of the stored text.
async function refuseEdited(row: LedgerRow, file: Migration, statement: number): Promise<void> {
  const compared = await compareStructure(row.upSql, file.sql)
  if (compared.same || compared.statement >= statement) return
  throw problemsError([
    {
      code: 'MIGRATION_CHANGED',
      version: row.version,
      message: `Statement ${compared.statement} of ${file.file} is not what was run, so the file cannot go on at statement ${statement}.`,
      hint: `Undo the edit of what stands before statement ${statement}; what comes from there on may be corrected.`,
    },
  ])
}

function acceptText(row: LedgerRow, file: Migration): Change {
  return {
    sql: `${update} checksum = $2, up_sql = $3`,
    values: [file.checksum, file.sql],
    before: { checksum: row.checksum, text: row.upSql },
    after: { checksum: file.checksum },
    checksum: { checksum: file.checksum },
    schema: false,
    stores: [],
    message: `The ledger has the text of ${file.file} as it is now.`,
  }
}

function storeRollback(row: LedgerRow, file: Migration): Change {
  const rollback = present(file.rollback)
  return {
    sql: `${update} rollback_sql = $2, rollback_checksum = $3`,
    values: [rollback.sql, rollback.checksum],
    before: { rollbackChecksum: row.rollback?.checksum ?? null, rollback: row.rollback?.sql ?? null },
    after: { rollbackChecksum: rollback.checksum },
    checksum: {},
    schema: false,
    stores: [rollback],
    message: `The ledger has the text of ${rollback.file} as it is now.`,
  }
}

// Nothing of the row changes; the update is what the lock is looked at with.
function writeFile(row: LedgerRow): Change {
  return {
    sql: `${update} name = name`,
    values: [],
    before: { file: 'missing' },
    after: { file: 'written' },
    checksum: {},
    schema: false,
    stores: [],
    message:
      row.rollback === undefined
        ? `The file of ${label(row)} is written with the text that the ledger has.`
        : `The files of ${label(row)} are written with the text that the ledger has.`,
  }
}

function label({ version, name }: LedgerRow): string {
  return `Migration "${version} ${name}"`
}
