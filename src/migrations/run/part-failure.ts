/**
 * The errors of a file in parts that has a statement which is not to be run now: it cannot be begun, or nobody knows how it ended.
 */
import { PoststackError } from '../../errors.ts'
import { countOf, factsOf, type PartFailure } from './failure.ts'
import type { Job, Progress } from './run.ts'

/** A statement that could not be begun, for a reason that the catalog gives. */
export function partRefused(job: Job, error: PoststackError, { progress, part, done }: PartFailure): PoststackError {
  const what = part.kind === 'alone' ? `${part.what}: ` : ''
  const state =
    `${countOf(progress)}. Of ${job.file}, ${done} of ${job.program.statements.length} statements are done and stay. ` +
    `The next run goes on at statement ${done + 1}.`
  return new PoststackError(error.code, `${job.file}, ${what}${error.message}\n${state}`, {
    hint: error.hint,
    details: { ...factsOf(job, progress), statementsApplied: done, ...error.details },
    cause: error,
  })
}

/** An earlier run was cut off in a statement of which the catalog does not tell whether it was done. */
export function partUnknown(job: Job, progress: Progress, statement: number): PoststackError {
  const message =
    `${job.file}: an earlier run was cut off in statement ${statement}, which may end transactions by itself, so nobody can tell how much of it was done. ` +
    `${countOf(progress)}.`
  return new PoststackError('MIGRATION_UNFINISHED', message, {
    hint: 'See what of it the database has, and settle it: poststack database repair',
    details: { ...factsOf(job, progress), statement },
  })
}

/** An earlier run was cut off in a CREATE INDEX without a name, and none of the indexes that are new since is surely the one it makes. */
export function indexUnknown(
  job: Job,
  { progress, part, done }: PartFailure,
  indexes: readonly string[],
): PoststackError {
  const message =
    `${job.file}: an earlier run was cut off in statement ${part.first + 1}, which makes an index without a name. Since then its table got ${indexes.join(', ')}, ` +
    `and nobody can tell from the definition whether that is it. ${countOf(progress)}.`
  return new PoststackError('MIGRATION_UNFINISHED', message, {
    hint: 'See whether the index is there, and settle it: poststack database repair. An index with a name in the file is always found again.',
    details: { ...factsOf(job, progress), statement: part.first + 1, statementsApplied: done, indexes },
  })
}
