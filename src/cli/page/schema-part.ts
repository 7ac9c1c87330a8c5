/**
 * The schema of one database: relations as a drawing, and each table with its columns and what it refers to.
 */
import type { ForeignKey } from '../../migrations/keys.ts'
import type { TableFacts } from '../../migrations/tables.ts'
import type { ReportDatabase, ReportSchema } from './document.ts'
import { picture } from './drawing.ts'
import { anchor, html, type Html } from './html.ts'
import { amount, fold, grouped, missing } from './pieces.ts'

/** With more than this, a drawing of relations is a ball of wool; the tables say what they refer to. */
const mostDrawn = { tables: 60, keys: 110 }
/** With more than this, tables stand closed. */
const mostOpen = 12

export function schemaPart({ schema: part, service }: ReportDatabase): Html {
  if ('missing' in part) return missing(part.missing)
  const { foreignKeys, tables } = part.value
  if (tables.length === 0) return html`<p class="muted">There are no tables, but for Poststack's own.</p>`
  const context = contextOf(service, part.value)
  const related = tables.filter((table) => context.hasKeys(table))
  const drawable = related.length <= mostDrawn.tables && foreignKeys.length <= mostDrawn.keys
  const several = new Set(tables.map(({ schema }) => schema)).size > 1
  return html`<p class="counts">${countsOf(tables)}, ${amount(foreignKeys.length, 'foreign key')}</p>
    ${foreignKeys.length > 0 && (drawable ? relations(related, context, several) : html`<p class="muted">With so many relations a drawing would be no help: each table below leads to what it refers to.</p>`)}
    ${tables.length <= mostOpen ? html`<div class="tables">${tables.map((table) => tableOf(table, context, true))}</div>` : html`<div class="tables is-many">${tables.map((table) => tableOf(table, context, false))}</div>`}`
}

function countsOf(tables: readonly TableFacts[]): string {
  const views = tables.filter(({ kind }) => kind.endsWith('view')).length
  const words = [amount(tables.length - views, 'table'), views > 0 && amount(views, 'view')]
  return words.filter((word) => word !== false).join(', ')
}

interface Context {
  readonly anchorOf: (schema: string, table: string) => string
  readonly hasKeys: (table: TableFacts) => boolean
  readonly keysOf: (table: TableFacts) => readonly ForeignKey[]
  readonly keysTo: (table: TableFacts) => readonly ForeignKey[]
  readonly isPrimary: (table: TableFacts, column: string) => boolean
  readonly knows: (schema: string, table: string) => boolean
  readonly foreignKeys: readonly ForeignKey[]
  readonly service: string
}

function nameOf(schema: string, table: string): string {
  return JSON.stringify([schema, table])
}

function keysBy(
  keys: readonly ForeignKey[],
  nameIn: (key: ForeignKey) => string,
): ReadonlyMap<string, readonly ForeignKey[]> {
  const groups = new Map<string, ForeignKey[]>()
  for (const key of keys) groups.set(nameIn(key), [...(groups.get(nameIn(key)) ?? []), key])
  return groups
}

function contextOf(service: string, { foreignKeys, primaryKeys, tables }: ReportSchema): Context {
  const from = keysBy(foreignKeys, ({ schema, table }) => nameOf(schema, table))
  const to = keysBy(foreignKeys, ({ toSchema, toTable }) => nameOf(toSchema, toTable))
  const primary = new Map(primaryKeys.map(({ columns, schema, table }) => [nameOf(schema, table), new Set(columns)]))
  const known = new Set(tables.map(({ name, schema }) => nameOf(schema, name)))
  const keysOf = ({ name, schema }: TableFacts): readonly ForeignKey[] => from.get(nameOf(schema, name)) ?? []
  const keysTo = ({ name, schema }: TableFacts): readonly ForeignKey[] => to.get(nameOf(schema, name)) ?? []
  return {
    anchorOf: (schema, table) => anchor('table', service, schema, table),
    keysOf,
    keysTo,
    hasKeys: (table) => keysOf(table).length + keysTo(table).length > 0,
    isPrimary: ({ name, schema }, column) => primary.get(nameOf(schema, name))?.has(column) === true,
    knows: (schema, table) => known.has(nameOf(schema, table)),
    foreignKeys,
    service,
  }
}

function relations(tables: readonly TableFacts[], context: Context, several: boolean): Html {
  const index = new Map(tables.map(({ name, schema }, at) => [context.anchorOf(schema, name), at]))
  const arrows = context.foreignKeys.flatMap(({ schema, table, toSchema, toTable }) => {
    const from = index.get(context.anchorOf(schema, table))
    const to = index.get(context.anchorOf(toSchema, toTable))
    return from === undefined || to === undefined ? [] : [{ from, to }]
  })
  return html`${picture({
      id: `relations ${context.service}`,
      title: `Relations of ${context.service}`,
      description:
        'Each box is a table. An arrow leads from a table to the one it refers to. The tables below say the same in words.',
      boxes: tables.map(({ columns, name, schema }) => ({
        title: `${schema}.${name}, ${amount(columns.length, 'column')}`,
        target: context.anchorOf(schema, name),
        name: several ? `${schema}.${name}` : name,
        lines: [amount(columns.length, 'column')],
      })),
      arrows,
      size: { width: 184, height: 48 },
      headsLeft: true,
    })}
    <p class="legend">An arrow leads from a table to the one it refers to.</p>`
}

function tableOf(table: TableFacts, context: Context, open: boolean): Html {
  const { columns, kind, name, rows, schema } = table
  const facts = [...(kind === 'table' ? [] : [kind]), ...(rows === undefined ? [] : [`about ${grouped(rows)} rows`])]
  const head = html`<span class="name"
      >${schema !== 'public' && html`<span class="muted">${schema}.</span>`}${name}</span
    >
    <span class="muted">${amount(columns.length, 'column')}</span>`
  const body = html`<div class="inside" id="${context.anchorOf(schema, name)}" tabindex="-1">
    ${facts.length > 0 && html`<p class="muted facts">${facts.join(', ')}</p>`}
    <table>
      <caption class="unseen">
        Columns of ${schema}.${name}
      </caption>
      <thead class="unseen">
        <tr>
          <th scope="col">Column</th>
          <th scope="col">Type</th>
        </tr>
      </thead>
      <tbody>
        ${columns.map((column) => columnOf(table, column, context))}
      </tbody>
    </table>
    ${keyList('Refers to', context.keysOf(table), context, 'to')}${keyList('Referred to by', context.keysTo(table), context, 'from')}
  </div>`
  return open
    ? html`<article class="table is-open">
        <h4>${head}</h4>
        ${body}
      </article> `
    : html`<article class="table">${fold({ summary: html`<h4>${head}</h4>`, body })}</article> `
}

function columnOf(table: TableFacts, column: TableFacts['columns'][number], context: Context): Html {
  const keys = context.keysOf(table).filter(({ columns }) => columns.includes(column.name))
  return html`<tr>
    <th scope="row">
      ${column.name}${context.isPrimary(table, column.name) && html` <abbr class="key" title="part of the primary key">PK</abbr>`}${keys.length > 0 && html` <abbr class="key" title="part of a foreign key">FK</abbr>`}
    </th>
    <td>
      <code>${column.type}</code
      >${column.nullable && html` <span class="muted">or null</span>`}${column.fallback !== undefined && html`<span class="default muted">default <code>${column.fallback}</code></span>`}
    </td>
  </tr>`
}

function keyList(title: string, keys: readonly ForeignKey[], context: Context, end: 'from' | 'to'): Html | false {
  return (
    keys.length > 0 &&
    html`<p class="keys"><strong>${title}</strong></p>
      <ul class="plain">
        ${keys.map((key) => {
          const [schema, table] = end === 'to' ? [key.toSchema, key.toTable] : [key.schema, key.table]
          const shown = schema === 'public' ? table : `${schema}.${table}`
          const link = context.knows(schema, table)
            ? html`<a href="#${context.anchorOf(schema, table)}">${shown}</a>`
            : html`${shown}`
          const columns = `${key.columns.join(', ')} → ${key.toColumns.join(', ')}`
          return html`<li>
            ${link}
            <span class="muted"
              ><code>${columns}</code
              >${key.onDelete !== 'NO ACTION' && ` on delete ${key.onDelete.toLowerCase()}`}</span
            >
          </li>`
        })}
      </ul>`
  )
}
