/**
 * How large a backup is, and its digest: of one that flows through, and of one that lies on the disk.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { compareText } from '../../config/text-order.ts'
import type { Manifest } from './manifest.ts'

/** Counts and digests what flows through. */
export interface Meter {
  readonly through: Transform
  bytes(): number
  /** Once all has come. */
  sha256(): string
}

const tellEveryMs = 500

export function createMeter(onBytes: (bytes: number) => void): Meter {
  const hash = createHash('sha256')
  let bytes = 0
  let last = performance.now()
  const through = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk)
      bytes += chunk.length
      const now = performance.now()
      if (now - last >= tellEveryMs) {
        last = now
        onBytes(bytes)
      }
      done(undefined, chunk)
    },
  })
  return { through, bytes: () => bytes, sha256: () => hash.digest('hex') }
}

/** Of a file, or of all files in a folder. */
export async function bytesOf(path: string): Promise<number> {
  const facts = await lstat(path)
  if (!facts.isDirectory()) return facts.size
  const sizes = await Promise.all((await readdir(path)).map(async (name) => (await lstat(join(path, name))).size))
  return sizes.reduce((sum, size) => sum + size, 0)
}

export type Measure = Pick<Manifest, 'bytes' | 'sha256'>

export function digestOf(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex')
}

export async function digestFile(file: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash, { signal })
  return hash.digest('hex')
}

/**
 * The files of a folder as a list, each with its digest before its name, and the digest of that list:
 * `LC_ALL=C sha256sum * | sha256sum` says the same.
 */
export async function measureFolder(folder: string, signal: AbortSignal): Promise<Measure> {
  const list = createHash('sha256')
  for (const name of (await readdir(folder)).toSorted(compareText))
    list.update(`${await digestFile(join(folder, name), signal)}  ${name}\n`)
  return { bytes: await bytesOf(folder), sha256: list.digest('hex') }
}
