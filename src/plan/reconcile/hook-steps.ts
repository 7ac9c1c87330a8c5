/**
 * Steps in which programs of the project are run. A moment that does not come has none: nothing is run for a stack that is as declared.
 */
import type { HookConfig, HookEvent } from '../../config/types.ts'
import type { Draft } from './draft.ts'
import type { Desired } from '../types.ts'

export interface HookMoment {
  readonly event: HookEvent
  /** The service whose database is meant, for hooks about one. */
  readonly service?: string
  readonly cause: string
  readonly needs: readonly (number | undefined)[]
}

/** The number of the step, or nothing where no hook is declared for that moment. */
export function planHook(
  { event, service, cause, needs }: HookMoment,
  { desired, draft }: { readonly desired: Pick<Desired, 'hooks' | 'root'>; readonly draft: Draft },
): number | undefined {
  const hook = desired.hooks?.[event]
  // One that is remembered for its content is a seed.
  if (hook === undefined || hook.once) return undefined
  const subject = service === undefined ? `hook:${event}` : `service:${service}`
  const action = { kind: 'hook', event, hook, ...(service === undefined ? {} : { service }) } as const
  return draft.add(subject, action, `${event} runs ${nameOf(hook, desired.root)}: ${cause}`, { needs })
}

function nameOf(hook: HookConfig, root: string): string {
  if (hook.kind === 'command') return hook.command.join(' ')
  return hook.path.startsWith(`${root}/`) ? hook.path.slice(root.length + 1) : hook.path
}
