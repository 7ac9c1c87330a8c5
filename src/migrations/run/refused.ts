/**
 * Everything that is refused before anything runs, told at once.
 */
import { PoststackError } from '../../errors.ts'
import type { ServerError } from '../connection.ts'
import { type MigrationText, placeIn } from '../files/place-in.ts'
import { backslashHint } from '../sql/backslashes.ts'
import { delimiterHint } from '../sql/delimiters.ts'
import { codeFrame, type Place } from '../sql/frame.ts'
import { locateError } from '../sql/locate.ts'
import { lookalikeHint } from '../sql/lookalikes.ts'
import type { Script, SqlProblem } from '../sql/program.ts'
import type { MigrationProblem, SqlText } from '../types.ts'
import { saying } from './failure.ts'
import type { Job } from './run.ts'

/** What a refusal ends with: that nothing of it was done. */
export type Undone =
  | 'Nothing was applied.'
  | 'Nothing was rolled back.'
  | 'Nothing was recorded.'
  | 'Nothing was changed.'

export function undoneOf(direction: Job['direction'] | undefined): Undone {
  return direction === 'rollback' ? 'Nothing was rolled back.' : 'Nothing was applied.'
}

/** Files and ledger do not go together. The first problem gives the code. */
export function problemsError(
  problems: readonly MigrationProblem[],
  undone: Undone = 'Nothing was applied.',
): PoststackError {
  const [first] = problems
  if (first === undefined) throw new Error('no problem to tell')
  const lines =
    problems.length === 1
      ? first.message
      : `${problems.length} migrations do not fit what the database has:\n${problems.map((problem) => `- ${problem.message}`).join('\n')}`
  const hints = [...new Set(problems.map((problem) => problem.hint))]
  return new PoststackError(first.code, `${lines}\n${undone}`, {
    hint: hints.join('\n'),
    details: { problems },
  })
}

/** What is wrong in one file's text. */
export interface FileProblems {
  readonly file: string
  readonly text: SqlText
  readonly problems: readonly SqlProblem[]
}

/** Texts that cannot be carried out: the first with its lines, the others named. */
export function textsError(
  files: readonly FileProblems[],
  undone: Undone = 'Nothing was applied.',
): PoststackError | undefined {
  const told = tellTexts(files)
  if (told === undefined) return undefined
  const { message, hint, problems } = told
  return new PoststackError('MIGRATION_INVALID', `${message}\n\n${undone}`, { hint, details: { problems } })
}

export interface ToldTexts {
  readonly message: string
  readonly hint: string
  readonly problems: readonly {
    readonly file: string
    readonly line: number
    readonly column: number
    readonly message: string
    readonly hint: string
  }[]
}

/** What is wrong in texts, in words; nothing where nothing is. */
export function tellTexts(files: readonly FileProblems[]): ToldTexts | undefined {
  const found = files.flatMap(({ file, text, problems }) =>
    problems.map((problem) => ({ problem, ...placeIn({ file, ...text }, problem.index) })),
  )
  const [first] = found
  if (first === undefined) return undefined
  const { file, text, place, problem } = first
  const others = found.slice(1).map((one) => `- ${one.file}, line ${one.place.line}: ${one.problem.message}`)
  const message = [
    `${file}, line ${place.line}, column ${place.column}: ${problem.message}`,
    '',
    codeFrame(text, place),
    ...(others.length === 0 ? [] : ['', 'And:', ...new Set(others)]),
  ].join('\n')
  return {
    message,
    hint: [...new Set(found.map((one) => one.problem.hint))].join('\n'),
    problems: found.map((one) => ({
      file: one.file,
      line: one.place.line,
      column: one.place.column,
      message: one.problem.message,
      hint: one.problem.hint,
    })),
  }
}

/** What the server's own grammar cannot take, as a problem of the text. */
export function syntaxProblem(whole: MigrationText, { text: sql, offset }: Script, error: ServerError): SqlProblem {
  const location = locateError(sql, error, { script: { text: sql, offset: 0, copies: [] }, statement: undefined })
  const index = location?.index ?? 0
  const placeOf = (at: number): Place => placeIn(whole, offset + at).place
  const hint =
    lookalikeHint(sql, { from: 0, index, placeOf }) ??
    backslashHint(sql, 0, index) ??
    delimiterHint(sql) ??
    error.hint ??
    'Correct it and run again.'
  return { index: offset + index, message: saying(error), hint }
}

/** Files that need a session of their own, on a connection that has none. */
export function pooledError(
  files: readonly { readonly file: string; readonly what: string }[],
  undone: Undone,
): PoststackError {
  const list = files.map(({ file, what }) => `- ${file}: ${what}`).join('\n')
  return new PoststackError(
    'DATABASE_POOLED',
    `The connection goes through a pooler, and these need one to the server itself, because they run outside of a transaction:\n${list}\n${undone}`,
    {
      hint: "Give the server's own address: --url postgresql://user@host:5432/database, or the `url` of the service in the config.",
      details: { files },
    },
  )
}
