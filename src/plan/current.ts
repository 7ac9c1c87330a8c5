/**
 * Of the containers that carry the labels of a service, the one that is it now: an interrupted run may have left others.
 */
import type { ObservedProbe } from './answers.ts'
import { isOurs, isReplacedName } from './names.ts'
import type { Desired, DesiredService, ObservedContainer } from './types.ts'

export function currentContainer(
  service: string,
  containers: readonly ObservedContainer[],
  stack: Pick<Desired, 'stack' | 'project'>,
): ObservedContainer | undefined {
  return currentOf(containers.filter((found) => isOurs(found.owner, stack) && found.service === service))
}

/** Of containers of one service, the one that is most likely the service as it last worked: running, then not half replaced. */
export function currentOf(containers: readonly ObservedContainer[]): ObservedContainer | undefined {
  const running = containers.filter(isRunning)
  const candidates = running.length > 0 ? running : containers
  return candidates.find(({ name }) => !isReplacedName(name)) ?? candidates[0]
}

export function isRunning({ state }: ObservedContainer): boolean {
  return state === 'running' || state === 'restarting' || state === 'paused'
}

/**
 * Whether what has ended did so well, or by a signal that a stop sends: engines do not tell whose it was, but they may tell that it was killed for its
 * memory.
 */
export function wasStopped({ exitCode = 0, outOfMemory, state }: ObservedContainer): boolean {
  return state === 'exited' && outOfMemory !== true && endsOfStops.has(exitCode)
}

/** Less often, it may have ended for what was not there yet, and be well now. */
export const loopRestarts = 2

/**
 * Why one that runs is not well all the same: it ends again and again, and only happens to run now. Podman never says that one is being
 * restarted. Where something asks the service itself, its answer counts.
 */
export function loopOf(
  { probe }: Pick<DesiredService, 'probe'>,
  { healthcheck, restartedLately: times = 0 }: ObservedContainer,
  answer: ObservedProbe | undefined,
): string | undefined {
  if (times < loopRestarts) return undefined
  const isAsked = probe.kind !== 'running' || healthcheck !== undefined
  if (isAsked && answer?.state === 'ready') return undefined
  return `it ends again and again: restarted ${String(times)} times, and a moment ago again`
}

/** Its own end, SIGKILL and SIGTERM. */
const endsOfStops: ReadonlySet<number> = new Set([0, 137, 143])
