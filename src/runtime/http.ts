/**
 * Node's HTTP, when it is needed. An import reads every name that the module has, and from Node 22 on one of them, `WebSocket`, loads all of
 * Node's `fetch`: 30 ms.
 */
import type * as Http from 'node:http'

export function http(): typeof Http {
  return process.getBuiltinModule('node:http')
}
