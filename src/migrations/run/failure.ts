/**
 * The errors of a run, told so that a stranger can act: which file, line and column, what the server says, what the
 * database is like now, and what to do next.
 */
import { interruptionWith } from '../../abort.ts'
import { PoststackError } from '../../errors.ts'
import type { ServerError } from '../connection.ts'
import { codeFrame } from '../sql/frame.ts'
import { type FilePlace, placeIn } from '../files/place-in.ts'
import { locateError, type Precision } from '../sql/locate.ts'
import type { Part, Script } from '../sql/program.ts'
import { hintOfReadOnly, nextStep } from './advice.ts'
import type { PassedIndex } from './passed-index.ts'
import type { Job, Progress } from './run.ts'

/** What the server refused, and where it was. */
export interface Refusal {
  readonly error: ServerError
  /** The text that was sent. Absent when the error came after the last one, from a check put off to the end. */
  readonly script?: Script
  /** Number (from 0) of the statement in the file. */
  readonly statement?: number
}

/** A file that failed and was rolled back. */
export function migrationFailed(job: Job, refusal: Refusal, progress: Progress): PoststackError {
  return refusedBy(job, refusal, { progress, state: stateAfter(job, progress), facts: {} })
}

export interface PartFailure {
  readonly progress: Progress
  readonly part: Part
  /** Statements of the file that are done. */
  readonly done: number
}

/** A file that failed after some of its statements were committed. */
export function partFailed(job: Job, refusal: Refusal, { progress, part, done }: PartFailure): PoststackError {
  const total = job.program.statements.length
  const state = stateInParts(job, { progress, part, done })
  return refusedBy(job, refusal, { progress, state, facts: { statementsApplied: done, statementsTotal: total } })
}

/** A CREATE INDEX IF NOT EXISTS that did nothing, because an INVALID index has the name. */
export function indexPassed(
  job: Job,
  { name, definition, hint, statement }: PassedIndex,
  progress: Progress,
  within?: Pick<PartFailure, 'part' | 'done'>,
): PoststackError {
  const shown = placeIn({ file: job.file, ...job.text }, job.program.statements[statement]?.start ?? 0)
  const message =
    `${headline(job, shown, 'line')}: the index is there already, but INVALID, so no query uses it; IF NOT EXISTS takes it for the one that is to be made.\n` +
    `${name} is defined as: ${definition}`
  const state = within === undefined ? stateAfter(job, progress) : stateInParts(job, { progress, ...within })
  return new PoststackError('MIGRATION_FAILED', `${message}\n${state}`, {
    hint,
    details: { ...factsOf(job, progress), ...placeFacts(shown, 'line'), index: name, definition },
  })
}

function stateInParts(job: Job, { progress, part, done }: PartFailure): string {
  const { length: total } = job.program.statements
  const stay = `${countOf(progress)}. Of ${job.file}, ${done} of ${total} statements are done and stay`
  const next = `The next run goes on at statement ${done + 1}.`
  if (part.kind === 'group') {
    const last = part.first + part.count
    const undone = done + 1 === last ? `statement ${last} was` : `statements ${done + 1} to ${last} were`
    return `${stay}; ${undone} undone. ${next}`
  }
  return part.object.kind === 'opaque'
    ? `${stay}, and so does what ${part.what} has committed by itself. ${next}`
    : `${stay}; ${part.what} was undone. ${next}`
}

interface Telling {
  readonly progress: Progress
  readonly state: string
  readonly facts: Readonly<Record<string, unknown>>
}

function refusedBy(job: Job, refusal: Refusal, { progress, state, facts }: Telling): PoststackError {
  const { error, script, statement } = refusal
  const { sql } = job.text
  const location =
    script === undefined
      ? undefined
      : locateError(sql, error, { script, statement: job.program.statements[statement ?? -1] })
  const shown = location === undefined ? undefined : placeIn({ file: job.file, ...job.text }, location.index)
  const snippet = shown === undefined ? undefined : codeFrame(shown.text, shown.place)
  const parts = [
    `${headline(job, shown, location?.precision)}: ${saying(error)}`,
    ...(snippet === undefined ? [] : ['', snippet, '']),
    ...(script === undefined ? ['It came from a constraint that is checked at the end of the transaction.'] : []),
    ...serverLines(error),
    state,
  ]
  return new PoststackError('MIGRATION_FAILED', parts.join('\n'), {
    hint: nextStep(job, error, location),
    details: {
      ...factsOf(job, progress),
      ...placeFacts(shown, location?.precision),
      ...facts,
      snippet,
      ...serverFacts(error),
    },
    cause: error,
  })
}

/** A file that ended the transaction it ran in, so that not all of it could be rolled back. */
export function migrationEscaped(job: Job, error: ServerError | undefined, progress: Progress): PoststackError {
  const failed = error === undefined ? '' : `\nLater in the file: ${saying(error)}.`
  const message =
    `${job.file} ended the transaction it runs in (a COMMIT or ROLLBACK inside it), so it could not be carried out as a whole or not at all.${failed}\n` +
    `Part of it may be in the database. It is recorded as unknown, and nothing after it was run: ${countOf(progress)}.`
  return new PoststackError('MIGRATION_FAILED', message, {
    hint: `Take transaction statements out of ${job.file}: every file runs in a transaction of its own. Then see what of it the database has, and settle it: poststack database repair`,
    details: { ...factsOf(job, progress), escaped: true, ...(error === undefined ? {} : serverFacts(error)) },
    cause: error,
  })
}

/** The lock was lost before a file was committed. */
export function lockLost(job: Job | undefined, progress: Progress): PoststackError {
  const state = job === undefined ? nothing(progress) : stateAfter(job, progress)
  const message = `The connection that holds the migration lock was lost, so the run was stopped before anything else was committed. ${state}`
  return new PoststackError('LOCK_LOST', message, {
    hint: endsSessions(job)
      ? `${job?.file} calls pg_terminate_backend, which may have ended that connection too: have it pass over sessions whose application_name begins with "poststack", then run again.`
      : 'Find out who or what ended the connection (a restart of the server, an administrator, the network), then run again: it goes on where this one stopped.',
    details: factsOf(job, progress),
  })
}

function endsSessions(job: Job | undefined): boolean {
  return /\bpg_terminate_backend\b/i.test(job?.text.sql ?? '')
}

/** A run that was told to stop. */
export function stoppedOnRequest(signal: AbortSignal, job: Job | undefined, progress: Progress): PoststackError {
  const details = factsOf(job, progress)
  if (progress.done === 0 && job === undefined)
    return interruptionWith(signal, 'nothing was begun.', { hint: 'Run again.', details })
  const state = job === undefined ? `${countOf(progress)}; the next was not begun.` : stateAfter(job, progress)
  return interruptionWith(signal, state, { hint: 'Run again: it goes on where this one stopped.', details })
}

/** Another run wrote the ledger's row of a file while this one thought it had the lock. */
export function recordedElsewhere(job: Job, progress: Progress, cause: ServerError): PoststackError {
  const message = `Another run recorded ${job.file} at the same time, so this one has lost the migration lock and stopped. ${stateAfter(job, progress)}`
  const hint = 'Run again: it sees what the other run has done.'
  return new PoststackError('LOCK_LOST', message, { hint, details: factsOf(job, progress), cause })
}

/** The connection broke while a file ran, or while it was committed and the answer did not come. */
export function connectionLost(
  job: Job | undefined,
  progress: Progress,
  loss: { readonly during: 'run' | 'commit'; readonly cause: unknown },
): PoststackError {
  const reason = loss.cause instanceof Error ? loss.cause.message : String(loss.cause)
  const details = factsOf(job, progress)
  const hint = endsSessions(job)
    ? `${job?.file} calls pg_terminate_backend, which may have ended the very session that it runs in: take that out, or have it pass over pg_backend_pid(), then run again.`
    : 'See why the server or the network went away, then run again: it goes on where this one stopped.'
  const options = { hint, details, cause: loss.cause }
  const committed = 'It was being committed, so it is either done and recorded, or not at all.'
  if (job === undefined) {
    const state = loss.during === 'commit' ? committed : nothing(progress)
    return new PoststackError('DATABASE_UNREACHABLE', `${reason} ${state}`, options)
  }
  const state = loss.during === 'commit' ? `${committed} Before it, ${countOf(progress)}.` : stateAfter(job, progress)
  const doing = job.direction === 'apply' ? 'was applied' : 'was carried out'
  return new PoststackError('DATABASE_UNREACHABLE', `While ${job.file} ${doing}: ${reason} ${state}`, options)
}

/** The server refused one of our own statements around a file: the ledger's row, the commit. */
export function bookkeepingFailed(job: Job | undefined, error: ServerError, progress: Progress): PoststackError {
  const state = job === undefined ? nothing(progress) : stateAfter(job, progress)
  const what = job === undefined ? 'The ledger could not be used' : `${job.file} could not be recorded`
  const message = [`${what}: ${saying(error)}.`, ...serverLines(error), state].join('\n')
  // Names are the same in every language of the server.
  const denied = error.code === '42501' && /\b(?:poststack|schema_migrations|migration_events)\b/.test(error.message)
  return new PoststackError(denied ? 'LEDGER_DENIED' : 'MIGRATION_FAILED', message, {
    hint: denied
      ? 'Have the owner of schema poststack grant your role SELECT, INSERT, UPDATE and DELETE on all tables in it, then run again.'
      : ((job === undefined ? undefined : hintOfRecord(job, error)) ??
        'Mend what the server complains about, then run again.'),
    details: { ...factsOf(job, progress), ...serverFacts(error) },
    cause: error,
  })
}

/** The server follows another one, and takes no writes at all. */
export function onStandby(job: Job | undefined, error: ServerError, progress: Progress): PoststackError {
  const state = job === undefined && progress.done === 0 ? 'Nothing was changed.' : `${countOf(progress)}.`
  const message = `The server is a standby, which only follows another server and takes no writes: ${saying(error)}. ${state}`
  return new PoststackError('MIGRATION_FAILED', message, {
    hint: 'Use the primary server: its address in --url or in the config.',
    details: { ...factsOf(job, progress), ...serverFacts(error) },
    cause: error,
  })
}

/** A file may leave the session so that its own row cannot be completed. */
function hintOfRecord({ file }: Job, { code, message }: ServerError): string | undefined {
  if (code === '25006') return hintOfReadOnly(file)
  if (
    !['42P01', '42703', '3F000'].includes(code) ||
    !/\b(?:poststack|schema_migrations|migration_events)\b/.test(message)
  )
    return undefined
  return `${file} takes away or changes tables of schema poststack, in which it is to be recorded: take that out of it, then run again.`
}

/** Only the file itself can have done that: nobody else sees the row before it is committed. */
export function rowGone(job: Job, progress: Progress): PoststackError {
  const message = `${job.file} could not be recorded: it removed or changed its own row in poststack.schema_migrations. ${stateAfter(job, progress)}`
  return new PoststackError('MIGRATION_FAILED', message, {
    hint: `Take out of ${job.file} what it does to the tables of schema poststack, then run again.`,
    details: factsOf(job, progress),
  })
}

function headline(job: Job, shown: FilePlace | undefined, precision: Precision | undefined): string {
  if (shown === undefined) return job.file
  const { line, column } = shown.place
  // An included file is told with the migration that includes it.
  const file = shown.file === job.file ? job.file : `${shown.file} (included by ${job.file})`
  if (precision === 'character') return `${file}, line ${line}, column ${column}`
  return precision === 'line' ? `${file}, line ${line}` : `${file}, in the statement at line ${line}`
}

const mostLines = 12
const longestLine = 300

/** What the server said, all lines of it but those that are many; a function may say a whole list. */
export function saying({ message, code }: ServerError): string {
  const all = message.trimEnd().split('\n')
  // An unterminated string makes the server quote everything to the end of the file.
  const most = code === '42601' ? 1 : mostLines
  const kept = all.slice(0, most).map((line) => (line.length > longestLine ? `${line.slice(0, longestLine)}…` : line))
  const rest = all.length <= most ? '' : most === 1 ? '…' : '\n…'
  return `${kept.join('\n')}${rest} (SQLSTATE ${code})`
}

function serverLines(error: ServerError): readonly string[] {
  const lines: string[] = []
  if (error.detail !== undefined) lines.push(`Detail: ${error.detail}`)
  if (error.hint !== undefined) lines.push(`Hint of the server: ${error.hint}`)
  if (error.where !== undefined) lines.push(`Context: ${error.where.split('\n').join('\n         ')}`)
  return lines
}

function stateAfter(job: Job, progress: Progress): string {
  if (job.program.parts.some(({ kind }) => kind === 'alone'))
    return `${countOf(progress)}; of ${job.file} stays what is counted in the ledger, and the next run goes on there.`
  const newest = progress.done > 0 ? progress.jobs[progress.done - 1]?.file : progress.before
  if (job.direction === 'rollback')
    return `${countOf(progress)}; this one was undone, so "${job.version} ${job.name}" is still applied.`
  const state = newest === undefined ? 'as before' : `as after ${newest}`
  return `${countOf(progress)}; ${job.file} was rolled back, so the database is ${state}.`
}

/** How many of the run's files are done, in words. */
export function countOf({ jobs, done, direction, noun: one = 'migration' }: Progress): string {
  const noun = jobs.length === 1 ? one : `${one}s`
  return direction === 'apply'
    ? `${done} of ${jobs.length} pending ${noun} ${one === 'hook' ? 'run' : 'applied'}`
    : `${done} of ${jobs.length} ${noun} rolled back`
}

function nothing(progress: Progress): string {
  if (progress.done > 0) return `${countOf(progress)}.`
  return progress.direction === 'apply' ? 'Nothing was applied.' : 'Nothing was rolled back.'
}

/** What every error of a run has in its details. */
export function factsOf(job: Job | undefined, progress: Progress): Record<string, unknown> {
  return {
    ...(job === undefined ? {} : { file: job.file, version: job.version }),
    [progress.direction === 'apply' ? 'applied' : 'rolledBack']: progress.jobs
      .slice(0, progress.done)
      .map((done) => done.version),
    pending: progress.jobs.slice(progress.done).map((left) => left.version),
  }
}

function placeFacts(shown: FilePlace | undefined, precision: Precision | undefined): Record<string, unknown> {
  if (shown === undefined) return {}
  return { line: shown.place.line, column: shown.place.column, precision }
}

function serverFacts(error: ServerError): Record<string, unknown> {
  return { sqlstate: error.code, detail: error.detail, hint: error.hint, where: error.where }
}
