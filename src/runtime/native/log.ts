/**
 * What a server has said: its log's end for people, and why it did not start.
 */
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { unreadable } from '../../config/state-folder.ts'
import { isCode, PoststackError } from '../../errors.ts'
import { installPostgres } from '../install.ts'
import { processHoldingPort } from '../port-holder.ts'

const chunkBytes = 64 * 1024
const largestBytes = 8 * 1024 * 1024

/** Nothing when there is no such file. */
export async function openLog(path: string): Promise<FileHandle | undefined> {
  return open(path, 'r').catch((error: unknown) => {
    if (isCode(error, 'ENOENT')) return undefined
    throw unreadable(path, error)
  })
}

/** Where the last lines of a file begin. Looked for from the end, for logs grow. */
export async function startOfLast(file: FileHandle, count: number): Promise<number> {
  const { size } = await file.stat()
  if (count <= 0) return size
  let start = size
  let lines = 0
  while (start > 0) {
    const length = Math.min(chunkBytes, start)
    start -= length
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, start)
    for (let at = length - 1; at >= 0; at -= 1) {
      // The break at the very end is that of the last line.
      const after = start + at + 1
      if (buffer[at] !== 10 || after === size) continue
      lines += 1
      if (lines >= count) return after
    }
  }
  return 0
}

/** The last lines of a file, oldest first; none when there is no file. */
export async function lastLines(path: string, count: number): Promise<readonly string[]> {
  if (count <= 0) return []
  const file = await openLog(path)
  if (file === undefined) return []
  try {
    const lines = (await readText(file, await startOfLast(file, count))).split('\n')
    if (lines.at(-1) === '') lines.pop()
    return lines.slice(-count)
  } finally {
    await file.close()
  }
}

/** What was written after a position. */
export async function readFrom(path: string, position: number): Promise<string> {
  const file = await open(path, 'r')
  try {
    return await readText(file, position)
  } finally {
    await file.close()
  }
}

async function readText(file: FileHandle, position: number): Promise<string> {
  const size = Math.min(Math.max(0, (await file.stat()).size - position), largestBytes)
  const { buffer, bytesRead } = await file.read(Buffer.alloc(size), 0, size, position)
  return buffer.toString('utf8', 0, bytesRead)
}

export interface FailedStart {
  readonly name: string
  readonly port: number
  readonly address: string
  /** Major version of the server. */
  readonly major: number
  /** What the server wrote. */
  readonly output: string
  readonly exitCode: number
}

/** The error for a server that ended right after its start. */
export async function startFailure(start: FailedStart, signal: AbortSignal): Promise<PoststackError> {
  const { name, port, address, major, output, exitCode } = start
  const lines = output.split('\n').filter((line) => line.trim() !== '')
  if (/could not bind .*: Address already in use/.test(output)) {
    const holder = (await processHoldingPort(port, signal)) ?? 'another process'
    return new PoststackError(
      'PORT_IN_USE',
      `${name} was not started: port ${String(port)} of ${address} is held by ${holder}.`,
      {
        hint: 'Stop it, or declare another port.',
        details: { port, hostAddress: address, holder },
      },
    )
  }
  const fatal = lines.findLast((line) => /\b(?:FATAL|PANIC):/.test(line)) ?? lines.at(-1) ?? ''
  const reason = fatal.replace(/^.*?\b(?:FATAL|PANIC):\s*/, '')
  return new PoststackError(
    'ENGINE_REFUSED',
    `The server of ${name} ended with exit code ${String(exitCode)}: ${reason}`,
    {
      hint: hintFor(output, major),
      details: { exitCode, output: lines.slice(-20) },
    },
  )
}

function hintFor(output: string, major: number): string {
  if (/error while loading shared libraries|Library not loaded/.test(output))
    return `The programs lack a library. Install the system's own: ${installPostgres(major)}.`
  const known = knownCauses.find(([pattern]) => pattern.test(output))
  return known?.[1] ?? 'The lines of its log say more: poststack container logs.'
}

const knownCauses: readonly (readonly [RegExp, string])[] = [
  [
    /could not bind .*: (?:Cannot assign requested address|Permission denied)/,
    'The address must be one of this machine, and ports below 1024 belong to root.',
  ],
  [
    /unrecognized configuration parameter|invalid value for parameter|is outside the valid range/,
    'Correct this in the settings of the service.',
  ],
  [
    /could not map anonymous shared memory|could not resize shared memory|No space left on device/,
    'Memory or disk space ran out: free some, or declare a smaller shared_buffers.',
  ],
  [
    /pre-existing shared memory block/,
    'Processes of the last server are still ending. Run the command again in a moment.',
  ],
  [
    /lock file ".*" already exists/,
    'The process with the number in postmaster.pid of the data directory works on it, or came there with a copy. Stop it if it is a server; if it is none, delete that file.',
  ],
]
