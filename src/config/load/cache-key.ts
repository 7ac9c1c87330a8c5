/** The key of a kept result: everything that it was made from, as one digest that only this project can make. */
import { createHash, createHmac } from 'node:crypto'
import { lstatSync, readFileSync, readlinkSync, statSync, type Stats } from 'node:fs'
import { isCode } from '../../errors.ts'
import { globFiles } from '../glob.ts'
import { ownFingerprint, ownPackage } from './own-package.ts'
import type { ConfigInputs } from './inputs.ts'
import type { FoundConfig } from './find.ts'
import type { Permissions } from '../permissions.ts'

/** What a result depends on, by name. */
export interface Origins extends Omit<ConfigInputs, 'candidates' | 'packages'> {
  /** All files: those that are there, and those that are not. */
  readonly files: readonly string[]
  readonly readsCwd: boolean
}

export interface CacheKeyOptions {
  readonly config: FoundConfig
  /** The project's digest key, in hex. */
  readonly projectKey: string
  readonly cwd: string
  readonly mode: string
  readonly trusted: boolean
  readonly permissions: Permissions
  /** As the config sees it. */
  readonly env: Readonly<Record<string, string | undefined>>
}

/** Variables that Node itself asks for, whatever the config does. */
const asked = [
  'TZ',
  'LANG',
  'LC_ALL',
  'LC_MESSAGES',
  'NODE_ENV',
  'NODE_EXTRA_CA_CERTS',
  'NODE_PATH',
  'NODE_NO_WARNINGS',
]

/** 32 bytes. Equal keys mean that a config would give the same again; nothing can be learned from one. */
export function cacheKey(origins: Origins, options: CacheKeyOptions): Buffer {
  const { config, projectKey, cwd, mode, trusted, permissions, env } = options
  const names = origins.allVariables ? Object.keys(env) : origins.variables
  const variables = [...new Set([...names, ...asked])].toSorted()
  const parts = [
    ['poststack', ownFingerprint(ownPackage())],
    ['node', process.version, process.platform, process.arch, process.getuid?.() ?? 0],
    ['config', config.root, config.file, mode, trusted, permissions, origins.readsCwd ? cwd : ''],
    ['variables', variables.map((name) => [name, env[name] ?? null])],
    ['files', origins.files.map((file) => [file, digestOf(file)])],
    ['globs', origins.globs.map(({ pattern }) => [pattern, globFiles(config.root, pattern)])],
  ]
  return createHmac('sha256', Buffer.from(projectKey, 'hex')).update(JSON.stringify(parts)).digest()
}

/** What a path holds, and of a symbolic link also where it points: another file may hold the same. */
function digestOf(file: string): string {
  const own = statOf(file, lstatSync)
  if (own?.isSymbolicLink() === true) return `-> ${readlinkSync(file)} ${contentOf(file, statOf(file, statSync))}`
  return contentOf(file, own)
}

function contentOf(file: string, found: Stats | undefined): string {
  if (found === undefined) return 'none'
  return found.isFile() ? createHash('sha256').update(readFileSync(file)).digest('base64') : 'no file'
}

/** A file that was written since, or so shortly before that the clock of the file system may not tell. */
export function changedSince(files: readonly string[], timeMs: number): string | undefined {
  const isYoung = (found: Stats | undefined): boolean =>
    // A folder is written to whenever a file in it comes or goes.
    found?.isDirectory() === false && found.ctimeMs >= timeMs - tickMs
  return files.find((file) => isYoung(statOf(file, statSync)) || isYoung(statOf(file, lstatSync)))
}

const tickMs = 20

/** Nothing where nothing is, also below a file. */
function statOf(file: string, stat: typeof statSync): Stats | undefined {
  try {
    return stat(file, { throwIfNoEntry: false })
  } catch (error) {
    if (isCode(error, 'ENOTDIR')) return undefined
    throw error
  }
}
