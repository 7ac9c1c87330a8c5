/**
 * The log of a server with the times that stand in it, and onward while the server runs.
 */
import { stat } from 'node:fs/promises'
import { pause } from '../../abort.ts'
import { createLineSplitter } from '../lines.ts'
import { lastLines, readFrom } from './log.ts'
import type { LogLine, LogsRequest } from '../runtime.ts'

export interface FollowedLog {
  readonly path: string
  readonly request: LogsRequest
  readonly signal: AbortSignal
  readonly isRunning: () => Promise<boolean>
}

const pollMs = 200

export async function readServerLog({ path, request, signal, isRunning }: FollowedLog): Promise<void> {
  const { follow, onLine, since, tail } = request
  const withTime = createClock()
  const pass = (text: string): void => {
    const line = withTime(text)
    const isOlder = since !== undefined && line.time !== undefined && Date.parse(line.time) < since.getTime()
    if (!isOlder) onLine(line)
  }
  let position = await sizeOf(path)
  const known = await lastLines(path, tail ?? Number.MAX_SAFE_INTEGER)
  for (const text of known) pass(text)
  if (!follow) return
  const splitter = createLineSplitter(pass)
  for (;;) {
    // Asked before the file is read, so that the last words of a server that has ended are not missed.
    const running = await isRunning()
    const size = await sizeOf(path)
    if (size > position) splitter.push(Buffer.from(await readFrom(path, position)))
    position = size
    if (!running) break
    await pause(pollMs, signal)
  }
  splitter.end()
}

/** What PostgreSQL begins its lines with by default; a line without it belongs to the one before. */
function createClock(): (text: string) => LogLine {
  let time: string | undefined
  return (text) => {
    const [, day, clock] = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d\.\d{3}) (?:UTC|GMT) /.exec(text) ?? []
    if (day !== undefined && clock !== undefined) time = `${day}T${clock}Z`
    return { stream: 'stderr', text, time }
  }
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  )
}
