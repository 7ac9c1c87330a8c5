/**
 * Takes over a database that had its schema before it had a ledger: files are recorded as applied without being run.
 */
import { PoststackError } from '../../errors.ts'
import { ensureLedger } from '../ledger/layout.ts'
import { recordEvent, recordStart } from '../ledger/record.ts'
import { readLedgerBeside } from '../ledger/reformatted.ts'
import { ownPath } from '../own-path.ts'
import { resolveMigrations } from '../resolve.ts'
import type { AppliedMigration, Migration, MigrationFolder, MigrationProblem } from '../types.ts'
import { canonicalVersion, compareVersions } from '../version.ts'
import { commit, guarded } from './guard.ts'
import { refuseRollbacks, rollbacksOf } from './prepare.ts'
import { problemsError } from './refused.ts'
import { recordSchemaSafely } from './run-file.ts'
import { type Run, type RunOptions, recordCommit, withRun } from './run.ts'

export interface BaselineOptions extends RunOptions {
  readonly folder: MigrationFolder
  /** The newest version that the database is said to have; everything up to it is recorded. */
  readonly version: string
}

/** Which files a baseline records: those up to the version that the ledger does not have. Pure. Fails as `migrate` does. */
export function chooseBaseline(
  folder: MigrationFolder,
  applied: readonly AppliedMigration[],
  version: string,
): readonly Migration[] {
  const { pending, problems } = resolveMigrations(folder.migrations, applied, { target: version })
  if (problems.length > 0) {
    // To a baseline a version that the ledger has is no place to go back to.
    const hint =
      'A baseline records only what the ledger does not have; what it has is told by: poststack database migration-status'
    const isBehind = ({ code, version: known }: MigrationProblem): boolean =>
      code === 'MIGRATION_UNKNOWN' && folder.migrations.some((file) => compareVersions(file.version, known) === 0)
    const told = problems.map((problem) => {
      if (isBehind(problem)) return { ...problem, hint }
      if (problem.code !== 'MIGRATION_UNKNOWN') return problem
      return { ...problem, message: `There is no migration ${version} that could be recorded as applied.` }
    })
    throw problemsError(told, 'Nothing was recorded.')
  }
  const half = applied.find(({ unfinished }) => unfinished !== undefined)
  if (half !== undefined) {
    throw new PoststackError(
      'MIGRATION_UNFINISHED',
      `Migration "${half.version} ${half.name}" is half-applied, so a baseline would hide what is missing of it. Nothing was recorded.`,
      { hint: 'Finish it first (poststack database migrate), or settle it: poststack database repair' },
    )
  }
  return pending.filter((file) => compareVersions(file.version, version) <= 0)
}

/**
 * Records them, all or none, in one transaction; nothing of them is run. Their ways back are looked at as `migrate` does, because those may be
 * run one day.
 */
export async function baseline(options: BaselineOptions): Promise<readonly Migration[]> {
  return await withRun(options, async (run) => {
    const { folder, version } = options
    const applied = await guarded(run, undefined, async () => {
      await ensureLedger(run.work, run.author.toolVersion)
      return readLedgerBeside(folder.migrations, run.work)
    })
    const chosen = chooseBaseline(folder, applied, version)
    await guarded(run, undefined, () => refuseRollbacks(run, rollbacksOf(chosen), 'Nothing was recorded.'))
    await recordCommit(run, options)
    await guarded(run, undefined, () => recordAll(run, chosen))
    await commit(run, undefined)
    return chosen
  })
}

/** In a transaction that is left open. */
async function recordAll(run: Run, chosen: readonly Migration[]): Promise<void> {
  const { work, author } = run
  await work.query(`BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL ${ownPath}`)
  for (const migration of chosen) {
    // oxlint-disable-next-line no-await-in-loop -- one connection
    await recordStart(work, migration, author)
    // oxlint-disable-next-line no-await-in-loop
    await work.query(
      `UPDATE poststack.schema_migrations SET state = 'applied', applied_at = pg_catalog.clock_timestamp(), duration_ms = 0 WHERE version = $1`,
      [canonicalVersion(migration.version)],
    )
    // oxlint-disable-next-line no-await-in-loop
    await recordEvent(work, { event: 'baselined', migration, author })
  }
  const newest = chosen.at(-1)
  if (newest !== undefined) await recordSchemaSafely(run, newest.version)
}
