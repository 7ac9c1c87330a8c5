/**
 * The decision: files on disk and rows of the ledger -> what is pending, and what does not go together. Planning previews
 * with it and the run decides with it again under the lock, so the two cannot disagree about the rules.
 */
import { fileNameOf } from './files/file-name.ts'
import type { AppliedMigration, Migration, MigrationProblem, Resolution } from './types.ts'
import { canonicalVersion, compareVersions } from './version.ts'

export interface ResolveOptions {
  /** The last version that is to be applied, as the person wrote it: nothing after it is pending. @default all */
  readonly target?: string | undefined
}

/** Compares files and ledger by version. Both may come in any order; the answer is sorted by version. */
export function resolveMigrations(
  files: readonly Migration[],
  applied: readonly AppliedMigration[],
  { target }: ResolveOptions = {},
): Resolution {
  const rows = new Map(applied.map((row) => [canonicalVersion(row.version), row]))
  const versions = new Set(files.map((file) => canonicalVersion(file.version)))
  const newest = applied.reduce<AppliedMigration | undefined>(later, undefined)
  const sorted = files.toSorted((a, b) => compareVersions(a.version, b.version))
  const open = sorted.filter((file) => isOpen(rows.get(canonicalVersion(file.version))))
  const unrecorded = open.filter((file) => !rows.has(canonicalVersion(file.version)))
  const problems: MigrationProblem[] = []
  for (const row of applied) {
    if (!goesOn(row)) problems.push(...stuck(row))
    else if (!versions.has(canonicalVersion(row.version))) problems.push(missing(row, sorted, unrecorded))
  }
  const reformatted: Migration[] = []
  for (const file of files) {
    const row = rows.get(canonicalVersion(file.version))
    if (row === undefined || row.unfinished !== undefined || row.checksum === file.checksum) continue
    if (row.reformatted === file.checksum) reformatted.push(file)
    else problems.push(changed(file, row))
  }
  for (const file of unrecorded) {
    if (newest !== undefined && compareVersions(file.version, newest.version) < 0) problems.push(late(file, newest))
  }
  if (target !== undefined) problems.push(...checkTarget(target, versions, newest))
  const pending = open.filter((file) => target === undefined || compareVersions(file.version, target) <= 0)
  return { pending, problems: problems.toSorted((a, b) => compareVersions(a.version, b.version)), reformatted }
}

/** Not applied as a whole. */
function isOpen(row: AppliedMigration | undefined): boolean {
  return row === undefined || row.unfinished !== undefined
}

/** Applied, or stopped where a run can go on. */
function goesOn({ unfinished }: AppliedMigration): boolean {
  return unfinished === undefined || unfinished.state === 'running' || unfinished.state === 'failed'
}

function checkTarget(
  target: string,
  versions: ReadonlySet<string>,
  newest: AppliedMigration | undefined,
): readonly MigrationProblem[] {
  if (!versions.has(canonicalVersion(target))) {
    const message = `There is no migration ${target} to go to.`
    return [
      {
        code: 'MIGRATION_UNKNOWN',
        version: target,
        message,
        hint: 'Name the number of one of the files: poststack database migration-status lists them.',
      },
    ]
  }
  if (newest === undefined || compareVersions(target, newest.version) >= 0) return []
  const message = `Migration ${target} is behind: the database is at "${newest.version} ${newest.name}" already.`
  return [
    {
      code: 'MIGRATION_UNKNOWN',
      version: target,
      message,
      hint: `To go back to it: poststack database rollback --target-version ${target}`,
    },
  ]
}

function later(newest: AppliedMigration | undefined, row: AppliedMigration): AppliedMigration {
  return newest === undefined || compareVersions(row.version, newest.version) > 0 ? row : newest
}

function changed(file: Migration, row: AppliedMigration): MigrationProblem {
  const renamed = row.name !== file.name
  return {
    code: 'MIGRATION_CHANGED',
    version: file.version,
    message: renamed
      ? `${file.file} has a number that was applied as "${row.version} ${row.name}", with another text.`
      : `${file.file} was edited after it was applied.`,
    hint: renamed
      ? `Give ${file.file} a number that is free, and put back the file that was applied.`
      : `Undo the edit, and put what it should do into a new migration: the database has the text that was applied, not this one.`,
  }
}

function missing(row: AppliedMigration, files: readonly Migration[], pending: readonly Migration[]): MigrationProblem {
  const gone = fileNameOf(row, files)
  const twin = pending.find((file) => file.checksum === row.checksum)
  const label = `${row.version} ${row.name}`
  const state = row.unfinished === undefined ? 'applied' : 'half-applied'
  return {
    code: 'MIGRATION_MISSING',
    version: row.version,
    message: `Migration "${label}" is ${state}, but its file ${gone === undefined ? '' : `${gone} `}is gone.${
      twin === undefined ? '' : ` ${twin.file} has the same text, so it seems to have been renamed.`
    }`,
    hint:
      twin === undefined
        ? `Put ${gone ?? `the file of "${label}"`} back, for example from version control. Its text also stands in the ledger: poststack database repair writes it back.`
        : `Rename ${twin.file} back to ${gone ?? `the number ${row.version}`}.`,
  }
}

function late(file: Migration, newest: AppliedMigration): MigrationProblem {
  return {
    code: 'MIGRATION_LATE',
    version: file.version,
    message: `${file.file} is not applied, but the later "${newest.version} ${newest.name}" is.`,
    hint: `Give ${file.file} a number above ${newest.version}, so that every database gets the migrations in one order: poststack database renumber`,
  }
}

function stuck(row: AppliedMigration): readonly MigrationProblem[] {
  const label = `"${row.version} ${row.name}"`
  if (row.unfinished?.state === 'rolling-back') {
    const { applied, total } = row.unfinished
    return [
      {
        code: 'MIGRATION_UNFINISHED',
        version: row.version,
        message: `The rollback of migration ${label} stopped after ${applied} of ${total ?? '?'} statements.`,
        hint: 'Finish it: poststack database rollback; then run again.',
      },
    ]
  }
  return [
    {
      code: 'MIGRATION_UNFINISHED',
      version: row.version,
      message: `Migration ${label} was left half-applied by an earlier run, because it ended its own transaction.`,
      hint: 'See what of it the database has, and settle it: poststack database repair',
    },
  ]
}
