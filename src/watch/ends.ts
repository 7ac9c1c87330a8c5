/**
 * What the end of a container asks for: nothing, a run, or to leave it alone.
 */
import { isPoststackError } from '../errors.ts'
import type { Plan, StepKind } from '../plan/step.ts'
import type { Crashes } from './crashes.ts'
import type { WatchedStack } from './one-run.ts'

export interface Ends {
  readonly crashes: Crashes
  /** That are watched; all when empty. */
  readonly services: readonly string[]
  /** Services whose container ended, and when; a name is missing where nobody knows which. */
  readonly ended: ReadonlyMap<string | undefined, number>
}

export interface Judgement {
  readonly isWanted: boolean
  /** Services that have ended and do not run, sorted. */
  readonly died: readonly string[]
  /** Services that nobody starts any more from now on, and how often they have died. */
  readonly looping: readonly (readonly [service: string, deaths: number])[]
}

/**
 * Whether the ends of containers ask for a run. Most are our own doing, or the engine has started them again, and a look finds what ended
 * running.
 */
export async function judgeEnds(
  stack: Pick<WatchedStack, 'plan'>,
  { crashes, services, ended }: Ends,
): Promise<Judgement> {
  const nothing: Judgement = { isWanted: false, died: [], looping: [] }
  if (ended.size === 0) return nothing
  const plan = await lookAgain(stack, services)
  if (plan === undefined || plan.steps.length === 0) return nothing
  const lacking = lackingIn(plan)
  let isWanted = ended.has(undefined)
  const died: string[] = []
  const looping: (readonly [string, number])[] = []
  for (const [service, at] of ended) {
    if (service === undefined || !lacking.has(service)) continue
    died.push(service)
    const wasLooping = crashes.isLooping(service)
    const deaths = crashes.died(service, at)
    if (!crashes.isLooping(service)) isWanted = true
    else if (!wasLooping) looping.push([service, deaths])
  }
  return { isWanted, died: died.toSorted(), looping }
}

async function lookAgain(stack: Pick<WatchedStack, 'plan'>, services: readonly string[]): Promise<Plan | undefined> {
  try {
    return await stack.plan({ services })
  } catch (error) {
    // An engine that is being restarted answers again later, and tells then that something may have been missed.
    if (isPoststackError(error)) return undefined
    throw error
  }
}

/** Services that do not run: they are to be started, or cannot be, and nothing of theirs is stopped before. */
function lackingIn({ steps }: Plan): ReadonlySet<string> {
  const ahead = steps.filter(({ undo }) => undo === undefined)
  const withStep = (...kinds: readonly StepKind[]): readonly string[] =>
    ahead.filter(({ action }) => kinds.includes(action.kind)).map(({ subject }) => subject.replace(/^service:/, ''))
  const stopped = withStep('stop')
  return new Set(withStep('start', 'blocked').filter((service) => !stopped.includes(service)))
}
