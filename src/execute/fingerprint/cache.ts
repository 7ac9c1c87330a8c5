/**
 * Remembers the content hash of files by what the file system says of them. It may be lost or damaged at any time: then files are
 * read again.
 */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFolder } from '../../config/make-folder.ts'
import { replaceFile } from '../../config/state-folder.ts'

/** From `fs.lstat` with `bigint`. */
export interface FileFacts {
  readonly size: bigint
  readonly mtimeNs: bigint
  readonly ctimeNs: bigint
  readonly ino: bigint
}

export interface HashCache {
  readonly get: (path: string, facts: FileFacts) => string | undefined
  /** Keeps a hash for the next time, unless the file is so young that it may change without a trace. */
  readonly set: (path: string, facts: FileFacts, hash: string) => void
  /** Writes what was asked for or set since the cache was opened, and forgets the rest. Never fails. */
  readonly save: () => Promise<void>
}

// Some file systems count time in steps of up to 2 s: a second change within one step has the same time as the first.
const settledNs = 2_000_000_000n

/** Opens the cache of one build context. Without a folder nothing is kept. */
export async function openHashCache(folder: string | undefined, context: string): Promise<HashCache> {
  const name = `build-${createHash('sha256').update(context).digest('hex').slice(0, 16)}`
  const file = folder === undefined ? undefined : join(folder, name)
  const openedNs = BigInt(Date.now()) * 1_000_000n
  const known = file === undefined ? new Map<string, string>() : await read(file)
  const kept = new Map<string, string>()
  let changed = false
  return {
    get: (path, facts) => {
      const [stamp, hash] = known.get(path)?.split(' ') ?? []
      if (stamp !== stampOf(facts) || hash === undefined) return undefined
      kept.set(path, `${stamp} ${hash}`)
      return hash
    },
    set: (path, facts, hash) => {
      const youngest = facts.mtimeNs > facts.ctimeNs ? facts.mtimeNs : facts.ctimeNs
      if (youngest > openedNs - settledNs) return
      kept.set(path, `${stampOf(facts)} ${hash}`)
      changed = true
    },
    save: async () => {
      if (folder === undefined || file === undefined || (!changed && kept.size === known.size)) return
      await write(folder, file, kept).catch(() => undefined)
    },
  }
}

function stampOf({ size, mtimeNs, ctimeNs, ino }: FileFacts): string {
  return [size, mtimeNs, ctimeNs, ino].join('.')
}

/** First the hash of the rest, so that half a file, or one that somebody edited, is as good as none. */
async function read(file: string): Promise<ReadonlyMap<string, string>> {
  try {
    const text = await readFile(file, 'utf8')
    const end = text.indexOf('\n')
    const body = text.slice(end + 1)
    if (end < 0 || text.slice(0, end) !== digest(body)) return new Map()
    return new Map(Object.entries(JSON.parse(body) as Record<string, string>))
  } catch {
    return new Map()
  }
}

async function write(folder: string, file: string, entries: ReadonlyMap<string, string>): Promise<void> {
  const body = JSON.stringify(Object.fromEntries(entries))
  makeFolder(folder, 0o700)
  await replaceFile(file, `${digest(body)}\n${body}`, 0o600)
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
