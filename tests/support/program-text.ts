/**
 * A compiled file as a few short lines, for snapshots.
 */
import { compileSql } from '../../src/migrations/sql/compile.ts'
import { placeAt } from '../../src/migrations/sql/frame.ts'
import type { AloneObject, Part, Program, QualifiedName, Script, SqlNotice } from '../../src/migrations/sql/program.ts'

/** What becomes of a text: its parts, or its problems with line and column. */
export async function programText(sql: string): Promise<string> {
  const told = ({ index, message }: SqlNotice): string => {
    const { line, column } = placeAt(sql, index)
    return `${line}:${column} ${message}`
  }
  const compiled = await compileSql(sql)
  if ('program' in compiled) return formatProgram(compiled.program, compiled.program.notices.map(told))
  return compiled.problems.map((problem) => `!${told(problem)}`).join('\n')
}

function formatProgram({ parts, directives, parsed }: Program, notices: readonly string[]): string {
  const set = Object.entries(directives).filter(([, value]) => value !== undefined && value !== false)
  const lines = [
    ...(parsed ? [] : ['unparsed']),
    ...set.map(([name, value]) => `${name}: ${String(value)}`),
    ...notices.map((notice) => `notice: ${notice}`),
    ...parts.map(formatPart),
  ]
  return lines.length === 0 ? 'nothing' : lines.join('\n')
}

function formatPart(part: Part): string {
  const numbers = part.count === 1 ? `${part.first}` : `${part.first}-${part.first + part.count - 1}`
  if (part.kind === 'group') return `group ${numbers}: ${part.scripts.map(formatScript).join(' | ')}`
  return `alone ${numbers}: ${part.what} (${formatObject(part.object)}) ${formatScript(part.script)}`
}

function formatScript({ text, offset, copies }: Script): string {
  return [`@${offset} ${quoted(text)}`, ...copies.map((data) => `<- ${quoted(data)}`)].join(' ')
}

// With what looks like a blank, but is none, spelt out.
function quoted(text: string): string {
  return JSON.stringify(text).replace(/[\u0080-\u00A0\u2000-\u206F\u3000\uFEFF]/g, spelt)
}

function spelt(blank: string): string {
  return `\\u${blank.charCodeAt(0).toString(16).padStart(4, '0')}`
}

function formatObject(object: AloneObject): string {
  switch (object.kind) {
    case 'create-index': {
      const { schema, name, table, ifNotExists } = object
      return `${object.kind} ${qualified({ schema, name: name ?? '?' })} on ${qualified(table)}${ifNotExists ? ' if not exists' : ''}`
    }
    case 'drop-index':
      return `${object.kind} ${object.names.map(qualified).join(', ')}${object.ifExists ? ' if exists' : ''}`
    case 'reindex':
      return `${object.kind} ${object.index === undefined ? 'many' : qualified(object.index)}`
    case 'detach-partition':
      return `${object.kind} ${qualified(object.partition)} of ${qualified(object.table)}${object.finalize ? ' finalize' : ''}`
    case 'create-database':
    case 'drop-database':
    case 'create-tablespace':
    case 'drop-tablespace':
    case 'create-subscription':
    case 'drop-subscription':
      return `${object.kind} ${object.name}`
    case 'repeatable':
    case 'transactional':
    case 'opaque':
      return object.kind
  }
}

function qualified({ schema, name }: QualifiedName): string {
  return schema === undefined ? name : `${schema}.${name}`
}
