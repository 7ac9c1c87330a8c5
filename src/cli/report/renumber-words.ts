/**
 * What `renumber` asks and answers, as text for people. Pure; no colour.
 */
import type { Move, RenumberPlan } from '../../migrations/files/renumber.ts'
import { counted, placeText } from './database-words.ts'
import type { RenumberDocument } from './documents.ts'
import { table } from './words.ts'

/** `002_a.sql -> 003_a.sql  (why)`, one a line. */
export function moveLines(moves: readonly Move[]): readonly string[] {
  // Without the indentation: who shows them indents them.
  return table(moves.map(({ because, from, to }) => [from, `-> ${to}`, `(${because})`])).map((line) => line.slice(2))
}

/** What was looked at to decide it. */
export function groundsText({ base, continued, database, ledger }: RenumberDocument): string {
  if (continued) return 'An earlier run was cut off before it had renamed them all.'
  const branch = base === undefined ? 'no base branch, because git knows none' : `base branch ${base}`
  const rows = ledger ? `what is applied in ${placeText(database)}` : 'no database, because it does not answer'
  return `Looked at: ${branch}; ${rows}.`
}

/** Files that share a number, numbered for the answer. */
export function choiceText({ files, version }: RenumberPlan['choices'][number]): string {
  const head = `${String(files.length)} files have number ${version}, and neither git nor the database tells which was first:`
  return [head, ...files.map((file, index) => `  ${String(index + 1)}  ${file}`)].join('\n')
}

export function renumberText({ folder, moves, problems }: RenumberDocument): string {
  const head =
    moves.length > 0
      ? [`${counted(moves.length, 'file')} renamed in ${folder}`]
      : problems.length === 0
        ? [`nothing to renumber in ${folder}`]
        : []
  const wrong = problems.flatMap(({ hint, message }, index) => [
    ...(index === 0 && head.length === 0 ? [] : ['']),
    message,
    `  try: ${hint}`,
  ])
  return [...head, ...wrong, ''].join('\n')
}
