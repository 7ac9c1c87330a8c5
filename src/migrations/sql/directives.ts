/**
 * What a file's own header asks for: comments `-- poststack: …` before the first statement. A directive that is misspelt or out of
 * place must not be taken for a mere comment, because the file would then run in another way than it says.
 */
import { nearest } from '../../config/nearest.ts'
import type { Directives, SqlNotice, SqlProblem } from './program.ts'
import type { DirectiveComment } from './statements.ts'

const names = ['no-transaction', 'lock-timeout', 'statement-timeout'] as const
type Name = (typeof names)[number]

const listed = 'The directives are: no-transaction, lock-timeout 10s, statement-timeout 5min.'
const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, min: 60_000, h: 3_600_000 }
/** PostgreSQL keeps these settings as a number of 32 bits. */
const longestMs = 2_147_483_647

/** Reads the directives among a text's comments, with a problem for each that cannot be followed. */
export function readDirectives(comments: readonly DirectiveComment[]): {
  readonly directives: Directives
  readonly problems: readonly SqlProblem[]
} {
  const problems: SqlProblem[] = []
  const values = new Map<Name, number | undefined>()
  for (const comment of comments) {
    const read = readOne(comment, values)
    if ('problem' in read) problems.push({ index: comment.start, ...read.problem })
    else values.set(read.name, read.value)
  }
  const directives = {
    noTransaction: values.has('no-transaction'),
    lockTimeoutMs: values.get('lock-timeout'),
    statementTimeoutMs: values.get('statement-timeout'),
  }
  return { directives, problems }
}

// As sqlx and graphile-migrate, dbmate, goose, sql-migrate, Atlas and Liquibase write it.
const otherWords =
  /^[ \t]*--!?[ \t]*(?:no-transaction[ \t]*$|migrate:up\b.*\btransaction:[ \t]*false\b|\+goose[ \t]+no[ \t]+transaction\b|\+migrate[ \t]+up\b.*\bnotransaction\b|atlas:txmode[ \t]+none\b|changeset\b.*\brunInTransaction:[ \t]*false\b)/im

/**
 * What a person is told of a text whose header has another tool's word for "no transaction", which is not followed: what has to run outside
 * of one is found without it, and the rest is safer inside.
 */
export function foreignNoTransaction(header: string): SqlNotice | undefined {
  const found = otherWords.exec(header)
  if (found === null) return undefined
  const message =
    `"${found[0].trim()}" is another tool's word and was not followed: the file runs in one transaction, as nothing in it needs to run outside. ` +
    'Where it is to run statement by statement all the same, write "-- poststack: no-transaction" in its place.'
  return { index: found.index, message }
}

type ReadOne =
  | { readonly name: Name; readonly value: number | undefined }
  | { readonly problem: Omit<SqlProblem, 'index'> }

function readOne({ text, header }: DirectiveComment, before: ReadonlyMap<Name, unknown>): ReadOne {
  const [, word = '', argument = ''] = /^(\S*)\s*([^]*)$/.exec(text) ?? []
  const name = names.find((known) => known === word)
  if (name === undefined) return { problem: unknown(word) }
  if (!header) {
    const message = `the directive ${name} stands after the first statement, where it has no effect.`
    return { problem: { message, hint: 'Move it above the first statement: directives are for the whole file.' } }
  }
  if (before.has(name)) {
    return { problem: { message: `the directive ${name} is given twice.`, hint: 'Keep one of the two.' } }
  }
  if (name === 'no-transaction') {
    if (argument === '') return { name, value: undefined }
    const message = `the directive no-transaction takes no value, but ${JSON.stringify(argument)} follows it.`
    return { problem: { message, hint: 'Put remarks on a line of their own.' } }
  }
  const value = milliseconds(argument)
  if (value !== undefined) return { name, value }
  return { problem: badValue(name, argument) }
}

function unknown(word: string): Omit<SqlProblem, 'index'> {
  const near = nearest(word, names)
  const hint = near === undefined ? listed : `Did you mean ${near}? ${listed}`
  if (word === '') return { message: 'a comment "-- poststack:" names no directive.', hint: listed }
  return { message: `there is no directive ${JSON.stringify(word)}.`, hint }
}

function badValue(name: Name, argument: string): Omit<SqlProblem, 'index'> {
  const message =
    argument === ''
      ? `the directive ${name} needs a length of time.`
      : `${JSON.stringify(argument)} is no length of time for the directive ${name}.`
  const unit = /^\d+\s*([A-Za-zµ]+)$/.exec(argument)?.[1]
  const near = unit === undefined ? undefined : nearest(unit, Object.keys(unitMs))
  const meant = near === undefined || near === unit ? '' : `Did you mean ${argument.replace(unit ?? '', near)}? `
  return {
    message,
    hint: `${meant}Write a whole number with ms, s, min or h, such as ${name} 10s; 0 is for no limit, and ${longestMs}ms is the longest.`,
  }
}

function milliseconds(text: string): number | undefined {
  if (/^0+$/.test(text)) return 0
  const [, digits = '', unit = ''] = /^(\d+)\s*(ms|s|min|h)$/.exec(text) ?? []
  const value = Number(digits) * (unitMs[unit] ?? Number.NaN)
  return value <= longestMs ? value : undefined
}
