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
  const trial = guardIsStable(node) ? '' : ' (this Node calls its guard an experiment)'
  if (deniesNetwork(node))
    return ok(check, `guarded configs may not write files, run programs or reach the network${trial}`)
  return note(check, `guarded configs may not write files or run programs${trial}, but may reach the network`, {
    cause: 'Node can deny the network from version 25 on',
    remedy: 'Name the hosts that the config may reach (--allow-net=host:443), or take Node 25.',
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
