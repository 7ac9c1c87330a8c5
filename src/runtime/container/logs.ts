/**
 * The output of a container with its times, as far back as is asked for, and onward while it runs.
 */
import type { Target } from '../../plan/types.ts'
import { needContainer } from './calls.ts'
import { refusal } from './refusals.ts'
import type { Engine } from './engine-connect.ts'
import { isPodmanBefore } from './podman-version.ts'
import { createDemultiplexer, createLineSplitter, type LineSplitter } from '../lines.ts'
import type { LogLine, LogsRequest } from '../runtime.ts'

export interface ReadingLogs {
  readonly target: Target
  readonly request: LogsRequest
  readonly signal: AbortSignal
}

/** A service may be silent for days; longer is what a timer does not count. */
const silenceMs = 2 ** 31 - 1

export async function readLogLines(engine: Engine, { target, request, signal }: ReadingLogs): Promise<void> {
  const { follow, since, tail } = request
  const { id } = await needContainer(engine, target, signal)
  const isCutHere = tail !== undefined && tail > 0 && !follow && losesPieces(engine)
  const last: LogLine[] = []
  const keepLast = (line: LogLine): void => {
    last.push(line)
    if (last.length > (tail ?? 0)) last.shift()
  }
  const lines = createLogLines(isCutHere ? keepLast : request.onLine)
  const query = new URLSearchParams({
    stdout: '1',
    stderr: '1',
    timestamps: '1',
    tail: tail === undefined || isCutHere ? 'all' : String(tail),
    follow: follow ? '1' : '0',
    ...(since === undefined ? {} : { since: (since.getTime() / 1000).toFixed(3) }),
  })
  const answer = await engine.client.send({
    method: 'GET',
    path: `/containers/${id}/logs?${query.toString()}`,
    signal,
    onData: lines.push,
    ...(follow ? { ownConnection: true, timeoutMs: silenceMs } : {}),
  })
  if (answer.status !== 200) throw refusal(`${engine.name} did not show the log of ${target.name}`, answer)
  lines.end()
  for (const line of last) request.onLine(line)
}

/**
 * Asked for the last lines, podman before 4.7 leaves out all but the last piece of each that a program wrote in several
 * (containers/podman#19545): there all of the log is read.
 */
function losesPieces(engine: Engine): boolean {
  return isPodmanBefore(engine, 4, 7)
}

/** The lines of an engine's answer, which comes as it comes. */
export function createLogLines(onLine: (line: LogLine) => void): LineSplitter {
  const streamOf = (stream: LogLine['stream']): LineSplitter =>
    joinPieces(
      createLineSplitter((line) => {
        onLine(timed(line, stream))
      }),
    )
  const streams = { 1: streamOf('stdout'), 2: streamOf('stderr') }
  const demultiplexer = createDemultiplexer((stream, data) => {
    streams[stream].push(data)
  })
  return {
    push: demultiplexer.push,
    end: () => {
      streams[1].end()
      streams[2].end()
    },
  }
}

const lineBreak = 10
const timeAhead = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S* /

/** Each piece of a line has a time of its own, and only the first one's is that of the line; the others would stand within it. */
function joinPieces({ push, end }: LineSplitter): LineSplitter {
  let isWithin = false
  return {
    push: (data) => {
      const [time = ''] = (isWithin ? timeAhead.exec(data.toString('latin1', 0, 64)) : undefined) ?? []
      isWithin = data.at(-1) !== lineBreak
      push(data.subarray(time.length))
    },
    end,
  }
}

/** Each line begins with the time when the engine got it. */
function timed(line: string, stream: LogLine['stream']): LogLine {
  const [, time, text] = /^(\d{4}-\d\d-\d\dT\S+) ?(.*)$/s.exec(line) ?? []
  const milliseconds = Date.parse(time ?? '')
  if (text === undefined || Number.isNaN(milliseconds)) return { stream, text: line, time: undefined }
  return { stream, text, time: new Date(milliseconds).toISOString() }
}
