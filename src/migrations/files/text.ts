/**
 * A file's bytes -> its text: UTF-8, one byte order mark taken off, line ends as LF.
 */
import { constants } from 'node:buffer'
import { returnInValue } from './returns.ts'

/** One thing that is wrong with one file; `file` is the name, `hint` what to do. */
export interface FileProblem {
  readonly file: string
  readonly message: string
  readonly hint: string
  readonly byteOffset?: number
  readonly line?: number
  /** The migration's own file, where `file` is one that it includes, by its path from the project's root. */
  readonly includedBy?: string
  /** Version of the migration that is not there, where that is all that is wrong. */
  readonly missing?: string
}

/** A file's text. */
export interface FileText {
  readonly text: string
  /** As in `SqlText`. */
  readonly returnAt?: number
}

/** The text of a file, or why its bytes are none. */
export function readText(file: string, bytes: Uint8Array): FileText | FileProblem {
  if (bytes.length > constants.MAX_STRING_LENGTH) return tooLarge(file, bytes)
  const raw = decode(bytes)
  if (raw === undefined) return notUtf8(file, bytes)
  const nul = raw.indexOf('\0')
  if (nul !== -1) return holdsNul(file, raw, nul)
  const text = normalise(raw)
  const returnAt = returnInValue(raw, text)
  return returnAt === undefined ? { text } : { text, returnAt }
}

/** Takes off one byte order mark, and makes every line end LF. */
export function normalise(text: string): string {
  const start = text.startsWith('\uFEFF') ? 1 : 0
  return text.slice(start).replace(/\r\n?/g, '\n')
}

function tooLarge(file: string, { length }: Uint8Array): FileProblem {
  const [has, most] = [length, constants.MAX_STRING_LENGTH].map((bytes) => Math.floor(bytes / 1_000_000))
  return {
    file,
    message: `${file} has ${has} MB, but a migration can have ${most} MB.`,
    hint: 'Divide it into several migrations; rows in such numbers are better loaded by COPY from a file on the server, or by a program.',
  }
}

function holdsNul(file: string, raw: string, nul: number): FileProblem {
  const line = raw.slice(0, nul).split('\n').length
  return {
    file,
    message: `${file} holds a NUL byte in line ${line}, which PostgreSQL cannot take in.`,
    hint: 'Remove the byte; UTF-16 files hold many: save those as UTF-8.',
    line,
    byteOffset: Buffer.byteLength(raw.slice(0, nul)),
  }
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

function notUtf8(file: string, bytes: Uint8Array): FileProblem {
  const byteOffset = firstInvalidByte(bytes)
  const line = bytes.subarray(0, byteOffset).filter((byte) => byte === 0x0a).length + 1
  const utf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)
  return {
    file,
    message: `${file} is not UTF-8: byte ${byteOffset}, in line ${line}, does not fit.`,
    hint: utf16 ? 'The file looks like UTF-16: save it as UTF-8.' : 'Save the file as UTF-8.',
    byteOffset,
    line,
  }
}

/** Index of the first byte that no UTF-8 text can have there: prefixes decode up to it and not beyond, so it can be bisected. */
function firstInvalidByte(bytes: Uint8Array): number {
  let good = 0
  let bad = bytes.length + 1
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2)
    if (decodesSoFar(bytes.subarray(0, middle))) good = middle
    else bad = middle
  }
  // A text that only ends too early has no bad byte but its end.
  return bad > bytes.length ? bytes.length : bad - 1
}

function decodesSoFar(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true })
    return true
  } catch {
    return false
  }
}
