/**
 * What a statement that cannot share a transaction leaves behind when it is cut: looked up in the catalog, cleared away, or
 * found to be done. Names come from the parser, so they are exact.
 */
import { PoststackError } from '../../errors.ts'
import { equals, joined } from '../own-path.ts'
import { definitionIn } from '../sql/index-definition.ts'
import type { AloneObject, QualifiedName } from '../sql/program.ts'
import type { Queryable } from '../types.ts'
import { quoteName } from '../sql/quote.ts'

/** What stood there before the statement began, kept in the ledger while it runs. */
export interface LeftoverContext {
  /** Indexes of the table, as qualified names. */
  readonly indexes?: readonly string[]
  /** It was as the statement wants it before it began, so that finding it so afterwards proves nothing. */
  readonly already?: boolean
}

/** Looks before the statement begins, so that afterwards what it left can be told from what was there. */
export async function lookBefore(client: Queryable, object: AloneObject): Promise<LeftoverContext> {
  if (object.kind === 'create-index' && object.name === undefined) {
    const indexes = await indexesOf(client, object.table)
    return { indexes: indexes.map(({ name }) => name) }
  }
  if (object.kind === 'reindex') return { indexes: (await reindexLeftovers(client)).map(({ name }) => name) }
  return (await isDone(client, object, {})) ? { already: true } : {}
}

interface Index {
  /** Qualified and quoted. */
  readonly name: string
  /** Without its schema, as it is. */
  readonly plain: string
  readonly valid: boolean
  /** The statement that would make it. */
  readonly definition: string
  /** Session that builds it at this moment. */
  readonly builder: number | undefined
}

/**
 * Clears away what a statement of this kind left when it was cut, and says what it did. An INVALID index is no index, but it takes
 * the name, and `IF NOT EXISTS` would accept it without a word. `begun` tells that an earlier run of ours began the statement, `ours`
 * that it began the one in this place, perhaps with another text, or that this run did: what is INVALID then is not somebody else's.
 */
export async function clearLeftovers(
  client: Queryable,
  object: AloneObject,
  { context, begun, ours }: { readonly context: LeftoverContext; readonly begun: boolean; readonly ours: boolean },
): Promise<readonly string[]> {
  switch (object.kind) {
    case 'create-index': {
      await refuseNamesake(client, object)
      const invalid = (await indexesOf(client, object.table)).filter(
        (index) => !index.valid && isOfStatement(index, object, context),
      )
      if (!ours) for (const index of invalid) await refuseForeign(index, object)
      return await dropIndexes(client, invalid)
    }
    case 'reindex': {
      const known = new Set(context.indexes)
      // What a session works with now is not left over, and not of this statement either, whose sessions are gone.
      const left = (await reindexLeftovers(client)).filter(
        ({ name, builder }) => !known.has(name) && builder === undefined,
      )
      return await dropIndexes(client, left)
    }
    case 'detach-partition': {
      if (!begun || object.finalize || (await partitionState(client, object)) !== 'detaching') return []
      const [table, partition] = [quoteName(object.table), quoteName(object.partition)]
      await client.query(`ALTER TABLE ${table} DETACH PARTITION ${partition} FINALIZE`)
      return [`detaching ${partition} from ${table} had been cut off and was finished`]
    }
    case 'drop-index':
    case 'create-database':
    case 'drop-database':
    case 'create-tablespace':
    case 'drop-tablespace':
    case 'create-subscription':
    case 'drop-subscription':
    case 'repeatable':
    case 'transactional':
    case 'opaque':
      return []
  }
}

/** Whether a statement that was begun got done after all. Not to be asked about what is `opaque`: nobody can tell. */
export async function wasDone(client: Queryable, object: AloneObject, context: LeftoverContext): Promise<boolean> {
  return context.already !== true && (await isDone(client, object, context))
}

/**
 * Of a statement that `wasDone` does not find done: indexes of which nobody can tell whether it has made one of them, because it gives no name,
 * they came to its table since, and the server may write a definition in another way.
 */
export async function perhapsDone(
  client: Queryable,
  object: AloneObject,
  context: LeftoverContext,
): Promise<readonly string[]> {
  if (object.kind !== 'create-index' || object.name !== undefined) return []
  return (await madeSince(client, object, context)).map(({ name }) => name)
}

async function isDone(client: Queryable, object: AloneObject, context: LeftoverContext): Promise<boolean> {
  switch (object.kind) {
    case 'create-index': {
      const made = await madeSince(client, object, context)
      // The name is proof. Without one only the definition is: anybody may have made another index meanwhile.
      if (object.name !== undefined) return made.length > 0
      for (const index of made) if (await isDefinedAs(index, object)) return true
      return false
    }
    case 'drop-index':
      return !(await exists(
        client,
        'SELECT FROM pg_catalog.unnest($1::pg_catalog.text[]) n WHERE pg_catalog.to_regclass(n) IS NOT NULL',
        [object.names.map(quoteName)],
      ))
    case 'detach-partition':
      return (await partitionState(client, object)) === 'detached'
    case 'create-database':
    case 'drop-database':
      return (
        (await exists(client, `SELECT FROM pg_catalog.pg_database WHERE datname ${equals} $1`, [object.name])) ===
        (object.kind === 'create-database')
      )
    case 'create-tablespace':
    case 'drop-tablespace':
      return (
        (await exists(client, `SELECT FROM pg_catalog.pg_tablespace WHERE spcname ${equals} $1`, [object.name])) ===
        (object.kind === 'create-tablespace')
      )
    case 'create-subscription':
    case 'drop-subscription':
      return (await exists(client, selectSubscription, [object.name])) === (object.kind === 'create-subscription')
    case 'opaque':
    case 'reindex':
    case 'repeatable':
    case 'transactional':
      return false
  }
}

const selectSubscription = `SELECT FROM pg_catalog.pg_subscription s
JOIN pg_catalog.pg_database d ON d.oid ${equals} s.subdbid WHERE s.subname ${equals} $1 AND d.datname ${equals} pg_catalog.current_database()`

type CreateIndex = Extract<AloneObject, { kind: 'create-index' }>

async function madeSince(client: Queryable, object: CreateIndex, context: LeftoverContext): Promise<readonly Index[]> {
  return (await indexesOf(client, object.table)).filter((index) => index.valid && isOfStatement(index, object, context))
}

async function isDefinedAs({ definition }: Index, object: CreateIndex): Promise<boolean> {
  return object.definition !== undefined && (await definitionIn(definition)) === object.definition
}

// An index without a name in the statement is one that was not there before.
function isOfStatement({ name, plain }: Index, object: CreateIndex, { indexes = [] }: LeftoverContext): boolean {
  if (object.name === undefined) return !indexes.includes(name)
  return plain === object.name
}

// Of another role's session one that is no superuser sees the pid only; the lock that a build holds on its table tells the rest.
const selectIndexes = `
SELECT pg_catalog.quote_ident(n.nspname) ${joined} '.' ${joined} pg_catalog.quote_ident(c.relname) AS name, c.relname::pg_catalog.text AS plain, i.indisvalid AS valid,
  pg_catalog.pg_get_indexdef(i.indexrelid) AS definition, p.pid AS builder
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid ${equals} i.indexrelid AND c.relkind ${equals} 'i'
JOIN pg_catalog.pg_namespace n ON n.oid ${equals} c.relnamespace
LEFT JOIN LATERAL (
  SELECT p.pid FROM pg_catalog.pg_stat_progress_create_index p
  WHERE p.datname ${equals} pg_catalog.current_database() AND (p.index_relid ${equals} i.indexrelid OR p.index_relid IS NULL AND EXISTS (
    SELECT FROM pg_catalog.pg_locks l WHERE l.pid ${equals} p.pid AND l.locktype ${equals} 'relation' AND l.database ${equals} p.datid
      AND l.relation ${equals} i.indrelid AND l.mode ${equals} 'ShareUpdateExclusiveLock' AND l.granted))
  LIMIT 1) p ON NOT i.indisvalid`

async function indexesOf(client: Queryable, table: QualifiedName): Promise<readonly Index[]> {
  const { rows } = await client.query(
    `${selectIndexes} WHERE i.indrelid ${equals} pg_catalog.to_regclass($1) ORDER BY 1`,
    [quoteName(table)],
  )
  return rows.map(indexOf)
}

/** `IF NOT EXISTS` goes by the name alone: an INVALID index of another table would pass for the one that is wanted. */
async function refuseNamesake(client: Queryable, { ifNotExists, name, table }: CreateIndex): Promise<void> {
  if (!ifNotExists || name === undefined) return
  const { rows } = await client.query(
    `${selectIndexes} JOIN pg_catalog.pg_class t ON t.oid ${equals} pg_catalog.to_regclass($1) AND t.relnamespace ${equals} c.relnamespace
WHERE NOT i.indisvalid AND c.relname ${equals} $2 AND i.indrelid OPERATOR(pg_catalog.<>) t.oid`,
    [quoteName(table), name],
  )
  const [other] = rows.map(indexOf)
  if (other === undefined) return
  throw new PoststackError(
    'MIGRATION_FAILED',
    `${other.name} is an INVALID index of another table, and IF NOT EXISTS would take it for the one that is to be made.`,
    {
      hint: `Drop it (DROP INDEX CONCURRENTLY ${other.name};) or give the new one another name, then run again.`,
      details: { index: other.name },
    },
  )
}

/** One that this migration has not begun is somebody's, unless it is what the statement would make. */
async function refuseForeign(index: Index, object: CreateIndex): Promise<void> {
  const { name, builder, definition } = index
  if (builder !== undefined || (await isDefinedAs(index, object))) return
  throw new PoststackError(
    'MIGRATION_FAILED',
    `${name} is there as an INVALID index that this migration has not begun, and it is defined in another way: ${definition}.`,
    { hint: waysOutOf(name), details: { index: name, definition } },
  )
}

/** What to do about an INVALID index that has the name. */
export function waysOutOf(name: string): string {
  return (
    `If nobody needs it, drop it, then run again: DROP INDEX CONCURRENTLY ${name};\n` +
    'Or give the new index another name in the file.'
  )
}

/** Copies that REINDEX CONCURRENTLY works with, which stay when it is cut. */
async function reindexLeftovers(client: Queryable): Promise<readonly Index[]> {
  const { rows } = await client.query(
    `${selectIndexes} WHERE NOT i.indisvalid AND c.relname OPERATOR(pg_catalog.~) '_cc(new|old)\\d*$' ORDER BY 1`,
  )
  return rows.map(indexOf)
}

function indexOf(row: Readonly<Record<string, unknown>>): Index {
  const builder = row['builder']
  return {
    name: String(row['name']),
    plain: String(row['plain']),
    valid: row['valid'] === true,
    definition: String(row['definition']),
    builder: typeof builder === 'number' ? builder : undefined,
  }
}

async function dropIndexes(client: Queryable, indexes: readonly Index[]): Promise<readonly string[]> {
  const said: string[] = []
  for (const { name, builder } of indexes) {
    if (builder !== undefined) {
      throw new PoststackError(
        'MIGRATION_FAILED',
        `index ${name} is being built by another session (pid ${builder}).`,
        {
          hint: 'Wait until it has ended, then run again.',
          details: { index: name, pid: builder },
        },
      )
    }
    // oxlint-disable-next-line no-await-in-loop -- one at a time: each waits for whoever uses the table
    await client.query(`DROP INDEX CONCURRENTLY IF EXISTS ${name}`)
    said.push(`dropped ${name}, an INVALID index that an unfinished build had left`)
  }
  return said
}

type DetachPartition = Extract<AloneObject, { kind: 'detach-partition' }>

async function partitionState(
  client: Queryable,
  { table, partition }: DetachPartition,
): Promise<'attached' | 'detaching' | 'detached'> {
  // As JSON, because PostgreSQL 13 has no such column; that it has no such statement either is for the server to say.
  const select = `SELECT pg_catalog.jsonb_extract_path_text(pg_catalog.to_jsonb(i), 'inhdetachpending') AS pending FROM pg_catalog.pg_inherits i
WHERE inhrelid ${equals} pg_catalog.to_regclass($1) AND inhparent ${equals} pg_catalog.to_regclass($2)`
  const { rows } = await client.query(select, [quoteName(partition), quoteName(table)])
  if (rows[0] === undefined) return 'detached'
  return rows[0]['pending'] === 'true' ? 'detaching' : 'attached'
}

async function exists(client: Queryable, select: string, values: readonly unknown[]): Promise<boolean> {
  return (await client.query(select, values)).rows.length > 0
}
