/**
 * The engine's own events: it says at once when a container of the stack ends or is removed.
 */
import { pause } from '../../abort.ts'
import { isPoststackError } from '../../errors.ts'
import { label } from '../../plan/labels.ts'
import { refusal } from './refusals.ts'
import type { Engine } from './engine-connect.ts'
import { asRecord } from './inspect.ts'
import { createLineSplitter } from '../lines.ts'
import type { Target } from '../../plan/types.ts'
import type { EndOptions, Scope } from '../runtime.ts'

/** Node's longest timer: a stack may run for days without an event. */
const silentMs = 2_147_483_647
const retryMs = 1_000
/** For an engine that does not tell: whoever waits for ends looks by itself each time. */
const longestRetryMs = 10_000

// Docker's words and podman's.
const endings: ReadonlySet<unknown> = new Set(['die', 'died', 'destroy', 'remove'])

/** Listens until the signal is given. An engine that ends its answer, or is restarted, is asked again. */
export async function watchEnds(
  engine: Engine,
  { stack, project }: Pick<Scope, 'stack' | 'project'>,
  { signal, onEnd }: EndOptions,
): Promise<void> {
  const filters = { type: ['container'], label: [`${label.stack}=${stack}`, `${label.project}=${project}`] }
  const path = `/events?filters=${encodeURIComponent(JSON.stringify(filters))}`
  let retry = retryMs
  while (!signal.aborted) {
    const lines = createLineSplitter((line) => {
      const service = endedService(line, { stack, project })
      if (service !== undefined) onEnd(service)
    })
    try {
      // oxlint-disable-next-line no-await-in-loop -- one connection after the other
      const answer = await engine.client.send({
        method: 'GET',
        path,
        signal,
        timeoutMs: silentMs,
        ownConnection: true,
        onData: (chunk) => {
          retry = retryMs
          lines.push(chunk)
        },
      })
      if (answer.status !== 200) throw refusal(`${engine.name} did not tell its events`, answer)
      retry = retryMs
    } catch (error) {
      if (!signal.aborted && !isPoststackError(error)) throw error
      retry = Math.min(retry * 2, longestRetryMs)
    }
    // oxlint-disable-next-line no-await-in-loop
    await pause(retry, signal).catch(() => undefined)
    // What happened while nobody listened is not told again.
    if (!signal.aborted) onEnd(undefined)
  }
}

/** How far back one that ends again and again is looked for. */
const latelySeconds = 60

/** Of a container that runs again, inspect says nothing of its end before; the events do. */
export async function lastExitCode(
  { client, flavour }: Engine,
  { id, name }: Target,
  signal: AbortSignal,
): Promise<number | undefined> {
  const isPodman = flavour === 'podman'
  const filters = JSON.stringify({ type: ['container'], container: [id ?? name], event: [isPodman ? 'died' : 'die'] })
  const now = Date.now() / 1000
  // Without these, what comes next would be waited for. Podman 4.3 tells nothing at all where an end is given.
  const until = isPodman ? 'stream=false' : `until=${now.toFixed(3)}`
  const path = `/events?since=${(now - latelySeconds).toFixed()}&${until}&filters=${encodeURIComponent(filters)}`
  let last: number | undefined
  const lines = createLineSplitter((line) => {
    const { action, attributes } = parseEvent(line)
    const code = Number(attributes[isPodman ? 'containerExitCode' : 'exitCode'])
    if (endings.has(action) && Number.isSafeInteger(code)) last = code
  })
  const answer = await client.send({ method: 'GET', path, signal, ownConnection: true, onData: lines.push })
  lines.end()
  return answer.status === 200 ? last : undefined
}

/** The service of an event that is an end of our own; its labels stand among its attributes. Podman's filter takes one label for enough. */
function endedService(line: string, { stack, project }: Pick<Scope, 'stack' | 'project'>): string | undefined {
  const { action, attributes } = parseEvent(line)
  if (!endings.has(action)) return undefined
  if (attributes[label.stack] !== stack || attributes[label.project] !== project) return undefined
  const service = attributes[label.service]
  return typeof service === 'string' ? service : undefined
}

/** What is no event, or one of another form, is not ours either. */
function parseEvent(line: string): {
  readonly action?: unknown
  readonly attributes: Readonly<Record<string, unknown>>
} {
  try {
    const event = asRecord(JSON.parse(line))
    const attributes = asRecord(asRecord(event['Actor'])['Attributes'])
    return { action: event['Action'] ?? event['status'], attributes }
  } catch {
    return { attributes: {} }
  }
}
