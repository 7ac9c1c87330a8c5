/**
 * Reads the log back: the last lines of all its files, and then what comes.
 */
import { open, readFile, stat } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { StringDecoder } from 'node:string_decoder'
import { pause } from '../../abort.ts'
import { isCode } from '../../errors.ts'
import { type LogEntry, type LogFilter, matches, parseLine } from './lines.ts'
import { findLogs, type LogCategory, logPath } from './log-files.ts'

export interface ReadRequest {
  readonly folder: string
  readonly categories: readonly LogCategory[]
  readonly filter: LogFilter
  /** How many of the last lines. */
  readonly tail: number
  readonly onEntry: (entry: LogEntry) => void
}

/** Gives the last lines, in the order of their times. */
export async function readLog({ categories, filter, folder, onEntry, tail }: ReadRequest): Promise<void> {
  const files = (await findLogs(folder)).filter(({ category, isOutput }) => !isOutput && categories.includes(category))
  const entries: LogEntry[] = []
  for (const { path } of files) for (const entry of entriesIn(await textOf(path), filter)) entries.push(entry)
  const sorted = entries.toSorted((one, other) => (one.time < other.time ? -1 : one.time > other.time ? 1 : 0))
  for (const entry of tail === 0 ? [] : sorted.slice(-tail)) onEntry(entry)
}

function entriesIn(text: string, filter: LogFilter): readonly LogEntry[] {
  return text.split('\n').flatMap((line) => {
    const entry = parseLine(line)
    return entry !== undefined && matches(entry, filter) ? [entry] : []
  })
}

/** Another command may clear it away meanwhile. */
async function textOf(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch((error: unknown) => {
    if (isCode(error, 'ENOENT')) return ''
    throw error
  })
}

const lookEveryMs = 250

/** Reads first, and then gives each line that is written, until the signal is given. */
export async function followLog(request: ReadRequest, signal: AbortSignal): Promise<void> {
  const { categories, filter, folder, onEntry } = request
  const followed = categories.map((category) => follow(logPath(folder, category)))
  const news = async (): Promise<void> => {
    for (const one of followed) for (const entry of entriesIn(await one.read(), filter)) onEntry(entry)
  }
  try {
    // Where each file ends now: what is written while the others are read comes right after.
    for (const one of followed) await one.skip()
    await readLog(request)
    while (!signal.aborted) {
      await pause(lookEveryMs, signal).catch(() => undefined)
      await news()
    }
  } finally {
    await Promise.all(followed.map((one) => one.close()))
  }
}

interface Followed {
  /** Passes over what is there. */
  skip(): Promise<void>
  /** Whole lines that are new. */
  read(): Promise<string>
  close(): Promise<void>
}

function follow(path: string): Followed {
  let handle: FileHandle | undefined
  let position = 0
  let decoder = new StringDecoder('utf8')
  let rest = ''
  const take = async (): Promise<string> => {
    if (handle === undefined) return ''
    const { size } = await handle.stat()
    if (size <= position) return ''
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - position), 0, size - position, position)
    position += bytesRead
    return decoder.write(buffer.subarray(0, bytesRead))
  }
  const reopen = async (): Promise<void> => {
    const now = await stat(path).catch(() => undefined)
    if (now === undefined || now.ino === (await handle?.stat())?.ino) return
    await handle?.close()
    handle = await open(path, 'r').catch(() => undefined)
    position = 0
    decoder = new StringDecoder('utf8')
  }
  return {
    async skip() {
      await reopen()
      position = (await handle?.stat())?.size ?? 0
    },
    async read() {
      // To the end of the one that was put aside first.
      let text = rest + (await take())
      await reopen()
      text += await take()
      const end = text.lastIndexOf('\n') + 1
      rest = text.slice(end)
      return text.slice(0, end)
    },
    close: async () => await handle?.close(),
  }
}
