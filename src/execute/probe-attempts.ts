/**
 * One attempt of each kind of probe. An attempt says ready or why not; it throws only what trying again cannot mend.
 */
import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { interruption } from '../abort.ts'
import { isPoststackError, type ErrorCode } from '../errors.ts'
import { hostInUrl, hostSide } from '../plan/references.ts'
import type { DatabaseTarget, ObservedContainer, Probe, Target } from '../plan/types.ts'
import { http } from '../runtime/http.ts'
import type { LogLine, LogsRequest, Runtime } from '../runtime/runtime.ts'
import { matchLines } from './match-lines.ts'

export type ProbeAnswer =
  | { readonly ready: true }
  | {
      readonly ready: false
      readonly reason: string
      readonly code?: ErrorCode
      /** It was not given the usual time, so that its silence says nothing. */
      readonly isCutShort?: true
    }

export interface ProbeContext {
  /** Absent for what no runtime of ours runs: an external database. */
  readonly target: Target | undefined
  readonly runtime: Runtime
  readonly probeDatabase: (
    connection: DatabaseTarget,
    signal: AbortSignal,
  ) => Promise<{ readonly ready: true } | { readonly ready: false; readonly code: ErrorCode; readonly reason: string }>
  readonly signal: AbortSignal
  /** Time for one attempt, where there is less than usual. */
  readonly limitMs?: number
}

const socketMs = 2000
const callMs = 10_000
/** For how long a connection has to stay open. */
const keptMs = 50
const shortestMs = 100
/** So many lines are looked at in one go. */
const linesAtOnce = 1000
const longestLine = 2000
const longestBody = 65_536

/** Asks once. `container` is what an inspect gave just now. */
export async function attempt(
  probe: Probe,
  container: ObservedContainer | undefined,
  context: ProbeContext,
): Promise<ProbeAnswer> {
  const own = ownCheck(probe, container)
  if (own !== undefined) {
    const answer = await attempt(own, container, context)
    return answer.ready ? answer : { ...answer, reason: `the health check of its image fails: ${answer.reason}` }
  }
  const limitMs = Math.min(callMs, Math.max(shortestMs, context.limitMs ?? callMs))
  const limited = AbortSignal.any([context.signal, AbortSignal.timeout(Math.ceil(limitMs))])
  try {
    return await ask(probe, container, { ...context, signal: limited })
  } catch (error) {
    if (context.signal.aborted) throw interruption(context.signal)
    if (limited.aborted) {
      const reason = `no answer within ${(limitMs / 1000).toFixed(1)} s`
      return { ready: false, reason, ...(limitMs < callMs ? { isCutShort: true } : {}) }
    }
    // A call that failed for this container (it may just have ended) is an answer; an engine that is gone is not.
    if (!isPoststackError(error) || !mendable.has(error.code)) throw error
    return notReady(error.message)
  }
}

/**
 * The health check that an image brings along says when a container is ready for which nothing is declared. It is run by us: Docker's own answer
 * is as old as its interval, and podman without systemd never asks.
 */
export function ownCheck(
  probe: Probe,
  container: ObservedContainer | undefined,
): Extract<Probe, { kind: 'exec' }> | undefined {
  if (probe.kind !== 'running' || container?.state !== 'running' || container.healthcheck === undefined)
    return undefined
  return { kind: 'exec', command: container.healthcheck }
}

/** What a probe waits for, as the end of "Waited for …". */
export function describeProbe(probe: Probe): string {
  switch (probe.kind) {
    case 'running':
      return 'its container to run'
    case 'postgres':
      return `PostgreSQL at ${address(probe.connection.host, probe.connection.port)} to answer as ${probe.connection.user} in database ${probe.connection.database}`
    case 'http':
      return `${url(probe)} to answer with status ${probe.status ?? '200 to 399'}${probe.body === undefined ? '' : ` and a text that matches /${probe.body}/`}`
    case 'tcp':
      return `${address(hostSide(probe.hostAddress), probe.port)} to accept connections`
    case 'exec':
      return `\`${probe.command.join(' ')}\` in its container to succeed`
    case 'log':
      return `a line of its output that matches /${probe.pattern}/`
    case 'completed':
      return 'it to end with exit code 0'
  }
}

const mendable: ReadonlySet<ErrorCode> = new Set(['ENGINE_REFUSED', 'STEP_FAILED', 'DATABASE_UNREACHABLE'])

function ask(probe: Probe, container: ObservedContainer | undefined, context: ProbeContext): Promise<ProbeAnswer> {
  switch (probe.kind) {
    case 'running':
      return Promise.resolve(container?.state === 'running' ? { ready: true } : notReady(stateText(container)))
    case 'postgres':
      return context.probeDatabase(probe.connection, context.signal)
    case 'http':
      return askHttp(probe, context.signal)
    case 'tcp':
      return askTcp(probe, context.signal)
    case 'exec':
      return askExec(probe.command, context)
    case 'log':
      return askLog(probe.pattern, container, context)
    case 'completed':
      return Promise.resolve(
        container?.state === 'exited' && container.exitCode === 0 ? { ready: true } : notReady(stateText(container)),
      )
  }
}

function notReady(reason: string): ProbeAnswer {
  return { ready: false, reason }
}

function stateText(container: ObservedContainer | undefined): string {
  if (container === undefined) return 'there is no container'
  const code = container.exitCode === undefined ? '' : ` with code ${container.exitCode}`
  return `its container is ${container.state}${code}`
}

/** Whether that is why an answer of HTTP was not the right one. */
export function refusesRequest(reason: string): boolean {
  return /^it answered with status \d|^its answer does not match /.test(reason)
}

type HttpProbe = Extract<Probe, { kind: 'http' }>

function askHttp(probe: HttpProbe, outer: AbortSignal): Promise<ProbeAnswer> {
  const signal = AbortSignal.any([outer, AbortSignal.timeout(socketMs)])
  const { path, port } = probe
  return new Promise((resolve, reject) => {
    // No agent: a connection kept from a server that has since restarted would answer for the old one.
    const asked = http().request(
      { host: hostSide(probe.hostAddress), port, path, agent: false, signal },
      (response) => {
        const status = response.statusCode ?? 0
        const good = probe.status === undefined ? status >= 200 && status <= 399 : status === probe.status
        const { body } = probe
        if (!good || body === undefined) {
          response.on('error', () => undefined)
          response.destroy()
          resolve(good ? { ready: true } : notReady(`it answered with status ${status}`))
          return
        }
        readStart(response)
          .then((text) => resolve(matchBody(body, text)), reject)
          .catch(reject)
      },
    )
    asked.once('error', (error) => {
      if (outer.aborted) reject(error)
      else resolve(notReady(signal.aborted ? `no answer within ${socketMs / 1000} s` : socketReason(error)))
    })
    asked.end()
  })
}

/** The beginning of an answer; what comes after it is not read. */
async function readStart(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    size += chunk.length
    if (size >= longestBody) break
  }
  return Buffer.concat(chunks).subarray(0, longestBody).toString()
}

function matchBody(pattern: string, text: string): ProbeAnswer {
  return matched(pattern, [text], `its answer does not match /${pattern}/`)
}

/** A proxy of the engine accepts on the published port before the container does, and closes at once when nobody listens there. */
function askTcp(probe: Extract<Probe, { kind: 'tcp' }>, outer: AbortSignal): Promise<ProbeAnswer> {
  const signal = AbortSignal.any([outer, AbortSignal.timeout(socketMs)])
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostSide(probe.hostAddress), port: probe.port, signal })
    let kept: NodeJS.Timeout | undefined
    const settle = (answer: ProbeAnswer): void => {
      clearTimeout(kept)
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => {
      kept = setTimeout(() => settle({ ready: true }), keptMs)
    })
    socket.once('data', () => settle({ ready: true }))
    socket.once('end', () => settle(notReady('the connection was closed at once')))
    socket.once('error', (error) => {
      if (outer.aborted) reject(error)
      settle(notReady(signal.aborted ? `no answer within ${socketMs / 1000} s` : socketReason(error)))
    })
  })
}

async function askExec(command: readonly string[], { runtime, signal, target }: ProbeContext): Promise<ProbeAnswer> {
  if (target === undefined) return notReady('there is no container')
  const { exitCode, output } = await runtime.exec(target, command, { signal })
  if (exitCode === 0) return { ready: true }
  const said = output.trim().split('\n').at(-1)?.slice(0, 200) ?? ''
  if (exitCode === 127 && (said === '' || ofEngine.test(said)))
    return notReady(`there is no program ${command[0] ?? ''} in its container`)
  return notReady(`the check ended with exit code ${exitCode}${said === '' ? '' : `: ${said}`}`)
}

/** What engines say of a program that is not there; a shell says it better. */
const ofEngine = /executable file not found|OCI runtime|unixpacket/i

async function askLog(
  pattern: string,
  container: ObservedContainer | undefined,
  context: ProbeContext,
): Promise<ProbeAnswer> {
  // What an earlier start has written says nothing of this one. The time of its end is looked from, because engines note the time of a start when
  // the first lines may be there already.
  const since = container?.endedBefore === undefined ? undefined : new Date(container.endedBefore)
  const last = await searchLog(pattern, { tail: linesAtOnce, since }, context)
  if (last.answer.ready || last.read < linesAtOnce) return last.answer
  // Of a service that has run for long, the line may be far back.
  return (await searchLog(pattern, { tail: undefined, since }, context)).answer
}

/** What comes after the line is not read. */
async function searchLog(
  pattern: string,
  part: Pick<LogsRequest, 'tail' | 'since'>,
  { runtime, signal, target }: ProbeContext,
): Promise<{ readonly answer: ProbeAnswer; readonly read: number }> {
  if (target === undefined) return { answer: notReady('there is no container'), read: 0 }
  const found = new AbortController()
  let lines: string[] = []
  let read = 0
  let answer = notReady('it wrote nothing yet')
  const look = (): void => {
    if (!answer.ready && lines.length > 0) answer = matched(pattern, lines, 'no line matched yet')
    lines = []
    if (answer.ready) found.abort()
  }
  const onLine = ({ text }: LogLine): void => {
    read += 1
    lines.push(text.slice(0, longestLine))
    if (lines.length >= linesAtOnce) look()
  }
  try {
    const until = AbortSignal.any([signal, found.signal])
    await runtime.readLogs(target, { ...part, follow: false, onLine }, { signal: until })
  } catch (error) {
    if (!found.signal.aborted) throw error
  }
  look()
  return { answer, read }
}

/** Ready when a line matches, else not for the reason that is given. */
function matched(pattern: string, lines: readonly string[], otherwise: string): ProbeAnswer {
  const match = matchLines(pattern, lines)
  if (match === 'yes') return { ready: true }
  return notReady(match === 'no' ? otherwise : `the machine was too busy to look for /${pattern}/`)
}

function address(host: string, port: number): string {
  return `${hostInUrl(host)}:${port}`
}

function url({ hostAddress, path, port }: HttpProbe): string {
  return `http://${address(hostSide(hostAddress), port)}${path}`
}

function socketReason(error: NodeJS.ErrnoException): string {
  return socketReasons[error.code ?? ''] ?? error.message
}

const socketReasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was closed without an answer',
  EPIPE: 'the connection was closed without an answer',
  ETIMEDOUT: 'the connection timed out',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
}
