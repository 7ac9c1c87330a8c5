/**
 * A folder of seeds, from disk: files whose names begin with a number, in the order of these. What else lies there, data and helpers, is
 * theirs to use.
 */
import { createHash } from 'node:crypto'
import { readFile, readdir } from 'node:fs/promises'
import { join, relative, resolve, sep } from 'node:path'
import { importsOf } from '../../config/load/imports.ts'
import { PoststackError } from '../../errors.ts'
import { parseText } from '../files/parse.ts'
import { includeFrom } from '../files/read.ts'
import { type FileProblem, normalise } from '../files/text.ts'
import type { Seed } from '../types.ts'
import { compareVersions } from '../version.ts'

const seedName = /^(\d+).*\.(?:sql|[cm]?[jt]s)$/
/** What would be a seed with a number. */
const seedLike = /\.(?:sql|[cm]?[jt]s)$/

/** Reads every seed of a folder. `root` is what `\i` is relative to. Fails with `SEED_INVALID`. */
export async function readSeeds(from: string, root: string): Promise<readonly Seed[]> {
  const folder = resolve(from)
  const names = await readdir(folder).catch((cause: unknown) => {
    throw invalid(
      `The folder of seeds ${folder} cannot be read: ${reasonOf(cause)}.`,
      'Create it, or correct `seed` in the config.',
    )
  })
  const include = includeFrom(folder, root)
  const files = names.filter(isSeed)
  const [unnumbered] = names.filter((name) => seedLike.test(name)).toSorted()
  if (files.length === 0 && unnumbered !== undefined)
    throw invalid(
      `No file in the folder of seeds ${folder} begins with a number, so nothing would be seeded.`,
      `Number them in the order in which they run: 001_${unnumbered}`,
    )
  const scripts = files.filter((file) => !file.endsWith('.sql')).map((file) => join(folder, file))
  const imports = await importsOf(scripts, root)
  const read = files.map(async (file): Promise<Seed | readonly FileProblem[]> => {
    const bytes = await readFile(join(folder, file)).catch((cause: unknown) => {
      throw invalid(`${file} cannot be read: ${reasonOf(cause)}.`, 'Seeds are files, directly in the folder.')
    })
    if (!file.endsWith('.sql')) {
      const path = join(folder, file)
      const checksums = await scriptChecksums(bytes, imports.get(path)?.files ?? [], root)
      return { file, ...checksums, content: { kind: 'script', path } }
    }
    const text = parseText(file, bytes, include)
    return 'sql' in text ? { file, checksum: text.checksum, content: { kind: 'sql', text } } : text
  })
  const seeds: Seed[] = []
  const problems: FileProblem[] = []
  for (const one of await Promise.all(read)) {
    if ('file' in one) seeds.push(one)
    else problems.push(...one)
  }
  if (problems.length > 0) {
    const hints = [...new Set(problems.map(({ hint }) => hint))]
    throw invalid(problems.map(({ message }) => message).join('\n'), hints.join('\n'))
  }
  return seeds.toSorted((a, b) => compareVersions(numberOf(a), numberOf(b)) || (a.file < b.file ? -1 : 1))
}

/** A script that is none of the folder, and is remembered as these are. Fails with `SEED_INVALID`. */
export async function readRemembered(
  path: string,
  { root, event }: { readonly root: string; readonly event: string },
): Promise<Seed> {
  const file = relative(root, path)
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw invalid(`${file} cannot be read: ${reasonOf(cause)}.`, `Correct \`hooks.${event}\` in the config.`)
  })
  const imports = await importsOf([path], root)
  const checksums = await scriptChecksums(bytes, imports.get(path)?.files ?? [], root)
  return { file, ...checksums, hook: event, content: { kind: 'script', path } }
}

/** The scripts of a folder of seeds, absolute; none where it cannot be read. */
export async function seedScripts(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch(() => [])
  return names.filter((name) => isSeed(name) && !name.endsWith('.sql')).map((name) => join(folder, name))
}

function isSeed(name: string): boolean {
  return seedName.test(name) && !name.endsWith('.d.ts')
}

type Checksums = Pick<Seed, 'checksum' | 'asWritten'>

/** Of its text and of the project's files that it imports, by their paths from the root: the same in each checkout. */
async function scriptChecksums(bytes: Uint8Array, imported: readonly string[], root: string): Promise<Checksums> {
  const others = await Promise.all(
    imported.map(async (path) => {
      const content = await readFile(path).catch(() => undefined)
      return { name: relative(root, path).split(sep).join('/'), content }
    }),
  )
  const checksumBy = (digest: (content: Uint8Array) => string): string => {
    const own = digest(bytes)
    if (others.length === 0) return own
    const theirs = others.map(({ name, content }) => [name, content === undefined ? null : digest(content)])
    return digestOf(JSON.stringify([own, ...theirs]))
  }
  const [checksum, asWritten] = [checksumBy(digestOfLines), checksumBy(digestOf)]
  return checksum === asWritten ? { checksum } : { checksum, asWritten }
}

// A checkout may have changed the line ends. What is imported need not be text, so every byte is kept but these.
function digestOfLines(content: Uint8Array): string {
  return digestOf(Buffer.from(normalise(Buffer.from(content).toString('latin1')), 'latin1'))
}

function digestOf(content: Uint8Array | string): string {
  return createHash('sha256').update(content).digest('hex')
}

function numberOf({ file }: Seed): string {
  return seedName.exec(file)?.[1] ?? '0'
}

function invalid(message: string, hint: string): PoststackError {
  return new PoststackError('SEED_INVALID', message, { hint })
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
