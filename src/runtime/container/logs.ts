/**
 * The output of a container with its times, as far back as is asked for, and onward while it runs.
 */
import type { Target } from '../../plan/types.ts'
import { needContainer } from './calls.ts'
import { refusal } from './refusals.ts'
import type { Engine } from './engine-connect.ts'
import { createDemultiplexer, createLineSplitter } from '../lines.ts'
import type { LogLine, LogsRequest } from '../runtime.ts'

export interface ReadingLogs {
  readonly target: Target
  readonly request: LogsRequest
  readonly signal: AbortSignal
}

/** A service may be silent for days; longer is what a timer does not count. */
const silenceMs = 2 ** 31 - 1

export async function readLogLines(engine: Engine, { target, request, signal }: ReadingLogs): Promise<void> {
  const { follow, onLine, since, tail } = request
  const { id } = await needContainer(engine, target, signal)
  const splitters = {
    1: createLineSplitter((line) => {
      onLine(timed(line, 'stdout'))
    }),
    2: createLineSplitter((line) => {
      onLine(timed(line, 'stderr'))
    }),
  }
  const demultiplexer = createDemultiplexer((stream, data) => {
    splitters[stream].push(data)
  })
  const query = new URLSearchParams({
    stdout: '1',
    stderr: '1',
    timestamps: '1',
    tail: tail === undefined ? 'all' : String(tail),
    follow: follow ? '1' : '0',
    ...(since === undefined ? {} : { since: (since.getTime() / 1000).toFixed(3) }),
  })
  const answer = await engine.client.send({
    method: 'GET',
    path: `/containers/${id}/logs?${query.toString()}`,
    signal,
    onData: demultiplexer.push,
    ...(follow ? { ownConnection: true, timeoutMs: silenceMs } : {}),
  })
  if (answer.status !== 200) throw refusal(`${engine.name} did not show the log of ${target.name}`, answer)
  splitters[1].end()
  splitters[2].end()
}

/** Each line begins with the time when the engine got it. */
function timed(line: string, stream: LogLine['stream']): LogLine {
  const [, time, text] = /^(\d{4}-\d\d-\d\dT\S+) ?(.*)$/s.exec(line) ?? []
  const milliseconds = Date.parse(time ?? '')
  if (text === undefined || Number.isNaN(milliseconds)) return { stream, text: line, time: undefined }
  return { stream, text, time: new Date(milliseconds).toISOString() }
}
