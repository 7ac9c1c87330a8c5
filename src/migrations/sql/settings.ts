/**
 * Statements that set something for the session, which later statements of the file may count on.
 */
import type { SyntaxTree } from './parser.ts'

/** True for a SET or RESET that outlives its transaction, and for a `SELECT set_config(…, false)`. */
export function setsSession(tree: SyntaxTree | undefined): boolean {
  if (tree === undefined) return false
  if ('VariableSetStmt' in tree) {
    const { is_local: isLocal, kind } = tree.VariableSetStmt
    return isLocal !== true && kind !== 'VAR_SET_MULTI'
  }
  if (!('SelectStmt' in tree)) return false
  const { targetList = [], fromClause } = tree.SelectStmt
  return fromClause === undefined && targetList.length > 0 && targetList.every(callsSetConfig)
}

function callsSetConfig(target: SyntaxTree): boolean {
  const value = 'ResTarget' in target ? target.ResTarget.val : undefined
  if (value === undefined || !('FuncCall' in value)) return false
  const { funcname = [], args = [] } = value.FuncCall
  const name = funcname.at(-1)
  if (name === undefined || !('String' in name) || name.String.sval !== 'set_config') return false
  const local = args[2]
  return local !== undefined && 'A_Const' in local && local.A_Const.boolval?.boolval !== true
}
