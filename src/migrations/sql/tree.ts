/**
 * Looking into the trees of PostgreSQL's parser.
 */
import type { SyntaxTree } from './parser.ts'
import type { QualifiedName } from './program.ts'

/** The record under the one key of a tree. */
export type Tree<K extends string> = Extract<SyntaxTree, Record<K, unknown>> extends Record<K, infer T> ? T : never

export function nameOfRelation(relation: Tree<'RangeVar'> | undefined): QualifiedName {
  return { schema: relation?.schemaname, name: relation?.relname ?? '' }
}

/** `a.b` is a list of two; the catalog's name before it, if any, must be the database's own. */
export function nameOfParts(names: readonly SyntaxTree[] | undefined): QualifiedName {
  const parts = (names ?? []).flatMap((item) => ('String' in item ? [item.String.sval ?? ''] : []))
  return { schema: parts.at(-2), name: parts.at(-1) ?? '' }
}
