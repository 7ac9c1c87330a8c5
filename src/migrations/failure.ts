/**
 * The errors of a run, told so that a stranger can act: which file, line and column, what the server says, what the
 * database is like now, and what to do next.
 */
import { PoststackError } from '../errors.ts'
import type { ServerError } from './connection.ts'
import { codeFrame, placeAt } from './frame.ts'
import { type Location, locateError } from './locate.ts'
import { leadingWords, scanStatements, type Statement } from './statements.ts'
import type { Migration, MigrationProblem } from './types.ts'

/** How far a run has come. */
export interface Progress {
  /** Those to be applied by this run, in order. */
  readonly pending: readonly Migration[]
  /** How many of them are. */
  readonly done: number
  /** File or label of the newest migration that was applied before this run. */
  readonly before: string | undefined
}

/** What the server refused, and where it was. */
export interface Refusal {
  readonly error: ServerError
  /** Statements of the file that had ended before. Absent when the error came after the last one, from a check put off to the end. */
  readonly completed: number | undefined
}

/** A file that failed and was rolled back. */
export function migrationFailed(migration: Migration, refusal: Refusal, progress: Progress): PoststackError {
  const { error, completed } = refusal
  const location = completed === undefined ? undefined : locateError(migration.sql, error, completed)
  const snippet = location === undefined ? undefined : codeFrame(migration.sql, location)
  const parts = [
    `${headline(migration, location)}: ${saying(error)}`,
    ...(snippet === undefined ? [] : ['', snippet, '']),
    ...(completed === undefined ? ['It came from a constraint that is checked at the end of the transaction.'] : []),
    ...serverLines(error),
    stateAfter(migration, progress),
  ]
  return new PoststackError('MIGRATION_FAILED', parts.join('\n'), {
    hint: hintOfText(migration.sql, location) ?? nextStep(migration, error),
    details: { ...factsOf(migration, progress), ...placeFacts(location), snippet, ...serverFacts(error) },
    cause: error,
  })
}

/** A file that ended the transaction it ran in, so that not all of it could be rolled back. */
export function migrationEscaped(
  migration: Migration,
  error: ServerError | undefined,
  progress: Progress,
): PoststackError {
  const failed = error === undefined ? '' : `\nLater in the file: ${saying(error)}.`
  const message =
    `${migration.file} ended the transaction it runs in (a COMMIT or ROLLBACK inside it), so it could not be applied as a whole or not at all.${failed}\n` +
    `Part of it may be in the database. It is recorded as failed, and nothing after it was run: ${countOf(progress)}.`
  return new PoststackError('MIGRATION_FAILED', message, {
    hint: `Take transaction statements out of ${migration.file}: every file runs in a transaction of its own. Then look at what of it the database has; the next run says how to go on.`,
    details: { ...factsOf(migration, progress), escaped: true, ...(error === undefined ? {} : serverFacts(error)) },
    cause: error,
  })
}

/** The lock was lost before a file was committed. */
export function lockLost(migration: Migration | undefined, progress: Progress): PoststackError {
  const state = migration === undefined ? 'Nothing was applied.' : stateAfter(migration, progress)
  const message = `The connection that holds the migration lock was lost, so the run was stopped before anything else was committed. ${state}`
  return new PoststackError('LOCK_LOST', message, {
    hint: 'Find out who or what ended the connection (a restart of the server, an administrator, the network), then run again: it goes on where this one stopped.',
    details: factsOf(migration, progress),
  })
}

/** Another run wrote the ledger's row of a file while this one thought it had the lock. */
export function recordedElsewhere(migration: Migration, progress: Progress, cause: ServerError): PoststackError {
  const message = `Another run recorded ${migration.file} at the same time, so this one has lost the migration lock and stopped. ${stateAfter(migration, progress)}`
  const hint = 'Run again: it sees what the other run has applied.'
  return new PoststackError('LOCK_LOST', message, { hint, details: factsOf(migration, progress), cause })
}

/** The connection broke while a file ran, or while it was committed and the answer did not come. */
export function connectionLost(
  migration: Migration | undefined,
  progress: Progress,
  loss: { readonly during: 'run' | 'commit'; readonly cause: unknown },
): PoststackError {
  const reason = loss.cause instanceof Error ? loss.cause.message : String(loss.cause)
  const details = factsOf(migration, progress)
  const hint = 'See why the server or the network went away, then run again: it goes on where this one stopped.'
  if (migration === undefined)
    return new PoststackError('DATABASE_UNREACHABLE', `${reason} Nothing was applied.`, {
      hint,
      details,
      cause: loss.cause,
    })
  const state =
    loss.during === 'commit'
      ? `It was being committed, so it is either applied and recorded, or not there at all. Before it, ${countOf(progress)}.`
      : stateAfter(migration, progress)
  return new PoststackError('DATABASE_UNREACHABLE', `While ${migration.file} was applied: ${reason} ${state}`, {
    hint,
    details,
    cause: loss.cause,
  })
}

/** The server refused one of our own statements around a file: the ledger's row, the commit. */
export function bookkeepingFailed(
  migration: Migration | undefined,
  error: ServerError,
  progress: Progress,
): PoststackError {
  const state = migration === undefined ? 'Nothing was applied.' : stateAfter(migration, progress)
  const what = migration === undefined ? 'The ledger could not be used' : `${migration.file} could not be recorded`
  const message = [`${what}: ${saying(error)}.`, ...serverLines(error), state].join('\n')
  return new PoststackError('MIGRATION_FAILED', message, {
    hint: 'Mend what the server complains about, then run again.',
    details: { ...factsOf(migration, progress), ...serverFacts(error) },
    cause: error,
  })
}

/** Files and ledger do not go together; nothing was run. The first problem gives the code. */
export function problemsError(problems: readonly MigrationProblem[]): PoststackError {
  const [first] = problems
  if (first === undefined) throw new Error('no problem to tell')
  const lines =
    problems.length === 1
      ? first.message
      : `${problems.length} migrations do not fit what the database has:\n${problems.map((problem) => `- ${problem.message}`).join('\n')}`
  const hints = [...new Set(problems.map((problem) => problem.hint))]
  return new PoststackError(first.code, `${lines}\nNothing was applied.`, {
    hint: hints.join('\n'),
    details: { problems },
  })
}

/**
 * Statements that begin or end a transaction would take a file out of the one it runs in, which cannot be undone. All
 * of them in all pending files are told at once, before anything runs.
 */
export function transactionStatementsError(pending: readonly Migration[]): PoststackError | undefined {
  const found = pending.flatMap((migration) =>
    transactionStatements(migration.sql).map((statement) => ({
      migration,
      place: placeAt(migration.sql, statement.start),
    })),
  )
  const [first] = found
  if (first === undefined) return undefined
  const frame = codeFrame(first.migration.sql, first.place)
  const lines = found.map(({ migration, place }) => `- ${migration.file}, line ${place.line}`)
  const others = [...new Set(lines)].slice(1)
  const message = [
    `${first.migration.file}, line ${first.place.line}: a migration cannot begin or end a transaction, because every file runs in one of its own.`,
    '',
    frame,
    ...(others.length === 0 ? [] : ['', 'More of them:', ...others]),
    '',
    'Nothing was applied.',
  ].join('\n')
  return new PoststackError('MIGRATION_INVALID', message, {
    hint: 'Delete these statements (BEGIN, COMMIT, ROLLBACK and their like); the file is applied as a whole or not at all without them. SAVEPOINT and ROLLBACK TO may stay.',
    details: {
      problems: found.map(({ migration, place }) => ({ file: migration.file, line: place.line, column: place.column })),
    },
  })
}

function transactionStatements(sql: string): readonly Statement[] {
  // Most files have none of these words, and need no closer look.
  if (!/\b(begin|start|commit|end|rollback|abort|prepare)\b/i.test(sql)) return []
  return scanStatements(sql).filter((statement) => endsTransaction(leadingWords(sql, statement, 3)))
}

function endsTransaction(words: readonly string[]): boolean {
  const [first, second, third] = words
  switch (first) {
    case 'begin':
    case 'end':
    case 'abort':
      return true
    case 'commit':
      return second !== 'prepared'
    case 'start':
    case 'prepare':
      return second === 'transaction'
    case 'rollback':
      return second !== 'to' && second !== 'prepared' && third !== 'to'
    case undefined:
    default:
      return false
  }
}

function headline(migration: Migration, location: Location | undefined): string {
  if (location === undefined) return migration.file
  const { line, column, precision } = location
  if (precision === 'character') return `${migration.file}, line ${line}, column ${column}`
  return precision === 'line'
    ? `${migration.file}, line ${line}`
    : `${migration.file}, in the statement at line ${line}`
}

// An unterminated string makes the server quote everything to the end of the file.
function saying(error: ServerError): string {
  const [line = ''] = error.message.split('\n', 1)
  const cut = line === error.message && line.length <= 300 ? line : `${line.slice(0, 300)}…`
  return `${cut} (SQLSTATE ${error.code})`
}

function serverLines(error: ServerError): readonly string[] {
  const lines: string[] = []
  if (error.detail !== undefined) lines.push(`Detail: ${error.detail}`)
  if (error.hint !== undefined) lines.push(`Hint of the server: ${error.hint}`)
  if (error.where !== undefined) lines.push(`Context: ${error.where.split('\n').join('\n         ')}`)
  return lines
}

function stateAfter(migration: Migration, progress: Progress): string {
  const newest = progress.done > 0 ? progress.pending[progress.done - 1]?.file : progress.before
  const state = newest === undefined ? 'as before' : `as after ${newest}`
  return `${countOf(progress)}; ${migration.file} was rolled back, so the database is ${state}.`
}

function countOf(progress: Progress): string {
  const total = progress.pending.length
  return `${progress.done} of ${total} pending ${total === 1 ? 'migration' : 'migrations'} applied`
}

// What psql takes and the server does not shows by where the server stumbles.
function hintOfText(sql: string, location: Location | undefined): string | undefined {
  if (location?.precision !== 'character') return undefined
  if (sql.charAt(location.index) === '\\')
    return 'Lines that begin with a backslash are commands of psql, not SQL: take them out.'
  const before = sql.slice(Math.max(0, location.index - 4000), location.index)
  if (!/\bcopy\b[^;]*\bfrom\s+stdin\b[^;]*;[^\S\n]*\n\s*$/i.test(before)) return undefined
  return 'This version of Poststack does not take the data of COPY … FROM stdin from a migration: write the rows as INSERT.'
}

function nextStep(migration: Migration, error: ServerError): string {
  switch (error.code) {
    case '25001':
      return (
        'This version of Poststack runs every file in one transaction, and PostgreSQL does not allow this statement in one. ' +
        `Leave CONCURRENTLY out where there is such a form; otherwise take the statement out of ${migration.file} and run it by hand, for example with psql.`
      )
    case '2D000':
      return 'A DO block or procedure ends its transaction here, which it cannot do in a migration: every file runs in one transaction. Take COMMIT and ROLLBACK out of it.'
    case '55P04':
      return 'A new enum value can be used only after the transaction that adds it: put what uses it into a migration of its own.'
    case '55P03':
    case '40P01':
      return 'Another session was in the way. See what it does (pg_stat_activity), then run again.'
    case '42501':
      return 'The role that migrates lacks a right: grant it, or migrate as the owner of what is changed.'
    case '42P07':
    case '42710':
      return `Something of that name is there already, perhaps made by hand. Drop or rename it, or change ${migration.file}; then run again.`
    default:
      return `Correct ${migration.file} and run again: nothing of it is in the database.`
  }
}

function factsOf(migration: Migration | undefined, progress: Progress): Record<string, unknown> {
  return {
    ...(migration === undefined ? {} : { file: migration.file, version: migration.version }),
    applied: progress.pending.slice(0, progress.done).map((done) => done.version),
    pending: progress.pending.slice(progress.done).map((left) => left.version),
  }
}

function placeFacts(location: Location | undefined): Record<string, unknown> {
  if (location === undefined) return {}
  return { line: location.line, column: location.column, precision: location.precision }
}

function serverFacts(error: ServerError): Record<string, unknown> {
  return { sqlstate: error.code, detail: error.detail, hint: error.hint, where: error.where }
}
