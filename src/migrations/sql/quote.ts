/**
 * Values and names as they stand in SQL.
 */
import type { QualifiedName } from './program.ts'

/** A value as SQL text, for statements that are sent together with others. Escape strings mean the same whatever `standard_conforming_strings` says. */
export function literal(value: string | undefined): string {
  return value === undefined ? 'NULL' : `E'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
}

/** A name that may hold anything. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** Always in quotes, as `to_regclass` and statements take that. */
export function quoteName({ schema, name }: QualifiedName): string {
  return schema === undefined ? identifier(name) : `${identifier(schema)}.${identifier(name)}`
}
