/**
 * What the end of a container asks for: nothing, a run, or to leave it alone.
 */
import { type ErrorRecord, isPoststackError } from '../errors.ts'
import type { Crashes } from './crashes.ts'
import type { WatchedStack } from './one-run.ts'

export interface Ends {
  readonly crashes: Crashes
  /** That are watched; all when empty. */
  readonly services: readonly string[]
  /** Services whose container ended, and when; a name is missing where nobody knows which. */
  readonly ended: ReadonlyMap<string | undefined, number>
}

/** What the stack lacks while services are left alone; nothing when there are none. */
export function loopingFailure(services: readonly string[]): ErrorRecord | undefined {
  if (services.length === 0) return undefined
  const message = `${services.join(', ')} ended again and again right after the start, and was not started any more`
  return { code: 'NOT_READY', message }
}

export interface Judgement {
  readonly isWanted: boolean
  /** Services that nobody starts any more from now on, and how often they have died. */
  readonly looping: readonly (readonly [service: string, deaths: number])[]
}

/**
 * Whether the ends of containers ask for a run. Most are our own doing, or the engine has started them again, and a look finds everything
 * as declared.
 */
export async function judgeEnds(
  stack: Pick<WatchedStack, 'plan'>,
  { crashes, services, ended }: Ends,
): Promise<Judgement> {
  const nothing: Judgement = { isWanted: false, looping: [] }
  if (ended.size === 0) return nothing
  try {
    const plan = await stack.plan({ services })
    if (plan.steps.length === 0) return nothing
  } catch (error) {
    // An engine that is being restarted answers again later, and tells then that something may have been missed.
    if (isPoststackError(error)) return nothing
    throw error
  }
  let isWanted = ended.has(undefined)
  const looping: (readonly [string, number])[] = []
  for (const [service, at] of ended) {
    if (service === undefined) continue
    const wasLooping = crashes.isLooping(service)
    const deaths = crashes.died(service, at)
    if (!crashes.isLooping(service)) isWanted = true
    else if (!wasLooping) looping.push([service, deaths])
  }
  return { isWanted, looping }
}
