/**
 * The plans of `container stop` and `container remove`: some containers of the stack, and nothing else of it.
 */
import { PoststackError } from '../errors.ts'
import { blockedByDamage } from './reconcile/damaged.ts'
import { createDraft } from './reconcile/draft.ts'
import { inStopOrder, planLeaving, type Leaving } from './leaving.ts'
import { servicesNamed } from './named.ts'
import { isRunning } from './current.ts'
import type { Plan } from './step.ts'
import type { Desired, RuntimeName, RuntimeSnapshot } from './types.ts'

type Snapshot = RuntimeSnapshot & { readonly runtime: RuntimeName }

export interface StopOptions {
  /** Services or containers by name; all that are declared when empty. */
  readonly names: readonly string[]
  /** Also those that the config no longer has. */
  readonly all: boolean
}

/** An empty plan means: nothing of it runs. */
export function planStop(desired: Desired, observed: Snapshot, { names, all }: StopOptions): Plan {
  const services = ownServices(names, desired, observed)
  const declared = new Set(desired.services.map(({ name }) => name))
  const wanted = ({ service }: Leaving): boolean =>
    names.length > 0 ? services.includes(service) : all || declared.has(service)
  const draft = draftOf('stop', services, { desired, observed })
  const leaving = inStopOrder(desired, observed).filter(wanted)
  blockedByDamage(concerned(names.length > 0 ? services : [...declared], desired), { desired, observed, draft })
  for (const { container, service } of leaving) if (!isRunning(container)) draft.unchanged(service)
  planLeaving(leaving, { desired, draft, cause: 'asked for', remove: false })
  return draft.finish()
}

export interface RemoveOptions {
  /** Services or containers by name. */
  readonly names: readonly string[]
  /** What runs is stopped first; without it, it is refused. */
  readonly force: boolean
}

/** Volumes are kept. An empty plan means: there is no such container. */
export function planRemove(desired: Desired, observed: Snapshot, { names, force }: RemoveOptions): Plan {
  const services = ownServices(names, desired, observed)
  const draft = draftOf('remove', services, { desired, observed })
  const leaving = inStopOrder(desired, observed).filter(({ service }) => services.includes(service))
  blockedByDamage(concerned(services, desired), { desired, observed, draft })
  const running = leaving.filter(({ container }) => isRunning(container))
  if (running.length > 0 && !force) {
    for (const { container, service, subject } of running) {
      const ways = [`stop it first: poststack container stop ${service}`, 'or say --force: it is stopped and removed']
      const action = { kind: 'blocked', code: 'CONSENT_NEEDED', ways } as const
      draft.add(subject, action, `container ${container.name} is running`)
    }
    return draft.finish()
  }
  planLeaving(leaving, { desired, draft, cause: 'asked for', remove: true })
  return draft.finish()
}

/** Nothing of an external database runs here, so nothing of it can be stopped: to call that done would be a lie. */
function ownServices(names: readonly string[], desired: Desired, { containers }: Snapshot): readonly string[] {
  const services = servicesNamed(names, desired, containers)
  const external = desired.services.find(({ kind, name }) => kind === 'external' && services.includes(name))
  if (external === undefined) return services
  throw new PoststackError(
    'USAGE',
    `${external.name} is a database that Poststack does not run: it has no container.`,
    {
      hint: 'Leave it out.',
    },
  )
}

function concerned(names: readonly string[], { services }: Desired): Desired['services'] {
  return services.filter(({ name }) => names.includes(name))
}

function draftOf(
  goal: 'stop' | 'remove',
  selected: readonly string[],
  { desired, observed }: { readonly desired: Desired; readonly observed: Snapshot },
): ReturnType<typeof createDraft> {
  const { project, stack } = desired
  return createDraft({ goal, stack, project, runtime: observed.runtime, selected, keptVolumes: [] })
}
