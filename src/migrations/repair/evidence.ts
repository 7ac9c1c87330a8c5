/**
 * What the catalog says about each statement of a text that was cut off: done, not done, or that nobody can tell.
 */
import { classify } from '../sql/classify.ts'
import {
  type CatalogObject,
  describeObject,
  type Effect,
  effectsOf,
  keyOfObject,
  searchPathOf,
} from '../sql/effects.ts'
import { placeAt } from '../sql/frame.ts'
import { parseEach, type SyntaxTree } from '../sql/parser.ts'
import type { AloneObject } from '../sql/program.ts'
import { servedText } from '../sql/served.ts'
import { scanSql, type Span } from '../sql/statements.ts'
import { checkTransactions } from '../sql/transactions.ts'
import type { Queryable } from '../types.ts'
import { findObject, type Presence } from './catalog.ts'
import { wasDone } from '../run/recover.ts'

export interface StatementEvidence {
  /** From 1; `continue-at` takes it. */
  readonly number: number
  /** Line of the text, from 1. */
  readonly line: number
  /** The statement on one line, cut to 120 characters. */
  readonly sql: string
  /** What the ledger says: counted as done, begun without a recorded end, or not begun. */
  readonly recorded: 'done' | 'begun' | 'not begun'
  /** What the catalog says. */
  readonly verdict: 'done' | 'not done' | 'cannot be told'
  /** What was looked for and found, for people: `index users_email is there, but INVALID`. */
  readonly findings: readonly string[]
}

export interface Recorded {
  /** Statements that the ledger counts as done. */
  readonly applied: number
  /** Number of the one that was begun. */
  readonly running: number | undefined
}

interface Known {
  readonly span: Span
  readonly effects: readonly Effect[]
  readonly searchPath: string | null | undefined
  readonly alone: AloneObject | undefined
}

/**
 * Looks up every statement of a text. Reads only; search_path is changed for the rest of the transaction, which must be open. The
 * numbers are those that progress is counted in.
 */
export async function gatherEvidence(
  client: Queryable,
  sql: string,
  recorded: Recorded,
): Promise<readonly StatementEvidence[]> {
  const all = await readStatements(sql)
  const evidence: StatementEvidence[] = []
  for (const [index, one] of all.entries()) {
    const number = index + 1
    if (one.searchPath !== undefined) {
      // oxlint-disable-next-line no-await-in-loop -- what comes after is looked for along this path
      await setSearchPath(client, one.searchPath)
    }
    // oxlint-disable-next-line no-await-in-loop
    const judged = await judge(client, all, index)
    evidence.push({
      number,
      line: placeAt(sql, one.span.start).line,
      sql: shorten(sql.slice(one.span.start, one.span.end)),
      recorded: number <= recorded.applied ? 'done' : number === recorded.running ? 'begun' : 'not begun',
      ...judged,
    })
  }
  return evidence
}

async function readStatements(sql: string): Promise<readonly Known[]> {
  const scan = scanSql(sql)
  const { text, statements } = servedText(sql, scan, checkTransactions(sql, scan).pairs)
  if (statements.length === 0) return []
  const known = await parseEach(text, statements, ({ start, end }, tree) => knownOf({ start, end }, tree))
  return known ?? statements.map(({ start, end }) => knownOf({ start, end }, undefined))
}

function knownOf(span: Span, tree: SyntaxTree | undefined): Known {
  if (tree === undefined) return { span, effects: [], searchPath: undefined, alone: undefined }
  const is = classify(tree)
  const alone = is.mode === 'alone' ? is.object : undefined
  return { span, effects: effectsOf(tree), searchPath: searchPathOf(tree), alone }
}

async function setSearchPath(client: Queryable, path: string | null): Promise<void> {
  if (path === null) await client.query('SET LOCAL search_path TO DEFAULT')
  else await client.query(`SELECT pg_catalog.set_config('search_path', $1, true)`, [path])
}

type Judged = Pick<StatementEvidence, 'verdict' | 'findings'>

async function judge(client: Queryable, all: readonly Known[], index: number): Promise<Judged> {
  const { effects = [], alone } = all[index] ?? {}
  if (effects.length === 0) return await judgeAlone(client, alone)
  const findings: string[] = []
  const verdicts = new Set<StatementEvidence['verdict']>()
  for (const effect of effects) {
    // oxlint-disable-next-line no-await-in-loop -- one connection
    const presence = await findObject(client, effect.object)
    findings.push(`${describeObject(effect.object)} ${words[presence]}`)
    verdicts.add(verdictOf(effect, presence, othersOn(effect, all, index)))
  }
  // What speaks against each other proves nothing; what is silent takes nothing from what speaks.
  verdicts.delete('cannot be told')
  const [verdict = 'cannot be told', ...others] = verdicts
  return { verdict: others.length === 0 ? verdict : 'cannot be told', findings }
}

const words: Readonly<Record<Presence, string>> = {
  there: 'is there',
  invalid: 'is there, but INVALID: its build did not end',
  'not there': 'is not there',
}

interface Others {
  /** Another statement does the opposite to the same thing or to what it belongs to, before or after this one. */
  readonly before: boolean
  readonly after: boolean
}

function othersOn(effect: Effect, all: readonly Known[], index: number): Others {
  const opposite = (one: Known): boolean =>
    one.effects.some((other) => other.change !== effect.change && bears(other.object, effect.object))
  return { before: all.slice(0, index).some(opposite), after: all.slice(index + 1).some(opposite) }
}

/** Whether a thing is there only while the other is: it itself, its table, its schema. */
function bears(owner: CatalogObject, object: CatalogObject): boolean {
  if (keyOfObject(owner) === keyOfObject(object)) return true
  const { of, schema } = object
  if (owner.kind === 'schema') return owner.name === schema || owner.name === of?.schema
  return owner.of === undefined && of !== undefined && owner.name === of.name && owner.schema === of.schema
}

// The catalog shows only how it is now: a thing that is gone may never have been made, or made and taken away again.
function verdictOf({ change, replaces }: Effect, presence: Presence, others: Others): StatementEvidence['verdict'] {
  if (presence === 'invalid') return change === 'make' ? 'not done' : 'cannot be told'
  const holds = (presence === 'there') === (change === 'make')
  if (holds) return others.before || replaces ? 'cannot be told' : 'done'
  return others.after ? 'cannot be told' : 'not done'
}

async function judgeAlone(client: Queryable, alone: AloneObject | undefined): Promise<Judged> {
  switch (alone?.kind) {
    case 'detach-partition':
    case 'create-database':
    case 'drop-database':
    case 'create-tablespace':
    case 'drop-tablespace':
    case 'create-subscription':
    case 'drop-subscription': {
      const done = await wasDone(client, alone, {})
      return { verdict: done ? 'done' : 'not done', findings: [] }
    }
    case 'repeatable':
    case 'reindex':
      return { verdict: 'cannot be told', findings: ['doing it twice does no harm'] }
    case 'create-index':
    case 'drop-index':
    case 'transactional':
    case 'opaque':
    case undefined:
      return { verdict: 'cannot be told', findings: [] }
  }
}

function shorten(sql: string): string {
  const line = sql.slice(0, 1000).replaceAll(/\s+/g, ' ').trim()
  return line.length <= 120 ? line : `${line.slice(0, 119)}…`
}
