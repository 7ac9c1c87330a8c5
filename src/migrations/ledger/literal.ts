/** A value as SQL text, for statements that are sent together with others. Escape strings mean the same whatever `standard_conforming_strings` says. */
export function literal(value: string | undefined): string {
  return value === undefined ? 'NULL' : `E'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
}
