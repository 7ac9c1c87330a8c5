/**
 * The decision: files on disk and rows of the ledger -> what is pending, and what does not go together. Planning previews
 * with it and the run decides with it again under the lock, so the two cannot disagree about the rules.
 */
import type { AppliedMigration, Migration, MigrationProblem, Resolution } from './types.ts'
import { canonicalVersion, compareVersions } from './version.ts'

/** Compares files and ledger by version. Both may come in any order; the answer is sorted by version. */
export function resolveMigrations(files: readonly Migration[], applied: readonly AppliedMigration[]): Resolution {
  const rows = new Map(applied.map((row) => [canonicalVersion(row.version), row]))
  const versions = new Set(files.map((file) => canonicalVersion(file.version)))
  const pending = files
    .filter((file) => !rows.has(canonicalVersion(file.version)))
    .toSorted((a, b) => compareVersions(a.version, b.version))
  const newest = applied.reduce<AppliedMigration | undefined>(later, undefined)
  const problems: MigrationProblem[] = []
  for (const row of applied) {
    if (row.unfinished === true) problems.push(unfinished(row))
    else if (!versions.has(canonicalVersion(row.version))) problems.push(missing(row, pending))
  }
  for (const file of files) {
    const row = rows.get(canonicalVersion(file.version))
    if (row !== undefined && row.unfinished !== true && row.checksum !== file.checksum)
      problems.push(changed(file, row))
  }
  for (const file of pending) {
    if (newest !== undefined && compareVersions(file.version, newest.version) < 0) problems.push(late(file, newest))
  }
  return { pending, problems: problems.toSorted((a, b) => compareVersions(a.version, b.version)) }
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

function missing(row: AppliedMigration, pending: readonly Migration[]): MigrationProblem {
  const twin = pending.find((file) => file.checksum === row.checksum)
  const label = `${row.version} ${row.name}`
  return {
    code: 'MIGRATION_MISSING',
    version: row.version,
    message: `Migration "${label}" is applied, but its file is gone.`,
    hint:
      twin === undefined
        ? `Put the file of "${label}" back, for example from version control. Its text also stands in the ledger: select up_sql from poststack.schema_migrations where version = ${canonicalVersion(row.version)}.`
        : `${twin.file} has the same text: rename it back to the number ${row.version}.`,
  }
}

function late(file: Migration, newest: AppliedMigration): MigrationProblem {
  return {
    code: 'MIGRATION_LATE',
    version: file.version,
    message: `${file.file} is not applied, but the later "${newest.version} ${newest.name}" is.`,
    hint: `Give ${file.file} a number above ${newest.version}, so that every database gets the migrations in one order.`,
  }
}

function unfinished(row: AppliedMigration): MigrationProblem {
  const version = canonicalVersion(row.version)
  return {
    code: 'MIGRATION_FAILED',
    version: row.version,
    message: `Migration "${row.version} ${row.name}" was left half-applied by an earlier run, because it ended its own transaction.`,
    hint:
      `Look at what of it the database has. Then either finish it by hand and run: update poststack.schema_migrations set state = 'applied' where version = ${version}; ` +
      `or undo it by hand and run: delete from poststack.schema_migrations where version = ${version};`,
  }
}
