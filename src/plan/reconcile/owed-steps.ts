/**
 * Hooks that are owed: their moment has come, and they have not ended well since. What makes the moment come is soon done and leaves nothing to
 * be seen, so before that an empty volume remembers it, as for jobs, and is removed when the hook has ended well. Wherever a run is cut in
 * between, the next one runs the hook.
 *
 * Those before something need none: what they come before is still to be done when they fail.
 */
import { createHash } from 'node:crypto'
import { planHook, type HookMoment } from './hook-steps.ts'
import { label } from '../labels.ts'
import { isOurs, ownerLabels } from '../names.ts'
import type { Planning } from '../planning.ts'
import type { Action, Plan } from '../step.ts'
import type { Desired, ObservedVolume } from '../types.ts'

interface OwedHook {
  readonly event: 'afterReady' | 'afterMigrate'
  /** The service whose database is meant, for hooks about one. */
  readonly service?: string
}

interface OwedMoment extends OwedHook, Pick<HookMoment, 'needs'> {
  /** Why the moment comes in this run; nothing where it does not. */
  readonly cause: string | undefined
}

type World = Pick<Planning, 'desired' | 'observed' | 'draft'>

/** The step ahead of what makes the moment come. Nothing where no hook is declared for it, or it is owed already. */
export function planOwing(owed: OwedHook, needs: HookMoment['needs'], world: World): number | undefined {
  const { desired, draft } = world
  if (!isDeclared(owed, desired) || memoryOf(owed, world) !== undefined) return undefined
  const labels = { ...ownerLabels(desired), [label.job]: keyOf(owed), [label.done]: notDone }
  const action: Action = { kind: 'remember', name: nameOf(owed, desired), labels, outdated: [] }
  return draft.add(subjectOf(owed), action, 'if it does not end well now, the next up runs it', { needs })
}

/** The hook where it is owed, in this run or since an earlier one, and behind it the step that says that it is so no more. Gives the first. */
export function planOwed(moment: OwedMoment, world: World): number | undefined {
  const { desired, draft } = world
  if (!isDeclared(moment, desired)) return undefined
  const memory = memoryOf(moment, world)
  const cause = moment.cause ?? (memory === undefined ? undefined : 'it did not end well in an earlier run')
  if (cause === undefined) return undefined
  const step = planHook({ ...moment, cause }, world)
  const name = memory?.name ?? nameOf(moment, desired)
  draft.add(subjectOf(moment), { kind: 'forget', target: { name } }, 'it has ended well', {
    needs: [step],
  })
  return step
}

/** A hook that is not declared any more is owed to nobody. */
export function forgetUndeclared({ desired, observed, draft }: World): void {
  const databases = desired.services.filter(({ idle, migrations }) => idle !== undefined || migrations !== undefined)
  const all: readonly OwedHook[] = [
    { event: 'afterReady' },
    ...databases.map(({ name }) => ({ event: 'afterMigrate', service: name }) as const),
  ]
  const declared = new Set(all.filter((owed) => isDeclared(owed, desired)).map(subjectOf))
  for (const volume of observed.volumes) {
    const subject = owedBy(volume)
    if (subject === undefined || !isOurs(volume.owner, desired) || declared.has(subject)) continue
    draft.add(
      subject,
      { kind: 'forget', target: { name: volume.name } },
      'it was still to be run, and is no longer declared',
    )
  }
}

/** The subject of the hook that a volume says to be owed, if it is about one. */
export function owedBy({ job }: Pick<ObservedVolume, 'job'>): string | undefined {
  return job?.service.startsWith(prefix) === true ? job.service.replace(prefix, 'hook:') : undefined
}

/** Something becomes ready in this plan, and a hook is declared for that. */
export function owesAfterReady({ steps }: Plan, desired: Desired): boolean {
  return (
    isDeclared({ event: 'afterReady' }, desired) &&
    steps.some(({ action, undo }) => action.kind === 'wait' && undo === undefined)
  )
}

/** Those that are remembered for their content are run until that is remembered. */
function isDeclared({ event }: OwedHook, { hooks }: Desired): boolean {
  return hooks?.[event]?.once === false
}

function memoryOf(
  owed: OwedHook,
  { desired, observed }: Pick<World, 'desired' | 'observed'>,
): ObservedVolume | undefined {
  return observed.volumes.find(({ job, owner }) => isOurs(owner, desired) && job?.service === keyOf(owed))
}

const prefix = 'owed:'
/** Stands where a job that has ended well has the digest of its spec. */
const notDone = 'no'

function subjectOf({ event, service }: OwedHook): string {
  return `hook:${event}${service === undefined ? '' : `:${service}`}`
}

/** No service has such a name, and no hook that has ended well. */
function keyOf(owed: OwedHook): string {
  return subjectOf(owed).replace('hook:', prefix)
}

/** Two checkouts of one stack have names of their own. */
function nameOf(owed: OwedHook, { project, stack }: Desired): string {
  const suffix = createHash('sha256')
    .update(`${project}\0${keyOf(owed)}`)
    .digest('hex')
    .slice(0, 12)
  const about = owed.service === undefined ? '' : `-${owed.service}`
  return `${stack}-${owed.event.toLowerCase()}${about}-owed-${suffix}`
}
