/** Finds the config file: the nearest one on the way up from the working directory. */
import { readdir, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { PoststackError } from '../../errors.ts'
import { suggest } from '../nearest.ts'

/** What a config file may be called. */
export const configNames = ['ts', 'mts', 'cts', 'js', 'mjs', 'cjs'].map((extension) => `poststack.config.${extension}`)

/** Names of configs that hold data, and are taken only where they are named. */
const dataNames = ['yaml', 'yml', 'json'].map((extension) => `poststack.config.${extension}`)

/** Whether a file of this name holds data, YAML or JSON, instead of a program. */
export function isData(file: string): boolean {
  return /\.(?:ya?ml|json)$/i.test(file)
}

export interface FoundConfig {
  /** Absolute path, in the folder's real path. */
  readonly file: string
  /** Absolute real path of the file's folder: the project. */
  readonly root: string
}

/**
 * An explicit `file` must exist; without one, no config file on the way up means `undefined`. `giver` is what named the file, for the
 * hint.
 */
export async function findConfig(
  cwd: string,
  file?: string,
  giver = 'the path, or put the file there',
): Promise<FoundConfig | undefined> {
  return file === undefined ? await findUpward(cwd) : await explicitFile(resolve(cwd, file), file, giver)
}

async function explicitFile(path: string, asGiven: string, giver: string): Promise<FoundConfig> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) {
    const siblings = await readdir(dirname(path)).catch((): string[] => [])
    const hint = siblings.length === 0 ? undefined : suggest(basename(path), siblings)
    throw new PoststackError('CONFIG_NOT_FOUND', `there is no config file ${asGiven}`, {
      hint: hint?.startsWith('did') === true ? hint.replace('did', 'Did') : `Check ${giver}.`,
      details: { file: path },
    })
  }
  if (found.isDirectory()) {
    const inside = (await candidatesIn(path)).map((name) => join(asGiven, name))
    const hint = inside.length === 0 ? 'Give the path of a file.' : `Did you mean ${inside.join(' or ')}?`
    throw new PoststackError('CONFIG_NOT_FOUND', `${asGiven} is a folder, not a config file`, {
      hint,
      details: { file: path },
    })
  }
  const root = await realpath(dirname(path))
  return { file: join(root, basename(path)), root }
}

async function findUpward(cwd: string): Promise<FoundConfig | undefined> {
  for (let folder = await realpath(cwd); ; folder = dirname(folder)) {
    const [file, other] = await candidatesIn(folder)
    if (file !== undefined && other !== undefined) {
      throw new PoststackError('CONFIG_INVALID', `${folder} has two config files: ${file} and ${other}`, {
        hint: 'Keep one of them, or say which with --config.',
        details: { files: [join(folder, file), join(folder, other)] },
      })
    }
    if (file !== undefined) return { file: join(folder, file), root: folder }
    if (dirname(folder) === folder) return undefined
  }
}

/**
 * A config that holds data is taken only where it is named. Fails with `CONFIG_NOT_FOUND` where one stands that whoever wrote it will expect
 * to be taken, and that `found`, or a folder without any config, would be taken instead of.
 */
export async function refuseUnnamed(cwd: string, found: FoundConfig | undefined): Promise<void> {
  const start = await realpath(cwd)
  for (let folder = start; folder !== found?.root; folder = dirname(folder)) {
    const [name] = await namesIn(folder, dataNames)
    if (name !== undefined) {
      const file = join(folder, name)
      throw new PoststackError('CONFIG_NOT_FOUND', `${file} is read only where it is named`, {
        hint: `Name it: --config ${relative(start, file)}\nOr once for all, in .env: POSTSTACK_CONFIG=${relative(start, file)}`,
        details: { file },
      })
    }
    if (dirname(folder) === folder) return
  }
}

/** A folder of that name counts: it is a mistake to report, not a reason to look further up. */
async function candidatesIn(folder: string): Promise<readonly string[]> {
  return await namesIn(folder, configNames)
}

/** The config that stands in a folder, or else the nearest above it; programs and data alike. */
export async function configsAround(folder: string): Promise<{ readonly here?: string; readonly above?: string }> {
  const names = [...configNames, ...dataNames]
  const [here] = await namesIn(folder, names)
  if (here !== undefined) return { here }
  for (let inner = folder, outer = dirname(inner); outer !== inner; inner = outer, outer = dirname(inner)) {
    const [above] = await namesIn(outer, names)
    if (above !== undefined) return { above: join(outer, above) }
  }
  return {}
}

async function namesIn(folder: string, names: readonly string[]): Promise<readonly string[]> {
  const entries = new Set(await readdir(folder).catch((): string[] => []))
  return names.filter((name) => entries.has(name))
}
