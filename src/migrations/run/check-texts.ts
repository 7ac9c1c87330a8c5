/**
 * What can be told of pending texts and their rollbacks before anything runs and without a server: what would be refused, and what PostgreSQL's parser
 * does not understand. That one is only a doubt, because the server has the last word on its own language.
 */
import type { PoststackError } from '../../errors.ts'
import { type MigrationText, placeIn } from '../files/place-in.ts'
import { compileSql } from '../sql/compile.ts'
import { parseMistake } from '../sql/parser.ts'
import type { Program } from '../sql/program.ts'
import type { Migration } from '../types.ts'
import { textsOf } from './prepare.ts'
import { type FileProblems, syntaxProblem, textsError } from './refused.ts'

export interface CheckedTexts {
  readonly refused: PoststackError | undefined
  /** One line for each file. */
  readonly doubts: readonly string[]
}

export async function checkTexts(pending: readonly Migration[]): Promise<CheckedTexts> {
  const files: FileProblems[] = []
  const doubts: string[] = []
  for (const text of pending.flatMap(textsOf)) {
    // oxlint-disable-next-line no-await-in-loop -- the parser works on one text at a time
    const compiled = await compileSql(text.sql)
    if ('problems' in compiled) files.push({ file: text.file, text, problems: compiled.problems })
    // oxlint-disable-next-line no-await-in-loop
    else if (!compiled.program.parsed) doubts.push(await doubtOf(text, compiled.program))
  }
  return { refused: textsError(files), doubts }
}

async function doubtOf(named: MigrationText, { parts }: Program): Promise<string> {
  for (const script of parts.flatMap((part) => (part.kind === 'group' ? part.scripts : [part.script]))) {
    // oxlint-disable-next-line no-await-in-loop -- the first one is told
    const error = await parseMistake(script.text)
    if (error === undefined) continue
    const { index, message } = syntaxProblem(named, script, error)
    const { file, place } = placeIn(named, index)
    return `${file}, line ${place.line}, column ${place.column}: ${message}`
  }
  return `${named.file} is not understood by PostgreSQL's parser`
}
