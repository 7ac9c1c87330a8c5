/**
 * Files that were written for another tool: how to name them here, and what in them would be run although it is not meant to be.
 */
import { scanStatements } from '../sql/statements.ts'
import { readToken } from '../sql/tokens.ts'
import { type MigrationText, placeIn } from './place-in.ts'
import type { FileProblem } from './text.ts'

export interface Renaming {
  /** What the file is called here; absent where that takes a decision. */
  readonly to: string | undefined
  /** What to do with all of its kind. */
  readonly hint: string
}

const pairs =
  'Files with .up.sql and .down.sql are renamed at once with: for f in *.up.sql; do mv "$f" "${f%.up.sql}.sql"; done; ' +
  'for f in *.down.sql; do mv "$f" "${f%.down.sql}.rollback.sql"; done'
const flyway =
  "Flyway's V1__name.sql is 1_name.sql here, and its U1__name.sql is 1_name.rollback.sql. A version with dots becomes one number, in the same order."
const repeatable =
  "Flyway's R__name.sql has no number. Give it one, as 12_name.sql; a later change of it is a migration with the next number."

const dates =
  'A date with hyphens, as Diesel has it, is not one number: only its year would be taken. In that folder run: for f in [0-9]*.sql; do ' +
  'n=$(echo "$f" | sed -E "s/^([0-9]{4})-([0-9]{2})-([0-9]{2})([-_T]([0-9]{6}))?/\\1\\2\\3\\5/"); [ "$f" = "$n" ] || mv "$f" "$n"; done'

/** How a file of another tool is named here; nothing for a name of no tool that we know. */
export function renaming(file: string): Renaming | undefined {
  const [, year = '', month = '', day = '', time = '', rest] =
    /^(\d{4})-(0\d|1[0-2])-([0-2]\d|3[01])(?:[-_T](\d{6}))?([_-].+\.sql)$/.exec(file) ?? []
  if (rest !== undefined) {
    const numbered = `${year}${month}${day}${time}${rest}`
    const pair = renaming(numbered)
    return { to: pair?.to ?? numbered, hint: pair === undefined ? dates : `${dates}\n${pair.hint}` }
  }
  const [, stem, way = ''] = /^(\d+[_-].+)\.(up|down|undo|revert)\.sql$/i.exec(file) ?? []
  if (stem !== undefined) return { to: `${stem}${/up/i.test(way) ? '' : '.rollback'}.sql`, hint: pairs }
  const [, letter = '', version = '', name = ''] = /^([VU])(\d+(?:[._]\d+)*)__(.+)\.sql$/i.exec(file) ?? []
  if (name !== '') {
    const end = /u/i.test(letter) ? '.rollback.sql' : '.sql'
    return { to: /^\d+$/.test(version) ? `${version}_${name}${end}` : undefined, hint: flyway }
  }
  return /^R__.+\.sql$/i.test(file) ? { to: undefined, hint: repeatable } : undefined
}

// dbmate, goose, sql-migrate, micrate, rambler, node-pg-migrate, MyBatis, Play, shmig and tern write the way back into the same file, under a
// comment of these words alone: other words beside them are a sentence.
const downSection =
  /^([ \t]*)(--[ \t]*(?:migrate:[ \t]*(?:down|rollback)|@down|={2,}[ \t]*down[ \t]*={2,}|\+(?:goose|migrate|micrate)[ \t]+down|rambler[ \t]+down|down[ \t]+migration|\/\/[ \t]*@undo|-*[ \t]*!downs|-*[ \t]*create above \/ drop below)(?:[ \t]+(?:\w+:\w+|notransaction))*)[ \t:-]*$/gim

// Where nothing but the word stands there, only one behind the other tells that it is no heading of something else.
const bareUp = bare('up')
const bareDown = bare('down')

function bare(word: string): RegExp {
  return new RegExp(String.raw`^([ \t]*)(--[-=#*+\[( \t]*${word})[-=#*+\]) \t:]*$`, 'gim')
}

/** The problem of a text that holds its way back too: to us that is a comment with statements, which would be run right behind the others. */
export function sectionProblem(text: MigrationText): FileProblem | undefined {
  const { file, sql } = text
  const up = sql.search(bareUp)
  const bareLines = up === -1 ? [] : [...sql.matchAll(bareDown)].filter(({ index }) => index > up)
  const lines = [...sql.matchAll(downSection), ...bareLines].map(({ index, 1: indent = '', 2: words = '' }) => ({
    start: index + indent.length,
    words,
  }))
  // Hardly any file has such a line, and then it needs no closer look.
  const comments = lines.length === 0 ? undefined : commentsOf(sql)
  const found = lines.find(({ start }) => comments?.has(start))
  if (found === undefined || scanStatements(sql.slice(found.start)).length === 0) return undefined
  const { file: within, place } = placeIn(text, found.start)
  return {
    file: within,
    line: place.line,
    ...(within === file ? {} : { includedBy: file }),
    message: `${within} holds its way back too, under "${found.words}" in line ${place.line}: here it would be run right behind the migration.`,
    hint: 'Move what stands under that line to a file beside it whose name ends in .rollback.sql, as in 004_add_users.rollback.sql.',
  }
}

/** Where the comments of a text begin: nothing in a constant, in the body of a function or in data is one. */
function commentsOf(sql: string): ReadonlySet<number> {
  const data = scanStatements(sql).flatMap(({ copy }) => copy ?? [])
  const comments = new Set<number>()
  for (let index = 0; index < sql.length;) {
    const from = index
    const { kind, end } = readToken(sql, from)
    if (kind === 'comment') comments.add(from)
    index = data.find(({ start }) => from < start && start <= end)?.after ?? end
  }
  return comments
}
