/**
 * Texts -> jobs. Every text is looked at before the first runs, so that a mistake in the ninth does not leave eight applied.
 */
import { placeIn } from '../files/place-in.ts'
import { backslashNotice } from '../sql/backslashes.ts'
import { compileSql } from '../sql/compile.ts'
import type { Program, SqlNotice, SqlProblem } from '../sql/program.ts'
import type { Migration, SqlText } from '../types.ts'
import { canonicalVersion } from '../version.ts'
import {
  type FileProblems,
  pooledError,
  syntaxProblem,
  tellTexts,
  textsError,
  type ToldTexts,
  type Undone,
  undoneOf,
} from './refused.ts'
import type { Job, Run } from './run.ts'

/** The part of a run that looking at texts needs. */
export type Preparing = Pick<Run, 'work' | 'pooled' | 'emit'>

export type NamedText = { readonly file: string } & SqlText

/** What has to be right in a migration before it runs: its own text, and its way back, which would fail when it is needed. */
export function textsOf(migration: Migration): readonly NamedText[] {
  return migration.rollback === undefined ? [migration] : [migration, migration.rollback]
}

/** The ways back of migrations that have one. */
export function rollbacksOf(migrations: readonly Migration[]): readonly NamedText[] {
  return migrations.flatMap(({ rollback }) => rollback ?? [])
}

/** What cannot be carried out, each with its place. */
export async function findProblems(
  run: Pick<Run, 'work'>,
  texts: readonly NamedText[],
): Promise<readonly FileProblems[]> {
  const files: FileProblems[] = []
  for (const text of texts) {
    // oxlint-disable-next-line no-await-in-loop -- the parser works on one text at a time
    const compiled = await compileWith(run, text)
    if ('problems' in compiled) files.push({ file: text.file, text, problems: compiled.problems })
  }
  return files
}

/** Fails with `MIGRATION_INVALID` for ways back that could not be carried out: they would fail when they are needed. */
export async function refuseRollbacks(
  run: Pick<Run, 'work'>,
  rollbacks: readonly NamedText[],
  undone: Undone,
): Promise<void> {
  const wrong = textsError(await findProblems(run, rollbacks), undone)
  if (wrong !== undefined) throw wrong
}

/** What is wrong in the texts of migrations that are to be applied, in words, by their version in its canonical form. Runs nothing. */
export async function tellInvalid(
  run: Pick<Run, 'work'>,
  pending: readonly Migration[],
): Promise<ReadonlyMap<string, ToldTexts>> {
  const found = new Map<string, ToldTexts>()
  for (const migration of pending) {
    // oxlint-disable-next-line no-await-in-loop -- the parser works on one text at a time
    const told = tellTexts(await findProblems(run, textsOf(migration)))
    if (told !== undefined) found.set(canonicalVersion(migration.version), told)
  }
  return found
}

/** Migrations to be applied. Fails as `prepareJobs` does, and for what is wrong in their rollbacks. */
export async function prepareMigrations(run: Preparing, pending: readonly Migration[]): Promise<readonly Job[]> {
  return await prepareJobs(run, pending.map(applyJob), await findProblems(run, rollbacksOf(pending)))
}

/** A migration to be applied, before its text is compiled. */
function applyJob(migration: Migration): Omit<Job, 'program'> {
  const { version, name, checksum, file } = migration
  return { direction: 'apply', version, name, checksum, file, text: migration, recorded: migration }
}

/**
 * Compiles all, and fails with `MIGRATION_INVALID` for everything in them that cannot be carried out, or `DATABASE_POOLED`. What is
 * `known` to be wrong beside them is told with it.
 */
export async function prepareJobs(
  run: Preparing,
  wanted: readonly Omit<Job, 'program'>[],
  known: readonly FileProblems[] = [],
): Promise<readonly Job[]> {
  const jobs: Job[] = []
  const files: FileProblems[] = []
  for (const one of wanted) {
    // oxlint-disable-next-line no-await-in-loop -- the parser works on one text at a time
    const compiled = await compileWith(run, { file: one.file, ...one.text })
    if ('problems' in compiled) files.push({ file: one.file, text: one.text, problems: compiled.problems })
    else jobs.push({ ...one, program: compiled.program })
  }
  const wrong = textsError([...files, ...known], undoneOf(wanted[0]?.direction))
  if (wrong !== undefined) throw wrong
  if (run.pooled) refusePooled(jobs)
  const backslashes = await backslashNotices(run, jobs)
  for (const job of jobs) {
    for (const notice of [...job.program.notices, ...returnNotice(job), ...(backslashes.get(job) ?? [])])
      run.emit({ type: 'notice', file: job.file, message: noticeWords(job, notice) })
  }
  return jobs
}

function returnNotice({ text: { returnAt: index } }: Job): readonly SqlNotice[] {
  if (index === undefined) return []
  const message = String.raw`the line end in this value has a carriage return (CR) in the file, and is sent without it: files are read with LF, as a checkout may change their line ends. Where it is meant, write E'\r\n'`
  return [{ index, message }]
}

/** What the server's own setting would have made another string of; it is asked only where there is such a one. */
async function backslashNotices(
  { work }: Pick<Run, 'work'>,
  jobs: readonly Job[],
): Promise<ReadonlyMap<Job, readonly SqlNotice[]>> {
  const found = new Map<Job, readonly SqlNotice[]>()
  for (const job of jobs) {
    const notice = backslashNotice(job.text.sql, job.program.statements)
    if (notice !== undefined) found.set(job, [notice])
  }
  if (found.size === 0) return found
  const { rows } = await work.query("SELECT pg_catalog.current_setting('standard_conforming_strings') AS conforming")
  return rows[0]?.['conforming'] === 'off' ? found : new Map()
}

/** In words that go on after the job's file, which may be another than the one that it includes and that this is about. */
function noticeWords({ file, text }: Job, { index, message }: SqlNotice): string {
  const found = placeIn({ file, ...text }, index)
  const within = found.file === file ? '' : `${found.file}, `
  return `${within}line ${found.place.line}, column ${found.place.column}: ${message}`
}

async function compileWith(
  { work }: Pick<Run, 'work'>,
  text: NamedText,
): Promise<{ readonly program: Program } | { readonly problems: readonly SqlProblem[] }> {
  const compiled = await compileSql(text.sql)
  if ('problems' in compiled || compiled.program.parsed) return compiled
  // Our parser may be older or younger than the server, which has the last word on its own language.
  const problems: SqlProblem[] = []
  for (const part of compiled.program.parts) {
    for (const script of part.kind === 'group' ? part.scripts : [part.script]) {
      // oxlint-disable-next-line no-await-in-loop -- the first problem is enough, but each script is a text of its own
      const error = await work.syntaxError(script.text)
      if (error !== undefined) {
        problems.push(syntaxProblem(text, script, error))
      }
    }
  }
  return problems.length === 0 ? compiled : { problems }
}

function refusePooled(jobs: readonly Job[]): void {
  const alone = jobs.flatMap(({ file, program }) => {
    const part = program.parts.find(({ kind }) => kind === 'alone')
    return part?.kind === 'alone' ? [{ file, what: part.what }] : []
  })
  if (alone.length > 0) throw pooledError(alone, undoneOf(jobs[0]?.direction))
}
