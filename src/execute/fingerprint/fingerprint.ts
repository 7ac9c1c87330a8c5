/**
 * Tells whether an image has to be built: a hash over everything it is built from.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { lstat, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { compareText } from '../../config/text-order.ts'
import { interruption, throwIfAborted } from '../../abort.ts'
import type { BuildConfig } from '../../config/types.ts'
import { isCode } from '../../errors.ts'
import type { BuildFacts } from '../../plan/images.ts'
import { openHashCache } from './cache.ts'
import type { HashCache } from './cache.ts'
import { readDockerfile } from './dockerfile.ts'
import { contextError, listContext, unreadable } from './files.ts'
import type { Entry } from './files.ts'
import { forEachLimited } from '../limits.ts'

export interface ReadBuildOptions {
  readonly signal: AbortSignal
  /** Where hashes of unchanged files are kept; without it every file is read. */
  readonly cacheDir?: string | undefined
}

/**
 * What a build is made from. The fingerprint is a hex string that changes when the Dockerfile, the arguments, the target or a file that the Dockerfile can reach changes: its path,
 * content, executable bit or, of a link, its target. Times, owners and the order of folders do not count.
 *
 * Fails with `BUILD_CONTEXT_INVALID` when something is missing or cannot be read.
 */
export async function readBuild(build: BuildConfig, { signal, cacheDir }: ReadBuildOptions): Promise<BuildFacts> {
  throwIfAborted(signal)
  const { context } = build
  const text = await readText(build)
  await requireFolder(build)
  const { images, sources } = await readDockerfile(text, build)
  const { entries, ignoreFile } = await listContext({ ...build, sources, signal })
  const cache = await openHashCache(cacheDir, context)
  const lines: string[] = []
  const sizes = new Map<string, number>()
  await forEachLimited(entries, filesAtOnce, async (entry) => {
    const line = await describeEntry(entry, build, { cache, sizes, signal })
    if (line !== undefined) lines.push(line)
  })
  await cache.save()
  const args = Object.entries(build.args).toSorted(([a], [b]) => compareText(a, b))
  const platform = build.platform === undefined ? [] : [build.platform]
  const head = JSON.stringify([format, text, args, build.target ?? null, ...platform])
  const whole = ignoreFile === undefined && sources.some(({ path }) => path === '.')
  const bulk = whole ? bulkOf(sizes) : undefined
  return {
    fingerprint: sha256([head, ...lines.toSorted()].join('\n')),
    baseImages: images,
    ...(bulk === undefined ? {} : { bulk }),
  }
}

const manyFiles = 5_000
const manyBytes = 100 * 1024 * 1024

/** What a context holds that nothing is left out of, where that is much. */
function bulkOf(sizes: ReadonlyMap<string, number>): BuildFacts['bulk'] {
  const bytes = [...sizes.values()].reduce((sum, size) => sum + size, 0)
  if (sizes.size <= manyFiles && bytes <= manyBytes) return undefined
  const tops = new Map<string, number>()
  for (const [path, size] of sizes) {
    const [top = ''] = path.split('/')
    // A file weighs something even when it is empty.
    tops.set(top, (tops.get(top) ?? 0) + size + bytesOfEntry)
  }
  const [most] = [...tops].toSorted(([a, one], [b, other]) => other - one || compareText(a, b))
  return { files: sizes.size, bytes, most: most?.[0] ?? '.' }
}

const bytesOfEntry = 4096

/** Part of every fingerprint. A change of what is hashed changes it, and rebuilds every image once. */
const format = 'poststack build 1'
const filesAtOnce = 32
const smallBytes = 1_048_576n

async function readText({ dockerfile }: BuildConfig): Promise<string> {
  try {
    return await readFile(dockerfile, 'utf8')
  } catch (error) {
    if (!isCode(error, 'ENOENT', 'ENOTDIR')) throw unreadable(dockerfile, dockerfile, error)
    throw contextError(
      `There is no Dockerfile at ${dockerfile}.`,
      'Make one, or name another file with `dockerfile`, for example Containerfile.',
      { field: 'dockerfile', dockerfile, cause: error },
    )
  }
}

async function requireFolder({ context, dockerfile }: BuildConfig): Promise<void> {
  const facts = await lstat(`${context}/`).catch(() => undefined)
  if (facts?.isDirectory() === true) return
  throw contextError(`The build context ${context} is not a folder.`, 'Correct `context`, or make the folder.', {
    field: 'context',
    context,
    dockerfile,
  })
}

interface Reading {
  readonly cache: HashCache
  /** Gets the size of each file in bytes, by its path. */
  readonly sizes: Map<string, number>
  readonly signal: AbortSignal
}

/** One line that is equal when the entry is. Nothing for a file that is gone since it was listed. */
async function describeEntry(entry: Entry, build: BuildConfig, reading: Reading): Promise<string | undefined> {
  if (entry.kind !== 'file') return JSON.stringify([entry.path, entry.kind, entry.link ?? ''])
  throwIfAborted(reading.signal)
  const file = join(build.context, entry.path)
  try {
    const facts = await lstat(file, { bigint: true })
    reading.sizes.set(entry.path, Number(facts.size))
    const known = reading.cache.get(entry.path, facts)
    const hash = known ?? (await hashFile(file, facts.size, reading.signal))
    if (known === undefined) reading.cache.set(entry.path, facts, hash)
    const executable = (facts.mode & 0o111n) !== 0n
    return JSON.stringify([entry.path, executable ? 'program' : 'file', hash])
  } catch (error) {
    if (reading.signal.aborted) throw interruption(reading.signal)
    if (isCode(error, 'ENOENT')) return undefined
    throw unreadable(file, build.dockerfile, error)
  }
}

/** SHA-256 of a file's content; a large one is read in pieces. */
export async function hashFile(file: string, size: bigint, signal: AbortSignal): Promise<string> {
  if (size <= smallBytes) return sha256(await readFile(file))
  const hash = createHash('sha256')
  await pipeline(createReadStream(file, { highWaterMark: Number(smallBytes) }), hash, { signal })
  return hash.digest('hex')
}

function sha256(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex')
}
