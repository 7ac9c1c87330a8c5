/**
 * What files hold, as digests: whether one has changed is decided by its content, never by its times. A touch, a save without a
 * change, a branch that was left and come back to: all of these are nothing.
 */
import { createHash } from 'node:crypto'
import { lstat, readlink, stat } from 'node:fs/promises'

import { isCode } from '../errors.ts'
import { hashFile } from '../execute/fingerprint/fingerprint.ts'
import { forEachLimited } from '../execute/limits.ts'

/** How a path stands that is not as it was. */
export interface Difference {
  readonly path: string
  /** Nothing when it is gone. */
  readonly digest: string | undefined
  /** It is gone or empty, as a file is for a moment while it is replaced or written anew. */
  readonly isPassing: boolean
}

export interface Contents {
  /** How many files and folders are known to be there. */
  readonly size: number
  /**
   * Looks at paths for the first time, and takes what they hold for what has been acted upon already; not so those that were written from
   * `since` on (milliseconds), for then nobody knows which of their contents that was. These are returned.
   */
  learn(paths: readonly string[], since: number): Promise<readonly string[]>
  /** Those that are not as they were when they were remembered last. Remembers nothing. */
  compare(paths: readonly string[]): Promise<readonly Difference[]>
  remember(differences: readonly Difference[]): void
  /** Forgets what is no input any more. */
  keep(matters: (path: string) => boolean): void
}

const filesAtOnce = 16
const emptyHash = createHash('sha256').digest('hex')

export function createContents(signal: AbortSignal): Contents {
  const known = new Map<string, string>()
  const remember = ({ path, digest }: Pick<Difference, 'path' | 'digest'>): void => {
    if (digest === undefined) known.delete(path)
    else known.set(path, digest)
  }
  return {
    get size() {
      return known.size
    },
    learn: async (paths, since) => {
      const young: string[] = []
      await forEachLimited(
        paths.filter((path) => !known.has(path)),
        filesAtOnce,
        async (path) => {
          // Before the content is read: a write that comes between the two then counts as young.
          const facts = await stat(path).catch(() => undefined)
          remember({ path, digest: await digestOf(path, signal) })
          if (facts?.isFile() === true && Math.max(facts.mtimeMs, facts.ctimeMs) >= since) young.push(path)
        },
      )
      return young
    },
    compare: async (paths) => {
      const differences: Difference[] = []
      await forEachLimited([...new Set(paths)], filesAtOnce, async (path) => {
        const digest = await digestOf(path, signal)
        const isPassing = digest === undefined || digest.endsWith(emptyHash)
        if (digest !== known.get(path)) differences.push({ path, digest, isPassing })
      })
      return differences
    },
    remember: (differences) => {
      differences.forEach(remember)
    },
    keep: (matters) => {
      for (const path of known.keys()) if (!matters(path)) known.delete(path)
    },
  }
}

/** Equal when nothing that Poststack acts upon has changed: the content, whether it may be run, and where a link points. */
async function digestOf(path: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    const own = await lstat(path, { bigint: true })
    const link = own.isSymbolicLink() ? `-> ${await readlink(path)} ` : ''
    const facts = own.isSymbolicLink() ? await stat(path, { bigint: true }).catch(() => undefined) : own
    if (facts === undefined) return link
    if (!facts.isFile()) return `${link}${facts.isDirectory() ? 'folder' : 'other'}`
    const mode = (facts.mode & 0o111n) === 0n ? 'file' : 'program'
    return `${link}${mode} ${await hashFile(path, facts.size, signal)}`
  } catch (error) {
    if (isCode(error, 'ENOENT', 'ENOTDIR')) return undefined
    // What may not be read now may be later; until then it is the same every time.
    if (isCode(error, 'EACCES', 'EPERM', 'EISDIR', 'ELOOP')) return 'unreadable'
    throw error
  }
}
