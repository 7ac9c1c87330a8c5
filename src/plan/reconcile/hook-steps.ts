/**
 * Steps in which programs of the project are run. A moment that does not come has none: nothing is run for a stack that is as declared.
 *
 * What is remembered for its content has a moment whenever that is new. Where it is about a database, the database remembers it, and it is planned as a
 * seed is; else the stack does, with an empty volume as for jobs: there it outlives `down`, and goes with the data. What is run each time is owed
 * from its moment on (`owed-steps`).
 */
import { createHash } from 'node:crypto'
import type { HookConfig, HookEvent } from '../../config/types.ts'
import type { Draft } from './draft.ts'
import { label } from '../labels.ts'
import { isOurs, ownerLabels } from '../names.ts'
import type { Desired, RuntimeSnapshot } from '../types.ts'

export interface HookMoment {
  readonly event: HookEvent
  /** The service whose database is meant, for hooks about one. */
  readonly service?: string
  readonly cause: string
  readonly needs: readonly (number | undefined)[]
}

type Planned = Pick<Desired, 'hooks' | 'root'>

/** The number of the step, or nothing where no hook is declared for that moment, or one that is remembered. */
export function planHook(
  moment: HookMoment,
  world: { readonly desired: Planned; readonly draft: Draft },
): number | undefined {
  const hook = world.desired.hooks?.[moment.event]
  return hook === undefined || hook.once ? undefined : addHook(hook, moment, world)
}

function addHook(
  hook: HookConfig,
  { event, service, cause, needs }: HookMoment,
  { desired, draft }: { readonly desired: Planned; readonly draft: Draft },
): number {
  const subject = service === undefined ? `hook:${event}` : `service:${service}`
  const action = { kind: 'hook', event, hook, ...(service === undefined ? {} : { service }) } as const
  return draft.add(subject, action, `${event} runs ${nameOf(hook, desired.root)}: ${cause}`, { needs })
}

/** The moments that are about the stack and not about a database of it. */
export type StackMoment = 'beforeUp' | 'afterReady'

export interface NewContent {
  readonly event: StackMoment
  readonly hook: HookConfig
  readonly digest: string
  /** Why it is run. */
  readonly why: string
  /** Volumes that remember other contents. */
  readonly outdated: readonly string[]
}

/** Nothing where the hook is run each time, or is remembered with the content that it has. */
export function newContent(
  event: StackMoment,
  desired: Desired,
  { volumes }: Pick<RuntimeSnapshot, 'volumes'>,
): NewContent | undefined {
  const hook = desired.hooks?.[event]
  const digest = desired.hookContents?.[event]
  if (hook === undefined || !hook.once || digest === undefined) return undefined
  const memories = volumes.filter(({ job, owner }) => isOurs(owner, desired) && job?.service === memoryKey(event))
  if (memories.some(({ job }) => job?.digest === digest)) return undefined
  const why = memories.length === 0 ? 'its content is new' : 'its content has changed'
  return { event, hook, digest, why, outdated: memories.map(({ name }) => name) }
}

/** The hook, and behind it the step that remembers its content. Gives the number of the first. */
export function planNewContent(
  { event, hook, digest, why, outdated }: NewContent,
  needs: readonly number[],
  { desired, draft }: { readonly desired: Desired; readonly draft: Draft },
): number {
  const { project, stack } = desired
  const step = addHook(hook, { event, cause: why, needs }, { desired, draft })
  // Two checkouts of one stack have names of their own.
  const suffix = createHash('sha256').update(`${project}\0${event}\0${digest}`).digest('hex').slice(0, 12)
  const labels = { ...ownerLabels(desired), [label.job]: memoryKey(event), [label.done]: digest }
  const name = `${stack}-${event.toLowerCase()}-done-${suffix}`
  draft.add(`hook:${event}`, { kind: 'remember', name, labels, outdated }, 'it is run once for its content', {
    needs: [step],
  })
  return step
}

/** No service has such a name. */
function memoryKey(event: StackMoment): string {
  return `hook:${event}`
}

function nameOf(hook: HookConfig, root: string): string {
  if (hook.kind === 'command') return hook.command.join(' ')
  return hook.path.startsWith(`${root}/`) ? hook.path.slice(root.length + 1) : hook.path
}
