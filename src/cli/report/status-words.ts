/**
 * The answer of `migration-status`, as text for people. Pure; no colour.
 */
import type { LockHolder } from '../../migrations/lock/lock.ts'
import { describeHolder } from '../../migrations/lock/lock.ts'
import type { MigrationState } from '../../migrations/status.ts'
import { placeText } from './database-words.ts'
import type { MigrationStatusDocument } from './documents.ts'
import { duration, hintLines, minuteOf, table } from './words.ts'

/** The table, and below it what is to be known and what is wrong. Where a terminal has fewer columns, what they were applied from and by whom is left out. */
export function migrationStatusText(status: MigrationStatusDocument, columns?: number): string {
  const { database, migrations, problems } = status
  const notes = notesOf(status)
  const wrong = [...problems, ...migrations.flatMap(({ problem }) => problem ?? [])]
  return [
    `${placeText(database)}: ${countsText(status)}`,
    ...(migrations.length === 0 ? [] : ['', ...statusTable(status, columns)]),
    ...(notes.length === 0 ? [] : ['', ...notes]),
    ...wrong.flatMap(({ message, hint }) => ['', message, ...hintLines(hint).map((line) => `  ${line}`.trimEnd())]),
    '',
  ].join('\n')
}

function countsText({ applied, halfDone, pending, run, wrong }: MigrationStatusDocument): string {
  // What is half-done is told as that, and is not told again.
  const others = run === undefined ? wrong - halfDone : wrong
  return [
    `${String(applied)} applied`,
    `${String(pending)} pending`,
    ...(halfDone > 0 ? [`${String(halfDone)} half-done`] : []),
    ...(others > 0 ? [`${String(others)} wrong`] : []),
  ].join(', ')
}

function notesOf({ folder, ledger, migrations, pooled, problems, run }: MigrationStatusDocument): readonly string[] {
  const cut = run === undefined ? migrations.filter(({ state }) => state === 'running' || state === 'failed') : []
  return [
    ...(ledger ? [] : ['The database has no ledger yet: Poststack has never migrated it.']),
    ...(run === undefined ? [] : [`A run is at work on this database: ${describeHolder(run)}.`]),
    ...cut.map(
      ({ name, statements, version }) =>
        `"${version} ${name}" goes on at statement ${String((statements?.applied ?? 0) + 1)} with: poststack database migrate`,
    ),
    ...(pooled
      ? ['The connection goes through a pooler: files with statements outside of a transaction need another way in.']
      : []),
    ...(migrations.length === 0 && problems.length === 0 ? [`No migrations in ${folder}.`] : []),
  ]
}

function statusTable({ migrations, run }: MigrationStatusDocument, columns = Infinity): readonly string[] {
  const rows = migrations.map((one) => statusRow(one, run))
  // Without the commit, and without the person.
  const tables = [0, 1, 2].map((left) => table(withoutEmptyColumns(rows.map((row) => row.slice(0, row.length - left)))))
  return tables.find((lines) => lines.every((line) => line.length <= columns)) ?? tables.at(-1) ?? []
}

function withoutEmptyColumns(rows: readonly (readonly string[])[]): readonly (readonly string[])[] {
  return rows.map((row) => row.filter((_, column) => rows.some((other) => other[column] !== '')))
}

function statusRow(one: MigrationState, run: LockHolder | undefined): readonly string[] {
  const { appliedAt, appliedBy, file = '', gitCommit, name, reformatted, renamed, reversible, state, version } = one
  const as = (run === undefined ? undefined : workingWords[state]) ?? stateWords[state]
  const when =
    state === 'pending' || state === 'late' || state === 'invalid' || appliedAt === undefined ? '' : minuteOf(appliedAt)
  return [
    version,
    name,
    reformatted === true
      ? 'applied, comments or blanks edited since'
      : renamed === true
        ? `${as}, file is ${file} now`
        : as,
    reversible ? '' : 'no rollback',
    when,
    lengthOf(one),
    appliedBy === undefined ? '' : `by ${appliedBy}`,
    gitCommit === undefined ? '' : `from ${gitCommit.slice(0, 10)}`,
  ]
}

function lengthOf({ durationMs, statements }: MigrationState): string {
  if (statements === undefined) return durationMs === undefined ? '' : duration(durationMs)
  const { applied, total } = statements
  return `${String(applied)} of ${total === undefined ? '?' : String(total)} statements`
}

const stateWords: Readonly<Record<MigrationState['state'], string>> = {
  applied: 'applied',
  baselined: 'baselined',
  pending: 'pending',
  changed: 'applied, file edited since',
  missing: 'applied, file is gone',
  late: 'pending, comes too late',
  invalid: 'pending, text is wrong',
  running: 'cut off half-way',
  failed: 'failed half-way',
  'rolling-back': 'rolled back half-way',
  unknown: 'half-applied, unclear how far',
}

// While a run is at work.
const workingWords: Partial<Record<MigrationState['state'], string>> = {
  running: 'running now',
  'rolling-back': 'being rolled back now',
}
