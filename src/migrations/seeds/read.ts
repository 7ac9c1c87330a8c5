/**
 * A folder of seeds, from disk: files whose names begin with a number, in the order of these. What else lies there, data and helpers, is
 * theirs to use.
 */
import { createHash } from 'node:crypto'
import { readFile, readdir } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { PoststackError } from '../../errors.ts'
import { parseText } from '../files/parse.ts'
import { includeFrom } from '../files/read.ts'
import type { FileProblem } from '../files/text.ts'
import type { Seed } from '../types.ts'
import { compareVersions } from '../version.ts'

const seedName = /^(\d+)[_-].+\.(?:(sql)|[cm]?[jt]s)$/

/** Reads every seed of a folder. `root` is what `\i` is relative to. Fails with `SEED_INVALID`. */
export async function readSeeds(path: string, root: string): Promise<readonly Seed[]> {
  const folder = resolve(path)
  const names = await readdir(folder).catch((cause: unknown) => {
    throw invalid(
      `The folder of seeds ${folder} cannot be read: ${reasonOf(cause)}.`,
      'Create it, or correct `seed` in the config.',
    )
  })
  const include = includeFrom(folder, root)
  const read = names
    .filter((name) => seedName.test(name) && !name.endsWith('.d.ts'))
    .map(async (file): Promise<Seed | readonly FileProblem[]> => {
      const bytes = await readFile(join(folder, file)).catch((cause: unknown) => {
        throw invalid(`${file} cannot be read: ${reasonOf(cause)}.`, 'Seeds are files, directly in the folder.')
      })
      if (!file.endsWith('.sql')) {
        const checksum = createHash('sha256').update(bytes).digest('hex')
        return { file, checksum, content: { kind: 'script', path: join(folder, file) } }
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
export async function readRemembered(path: string, root: string): Promise<Seed> {
  const file = relative(root, path)
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw invalid(`${file} cannot be read: ${reasonOf(cause)}.`, 'Correct `hooks.afterMigrate` in the config.')
  })
  return { file, checksum: createHash('sha256').update(bytes).digest('hex'), content: { kind: 'script', path } }
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
