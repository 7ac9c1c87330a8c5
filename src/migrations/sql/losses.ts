/**
 * What a statement does to what holds rows, as far as its tree names it, and which of it takes rows away that were there before: what a
 * file makes itself, or one before it in the same run, is no loss when it goes again.
 */
import { describeObject } from './effects.ts'
import type { SyntaxTree } from './parser.ts'
import type { ProgramStatement, QualifiedName, StoreChange } from './program.ts'
import { nameOfParts, nameOfRelation, type Tree } from './tree.ts'

/** One thing that a text takes away, with its place as a string index. */
export interface Loss {
  readonly index: number
  /** In words that go on after a file's name: `drops table public.users`. */
  readonly what: string
}

/** What a statement does to tables, columns and schemas. Nothing is known without a tree, nor of what a function or a DO block does. */
export function storeChanges(tree: SyntaxTree | undefined): readonly StoreChange[] {
  if (tree === undefined) return []
  return made(tree) ?? altered(tree) ?? renamed(tree) ?? taken(tree) ?? []
}

/** What is lost when these run, the first `done` being done already. `before` holds what earlier texts made, and gets what these make. */
export function lossesOf(statements: readonly ProgramStatement[], done: number, before: Set<string>): readonly Loss[] {
  // A name of a temporary table may be that of a real one again in the next file.
  const temporary = new Set<string>()
  return statements.flatMap(({ start, changes = [] }, number) =>
    changes.flatMap((change) => {
      if (change.kind === 'make') (change.temporary ? temporary : before).add(change.key)
      else if (change.kind === 'rename') rename(change, before)
      else if (number >= done && !change.keys.some((key) => before.has(key) || temporary.has(key)))
        return [{ index: start, what: change.what }]
      return []
    }),
  )
}

function rename({ key, to }: Extract<StoreChange, { readonly kind: 'rename' }>, known: Set<string>): void {
  if (known.delete(key)) known.add(to)
  else known.delete(to)
}

function made(tree: SyntaxTree): readonly StoreChange[] | undefined {
  if ('CreateStmt' in tree) return newTable(tree.CreateStmt.relation, tree.CreateStmt.if_not_exists)
  if ('CreateTableAsStmt' in tree) {
    const { if_not_exists: perhaps, into, objtype } = tree.CreateTableAsStmt
    return objtype === 'OBJECT_TABLE' ? newTable(into?.rel, perhaps) : []
  }
  if ('SelectStmt' in tree) return newTable(tree.SelectStmt.intoClause?.rel, false)
  if (!('CreateSchemaStmt' in tree)) return undefined
  const { authrole, if_not_exists: perhaps, schemaname } = tree.CreateSchemaStmt
  const name = schemaname ?? authrole?.rolename
  return name === undefined || perhaps === true ? [] : [make(schemaKey(name))]
}

// With IF NOT EXISTS it may be an old one.
function newTable(table: Tree<'RangeVar'> | undefined, perhaps: boolean | undefined): readonly StoreChange[] {
  if (table === undefined || perhaps === true) return []
  return [make(tableKey(nameOfRelation(table)), table.relpersistence === 't')]
}

function altered(tree: SyntaxTree): readonly StoreChange[] | undefined {
  if (!('AlterTableStmt' in tree)) return undefined
  const { cmds = [], objtype, relation } = tree.AlterTableStmt
  if (objtype !== 'OBJECT_TABLE') return []
  const table = nameOfRelation(relation)
  return cmds.flatMap((cmd): readonly StoreChange[] => {
    if (!('AlterTableCmd' in cmd)) return []
    const { def, missing_ok: perhaps, name, subtype } = cmd.AlterTableCmd
    if (subtype === 'AT_DropColumn' && name !== undefined) {
      const column = describeObject({ kind: 'column', schema: undefined, name, of: table })
      return [{ kind: 'take', keys: [columnKey(table, name), ...keysOf(table)], what: `drops ${column}` }]
    }
    const added = def !== undefined && 'ColumnDef' in def ? def.ColumnDef.colname : undefined
    return subtype === 'AT_AddColumn' && perhaps !== true && added !== undefined ? [make(columnKey(table, added))] : []
  })
}

function renamed(tree: SyntaxTree): readonly StoreChange[] | undefined {
  if ('AlterObjectSchemaStmt' in tree) {
    const { newschema, objectType, relation } = tree.AlterObjectSchemaStmt
    const table = nameOfRelation(relation)
    const to = tableKey({ schema: newschema, name: table.name })
    return objectType === 'OBJECT_TABLE' ? [{ kind: 'rename', key: tableKey(table), to }] : []
  }
  if (!('RenameStmt' in tree)) return undefined
  const { newname = '', relation, renameType, subname = '' } = tree.RenameStmt
  const table = nameOfRelation(relation)
  if (renameType === 'OBJECT_COLUMN')
    return [{ kind: 'rename', key: columnKey(table, subname), to: columnKey(table, newname) }]
  if (renameType === 'OBJECT_SCHEMA') return [{ kind: 'rename', key: schemaKey(subname), to: schemaKey(newname) }]
  return renameType === 'OBJECT_TABLE'
    ? [{ kind: 'rename', key: tableKey(table), to: tableKey({ schema: table.schema, name: newname }) }]
    : []
}

function taken(tree: SyntaxTree): readonly StoreChange[] | undefined {
  if ('DropStmt' in tree) return dropped(tree.DropStmt)
  if ('TruncateStmt' in tree)
    return (tree.TruncateStmt.relations ?? []).flatMap((relation) =>
      'RangeVar' in relation ? [takeRows('empties', nameOfRelation(relation.RangeVar))] : [],
    )
  if ('DeleteStmt' in tree) {
    const { relation, whereClause } = tree.DeleteStmt
    return whereClause === undefined ? [takeRows('deletes all rows of', nameOfRelation(relation))] : []
  }
  if (!('DropOwnedStmt' in tree)) return undefined
  const roles = (tree.DropOwnedStmt.roles ?? []).map((role) =>
    'RoleSpec' in role ? (role.RoleSpec.rolename ?? 'the current role') : '',
  )
  return [{ kind: 'take', keys: [], what: `drops all that ${roles.join(', ')} owns` }]
}

function dropped({ behavior, objects = [], removeType }: Tree<'DropStmt'>): readonly StoreChange[] {
  if (removeType === 'OBJECT_TABLE')
    return objects.map((object) => takeRows('drops', nameOfParts('List' in object ? object.List.items : [])))
  // Without CASCADE only an empty one goes.
  if (removeType !== 'OBJECT_SCHEMA' || behavior !== 'DROP_CASCADE') return []
  return objects.map((object) => {
    const name = 'String' in object ? (object.String.sval ?? '') : ''
    const schema = describeObject({ kind: 'schema', schema: undefined, name })
    return { kind: 'take', keys: [schemaKey(name)], what: `drops ${schema} with all in it` }
  })
}

function takeRows(verb: string, table: QualifiedName): StoreChange {
  return { kind: 'take', keys: keysOf(table), what: `${verb} ${describeObject({ kind: 'table', ...table })}` }
}

function make(key: string, temporary = false): StoreChange {
  return { kind: 'make', key, temporary }
}

/** What makes a table new: itself, or its schema. */
function keysOf(table: QualifiedName): readonly string[] {
  return [tableKey(table), schemaKey(schemaOf(table))]
}

function tableKey(table: QualifiedName): string {
  return JSON.stringify(['table', schemaOf(table), table.name])
}

function columnKey(table: QualifiedName, column: string): string {
  return JSON.stringify(['column', schemaOf(table), table.name, column])
}

function schemaKey(name: string): string {
  return JSON.stringify(['schema', name])
}

// Where a name without a schema leads, only the server knows; nearly always it is this one.
function schemaOf({ schema = 'public' }: QualifiedName): string {
  return schema
}
