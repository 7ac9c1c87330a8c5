/**
 * Waiting until a service is as its dependants need it, and saying why when it does not get there.
 */
import { pause, throwIfAborted } from '../abort.ts'
import type { PoststackError } from '../errors.ts'
import { loopRestarts } from '../plan/current.ts'
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
    before: undefined,
    exitCode: undefined,
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
    await pause(isLate ? settledMs(context, container) : Math.min(delayMs, leftMs), context.signal)
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
/** The same for one that was restarted again and again. */
const steadyMs = 10_000
/** How long a crash loop or a rejected password is watched before it counts as lasting. */
const crashLoopMs = 5000
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
  /** How often it was started anew, as far as looks and the engine's own count tell. */
  restarts: number
  /** The engine's count at the first look. */
  before: number | undefined
  /** With which code it has ended last, where a look found it so. */
  exitCode: number | undefined
  isLate: boolean
  /** Why the password could not be set; empty when it was. Undefined before it is tried. */
  unset: string | undefined
}

/** What was started anew again and again has no lack of time. */
function timedOut(wait: Wait, answer: NotReady, container: ObservedContainer | undefined): Failure {
  return wait.restarts >= loopRestarts && container !== undefined
    ? loops(wait, container)
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
  if (container !== undefined && isAnew(wait, container)) return crashed(wait, container)
  const early = probe.kind === 'running' && container?.state === 'running' ? settle(wait, container) : undefined
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
  if (lasts(wait, 'restarting', crashLoopMs)) throw await failed(wait, loops(wait, container))
  const code = container.exitCode === undefined ? '' : ` (last exit code ${container.exitCode})`
  return { ready: false, reason: `it crashed and is being restarted${code}` }
}

function loops({ exitCode }: Wait, container: ObservedContainer): Failure {
  return {
    kind: 'crash-loop',
    container: exitCode === undefined ? container : { ...container, exitCode: container.exitCode ?? exitCode },
  }
}

/** Whether it has ended since the last look, and is started again. Podman does that at once, so that no look finds it anything but running. */
function isAnew(wait: Wait, { exitCode, restarts = 0, startedAt, state }: ObservedContainer): boolean {
  wait.before ??= restarts
  wait.restarts = Math.max(wait.restarts, restarts - wait.before)
  if (state === 'restarting') {
    wait.running = undefined
    wait.exitCode = exitCode
    return true
  }
  if (state !== 'running' || wait.running?.startedAt === startedAt) return false
  const wasRunning = wait.running !== undefined
  wait.running = { since: performance.now(), startedAt }
  if (wasRunning) wait.restarts += 1
  return wasRunning
}

/** Running is ready for what has no probe, once it has gone on for a while: nothing is returned then. */
function settle({ context, running }: Wait, container: ObservedContainer): ProbeAnswer | undefined {
  const isSettled = running !== undefined && performance.now() - running.since >= settledMs(context, container)
  if (isSettled) return undefined
  return {
    ready: false,
    reason: wasLooping(container) ? 'it ended again and again, and has to go on running' : justStarted,
  }
}

function settledMs({ timeoutMs }: WaitContext, container: ObservedContainer | undefined): number {
  return Math.min(container !== undefined && wasLooping(container) ? steadyMs : settleMs, timeoutMs / 2)
}

/** Its own health check tells more. */
function wasLooping({ healthcheck, restarts = 0 }: ObservedContainer): boolean {
  return healthcheck === undefined && restarts >= loopRestarts
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
