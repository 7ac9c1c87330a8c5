/**
 * The output of several services as one stream.
 */
import { setMaxListeners } from 'node:events'
import { pause, throwIfAborted } from '../abort.ts'
import { openSecrets } from '../config/secrets.ts'
import { PoststackError } from '../errors.ts'
import { currentContainer } from '../plan/current.ts'
import { servicesNamed } from '../plan/named.ts'
import type { ObservedContainer } from '../plan/types.ts'
import type { LogLine, LogsRequest, Runtime } from '../runtime/runtime.ts'
import type { Opened } from './opened.ts'
import type { LogsOptions, ServiceLogLine } from './options.ts'
import { lookAtNames } from './runs.ts'

/** What is there already comes within this time, and is put in order before it is given out. */
const backlogMs = 300

export async function readLogs(opened: Opened, runtime: Runtime, options: LogsOptions): Promise<void> {
  const { follow = false, since, tail, until } = options
  const { config, literals } = opened.parsed
  const secrets = await openSecrets({ root: config.root, config, literals, create: false })
  const found = await containersFor(opened, runtime, options.services ?? [])
  const ordered = found.length === 1 ? asTheyCome(options.onLine) : inOrder(follow, options.onLine)
  // When one reader fails, the others end with it.
  const over = new AbortController()
  const signal = AbortSignal.any([opened.signal, over.signal, ...(until === undefined ? [] : [until])])
  setMaxListeners(0, signal)
  try {
    await Promise.all(
      found.map(async ({ service, container }) => {
        const onLine = (line: LogLine): void => {
          ordered.push({ ...line, text: secrets.hide(line.text), service, container: container.name })
        }
        const source = { service, container, runtime, signal }
        await readService(opened, source, { follow, since, tail, onLine })
      }),
    )
  } catch (error) {
    // The one who reads has seen enough.
    if (until?.aborted !== true || opened.signal.aborted) throw error
  } finally {
    over.abort()
    ordered.end()
  }
}

interface Source {
  readonly service: string
  readonly container: ObservedContainer
  readonly runtime: Runtime
  readonly signal: AbortSignal
}

/** How long a service that has ended may take to come back, and how often to look. */
const comeBackMs = 3_000
const lookMs = 250

/** One service, through restarts and new containers if it is followed. */
async function readService(opened: Opened, source: Source, request: LogsRequest): Promise<void> {
  const { container, runtime, signal } = source
  let current: ObservedContainer | undefined = container
  let lines = createOnce(request.onLine)
  let more = request
  while (current !== undefined) {
    await runtime.readLogs(current, { ...more, onLine: lines.onLine }, { signal })
    if (!request.follow) return
    const next = await comesBack(opened, source)
    if (next?.id !== current.id) lines = createOnce(request.onLine)
    more = { ...request, tail: undefined, since: lines.again() }
    current = next
    if (next?.state === 'running' || next === undefined) continue
    // It may have come and gone between two looks, and been removed since.
    const last = { ...more, follow: false, onLine: lines.onLine }
    await runtime.readLogs(next, last, { signal }).catch(() => throwIfAborted(signal))
    return
  }
}

interface Once {
  readonly onLine: LogsRequest['onLine']
  /** What comes from now on may begin with what came last: it is left out. From when on that is; undefined when nothing came. */
  readonly again: () => Date | undefined
}

/** Each line of a container once, though it is asked for anew after each restart: by its own times, as its engine's clock need not be ours. */
export function createOnce(onLine: LogsRequest['onLine']): Once {
  let newest = { time: '', lines: [] as string[] }
  let given = newest
  return {
    onLine(line) {
      const { stream, text, time } = line
      if (time !== undefined) {
        const key = `${stream} ${text}`
        const known = time === given.time ? given.lines.indexOf(key) : -1
        if (known !== -1) given.lines.splice(known, 1)
        if (time < given.time || known !== -1) return
        if (time > newest.time) newest = { time, lines: [] }
        if (time === newest.time) newest.lines.push(key)
      }
      onLine(line)
    },
    again() {
      given = { ...newest, lines: [...newest.lines] }
      return newest.time === '' ? undefined : new Date(newest.time)
    },
  }
}

/** The service's container when it runs again, or as it is when it has had its time for that. */
async function comesBack(opened: Opened, { runtime, service, signal }: Source): Promise<ObservedContainer | undefined> {
  const until = performance.now() + comeBackMs
  for (;;) {
    const { desired, observed } = await lookAtNames(opened, runtime)
    const found = currentContainer(service, observed.containers, desired)
    if (found?.state === 'running' || performance.now() > until) return found
    await pause(lookMs, signal)
  }
}

async function containersFor(
  opened: Opened,
  runtime: Runtime,
  names: readonly string[],
): Promise<readonly { readonly service: string; readonly container: ObservedContainer }[]> {
  const { desired, observed } = await lookAtNames(opened, runtime)
  const services =
    names.length > 0 ? servicesNamed(names, desired, observed.containers) : desired.services.map(({ name }) => name)
  const found = services.flatMap((service) => {
    const container = currentContainer(service, observed.containers, desired)
    if (container !== undefined) return [{ service, container }]
    if (names.length === 0) return []
    throw new PoststackError('NOT_RUNNING', `There is no container of ${service}, so nothing was logged.`, {
      hint: `Start it: poststack container start ${service}`,
      details: { service },
    })
  })
  if (found.length === 0) opened.emit({ type: 'notice', message: `there are no containers of ${desired.stack} yet` })
  return found
}

interface Ordered {
  push(line: ServiceLogLine): void
  end(): void
}

function asTheyCome(onLine: (line: ServiceLogLine) => void): Ordered {
  return { push: onLine, end: () => undefined }
}

/** More lines than anybody reads; what is beyond is not held back for the sake of its order. */
const mostWaiting = 200_000

/** Lines of the past by their times, those of one service in their order; what comes later as it comes. */
export function inOrder(follow: boolean, onLine: (line: ServiceLogLine) => void): Ordered {
  let waiting: ServiceLogLine[] | undefined = []
  const flush = (): void => {
    const lines = waiting ?? []
    waiting = undefined
    const known = lines.map((line) => ({ line, time: line.time ?? '' }))
    for (const { line } of known.toSorted((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0))) onLine(line)
  }
  const timer = follow ? setTimeout(flush, backlogMs) : undefined
  return {
    push(line) {
      if (waiting === undefined) onLine(line)
      else if (waiting.push(line) >= mostWaiting) flush()
    },
    end() {
      clearTimeout(timer)
      flush()
    },
  }
}
