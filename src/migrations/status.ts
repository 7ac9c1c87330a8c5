/**
 * Every migration that a folder or a ledger knows, and how it stands.
 */
import type { LedgerFacts } from './ledger/facts.ts'
import { resolveMigrations } from './resolve.ts'
import type { Migration, MigrationProblem, Unfinished } from './types.ts'
import { canonicalVersion, compareVersions } from './version.ts'

export interface MigrationState {
  readonly version: string
  readonly name: string
  /**
   * `pending`; `applied`; `baselined`: recorded as applied and never run; or how a half-done one stands, at which a run may be at work.
   * `missing`, `changed`, `late` and `invalid` (pending, with a text that cannot be carried out) are what stands in the way of a run.
   */
  readonly state: 'applied' | 'baselined' | 'pending' | 'changed' | 'missing' | 'late' | 'invalid' | Unfinished['state']
  /** File name; absent when the file is gone. */
  readonly file?: string
  /** Whether a rollback is there to take it back with: the stored one, or the file's while it is pending. */
  readonly reversible: boolean
  /** ISO 8601. */
  readonly appliedAt?: string
  readonly durationMs?: number
  readonly appliedBy?: string
  readonly gitCommit?: string
  /** Done statements of a half-done one. */
  readonly statements?: { readonly applied: number; readonly total: number | undefined }
  /** Comments or blanks of the file were edited since it was applied, and nothing else. */
  readonly reformatted?: true
  /** `file` has another name than what was applied, with the same text under the same number. */
  readonly renamed?: true
  /** What is wrong, and what to do. */
  readonly problem?: {
    readonly code: MigrationProblem['code'] | 'MIGRATION_INVALID'
    readonly message: string
    readonly hint: string
  }
}

export interface StatusOptions {
  /** A run is at work on the database, so what is half-done is its doing. @default false */
  readonly busy?: boolean
  /** Versions whose files cannot be used: they are not gone. @default none */
  readonly unusable?: ReadonlySet<string>
  /** What is wrong in the texts of pending ones, by version. @default nothing */
  readonly invalid?: ReadonlyMap<string, { readonly message: string; readonly hint: string }>
}

/** Sorted by version. */
export function migrationStates(
  files: readonly Migration[],
  rows: readonly LedgerFacts[],
  { busy = false, unusable = new Set(), invalid = new Map() }: StatusOptions = {},
): readonly MigrationState[] {
  const problemOf = new Map<string, Problem>([
    ...[...invalid].map(([version, told]) => [version, { ...told, code: 'MIGRATION_INVALID' }] as const),
    ...resolveMigrations(files, rows)
      .problems.filter(({ code, version }) => code !== 'MIGRATION_MISSING' || !unusable.has(canonicalVersion(version)))
      .map((problem) => [canonicalVersion(problem.version), problem] as const),
  ])
  const fileOf = new Map(files.map((file) => [canonicalVersion(file.version), file]))
  const recorded = new Set(rows.map(({ version }) => canonicalVersion(version)))
  const applied = rows.map((row) => {
    const version = canonicalVersion(row.version)
    const works = busy && row.unfinished?.state === 'rolling-back'
    return rowState(row, fileOf.get(version), works ? undefined : problemOf.get(version))
  })
  const pending = files
    .filter(({ version }) => !recorded.has(canonicalVersion(version)))
    .map((file) => fileState(file, problemOf.get(canonicalVersion(file.version))))
  return [...applied, ...pending].toSorted((a, b) => compareVersions(a.version, b.version))
}

type Problem = NonNullable<MigrationState['problem']>

export interface StateCounts {
  /** In the ledger and done, whatever became of the file since. */
  readonly applied: number
  readonly pending: number
  /** Begun and not done. */
  readonly halfDone: number
  /** Those that something is wrong with; a half-done one is, unless a run is at work. */
  readonly wrong: number
}

/** `pending` of one that comes too late or is invalid is not counted as such: it cannot be applied. */
export function countStates(states: readonly MigrationState[], { busy = false }: StatusOptions = {}): StateCounts {
  const count = (is: (one: MigrationState) => boolean): number => states.filter(is).length
  return {
    applied: count((one) => one.appliedBy !== undefined && !isHalfDone(one)),
    pending: count(({ state }) => state === 'pending'),
    halfDone: count(isHalfDone),
    wrong: count((one) => one.problem !== undefined || (isHalfDone(one) && !busy)),
  }
}

/** Applied as the folder has it. */
export function isDone({ state, problem }: MigrationState): boolean {
  return (state === 'applied' || state === 'baselined') && problem === undefined
}

function isHalfDone({ statements }: MigrationState): boolean {
  return statements !== undefined
}

function rowState(row: LedgerFacts, file: Migration | undefined, problem: Problem | undefined): MigrationState {
  return {
    version: row.version,
    name: row.name,
    state: row.unfinished?.state ?? stateOf(problem) ?? (row.baselined ? 'baselined' : 'applied'),
    ...(file === undefined ? {} : { file: file.file }),
    reversible: row.reversible,
    ...(row.appliedAt === undefined ? {} : { appliedAt: row.appliedAt }),
    // Nothing was run, so nothing took any time.
    ...(row.durationMs === undefined || row.baselined ? {} : { durationMs: row.durationMs }),
    appliedBy: `${row.appliedBy}@${row.host}`,
    ...(row.reformatted === undefined ? {} : { reformatted: true as const }),
    ...(file !== undefined && file.name !== row.name && problem === undefined ? { renamed: true as const } : {}),
    ...(row.gitCommit === undefined ? {} : { gitCommit: row.gitCommit }),
    ...(row.unfinished === undefined
      ? {}
      : { statements: { applied: row.unfinished.applied, total: row.unfinished.total } }),
    ...tell(problem),
  }
}

function fileState(file: Migration, problem: Problem | undefined): MigrationState {
  return {
    version: file.version,
    name: file.name,
    state: stateOf(problem) ?? 'pending',
    file: file.file,
    reversible: file.rollback !== undefined,
    ...tell(problem),
  }
}

function stateOf(problem: Problem | undefined): 'changed' | 'missing' | 'late' | 'invalid' | undefined {
  switch (problem?.code) {
    case 'MIGRATION_INVALID':
      return 'invalid'
    case 'MIGRATION_CHANGED':
      return 'changed'
    case 'MIGRATION_MISSING':
      return 'missing'
    case 'MIGRATION_LATE':
      return 'late'
    case 'MIGRATION_UNKNOWN':
    case 'MIGRATION_UNFINISHED':
    case undefined:
      return undefined
  }
}

function tell(problem: Problem | undefined): Pick<MigrationState, 'problem'> {
  if (problem === undefined) return {}
  const { code, message, hint } = problem
  return { problem: { code, message, hint } }
}
