/**
 * The answers of the commands about schema, lock and connection, as text for people. Pure; no colour.
 */
import type { LockHolder } from '../../migrations/lock/lock.ts'
import { formatAge } from '../../migrations/lock/sessions.ts'
import type { StackTable } from '../../migrations/run/schema.ts'
import type { TableFacts } from '../../migrations/tables.ts'
import { counted, placeText } from './database-words.ts'
import type {
  ConnectionDocument,
  SchemaCreatedDocument,
  SchemaDocument,
  SchemaDroppedDocument,
  UnlockDocument,
} from './documents.ts'
import { table } from './words.ts'

/** A table with its number of rows, one a line. */
export function stackTableLines(tables: readonly StackTable[]): readonly string[] {
  const rows = tables.map((one) => [
    `poststack.${one.table}`,
    counted(one.rows, 'row'),
    one.ours ? '' : 'made by somebody else',
  ])
  // Without the indentation: who shows them indents them.
  return table(rows).map((line) => line.slice(2))
}

export function schemaCreatedText({ created, database, tables }: SchemaCreatedDocument): string {
  const head = `${created ? 'schema poststack made' : 'schema poststack is there already'} in ${placeText(database)}`
  return [head, '', ...stackTableLines(tables).map((line) => `  ${line}`), ''].join('\n')
}

export function schemaDroppedText({ database, dropped }: SchemaDroppedDocument): string {
  return dropped
    ? `schema poststack dropped in ${placeText(database)}; the project's own tables are as they were\n`
    : `nothing to drop: there is no schema poststack in ${placeText(database)}\n`
}

/** Each table with a line for each column. */
export function schemaText({ database, tables }: SchemaDocument): string {
  if (tables.length === 0) return `no tables in ${placeText(database)}\n`
  const schemas = new Set(tables.map(({ schema }) => schema)).size
  const head = `${placeText(database)}: ${counted(tables.length, 'table')} in ${counted(schemas, 'schema')}`
  return [head, ...tables.flatMap(tableLines), ''].join('\n')
}

function tableLines({ columns, kind, name, rows, schema }: TableFacts): readonly string[] {
  const size = rows === undefined ? '' : `, about ${counted(rows, 'row')}`
  const list = columns.map((column) => [
    `  ${column.name}`,
    column.type,
    column.nullable ? '' : 'not null',
    column.fallback === undefined ? '' : column.fallback === 'identity' ? 'identity' : `default ${column.fallback}`,
  ])
  return ['', `  ${schema}.${name}  (${kind}${size})`, ...table(list)]
}

export function connectionText({ database, server }: ConnectionDocument): string {
  const { latencyMs, pooled, readOnly, standby, tls, user, version } = server
  const rows = [
    ['server', `PostgreSQL ${version}`],
    ['role', user],
    ['encryption', tls === undefined ? 'none' : `${tls.version}, ${tls.cipher}`],
    ['latency', `${String(latencyMs)} ms for a question and its answer`],
    [
      'pooler',
      pooled
        ? 'yes: migrations with statements outside of a transaction need another way in'
        : 'none between here and the server',
    ],
    ...(readOnly ? [['writes', standby ? 'no: the server is a standby' : 'no: transactions are read-only']] : []),
  ]
  return [`connected to ${placeText(database)}`, '', ...table(rows), ''].join('\n')
}

export function unlockText({ database, ended, holder }: UnlockDocument): string {
  if (holder === undefined) return `nobody holds the migration lock of ${placeText(database)}\n`
  return ended
    ? `session ended: the migration lock of ${placeText(database)} is free\n`
    : `the session with pid ${String(holder.pid)} had ended by itself: nothing was done in ${placeText(database)}\n`
}

/** Who holds the migration lock, a fact a line. */
export function holderLines({ ageMs, application, client, pid, statement, user }: LockHolder): readonly string[] {
  // Whoever holds the lock is in a transaction. Where not even its age is shown, the rest is not known rather than not there.
  const hidden = ageMs === undefined ? 'not shown to the role that is connected' : undefined
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['process', String(pid)],
    ['user', user ?? hidden],
    ['host', client ?? hidden ?? 'local'],
    ['program', application],
    ['since', ageMs === undefined ? hidden : `${formatAge(ageMs)} ago`],
    ['runs', statement ?? hidden ?? 'nothing at this moment'],
  ]
  return facts.flatMap(([name, value]) => (value === undefined ? [] : [`${name.padEnd(7)}  ${value}`]))
}
