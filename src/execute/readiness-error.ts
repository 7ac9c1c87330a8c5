/**
 * Why a service did not get ready, told so that somebody who has never seen it knows what to do next.
 */
import { pause } from '../abort.ts'
import { shellWord } from '../config/shell-word.ts'
import { PoststackError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import type { ObservedContainer, Probe, Target } from '../plan/types.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { databaseHint, externalDatabaseHint, externalPasswordHint, hintFor, passwordHint } from './hints.ts'
import type { Symptoms } from './hints.ts'
import { describeProbe, ownCheck, refusesRequest } from './probe-attempts.ts'

interface NotReady {
  readonly reason: string
  readonly code?: ErrorCode
}

export type Failure =
  | { readonly kind: 'timeout'; readonly answer: NotReady; readonly container: ObservedContainer | undefined }
  | { readonly kind: 'lasting'; readonly answer: NotReady; readonly container: ObservedContainer | undefined }
  | { readonly kind: 'gone' }
  | { readonly kind: 'crash' | 'crash-loop' | 'job'; readonly container: ObservedContainer }

interface ErrorContext {
  readonly service: string
  readonly target: Target | undefined
  readonly runtime: Runtime
  /** Takes secrets out of what a service has written. */
  readonly hide: (text: string) => string
}

const logLines = 20
const logMs = 5000
/** Longer on a busy machine than one would think. */
const lastWordsMs = 1000
const lookMs = 100

/** Reads the last of the log and puts everything together. */
export async function readinessError(
  found: Failure,
  probe: Probe,
  context: ErrorContext,
  elapsedMs: number,
): Promise<PoststackError> {
  const failure = await withExitCode(found, context)
  const container = failure.kind === 'gone' ? undefined : failure.container
  const answer = failure.kind === 'timeout' || failure.kind === 'lasting' ? failure.answer : undefined
  // Where the server itself refuses us, its log holds little but our own attempts.
  const silent = failure.kind === 'gone' || failure.kind === 'lasting'
  const logs = silent ? [] : await lastLines(context)
  const symptoms = { exitCode: container?.exitCode, logs, outOfMemory: container?.outOfMemory }
  return new PoststackError(codeOf(failure), messageOf(failure, probe, context.service, elapsedMs), {
    hint:
      hintOf(failure, symptoms, context) ??
      waitingHint(probe, {
        ...context,
        container,
        remoteHost: context.runtime.remoteHost,
        isSilent: logs.length === 0,
        reason: answer?.reason,
      }),
    details: {
      service: context.service,
      waitedMs: Math.round(elapsedMs),
      lastProbe: answer?.reason,
      state: container?.state,
      exitCode: container?.exitCode,
      logs,
    },
  })
}

/** As `lastLines`: with a deadline of its own, and without failing. */
async function withExitCode(failure: Failure, { runtime, target }: ErrorContext): Promise<Failure> {
  if (failure.kind !== 'crash-loop' || failure.container.exitCode !== undefined || target === undefined) return failure
  const signal = AbortSignal.timeout(logMs)
  const exitCode = await runtime.lastExitCode?.(target, { signal }).catch(() => undefined)
  return exitCode === undefined ? failure : { ...failure, container: { ...failure.container, exitCode } }
}

function codeOf(failure: Failure): ErrorCode {
  if (failure.kind === 'job') return 'JOB_FAILED'
  return failure.kind === 'lasting' ? (failure.answer.code ?? 'NOT_READY') : 'NOT_READY'
}

function messageOf(failure: Failure, probe: Probe, service: string, elapsedMs: number): string {
  const time = duration(elapsedMs)
  switch (failure.kind) {
    case 'timeout':
      return probe.kind === 'completed'
        ? `Job ${service} did not end within ${time}.`
        : `Service ${service} is not ready after ${time}. Waited for ${describeProbe(ownCheck(probe, failure.container) ?? probe)}; at last: ${sentence(failure.answer.reason)}`
    case 'lasting':
      return `Service ${service} runs, but does not let Poststack in: ${sentence(failure.answer.reason)}`
    case 'gone':
      return `The container of service ${service} was removed by somebody else, ${time} into the wait for ${describeProbe(probe)}.`
    case 'crash':
      return `Service ${service} ended with ${exitText(failure.container)} after ${time}, before it was ready.`
    case 'crash-loop':
      return `Service ${service} crashes again and again${failure.container.exitCode === undefined ? '' : ` (last ${exitText(failure.container)})`}; gave up after ${time}.`
    case 'job':
      return `Job ${service} failed with ${exitText(failure.container)} after ${time}.`
  }
}

/** Some reasons are sentences, some are half of one. */
function sentence(reason: string): string {
  return reason.endsWith('.') ? reason : `${reason}.`
}

/** Nothing where the wait was too short, or for a reason that only what was asked can tell. */
function hintOf(failure: Failure, symptoms: Symptoms, { target }: ErrorContext): string | undefined {
  if (failure.kind === 'lasting') {
    const [password, database] =
      target === undefined ? [externalPasswordHint, externalDatabaseHint] : [passwordHint, databaseHint]
    return failure.answer.code === 'PASSWORD_REJECTED' ? password : database
  }
  if (failure.kind === 'gone') return 'Run the command again: it makes the container anew.'
  const isCrash = failure.kind === 'crash' || failure.kind === 'crash-loop'
  if (isCrash && failure.container.exitCode === 0) return endedWell
  const known = hintFor(symptoms)
  if (known !== undefined || failure.kind === 'timeout') return known
  return lastWordsHint(symptoms)
}

/** Of one that has ended, where nothing better is known. */
export function lastWordsHint({ logs }: Pick<Symptoms, 'logs'>): string {
  return logs.length === 0
    ? 'It wrote nothing before it ended. Check `command` and `entrypoint`.'
    : 'Its last lines of output say why.'
}

export const endedWell =
  'It did what it was told and ended, and a service has to go on running. A job that runs once: declare `job: true`, and `completed` where others wait for it. ' +
  'A server that goes to the background: let its `command` keep it in the foreground.'

interface Waiting {
  readonly service: string
  readonly target: Target | undefined
  /** What an inspect gave. */
  readonly container: ObservedContainer | undefined
  readonly isSilent: boolean
  /** Where the engine is, if not here. */
  readonly remoteHost: string | undefined
  /** What the probe said last. */
  readonly reason: string | undefined
}

/** What to do about a service that is not ready where nothing better is known. */
export function waitingHint(
  probe: Probe,
  { container, isSilent, reason, remoteHost, service, target }: Waiting,
): string {
  const longer = 'If it only needs longer, raise readyTimeoutSeconds.'
  if (target === undefined) return `Check that the server runs and that the URL has its host and port. ${longer}`
  const own = ownCheck(probe, container)
  const check = own ?? probe
  if (check.kind === 'exec') {
    const itself = `Run the check yourself: poststack container exec ${service} -- ${check.command.map(shellWord).join(' ')}.`
    return own === undefined
      ? `${itself} Its program must be in the image. ${longer}`
      : `${itself} Mend the HEALTHCHECK of the image, or declare a \`ready\` or \`healthcheck\` of the service, which counts instead. ${longer}`
  }
  const port = 'connection' in probe ? probe.connection.port : 'port' in probe ? probe.port : undefined
  if (remoteHost !== undefined && port !== undefined) return elsewhere(remoteHost, String(port))
  if (probe.kind === 'http' && reason !== undefined && refusesRequest(reason))
    return `It listens, and refuses what it is asked. Its output says why (poststack container logs ${service}); if that answer is right, mend \`ready\` of the service: its path, \`status\` or \`body\`. ${longer}`
  const listens = probe.kind === 'http' || probe.kind === 'tcp'
  return listens
    ? `Check its output, and that it listens on all addresses (0.0.0.0) at the declared port of the container. ${longer}`
    : `${isSilent ? 'It has written nothing so far.' : 'Its last lines of output say how far it got.'} ${longer}`
}

function elsewhere(host: string, port: string): string {
  return `The engine is on ${host}: its ports are open on that machine, and not on this one. Forward them (ssh -L ${port}:127.0.0.1:${port} ${host}), or run Poststack there.`
}

function exitText({ exitCode }: ObservedContainer): string {
  return exitCode === undefined ? 'an unknown exit code' : `exit code ${exitCode}`
}

function duration(ms: number): string {
  return ms < 9950 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 1000)} s`
}

/**
 * The run may be stopping, and the error must come out all the same, so this has a deadline of its own and never fails. An engine knows that a
 * program has ended a moment before it has written down its last words, so they are read until two looks find the same.
 */
async function lastLines({ runtime, target, hide }: ErrorContext): Promise<readonly string[]> {
  if (target === undefined) return []
  const signal = AbortSignal.timeout(logMs)
  const until = performance.now() + lastWordsMs
  try {
    for (let before: readonly string[] = []; ;) {
      const lines = await runtime.logs(target, logLines, { signal })
      const isAll = lines.length > 0 && lines.join('\n') === before.join('\n')
      if (isAll || performance.now() > until) return lines.map(hide)
      before = lines
      await pause(lookMs, signal)
    }
  } catch {
    return []
  }
}
