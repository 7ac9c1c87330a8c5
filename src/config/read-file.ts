/**
 * Reads a file that a person names, or that has the name of one: it may be a named pipe, which secret managers serve such files as.
 */
import { constants } from 'node:fs'
import { open, readFile, stat } from 'node:fs/promises'
import { interruption, pause } from '../abort.ts'
import { isCode } from '../errors.ts'

/** Why it cannot be read: the message finishes a sentence that the file's name begins. */
export class UnreadableFile extends Error {
  readonly hint: string

  constructor(message: string, hint: string, cause?: unknown) {
    super(message, { cause })
    this.hint = hint
  }
}

const pollMs = 20
const unopenedSeconds = 5
/** A person may be asked first, by whatever has opened the pipe to write into it. */
const silentSeconds = 60

/** @throws `UnreadableFile`; what comes of a file that is not there is Node's own error. */
export async function readNamedFile(file: string, signal: AbortSignal = new AbortController().signal): Promise<Buffer> {
  try {
    const facts = await stat(file)
    if (facts.isDirectory())
      throw new UnreadableFile('is a folder, not a file', 'Give the folder another name, or put a file in its place.')
    return facts.isFIFO() ? await readOnce(file, signal) : await readFile(file, { signal })
  } catch (error) {
    if (signal.aborted) throw interruption(signal)
    if (error instanceof UnreadableFile || isCode(error, 'ENOENT', 'ENOTDIR')) throw error
    const why = error instanceof Error ? error.message : String(error)
    throw new UnreadableFile(`cannot be read: ${why}`, 'See to it that you may read it.', error)
  }
}

const underWay = new Map<string, Promise<Buffer>>()

/** Of two that read the same pipe at once each would get a part. */
function readOnce(file: string, signal: AbortSignal): Promise<Buffer> {
  const reading = underWay.get(file) ?? readPipe(file, signal).finally(() => underWay.delete(file))
  underWay.set(file, reading)
  return reading
}

/**
 * Opened the usual way, a pipe that nobody writes into blocks a thread of Node for ever, and with it even the end of the process. So it is
 * opened without waiting, and asked again and again.
 */
async function readPipe(file: string, signal: AbortSignal): Promise<Buffer> {
  const startedMs = performance.now()
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const parts: Buffer[] = []
    for (;;) {
      const part = await readPart(handle)
      const isEnd = part?.length === 0
      if (isEnd && parts.length > 0) return Buffer.concat(parts)
      if (part !== undefined && !isEnd) {
        parts.push(part)
        continue
      }
      // Nobody has it open, or somebody has and is silent. One that ends without a word may have been read by another process.
      const seconds = isEnd ? unopenedSeconds : silentSeconds
      if (performance.now() - startedMs >= seconds * 1000) throw unserved(seconds, parts.length > 0)
      await pause(pollMs, signal)
    }
  } finally {
    await handle.close()
  }
}

/** Empty when nobody has it open for writing, undefined when somebody has and nothing is there yet. */
async function readPart(handle: Awaited<ReturnType<typeof open>>): Promise<Buffer | undefined> {
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(65_536))
    return buffer.subarray(0, bytesRead)
  } catch (error) {
    if (isCode(error, 'EAGAIN')) return undefined
    throw error
  }
}

function unserved(seconds: number, hasBegun: boolean): UnreadableFile {
  const what = hasBegun ? 'what writes into it has not ended' : 'nothing has come out of it'
  return new UnreadableFile(
    `is a named pipe, and ${what} within ${String(seconds)} seconds`,
    'Start the program that writes into it, such as a secret manager, and run this again; or put a file in its place.',
  )
}
