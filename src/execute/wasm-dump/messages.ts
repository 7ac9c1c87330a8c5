/**
 * Messages of PostgreSQL's protocol, as far as it takes to stand between a client and its server. Pure.
 */

/** What a server says when a session begins, made up: the real one began before. */
export function greeting(serverVersion: string): Buffer {
  const parameters = {
    server_version: serverVersion,
    server_encoding: 'UTF8',
    client_encoding: 'UTF8',
    standard_conforming_strings: 'on',
    integer_datetimes: 'on',
  }
  return Buffer.concat([
    message('R', Buffer.alloc(4)),
    ...Object.entries(parameters).map(([name, value]) => message('S', Buffer.from(`${name}\0${value}\0`))),
    message('K', Buffer.alloc(8)),
    message('Z', Buffer.from('I')),
  ])
}

function message(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.write(type, 'latin1')
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

const askForEncryption = new Set([80_877_103, 80_877_104])

/** What the first words of a client ask for: they have no type, only their length and a number. */
export function openingOf(bytes: Buffer): 'encryption' | 'session' | undefined {
  if (bytes.length < 8 || bytes[0] !== 0) return undefined
  return askForEncryption.has(bytes.readInt32BE(4)) ? 'encryption' : 'session'
}

/** Cuts a stream into messages, wherever its pieces end. */
export interface Cutter {
  /** The types of the messages that end in this piece. */
  push(piece: Buffer): string
  /** Whether the last message is still to be continued. */
  isOpen(): boolean
}

export function createCutter(): Cutter {
  const headBytes = 5
  let head = Buffer.alloc(0)
  /** Of the message that is under way. */
  let left = 0
  return {
    push(piece) {
      let types = ''
      let at = 0
      while (at < piece.length) {
        if (head.length < headBytes) {
          const taken = piece.subarray(at, at + headBytes - head.length)
          head = Buffer.concat([head, taken])
          at += taken.length
          if (head.length < headBytes) break
          left = head.readInt32BE(1) - 4
        }
        const taken = Math.min(left, piece.length - at)
        left -= taken
        at += taken
        if (left > 0) break
        types += head.toString('latin1', 0, 1)
        head = Buffer.alloc(0)
      }
      return types
    },
    isOpen: () => head.length > 0,
  }
}

/**
 * Gathers what a server says, and gives all of it once the server waits for its client. What it may say at any time, such as a notice, can follow
 * in the same piece and go on in the next one.
 */
export function createGatherer(): (piece: Buffer) => Buffer | undefined {
  const cutter = createCutter()
  let types = ''
  let pieces: Buffer[] = []
  return (piece) => {
    pieces.push(piece)
    types += cutter.push(piece)
    if (!/[ZG]/.test(types) || cutter.isOpen()) return undefined
    const all = Buffer.concat(pieces)
    types = ''
    pieces = []
    return all
  }
}
