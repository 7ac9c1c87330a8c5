/**
 * What a statement makes and takes away, as far as its tree names it: what one looks for in the catalog to see whether it was done. A
 * statement is done as a whole or not at all, so the things that are named here are enough, even where it does more.
 */
import type { SyntaxTree } from './parser.ts'
import type { QualifiedName } from './program.ts'
import { identifier, quoteName } from './quote.ts'
import { nameOfParts, nameOfRelation, type Tree } from './tree.ts'

/** A thing of the catalog by its name. */
export interface CatalogObject {
  readonly kind: ObjectKind
  readonly schema: string | undefined
  readonly name: string
  /** Table that it belongs to; for an enum's value the type. */
  readonly of?: QualifiedName
  /** Types of a function's arguments, each as SQL; absent where the statement names none. */
  readonly arguments?: readonly string[]
}

export type ObjectKind =
  | 'table'
  | 'foreign table'
  | 'view'
  | 'materialized view'
  | 'sequence'
  | 'index'
  | 'column'
  | 'constraint'
  | 'validation'
  | 'trigger'
  | 'policy'
  | 'rule'
  | 'schema'
  | 'extension'
  | 'type'
  | 'enum value'
  | 'function'

export interface Effect {
  readonly change: 'make' | 'take'
  readonly object: CatalogObject
  /** It may have been there before, in another form: CREATE OR REPLACE. */
  readonly replaces: boolean
}

/** What a statement makes and takes away. Empty for what leaves no name behind, such as INSERT. */
export function effectsOf(tree: SyntaxTree): readonly Effect[] {
  return createdRelation(tree) ?? createdPart(tree) ?? createdOther(tree) ?? altered(tree) ?? dropped(tree) ?? []
}

/** The search_path that a statement sets for those after it, as text; null for the server's own; nothing if it sets none. */
export function searchPathOf(tree: SyntaxTree): string | null | undefined {
  if (!('VariableSetStmt' in tree)) return undefined
  const { name, kind, args = [] } = tree.VariableSetStmt
  if (name !== 'search_path') return kind === 'VAR_RESET_ALL' ? null : undefined
  if (kind !== 'VAR_SET_VALUE') return null
  return args
    .flatMap((arg) => ('A_Const' in arg && arg.A_Const.sval !== undefined ? [arg.A_Const.sval.sval ?? ''] : []))
    .map(identifier)
    .join(', ')
}

/** For people: `column email of public.users`. */
export function describeObject({ kind, schema, name, of, arguments: types }: CatalogObject): string {
  const owner = of === undefined ? '' : plainName(of)
  if (kind === 'enum value') return `value '${name}' of type ${owner}`
  if (kind === 'validation') return `validation of constraint ${name} of ${owner}`
  const full = `${kind} ${plainName({ schema, name })}`
  if (kind === 'function' && types !== undefined) return `${full}(${types.join(', ').replaceAll('"', '')})`
  return kind === 'index' || of === undefined ? full : `${full} of ${owner}`
}

/** One text for one thing, however a statement names it. */
export function keyOfObject({ kind, schema, name, of, arguments: types }: CatalogObject): string {
  // An index lives in its table's schema and has its name for itself; of a function any set of arguments may be meant.
  const owner = kind === 'index' || kind === 'function' ? undefined : of
  return JSON.stringify([kind, schema, name, owner, kind === 'function' ? undefined : types])
}

function plainName({ schema, name }: QualifiedName): string {
  return schema === undefined ? name : `${schema}.${name}`
}

type RangeVar = Tree<'RangeVar'>

function createdRelation(tree: SyntaxTree): readonly Effect[] | undefined {
  if ('CreateStmt' in tree) return relation('table', tree.CreateStmt.relation)
  if ('CreateForeignTableStmt' in tree) return relation('foreign table', tree.CreateForeignTableStmt.base?.relation)
  if ('CreateTableAsStmt' in tree) {
    const { objtype, into } = tree.CreateTableAsStmt
    return relation(objtype === 'OBJECT_MATVIEW' ? 'materialized view' : 'table', into?.rel)
  }
  if ('SelectStmt' in tree) return relation('table', tree.SelectStmt.intoClause?.rel)
  if ('ViewStmt' in tree) return relation('view', tree.ViewStmt.view, tree.ViewStmt.replace)
  if ('CreateSeqStmt' in tree) return relation('sequence', tree.CreateSeqStmt.sequence)
  return undefined
}

// A temporary table is gone with the session, so that it is not there says nothing.
function relation(kind: ObjectKind, name: RangeVar | undefined, replaces = false): readonly Effect[] {
  if (name === undefined || name.relpersistence === 't') return []
  return [{ change: 'make', object: { kind, ...nameOfRelation(name) }, replaces }]
}

function createdPart(tree: SyntaxTree): readonly Effect[] | undefined {
  if ('IndexStmt' in tree) {
    const { idxname, relation: table } = tree.IndexStmt
    const of = nameOfRelation(table)
    return idxname === undefined ? [] : [make({ kind: 'index', schema: of.schema, name: idxname, of })]
  }
  if ('CreateTrigStmt' in tree) {
    const { trigname = '', relation: table, replace } = tree.CreateTrigStmt
    return [make(part('trigger', trigname, nameOfRelation(table)), replace)]
  }
  if ('CreatePolicyStmt' in tree) {
    const { policy_name = '', table } = tree.CreatePolicyStmt
    return [make(part('policy', policy_name, nameOfRelation(table)))]
  }
  if ('RuleStmt' in tree) {
    const { rulename = '', relation: table, replace } = tree.RuleStmt
    return [make(part('rule', rulename, nameOfRelation(table)), replace)]
  }
  return undefined
}

function createdOther(tree: SyntaxTree): readonly Effect[] | undefined {
  if ('CreateSchemaStmt' in tree) {
    const { schemaname, authrole } = tree.CreateSchemaStmt
    const name = schemaname ?? authrole?.rolename
    return name === undefined ? [] : [make(plain('schema', name))]
  }
  if ('CreateExtensionStmt' in tree) return [make(plain('extension', tree.CreateExtensionStmt.extname ?? ''))]
  if ('CreateFunctionStmt' in tree) return createdFunction(tree.CreateFunctionStmt)
  if ('CreateEnumStmt' in tree) return typeMade(tree.CreateEnumStmt.typeName)
  if ('CreateDomainStmt' in tree) return typeMade(tree.CreateDomainStmt.domainname)
  if ('CreateRangeStmt' in tree) return typeMade(tree.CreateRangeStmt.typeName)
  if ('CompositeTypeStmt' in tree) return [make({ kind: 'type', ...nameOfRelation(tree.CompositeTypeStmt.typevar) })]
  return undefined
}

function typeMade(names: readonly SyntaxTree[] | undefined): readonly Effect[] {
  return [make({ kind: 'type', ...nameOfParts(names) })]
}

function createdFunction({ funcname, parameters = [], replace }: Tree<'CreateFunctionStmt'>): readonly Effect[] {
  const types = parameters.flatMap((parameter) => {
    if (!('FunctionParameter' in parameter)) return []
    const { mode, argType } = parameter.FunctionParameter
    return mode === 'FUNC_PARAM_OUT' || mode === 'FUNC_PARAM_TABLE' ? [] : [typeText(argType)]
  })
  return [make(functionObject(funcname, types), replace)]
}

// A type that is copied from a column has no name of its own; then the function is looked for by its name alone.
function functionObject(
  names: readonly SyntaxTree[] | undefined,
  types: readonly (string | undefined)[],
): CatalogObject {
  const known = types.filter((type) => type !== undefined)
  const object = { kind: 'function', ...nameOfParts(names) } as const
  return known.length === types.length ? { ...object, arguments: known } : object
}

function typeText(type: Tree<'TypeName'> | undefined): string | undefined {
  if (type?.names === undefined || type.pct_type === true) return undefined
  const { schema, name } = nameOfParts(type.names)
  const text = quoteName({ schema, name })
  return type.arrayBounds === undefined ? text : `${text}[]`
}

function altered(tree: SyntaxTree): readonly Effect[] | undefined {
  if ('AlterTableStmt' in tree) {
    const { relation: table, cmds = [] } = tree.AlterTableStmt
    return cmds.flatMap((cmd) => ('AlterTableCmd' in cmd ? alteredPart(cmd.AlterTableCmd, nameOfRelation(table)) : []))
  }
  if ('AlterEnumStmt' in tree) {
    const { typeName, newVal, oldVal } = tree.AlterEnumStmt
    const of = nameOfParts(typeName)
    return [
      ...(oldVal === undefined ? [] : [take(part('enum value', oldVal, of))]),
      ...(newVal === undefined ? [] : [make(part('enum value', newVal, of))]),
    ]
  }
  return 'RenameStmt' in tree ? renamed(tree.RenameStmt) : undefined
}

function alteredPart({ subtype, name, def }: Tree<'AlterTableCmd'>, of: QualifiedName): readonly Effect[] {
  const column = def !== undefined && 'ColumnDef' in def ? def.ColumnDef.colname : undefined
  const constraint = def !== undefined && 'Constraint' in def ? def.Constraint.conname : undefined
  if (subtype === 'AT_AddColumn' && column !== undefined) return [make(part('column', column, of))]
  if (subtype === 'AT_AddConstraint' && constraint !== undefined) return [make(part('constraint', constraint, of))]
  if (name === undefined) return []
  if (subtype === 'AT_DropColumn') return [take(part('column', name, of))]
  if (subtype === 'AT_DropConstraint') return [take(part('constraint', name, of))]
  return subtype === 'AT_ValidateConstraint' ? [make(part('validation', name, of))] : []
}

function renamed({ renameType, relation: table, subname, newname = '' }: Tree<'RenameStmt'>): readonly Effect[] {
  const of = nameOfRelation(table)
  const kind = kinds[renameType ?? '']
  if (renameType === 'OBJECT_COLUMN' || renameType === 'OBJECT_TABCONSTRAINT') {
    const what = renameType === 'OBJECT_COLUMN' ? 'column' : 'constraint'
    return subname === undefined ? [] : [take(part(what, subname, of)), make(part(what, newname, of))]
  }
  if (table === undefined || kind === undefined || subname !== undefined) return []
  return [take({ kind, ...of }), make({ kind, schema: of.schema, name: newname })]
}

const kinds: Readonly<Record<string, ObjectKind | undefined>> = {
  OBJECT_TABLE: 'table',
  OBJECT_FOREIGN_TABLE: 'foreign table',
  OBJECT_VIEW: 'view',
  OBJECT_MATVIEW: 'materialized view',
  OBJECT_SEQUENCE: 'sequence',
  OBJECT_INDEX: 'index',
  OBJECT_TRIGGER: 'trigger',
  OBJECT_POLICY: 'policy',
  OBJECT_RULE: 'rule',
  OBJECT_SCHEMA: 'schema',
  OBJECT_EXTENSION: 'extension',
  OBJECT_TYPE: 'type',
  OBJECT_DOMAIN: 'type',
  OBJECT_FUNCTION: 'function',
  OBJECT_PROCEDURE: 'function',
  OBJECT_ROUTINE: 'function',
}

function dropped(tree: SyntaxTree): readonly Effect[] | undefined {
  if (!('DropStmt' in tree)) return undefined
  const { removeType, objects = [] } = tree.DropStmt
  const kind = kinds[removeType ?? '']
  return kind === undefined ? [] : objects.map((object) => take(droppedObject(kind, object)))
}

function droppedObject(kind: ObjectKind, object: SyntaxTree): CatalogObject {
  if ('TypeName' in object) return { kind, ...nameOfParts(object.TypeName.names) }
  if ('String' in object) return plain(kind, object.String.sval ?? '')
  if ('ObjectWithArgs' in object) {
    const { objname, objargs = [], args_unspecified: unspecified } = object.ObjectWithArgs
    if (unspecified === true) return { kind, ...nameOfParts(objname) }
    return functionObject(
      objname,
      objargs.map((type) => ('TypeName' in type ? typeText(type.TypeName) : undefined)),
    )
  }
  const items = 'List' in object ? (object.List.items ?? []) : []
  if (kind !== 'trigger' && kind !== 'policy' && kind !== 'rule') return { kind, ...nameOfParts(items) }
  return part(kind, nameOfParts(items).name, nameOfParts(items.slice(0, -1)))
}

function make(object: CatalogObject, replaces = false): Effect {
  return { change: 'make', object, replaces }
}

function take(object: CatalogObject): Effect {
  return { change: 'take', object, replaces: false }
}

function plain(kind: ObjectKind, name: string): CatalogObject {
  return { kind, schema: undefined, name }
}

function part(kind: ObjectKind, name: string, of: QualifiedName): CatalogObject {
  return { kind, schema: undefined, name, of }
}
