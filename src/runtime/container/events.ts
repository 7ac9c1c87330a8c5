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
import type { EndOptions, Scope } from '../runtime.ts'

/** Node's longest timer: a stack may run for days without an event. */
const silentMs = 2_147_483_647
const retryMs = 1_000

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
        onData: lines.push,
      })
      if (answer.status !== 200) throw refusal(`${engine.name} did not tell its events`, answer)
    } catch (error) {
      if (!signal.aborted && !isPoststackError(error)) throw error
    }
    // oxlint-disable-next-line no-await-in-loop
    await pause(retryMs, signal).catch(() => undefined)
    // What happened while nobody listened is not told again.
    if (!signal.aborted) onEnd(undefined)
  }
}

/** The service of an event that is an end of our own; its labels stand among its attributes. Podman's filter takes one label for enough. */
function endedService(line: string, { stack, project }: Pick<Scope, 'stack' | 'project'>): string | undefined {
  let event: Readonly<Record<string, unknown>>
  try {
    event = asRecord(JSON.parse(line))
  } catch {
    return undefined
  }
  if (!endings.has(event['Action'] ?? event['status'])) return undefined
  const attributes = asRecord(asRecord(event['Actor'])['Attributes'])
  if (attributes[label.stack] !== stack || attributes[label.project] !== project) return undefined
  const service = attributes[label.service]
  return typeof service === 'string' ? service : undefined
}
