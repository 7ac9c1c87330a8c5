/** Builds the trusted form of hooks, from parts that passed every check. */
import { resolve } from 'node:path'
import type { PlainStack } from '../schema/schema.ts'
import type { Config, HookConfig } from '../types.ts'

export function buildHooks(hooks: PlainStack['hooks'], root: string): Pick<Config, 'hooks'> {
  if (hooks === undefined) return {}
  const built = Object.entries(hooks).flatMap(([event, hook]) => {
    if (hook === undefined) return []
    const once = hook.once === 'per-content'
    const config: HookConfig =
      hook.script === undefined
        ? { kind: 'command', command: hook.command ?? [], once }
        : { kind: 'script', path: resolve(root, hook.script), once }
    return [[event, config] as const]
  })
  return { hooks: Object.fromEntries(built) }
}
