/**
 * What an index is, without its name and its table, and without how it is made: to tell whether the one that is there is the one that is wanted.
 */
import { parseEach, type SyntaxTree } from './parser.ts'
import type { NamedIndex } from './program.ts'
import { scanSql } from './statements.ts'
import { treeText } from './structure.ts'

type IndexStatement = Extract<SyntaxTree, Record<'IndexStmt', unknown>>['IndexStmt']

/** Equal for two statements that make equal indexes; some that are written in another way differ nevertheless. */
export function definitionOf(statement: IndexStatement): string | undefined {
  const index = { ...statement }
  for (const key of ['concurrent', 'idxname', 'if_not_exists', 'relation', 'tableSpace'] as const) delete index[key]
  return treeText({ IndexStmt: index })
}

/** The same of the statement that the catalog gives for an index. */
export async function definitionIn(sql: string): Promise<string | undefined> {
  const [definition] =
    (await parseEach(sql, scanSql(sql).statements, (_statement, tree) =>
      tree !== undefined && 'IndexStmt' in tree ? definitionOf(tree.IndexStmt) : undefined,
    )) ?? []
  return definition
}

/** The index that a CREATE INDEX IF NOT EXISTS inside a transaction names: one that is there already would be left as it is. */
export function namedIndexOf(tree: SyntaxTree | undefined): NamedIndex | undefined {
  if (tree === undefined || !('IndexStmt' in tree)) return undefined
  const { concurrent, if_not_exists: ifNotExists, idxname: name, relation } = tree.IndexStmt
  if (concurrent === true || ifNotExists !== true || name === undefined) return undefined
  return { name, table: { schema: relation?.schemaname, name: relation?.relname ?? '' } }
}
