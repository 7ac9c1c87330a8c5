/**
 * From a statement's tree to how it has to be run. The list of what PostgreSQL refuses inside a transaction is the one of its own
 * calls of `PreventInTransactionBlock`, as far as a tree can tell.
 */
import { definitionOf } from './index-definition.ts'
import type { AloneObject, QualifiedName } from './program.ts'
import type { SyntaxTree } from './parser.ts'
import { nameOfParts, nameOfRelation, type Tree } from './tree.ts'

export type StatementClass =
  | { readonly mode: 'transactional' }
  /** Begins, ends or divides a transaction; savepoints among them only where they are nothing else's business. */
  | { readonly mode: 'transaction' }
  /**
   * Runs in a transaction of ours unless the file asks for none: a CALL or DO, which may end transactions by itself; REINDEX and CLUSTER,
   * which the server refuses in one where what they name is partitioned, and that no tree tells.
   */
  | { readonly mode: 'either'; readonly object: AloneObject }
  | { readonly mode: 'alone'; readonly object: AloneObject; readonly what: string }

const transactional: StatementClass = { mode: 'transactional' }

/** How a statement has to be run. Without a tree it is taken for one that can share a transaction. */
export function classify(tree: SyntaxTree | undefined): StatementClass {
  if (tree === undefined) return transactional
  if ('TransactionStmt' in tree) return transactionClass(tree.TransactionStmt)
  if ('CallStmt' in tree || 'DoStmt' in tree) return { mode: 'either', object: { kind: 'opaque' } }
  return indexClass(tree) ?? databaseClass(tree) ?? subscriptionClass(tree) ?? upkeepClass(tree) ?? transactional
}

function transactionClass({ kind }: Tree<'TransactionStmt'>): StatementClass {
  switch (kind) {
    case 'TRANS_STMT_SAVEPOINT':
    case 'TRANS_STMT_RELEASE':
    case 'TRANS_STMT_ROLLBACK_TO':
      return transactional
    case 'TRANS_STMT_COMMIT_PREPARED':
      return alone({ kind: 'opaque' }, 'COMMIT PREPARED')
    case 'TRANS_STMT_ROLLBACK_PREPARED':
      return alone({ kind: 'opaque' }, 'ROLLBACK PREPARED')
    case 'TRANS_STMT_BEGIN':
    case 'TRANS_STMT_START':
    case 'TRANS_STMT_COMMIT':
    case 'TRANS_STMT_ROLLBACK':
    case 'TRANS_STMT_PREPARE':
    case undefined:
    default:
      return { mode: 'transaction' }
  }
}

function indexClass(tree: SyntaxTree): StatementClass | undefined {
  if ('IndexStmt' in tree) return tree.IndexStmt.concurrent === true ? createIndex(tree.IndexStmt) : undefined
  if ('DropStmt' in tree) {
    const { concurrent, objects = [], missing_ok: ifExists = false } = tree.DropStmt
    if (concurrent !== true) return undefined
    return alone({ kind: 'drop-index', names: objects.map(nameOfList), ifExists }, 'DROP INDEX CONCURRENTLY')
  }
  if ('ReindexStmt' in tree) return reindex(tree.ReindexStmt)
  return 'AlterTableStmt' in tree ? detachPartition(tree.AlterTableStmt) : undefined
}

function createIndex(statement: Tree<'IndexStmt'>): StatementClass {
  const { idxname: name, relation, if_not_exists: ifNotExists = false } = statement
  const table = nameOfRelation(relation)
  const { schema } = table
  const definition = definitionOf(statement)
  return alone({ kind: 'create-index', schema, name, table, ifNotExists, definition }, 'CREATE INDEX CONCURRENTLY')
}

function reindex({ kind, relation, params }: Tree<'ReindexStmt'>): StatementClass | undefined {
  const word = (kind ?? '').replace('REINDEX_OBJECT_', '')
  const many =
    kind === 'REINDEX_OBJECT_SCHEMA' || kind === 'REINDEX_OBJECT_DATABASE' || kind === 'REINDEX_OBJECT_SYSTEM'
  const concurrently = isOn(params, 'concurrently', false)
  if (!many && !concurrently) return { mode: 'either', object: repeatable }
  const index = kind === 'REINDEX_OBJECT_INDEX' ? nameOfRelation(relation) : undefined
  return alone({ kind: 'reindex', index }, `REINDEX ${word}${concurrently ? ' CONCURRENTLY' : ''}`)
}

function detachPartition({ relation, cmds = [] }: Tree<'AlterTableStmt'>): StatementClass | undefined {
  for (const cmd of cmds) {
    if (!('AlterTableCmd' in cmd)) continue
    const { subtype, def } = cmd.AlterTableCmd
    if (def === undefined || !('PartitionCmd' in def)) continue
    const finalize = subtype === 'AT_DetachPartitionFinalize'
    const concurrently = subtype === 'AT_DetachPartition' && def.PartitionCmd.concurrent === true
    if (!finalize && !concurrently) continue
    const [table, partition] = [nameOfRelation(relation), nameOfRelation(def.PartitionCmd.name)]
    const what = `ALTER TABLE … DETACH PARTITION … ${finalize ? 'FINALIZE' : 'CONCURRENTLY'}`
    return alone({ kind: 'detach-partition', table, partition, finalize }, what)
  }
  return undefined
}

function databaseClass(tree: SyntaxTree): StatementClass | undefined {
  if ('CreatedbStmt' in tree)
    return alone({ kind: 'create-database', name: tree.CreatedbStmt.dbname ?? '' }, 'CREATE DATABASE')
  if ('DropdbStmt' in tree) return alone({ kind: 'drop-database', name: tree.DropdbStmt.dbname ?? '' }, 'DROP DATABASE')
  if ('AlterDatabaseStmt' in tree) {
    const moves = findOption(tree.AlterDatabaseStmt.options, 'tablespace') !== undefined
    return moves ? alone(repeatable, 'ALTER DATABASE … SET TABLESPACE') : undefined
  }
  if ('CreateTableSpaceStmt' in tree) {
    const name = tree.CreateTableSpaceStmt.tablespacename ?? ''
    return alone({ kind: 'create-tablespace', name }, 'CREATE TABLESPACE')
  }
  if ('DropTableSpaceStmt' in tree) {
    const name = tree.DropTableSpaceStmt.tablespacename ?? ''
    return alone({ kind: 'drop-tablespace', name }, 'DROP TABLESPACE')
  }
  return 'AlterSystemStmt' in tree ? alone(repeatable, 'ALTER SYSTEM') : undefined
}

function subscriptionClass(tree: SyntaxTree): StatementClass | undefined {
  if ('CreateSubscriptionStmt' in tree) {
    const { subname = '', options } = tree.CreateSubscriptionStmt
    // What makes a slot on the other server cannot be taken back; without a connection none is made.
    const makesSlot = isOn(options, 'create_slot', isOn(options, 'connect', true))
    return makesSlot ? alone({ kind: 'create-subscription', name: subname }, 'CREATE SUBSCRIPTION') : undefined
  }
  if ('DropSubscriptionStmt' in tree) {
    const name = tree.DropSubscriptionStmt.subname ?? ''
    return alone({ kind: 'drop-subscription', name }, 'DROP SUBSCRIPTION')
  }
  return 'AlterSubscriptionStmt' in tree ? alterSubscription(tree.AlterSubscriptionStmt) : undefined
}

function alterSubscription({ kind, options }: Tree<'AlterSubscriptionStmt'>): StatementClass | undefined {
  const refreshes = isOn(options, 'refresh', true)
  switch (kind) {
    case 'ALTER_SUBSCRIPTION_REFRESH':
      return alone(repeatable, 'ALTER SUBSCRIPTION … REFRESH PUBLICATION')
    case 'ALTER_SUBSCRIPTION_SET_PUBLICATION':
      return refreshes ? alone(repeatable, 'ALTER SUBSCRIPTION … SET PUBLICATION') : undefined
    case 'ALTER_SUBSCRIPTION_ADD_PUBLICATION':
      return refreshes ? alone({ kind: 'opaque' }, 'ALTER SUBSCRIPTION … ADD PUBLICATION') : undefined
    case 'ALTER_SUBSCRIPTION_DROP_PUBLICATION':
      return refreshes ? alone({ kind: 'opaque' }, 'ALTER SUBSCRIPTION … DROP PUBLICATION') : undefined
    case 'ALTER_SUBSCRIPTION_OPTIONS': {
      // These change the slot on the other server.
      const slot = ['failover', 'two_phase'].some((option) => findOption(options, option) !== undefined)
      return slot ? alone(repeatable, 'ALTER SUBSCRIPTION … SET') : undefined
    }
    case 'ALTER_SUBSCRIPTION_CONNECTION':
    case 'ALTER_SUBSCRIPTION_ENABLED':
    case 'ALTER_SUBSCRIPTION_SKIP':
    case undefined:
    default:
      return undefined
  }
}

function upkeepClass(tree: SyntaxTree): StatementClass | undefined {
  if ('VacuumStmt' in tree) return tree.VacuumStmt.is_vacuumcmd === true ? alone(repeatable, 'VACUUM') : undefined
  if ('ClusterStmt' in tree)
    return tree.ClusterStmt.relation === undefined
      ? alone(repeatable, 'CLUSTER')
      : { mode: 'either', object: repeatable }
  if ('DiscardStmt' in tree)
    return tree.DiscardStmt.target === 'DISCARD_ALL' ? alone(repeatable, 'DISCARD ALL') : undefined
  return undefined
}

const repeatable: AloneObject = { kind: 'repeatable' }

function alone(object: AloneObject, what: string): StatementClass {
  return { mode: 'alone', object, what }
}

function nameOfList(list: SyntaxTree): QualifiedName {
  return nameOfParts('List' in list ? list.List.items : undefined)
}

type Options = readonly SyntaxTree[] | undefined

function findOption(options: Options, name: string): Tree<'DefElem'> | undefined {
  for (const option of options ?? []) if ('DefElem' in option && option.DefElem.defname === name) return option.DefElem
  return undefined
}

// An option without a value is on; else as the server reads a Boolean.
function isOn(options: Options, name: string, otherwise: boolean): boolean {
  const option = findOption(options, name)
  if (option === undefined) return otherwise
  const { arg } = option
  if (arg === undefined) return true
  if ('Boolean' in arg) return arg.Boolean.boolval === true
  if ('Integer' in arg) return (arg.Integer.ival ?? 0) !== 0
  return 'String' in arg && /^(true|on)$/i.test(arg.String.sval ?? '')
}
