/**
 * Node, and what of it matters here. Pure.
 */
import { deniesNetwork, guardIsStable } from '../../config/load/guarded.ts'
import type { MachineFacts } from './facts.ts'
import { type Finding, note, obstacle, ok } from './finding.ts'

const oldest = [20, 19] as const
/** The first one with a compile cache. */
const cacheSince = [22, 1] as const

export function judgeNode({ compileCache, node }: MachineFacts): readonly Finding[] {
  if (!isSince(node, oldest))
    return [
      obstacle('node', `Node ${node} is too old`, {
        cause: `Poststack needs ${oldest.join('.')} or newer`,
        remedy: 'Install a newer Node.',
      }),
    ]
  return [ok('node', `Node ${node}`), judgeGuard(node), judgeCache(node, compileCache)]
}

function judgeGuard(node: string): Finding {
  const check = 'node-permissions'
  const trial = guardIsStable(node) ? '' : ', which this Node still calls an experiment'
  if (deniesNetwork(node)) return ok(check, `guarded configs: kept from files, programs and the network${trial}`)
  return note(check, `guarded configs: kept from files and programs${trial}; not from the network`, {
    cause: 'Node has a permission for the network from version 25 on',
    remedy: 'Name the hosts that a config may reach (--allow-net=host:443), or take Node 25.',
  })
}

function judgeCache(node: string, isSet: boolean): Finding {
  const check = 'node-compile-cache'
  if (!isSince(node, cacheSince)) return ok(check, `no compile cache: Node has one from ${cacheSince.join('.')} on`)
  return ok(
    check,
    isSet
      ? 'compile cache: NODE_COMPILE_CACHE is set'
      : 'compile cache: not used; with NODE_COMPILE_CACHE=<folder> Node compiles less at each start',
  )
}

function isSince(node: string, [major, minor]: readonly [number, number]): boolean {
  const [itsMajor = 0, itsMinor = 0] = node.split('.').map(Number)
  return itsMajor > major || (itsMajor === major && itsMinor >= minor)
}
