/**
 * Bytes that come in pieces, cut into lines of text.
 */
import { StringDecoder } from 'node:string_decoder'

export interface LineSplitter {
  readonly push: (chunk: Buffer) => void
  /** Gives the last line out, if it has no line break. */
  readonly end: () => void
}

const longestLine = 64 * 1024

/**
 * Calls `onLine` for each line, without its break. A character that is cut between two pieces stays whole; bytes that are not UTF-8
 * become the replacement character. A carriage return ends a line too: that is how progress bars overwrite theirs.
 */
export function createLineSplitter(onLine: (line: string) => void): LineSplitter {
  const decoder = new StringDecoder('utf8')
  let rest = ''
  const take = (text: string) => {
    const lines = (rest + text).split(/\r?\n|\r(?=[^\n])/)
    rest = lines.pop() ?? ''
    for (const line of lines) onLine(line)
    // A line without end would fill the memory.
    if (rest.length > longestLine) {
      onLine(rest)
      rest = ''
    }
  }
  return {
    push: (chunk) => {
      take(decoder.write(chunk))
    },
    end: () => {
      take(decoder.end())
      if (rest !== '') onLine(rest.replace(/\r$/, ''))
      rest = ''
    },
  }
}

/** A stream of both outputs of a container: each piece has a header of 8 bytes, the stream's number and the length. */
export interface Demultiplexer {
  readonly push: (chunk: Buffer) => void
}

/**
 * Calls `onData` with what comes without the headers; 1 is stdout, 2 is stderr. Containers with a terminal send no headers:
 * what does not start with one is passed on as it is.
 */
export function createDemultiplexer(onData: (stream: 1 | 2, data: Buffer) => void): Demultiplexer {
  let pending: Buffer = Buffer.alloc(0)
  let raw = false
  return {
    push: (chunk) => {
      if (raw) {
        onData(1, chunk)
        return
      }
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
      while (pending.length >= 8) {
        if (!isHeader(pending)) {
          raw = true
          onData(1, pending)
          pending = Buffer.alloc(0)
          return
        }
        const end = 8 + pending.readUInt32BE(4)
        if (pending.length < end) return
        onData(pending[0] === 2 ? 2 : 1, pending.subarray(8, end))
        pending = pending.subarray(end)
      }
    },
  }
}

function isHeader(bytes: Buffer): boolean {
  return (bytes[0] ?? 9) <= 2 && bytes[1] === 0 && bytes[2] === 0 && bytes[3] === 0
}
