/**
 * Files against the ledger: what does not fit, and for an edited file what kind of edit it was.
 */
import type { LedgerRow } from '../ledger/rows.ts'
import { describeHolder, type LockHolder } from '../lock/lock.ts'
import { placeIn } from '../files/place-in.ts'
import { resolveMigrations } from '../resolve.ts'
import { compareStructure } from '../sql/structure.ts'
import type { Migration, MigrationFolder, MigrationProblem } from '../types.ts'
import { canonicalVersion } from '../version.ts'
import { textDiff } from './text-diff.ts'

/** One thing that was found; an error is one that `migrate` would refuse, or that does not do what it should. */
export interface Finding {
  readonly severity: 'error' | 'warning'
  readonly rule: FindingRule
  /** Empty for a file whose name has none. */
  readonly version: string
  /** File name; absent when the file is gone. */
  readonly file: string | undefined
  /** From 1, where a place can be told. */
  readonly line: number | undefined
  /** From 1, in characters, where the line is told and more than that is known. */
  readonly column?: number | undefined
  readonly message: string
  readonly hint: string
  /** Stored text against the file's, as `diff -u` writes it; the lines around a place; objects that differ, one a line. */
  readonly lines: readonly string[]
}

/** Permanent names, for suppressions and statistics of whoever reads the findings. */
export type FindingRule =
  | 'invalid'
  | 'changed'
  | 'reformatted'
  | 'renamed'
  | 'missing'
  | 'late'
  | 'unfinished'
  | 'rollback-changed'
  | 'rollback-missing'
  | 'rollback-not-restored'
  | 'rollback-fails'
  | 'rollback-irreversible'
  | 'rollback-column-order'
  | 'rollback-not-tried'
  | 'apply-fails'
  | 'drift'
  | 'drift-unknown'

const rules: Readonly<Record<MigrationProblem['code'], FindingRule>> = {
  MIGRATION_CHANGED: 'changed',
  MIGRATION_MISSING: 'missing',
  MIGRATION_LATE: 'late',
  MIGRATION_UNKNOWN: 'missing',
  MIGRATION_UNFINISHED: 'unfinished',
}

/** Compares every file with its row. Reads nothing but what it is handed; `run` is who is at work on the database now. */
export async function verifyFiles(
  folder: MigrationFolder,
  rows: readonly LedgerRow[],
  run?: LockHolder,
): Promise<readonly Finding[]> {
  const { problems } = resolveMigrations(folder.migrations, rows)
  const fileOf = new Map(folder.migrations.map((file) => [canonicalVersion(file.version), file]))
  const rowOf = new Map(rows.map((row) => [canonicalVersion(row.version), row]))
  const findings: Finding[] = []
  for (const problem of problems) {
    const file = fileOf.get(canonicalVersion(problem.version))
    const row = rowOf.get(canonicalVersion(problem.version))
    if (run !== undefined && row?.unfinished?.state === 'rolling-back') continue
    // oxlint-disable-next-line no-await-in-loop -- the parser works on one text at a time
    findings.push(await findingOf(problem, file, row))
  }
  for (const row of rows) {
    const half = unfinishedFinding(row, fileOf.get(canonicalVersion(row.version)), run)
    if (half !== undefined) findings.push(half)
    findings.push(...renamedFindings(row, fileOf.get(canonicalVersion(row.version))))
    // oxlint-disable-next-line no-await-in-loop
    findings.push(...(await rollbackFindings(row, fileOf.get(canonicalVersion(row.version)))))
  }
  return findings
}

async function findingOf(
  problem: MigrationProblem,
  file: Migration | undefined,
  row: LedgerRow | undefined,
): Promise<Finding> {
  const { version, message, hint } = problem
  const base = {
    severity: 'error',
    rule: rules[problem.code],
    version,
    file: file?.file,
    line: undefined,
    message,
    hint,
    lines: [],
  } as const
  if (problem.code !== 'MIGRATION_CHANGED' || file === undefined || row === undefined) return base
  // Another migration under the same number is no edit of this one.
  if (row.name !== file.name) return base
  const lines = await textDiff(row.upSql, file.sql)
  const compared = await compareStructure(row.upSql, file.sql)
  if (compared.same) {
    return {
      ...base,
      severity: 'warning',
      rule: 'reformatted',
      line: lineOf(file, lines),
      message: `In ${file.file} only comments or blanks changed since it was applied.`,
      hint: 'Undo the edit, or have the ledger take the new text: poststack database repair',
      lines,
    }
  }
  const { stored, file: now, statement, count } = compared
  const which = count === 1 ? `statement ${statement}` : `statements ${statement} to ${statement + count - 1}`
  const [added, gone] = count === 1 ? ['was added', 'is gone'] : ['were added', 'are gone']
  const what = stored === undefined ? added : now === undefined ? gone : 'changed'
  const place = now === undefined ? undefined : placeIn(file, now.start)
  // Where an included file changed, it is that one which has the line.
  const inside = place === undefined || place.file === file.file ? '' : ` (${place.file}:${place.place.line})`
  return {
    ...base,
    line: place === undefined ? lineOf(file, lines) : inside === '' ? place.place.line : undefined,
    message: `${file.file} was edited after it was applied: ${which} ${what}${inside}.`,
    lines,
  }
}

/** One that a run is at work on, or that the next goes on with: no problem to a run, but one to whoever checks a database. */
function unfinishedFinding(
  { version, name, unfinished }: LedgerRow,
  file: Migration | undefined,
  run: LockHolder | undefined,
): Finding | undefined {
  if (unfinished === undefined || unfinished.state === 'unknown') return undefined
  const { state, applied, total } = unfinished
  const label = `"${version} ${name}"`
  const done = `${applied} of ${total ?? '?'} statements are done`
  const base = { rule: 'unfinished', version, file: file?.file, line: undefined, lines: [] } as const
  if (run !== undefined) {
    const what = state === 'rolling-back' ? `The rollback of migration ${label}` : `Migration ${label}`
    return {
      ...base,
      severity: 'warning',
      message: `${what} is at work now: ${done}. It runs in ${describeHolder(run)}.`,
      hint: 'Wait for its end, then check again.',
    }
  }
  // Told as the problem that it is to a run, too.
  if (state === 'rolling-back') return undefined
  return {
    ...base,
    severity: 'error',
    message: `Migration ${label} is half-applied: ${done}${state === 'failed' ? ', and the next one failed' : ' of a run that was cut off'}.`,
    hint: `It goes on at statement ${applied + 1}: poststack database migrate`,
  }
}

/** The number and the text are what counts; people may look for the old name all the same. */
function renamedFindings({ checksum, name, version }: LedgerRow, file: Migration | undefined): readonly Finding[] {
  if (file === undefined || file.name === name || file.checksum !== checksum) return []
  return [
    {
      severity: 'warning',
      rule: 'renamed',
      version,
      file: file.file,
      line: undefined,
      message: `${file.file} was applied as "${version} ${name}": its text is the same, its name is not.`,
      hint: `Name it as it was, or leave it: a run goes by the number and the text.`,
      lines: [],
    },
  ]
}

async function rollbackFindings(row: LedgerRow, file: Migration | undefined): Promise<readonly Finding[]> {
  const now = file?.rollback
  if (file === undefined || now?.checksum === row.rollback?.checksum) return []
  if (now === undefined) return []
  const what =
    row.rollback === undefined
      ? `${now.file} was added after its migration was applied, so the ledger has no rollback for it.`
      : `${now.file} was edited after its migration was applied; a rollback uses the stored text.`
  return [
    {
      severity: 'warning',
      rule: 'rollback-changed',
      version: row.version,
      file: now.file,
      line: undefined,
      message: what,
      hint: 'To roll back with the file: poststack database rollback --use-file. To store it: poststack database repair',
      lines: row.rollback === undefined ? [] : await textDiff(row.rollback.sql, now.sql),
    },
  ]
}

/** The first changed line of a file; none is told where others are included in it, which move its lines. */
function lineOf({ origins }: Migration, lines: readonly string[]): number | undefined {
  return origins === undefined ? firstChangedLine(lines) : undefined
}

/** Line of the new text that the first hunk of a diff changes. */
function firstChangedLine(lines: readonly string[]): number | undefined {
  const head = /\+(\d+) @@$/.exec(lines[0] ?? '')
  if (head === null) return undefined
  const before = lines.slice(1).findIndex((line) => line.startsWith('+') || line.startsWith('-'))
  return Number(head[1]) + Math.max(0, before)
}
