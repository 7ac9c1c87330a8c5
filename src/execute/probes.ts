/**
 * Waiting until a service is as its dependants need it, and saying why when it does not get there.
 */
import { pause, throwIfAborted } from '../abort.ts'
import type { PoststackError } from '../errors.ts'
import type { ObservedContainer, Probe } from '../plan/types.ts'
import { attempt } from './probe-attempts.ts'
import type { ProbeAnswer, ProbeContext } from './probe-attempts.ts'
import { readinessError } from './readiness-error.ts'
import type { Failure } from './readiness-error.ts'

type NotReady = Exclude<ProbeAnswer, { readonly ready: true }>

export interface WaitContext extends ProbeContext {
  readonly service: string
  readonly timeoutMs: number
  /** Gets the last reason whenever it changes. */
  readonly onProgress: (text: string) => void
  /** Takes secrets out of what a service has written. */
  readonly hide: (text: string) => string
  /** Gives the server the declared password. Nothing when that is done, else why it cannot be. Absent where it is not to be tried. */
  readonly setPassword?: (() => Promise<string | undefined>) | undefined
}

/**
 * Probes until the service is ready: every 100 ms at first, then less and less often, at least once a second.
 *
 * Fails with `NOT_READY` at the deadline, and at once when the container is gone, ended or keeps crashing; with `JOB_FAILED` when a job
 * ended with another code than 0; with `PASSWORD_REJECTED` or `DATABASE_MISSING` when that is plain, as waiting does not mend it. A password
 * that `setPassword` can mend is mended first.
 */
export async function waitFor(probe: Probe, context: WaitContext): Promise<void> {
  const wait: Wait = {
    probe,
    context,
    started: performance.now(),
    since: new Map(),
    running: undefined,
    restarts: 0,
    isLate: false,
    unset: undefined,
  }
  let delayMs = probe.kind === 'running' ? settleMs / 2 : firstDelayMs
  let said: string | undefined
  let last: NotReady | undefined
  for (;;) {
    throwIfAborted(context.signal)
    const container = await look(context)
    const answer = await askAgain(wait, container)
    if (answer.ready) return
    if (answer.reason !== said) context.onProgress(answer.reason)
    said = answer.reason
    const leftMs = context.timeoutMs - elapsed(wait)
    last = answer.isCutShort === true ? (last ?? answer) : answer
    // One that was seen running too late to have settled by the deadline is looked at once more.
    const isLate = leftMs <= 0 && wait.running !== undefined && answer.reason === justStarted && !wait.isLate
    if (leftMs <= 0 && !isLate) throw await failed(wait, timedOut(wait, last, container))
    wait.isLate = isLate
    await pause(isLate ? settledMs(context) : Math.min(delayMs, leftMs), context.signal)
    if (elapsed(wait) > eagerMs) delayMs = Math.min(delayMs * 1.5, longestDelayMs)
  }
}

/** Asks once, now, for a look at how things are. */
export async function probeOnce(probe: Probe, context: ProbeContext): Promise<ProbeAnswer> {
  const looks = probe.kind === 'running' || probe.kind === 'completed' || probe.kind === 'log'
  return attempt(probe, looks ? await look(context) : undefined, context)
}

const firstDelayMs = 100
/** Most services are ready within this time, and a pause that has grown would be added to each start. */
const eagerMs = 5000
const longestDelayMs = 1000
/** How long a container without a probe must be seen running: a program that is not there, or fails on its first line, runs for a moment too. */
const settleMs = 500
const justStarted = 'it has only just started'
/** How long a crash loop or a rejected password is watched before it counts as lasting. */
const crashLoopMs = 5000
/** Less often, it may have crashed for what was not there yet, and need longer now. */
const loopRestarts = 2
const lastingMs = 2000
const lasting = new Set(['PASSWORD_REJECTED', 'DATABASE_MISSING'])

interface Wait {
  readonly probe: Probe
  readonly context: WaitContext
  readonly started: number
  /** When each lasting complaint was seen first. */
  readonly since: Map<string, number>
  /** Since when each look has found the container running, and by which start. */
  running: { readonly since: number; readonly startedAt: string | undefined } | undefined
  /** How often a look has found it started anew. */
  restarts: number
  isLate: boolean
  /** Why the password could not be set; empty when it was. Undefined before it is tried. */
  unset: string | undefined
}

/** What was started anew again and again has no lack of time. */
function timedOut({ restarts }: Wait, answer: NotReady, container: ObservedContainer | undefined): Failure {
  return restarts >= loopRestarts && container !== undefined
    ? { kind: 'crash-loop', container }
    : { kind: 'timeout', answer, container }
}

async function look({ runtime, signal, target }: ProbeContext): Promise<ObservedContainer | undefined> {
  return target === undefined ? undefined : runtime.inspect(target, { signal })
}

async function askAgain(wait: Wait, container: ObservedContainer | undefined): Promise<ProbeAnswer> {
  const { context, probe } = wait
  if (context.target !== undefined) {
    const failure = ended(probe, container)
    if (failure !== undefined) throw await failed(wait, failure)
  }
  if (container?.state === 'restarting') {
    wait.running = undefined
    return crashed(wait, container)
  }
  if (probe.kind !== 'running' && container?.state === 'running') noteStart(wait, container)
  const early = probe.kind === 'running' && container?.state === 'running' ? await settle(wait, container) : undefined
  if (early !== undefined) return early
  // One attempt must not outlast the deadline by its own time limit.
  const answer = await attempt(probe, container, { ...context, limitMs: context.timeoutMs - elapsed(wait) })
  if (answer.ready) return answer
  if (answer.code === 'PASSWORD_REJECTED' && wait.unset === undefined && context.setPassword !== undefined) {
    wait.unset = (await context.setPassword()) ?? ''
    return answer
  }
  if (answer.code !== undefined && lasting.has(answer.code)) {
    const told = wait.unset ? { ...answer, reason: `${answer.reason.replace(/\.$/, '')}. ${wait.unset}` } : answer
    if (lasts(wait, answer.code, lastingMs)) throw await failed(wait, { kind: 'lasting', answer: told, container })
  } else {
    wait.since.delete('PASSWORD_REJECTED')
    wait.since.delete('DATABASE_MISSING')
  }
  return answer
}

async function crashed(wait: Wait, container: ObservedContainer): Promise<ProbeAnswer> {
  if (lasts(wait, 'restarting', crashLoopMs)) throw await failed(wait, { kind: 'crash-loop', container })
  const code = container.exitCode === undefined ? '' : ` (last exit code ${container.exitCode})`
  return { ready: false, reason: `it crashed and is being restarted${code}` }
}

/** Running is ready for what has no probe, once it has gone on for a while: nothing is returned then. */
/** Podman starts one with a restart policy again at once, so that no look finds it anything but running. */
function noteStart(wait: Wait, { startedAt }: ObservedContainer): void {
  if (wait.running !== undefined && wait.running.startedAt !== startedAt) wait.restarts += 1
  if (wait.running?.startedAt !== startedAt) wait.running = { since: performance.now(), startedAt }
}

async function settle(wait: Wait, container: ObservedContainer): Promise<ProbeAnswer | undefined> {
  const { running } = wait
  const { startedAt } = container
  if (running === undefined || running.startedAt !== startedAt) wait.running = { since: performance.now(), startedAt }
  // Podman starts one with a restart policy again at once, so that no look finds it anything but running.
  if (running !== undefined && running.startedAt !== startedAt) return crashed(wait, container)
  const isSettled = running !== undefined && performance.now() - running.since >= settledMs(wait.context)
  return isSettled ? undefined : { ready: false, reason: justStarted }
}

function settledMs({ timeoutMs }: WaitContext): number {
  return Math.min(settleMs, timeoutMs / 2)
}

/** A container that is over, whatever the probe says: a port may be answered by something else. */
function ended(probe: Probe, container: ObservedContainer | undefined): Failure | undefined {
  if (container === undefined) return { kind: 'gone' }
  if (container.state !== 'exited' && container.state !== 'dead') return undefined
  if (probe.kind !== 'completed') return { kind: 'crash', container }
  return container.exitCode === 0 ? undefined : { kind: 'job', container }
}

function lasts({ since }: Wait, complaint: string, ms: number): boolean {
  const now = performance.now()
  const first = since.get(complaint) ?? now
  since.set(complaint, first)
  return now - first >= ms
}

function elapsed({ started }: Wait): number {
  return performance.now() - started
}

async function failed(wait: Wait, failure: Failure): Promise<PoststackError> {
  return readinessError(failure, wait.probe, wait.context, elapsed(wait))
}
