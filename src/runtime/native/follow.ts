/**
 * The log of a server with the times that stand in it, and onward while the server runs.
 */
import { stat } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { pause, throwIfAborted } from '../../abort.ts'
import { createLineSplitter } from '../lines.ts'
import { openLog, startOfLast } from './log.ts'
import type { LogLine, LogsRequest } from '../runtime.ts'

export interface FollowedLog {
  readonly path: string
  readonly request: LogsRequest
  readonly signal: AbortSignal
  readonly isRunning: () => Promise<boolean>
}

const pollMs = 200
const chunkBytes = 64 * 1024

export async function readServerLog({ path, request, signal, isRunning }: FollowedLog): Promise<void> {
  const { follow, onLine, since, tail } = request
  const withTime = createClock()
  const pass = (text: string): void => {
    const line = withTime(text)
    const isOlder = since !== undefined && line.time !== undefined && Date.parse(line.time) < since.getTime()
    if (!isOlder) onLine(line)
  }
  const splitter = createLineSplitter(pass)
  let log = await openLog(path)
  try {
    let position = log === undefined || tail === undefined ? 0 : await startOfLast(log, tail)
    for (;;) {
      // Asked before the file is read, so that the last words of a server that has ended are not missed.
      const running = follow && (await isRunning())
      const replaced = await isReplaced(log, path)
      position = await readOn(log, { position, signal, push: splitter.push })
      if (replaced) {
        await log?.close()
        log = undefined
        log = await openLog(path)
        position = await readOn(log, { position: 0, signal, push: splitter.push })
      }
      if (!running) break
      await pause(pollMs, signal)
    }
    splitter.end()
  } finally {
    await log?.close()
  }
}

/** A start sets a log aside that has grown too long, and begins another one. */
async function isReplaced(log: FileHandle | undefined, path: string): Promise<boolean> {
  const there = await stat(path).catch(() => undefined)
  return there !== undefined && there.ino !== (await log?.stat())?.ino
}

interface Reading {
  readonly position: number
  readonly signal: AbortSignal
  readonly push: (chunk: Buffer) => void
}

/** Reads to the end, and gives where that is. A file that is shorter than before has begun again. */
async function readOn(log: FileHandle | undefined, { position, signal, push }: Reading): Promise<number> {
  if (log === undefined) return 0
  let at = position > (await log.stat()).size ? 0 : position
  for (;;) {
    throwIfAborted(signal)
    const { buffer, bytesRead } = await log.read(Buffer.alloc(chunkBytes), 0, chunkBytes, at)
    if (bytesRead === 0) return at
    at += bytesRead
    push(buffer.subarray(0, bytesRead))
  }
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
