/**
 * The files of a build context that sources reach, as an ignore file leaves them.
 */
import { lstat, readdir, readFile, readlink, realpath } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { throwIfAborted } from '../../abort.ts'
import { ignoreFiles } from '../../config/ignore-files.ts'
import { parseIgnore } from '../../config/ignore-rules.ts'
import { ownFilesOf, type OwnFiles } from '../../config/own-files.ts'
import type { BuildConfig } from '../../config/types.ts'
import { isCode, PoststackError } from '../../errors.ts'
import type { Source } from './dockerfile.ts'
import { forEachLimited } from '../limits.ts'

export interface Entry {
  /** Relative to the context, with `/`. */
  readonly path: string
  readonly kind: 'file' | 'folder' | 'link' | 'other'
  /** Where a link points. */
  readonly link?: string
}

export interface ContextRequest extends Pick<BuildConfig, 'context' | 'dockerfile' | 'logs'> {
  readonly sources: readonly Source[]
  readonly signal: AbortSignal
}

/**
 * Every entry once, in no order, and the ignore file that had a say, if there is one. Fails with `BUILD_CONTEXT_INVALID` where a named
 * source is not there.
 */
export async function listContext(
  request: ContextRequest,
): Promise<{ readonly entries: readonly Entry[]; readonly ignoreFile: string | undefined }> {
  const own = ownFilesOf(request)
  const walk: Walk = { ...request, own, ignores: await readIgnore(request), entries: new Map(), folders: new Set() }
  for (const source of request.sources) await collect(walk, source)
  const entries = [...walk.entries.values()].filter(({ kind, path }) => kind !== 'folder' || !own.folders.has(path))
  return { entries, ignoreFile: walk.ignores.file }
}

/** The error of a build whose files cannot be read, with the line of the Dockerfile where there is one. */
export function contextError(message: string, hint: string, facts: Readonly<Record<string, unknown>>): PoststackError {
  const { cause, ...details } = facts
  return new PoststackError('BUILD_CONTEXT_INVALID', message, { hint, details, cause })
}

/** What a file that cannot be read means to the user. */
export function unreadable(path: string, dockerfile: string, cause: unknown): PoststackError {
  const { code } = cause as NodeJS.ErrnoException
  return contextError(
    `Cannot read ${path} of the build context: ${code === 'EACCES' || code === 'EPERM' ? 'permission denied' : String(code)}.`,
    'Make it readable for this user, or name it in .dockerignore if the image does not need it.',
    { file: path, dockerfile, code, cause },
  )
}

interface Walk extends ContextRequest {
  readonly own: OwnFiles
  readonly ignores: Ignores
  readonly entries: Map<string, Entry>
  /** Folders that were read: several sources often name the same one. */
  readonly folders: Set<string>
}

interface Ignores {
  readonly file: string | undefined
  /** Some pattern takes back what another one left out, so that ignored folders must be looked through. */
  readonly exceptions: boolean
  readonly test: (path: string) => boolean
}

// Never part of what an image is built from in earnest, and changed by every commit and every run of ours.
export const leftOut: ReadonlySet<string> = new Set(['.git', '.poststack'])
const walkers = 16

type IgnoreRequest = Pick<ContextRequest, 'context' | 'dockerfile'>

/**
 * The rules of the ignore files that belong to a build. Docker and podman may take different files. What only one of them leaves out counts as part of the context, because the engine is
 * not known here.
 */
export async function readIgnore(request: IgnoreRequest): Promise<Ignores> {
  const one = await readFirst(ignoreFiles(request, 'docker'), request)
  const other = await readFirst(ignoreFiles(request, 'podman'), request)
  if (one.file === other.file) return one
  return {
    file: one.file ?? other.file,
    exceptions: one.exceptions || other.exceptions,
    test: (path) => one.test(path) && other.test(path),
  }
}

async function readFirst(files: readonly string[], { dockerfile }: IgnoreRequest): Promise<Ignores> {
  for (const file of files) {
    const text = await readFile(file, 'utf8').catch((error: unknown) => {
      if (isCode(error, 'ENOENT', 'ENOTDIR')) return undefined
      throw unreadable(file, dockerfile, error)
    })
    if (text === undefined) continue
    const { exceptions, ignores } = await parseIgnore(text)
    return { file, exceptions, test: ignores }
  }
  return { file: undefined, exceptions: false, test: () => false }
}

async function collect(walk: Walk, source: Source): Promise<void> {
  const { path } = source
  if (path === '..' || path.startsWith('../')) throw outside(walk, source)
  if (!source.named) {
    await collectMatching(walk, path)
    return
  }
  const entry = await look(walk, path)
  if (entry === undefined) throw missing(walk, source, false)
  const within = entry.kind === 'folder' && (path === '.' || walk.ignores.exceptions)
  if (!within && walk.ignores.test(path)) throw missing(walk, source, true)
  await add(walk, entry, true)
}

async function add(walk: Walk, entry: Entry, followed: boolean): Promise<void> {
  if (entry.path !== '.' && (entry.kind === 'folder' || !walk.ignores.test(entry.path)))
    walk.entries.set(entry.path, entry)
  if (entry.kind === 'folder') await addFolder(walk, entry.path)
  // A link that is named itself is followed; one inside a folder is copied as a link.
  if (entry.kind === 'link' && followed) await addTarget(walk, entry.path)
}

async function addTarget(walk: Walk, path: string): Promise<void> {
  const [root, target] = await Promise.all([realpath(walk.context), realpath(join(walk.context, path)).catch(() => '')])
  const inside = relative(root, target).split(sep).join('/')
  if (target === '' || inside === '..' || inside.startsWith('../')) return
  const entry = await look(walk, inside === '' ? '.' : inside)
  if (entry !== undefined && !walk.entries.has(entry.path)) await add(walk, entry, false)
}

async function addFolder(walk: Walk, top: string): Promise<void> {
  if (walk.folders.has(top)) return
  walk.folders.add(top)
  let folders = [top]
  while (folders.length > 0) {
    throwIfAborted(walk.signal)
    const below: string[] = []
    await forEachLimited(folders, walkers, async (folder) => {
      for (const entry of await readFolder(walk, folder)) {
        const ignored = walk.ignores.test(entry.path)
        if (!ignored) walk.entries.set(entry.path, entry)
        if (entry.kind === 'folder' && (!ignored || walk.ignores.exceptions)) below.push(entry.path)
      }
    })
    folders = below
  }
}

async function readFolder({ context, dockerfile, own }: Walk, folder: string): Promise<readonly Entry[]> {
  const listed = await readdir(join(context, folder), { withFileTypes: true }).catch((error: unknown) => {
    // Gone since it was listed: somebody works in the tree, and the next look sees how it ended.
    if (isCode(error, 'ENOENT', 'ENOTDIR')) return []
    throw unreadable(join(context, folder), dockerfile, error)
  })
  const pathOf = ({ name }: { readonly name: string }): string => (folder === '.' ? name : `${folder}/${name}`)
  const kept = listed.filter((item) => !leftOut.has(item.name) && !own.has(pathOf(item)))
  return Promise.all(
    kept.map(async (item): Promise<Entry> => {
      const path = pathOf(item)
      if (!item.isSymbolicLink()) return { path, kind: kindOf(item) }
      return { path, kind: 'link', link: await readlink(join(context, path)).catch(() => '') }
    }),
  )
}

async function look({ context, dockerfile }: Walk, path: string): Promise<Entry | undefined> {
  try {
    const facts = await lstat(join(context, path))
    const kind = kindOf(facts)
    return kind === 'link' ? { path, kind, link: await readlink(join(context, path)) } : { path, kind }
  } catch (error) {
    if (isCode(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw unreadable(join(context, path), dockerfile, error)
  }
}

interface Typed {
  isFile(): boolean
  isDirectory(): boolean
  isSymbolicLink(): boolean
}

function kindOf(facts: Typed): Entry['kind'] {
  if (facts.isFile()) return 'file'
  if (facts.isDirectory()) return 'folder'
  return facts.isSymbolicLink() ? 'link' : 'other'
}

/** Step by step down the pattern's folders; what a last part matches is taken with all that is in it. */
async function collectMatching(walk: Walk, pattern: string): Promise<void> {
  const parts = pattern.split('/')
  let folders = ['.']
  for (const [index, part] of parts.entries()) {
    const matches = wildcard(part)
    const next: Entry[] = []
    for (const folder of folders) {
      next.push(
        ...(await readFolder(walk, folder)).filter(({ path }) => matches.test(path.slice(path.lastIndexOf('/') + 1))),
      )
    }
    if (index === parts.length - 1) {
      for (const entry of next)
        if (walk.ignores.exceptions || !walk.ignores.test(entry.path)) await add(walk, entry, true)
    }
    folders = next.filter(({ kind }) => kind === 'folder' || kind === 'link').map(({ path }) => path)
  }
}

function wildcard(part: string): RegExp {
  const escaped = part.replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`^${escaped.replaceAll(/\*+/g, '[^/]*').replaceAll('?', '[^/]')}$`, 's')
}

function missing({ context, dockerfile, ignores }: Walk, { path, line }: Source, ignored: boolean): PoststackError {
  const facts = { dockerfile, line, source: path, context }
  return ignored
    ? contextError(
        `${dockerfile}:${line} copies ${path}, but ${ignores.file} leaves it out.`,
        `Take it out of ${ignores.file}, or add a line "!${path}" at its end.`,
        facts,
      )
    : contextError(
        `${dockerfile}:${line} copies ${path}, but there is no such file in ${context}.`,
        'Sources are relative to the build context, not to the Dockerfile. Correct the path, or set `context`.',
        facts,
      )
}

function outside({ context, dockerfile }: Walk, { path, line }: Source): PoststackError {
  return contextError(
    `${dockerfile}:${line} copies ${path}, which lies outside of the build context ${context}.`,
    'An image can only be built from files in its context. Set `context` to a folder that holds both.',
    { dockerfile, line, source: path, context },
  )
}
