/**
 * The build context as an engine's program gets it: without `.poststack/`, where the generated passwords are, whatever the
 * user's ignore file says, and without touching any file of the user. Each builder has a door of its own for that.
 */
import { createReadStream } from 'node:fs'
import { copyFile, lstat, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises'
import { basename, join, relative, sep } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Pack } from 'tar-stream'
import type { BuildConfig } from '../../config/types.ts'
import { ignoreFiles } from '../../config/ignore-files.ts'
import { parseIgnore, type IgnoreRules } from '../../config/ignore-rules.ts'
import { ownFilesOf, type OwnFiles } from '../../config/own-files.ts'
import { temporaryFolder } from '../../config/temporary.ts'
import { isCode, PoststackError } from '../../errors.ts'

/** `docker` is Docker's old builder, which reads no ignore file but the context's own. */
export type Builder = 'podman' | 'buildkit' | 'docker'

export interface BuildContext {
  /** The Dockerfile, and what else says what to read. */
  readonly flags: readonly string[]
  /** The last argument: a folder, or `-` for the standard input. */
  readonly source: string
  readonly input?: Readable
  /** Why the input broke off, if it did for a reason of ours. */
  readonly failure: () => PoststackError | undefined
  readonly close: () => Promise<void>
}

type Archive = Required<Pick<BuildContext, 'input' | 'failure' | 'close'>>
type Paths = Pick<BuildConfig, 'context' | 'dockerfile' | 'logs'>

// The last rule that matches wins, so no `!` of the user brings it back.
const ownRules = ['.poststack', '**/.poststack', '**/.poststack/**']
// Podman mounts the folder itself, ignored files and all: what it mounts must be a copy. Other kinds of mounts see no context.
const bindMount = /--mount=(?!\S*\btype=(?:cache|secret|ssh|tmpfs)\b)/i
const dockerfileInArchive = '.dockerfile.poststack'

/** What to give to the program in the place of the two paths; `close` it when the program has ended. */
export async function openContext(paths: Paths, builder: Builder): Promise<BuildContext> {
  const rules = await readIgnore(paths, builder)
  if (builder === 'docker') return archivedContext(paths, rules)
  const folder = await temporaryFolder('build')
  const close = async () => rm(folder, { recursive: true, force: true })
  try {
    const opened = { source: paths.context, failure: () => undefined, close }
    const lines = [...rules.patterns, ...ownRules, ...ownFilesOf(paths).patterns, ''].join('\n')
    if (builder === 'podman') {
      const ignore = join(folder, 'ignore')
      await writeFile(ignore, lines)
      const flags = ['-f', paths.dockerfile, '--ignorefile', ignore]
      if (!bindMount.test(await readFile(paths.dockerfile, 'utf8'))) return { ...opened, flags }
      const archive = await startArchive(paths, rules, false)
      return { ...archive, flags, source: '-', close: async () => void (await Promise.all([archive.close(), close()])) }
    }
    // BuildKit prefers the ignore file beside the Dockerfile, wherever the two are.
    const dockerfile = join(folder, basename(paths.dockerfile))
    await copyFile(paths.dockerfile, dockerfile)
    await writeFile(`${dockerfile}.dockerignore`, lines)
    return { ...opened, flags: ['-f', dockerfile] }
  } catch (error) {
    await close()
    throw unreadable(paths, error)
  }
}

/** The file that the builder itself would take. */
async function readIgnore(paths: Paths, builder: Builder): Promise<IgnoreRules> {
  for (const file of ignoreFiles(paths, builder === 'podman' ? 'podman' : 'docker')) {
    try {
      return await parseIgnore(await readFile(file, 'utf8'))
    } catch (error) {
      if (!isCode(error, 'ENOENT', 'ENOTDIR')) throw unreadable(paths, error)
    }
  }
  return parseIgnore('')
}

/** The old builder's context, with a Dockerfile in it. */
async function archivedContext(paths: Paths, rules: IgnoreRules): Promise<BuildContext> {
  const inside = relative(paths.context, paths.dockerfile).split(sep).join('/')
  const plain = !inside.startsWith('../') && !isOwn(inside, ownFilesOf(paths)) && !rules.ignores(inside)
  const archive = await startArchive(paths, rules, !plain)
  return { ...archive, flags: ['-f', plain ? inside : dockerfileInArchive], source: '-' }
}

/** Packs what the rules leave, and is read while it does. */
async function startArchive(paths: Paths, rules: IgnoreRules, withDockerfile: boolean): Promise<Archive> {
  const { pack } = await import('tar-stream')
  const archive = pack()
  let failure: PoststackError | undefined
  const fill = async () => {
    try {
      if (withDockerfile) await packDockerfile(archive, paths, rules)
      await packFolder(
        { archive, paths, rules, own: ownFilesOf(paths), leftOut: withDockerfile ? '.dockerignore' : undefined },
        '',
      )
      archive.finalize()
    } catch (error) {
      // The program ended first: it has its own reasons, and tells them.
      if (archive.destroying) return
      failure = unreadable(paths, error)
      archive.destroy(failure)
    }
  }
  const filled = fill()
  const input = Readable.from(archive)
  return {
    input,
    failure: () => failure,
    close: async () => {
      archive.destroy()
      input.destroy()
      await filled
    },
  }
}

function isOwn(path: string, own: OwnFiles): boolean {
  return own.has(path) || path.split('/').includes('.poststack')
}

/**
 * A Dockerfile that lies elsewhere or is ignored: the engine reads it, and then removes it together with the ignore file, which
 * names both. An ignore file that belongs into the image stays.
 */
async function packDockerfile(archive: Pack, { context, dockerfile }: Paths, rules: IgnoreRules): Promise<void> {
  const own = await readFile(join(context, '.dockerignore')).catch(() => undefined)
  const kept = own !== undefined && !rules.ignores('.dockerignore')
  const lines = [...(kept ? [own.toString()] : ['.dockerignore']), dockerfileInArchive, '']
  const facts = { mode: 0o644, mtime: new Date(0) }
  archive.entry({ ...facts, name: dockerfileInArchive }, await readFile(dockerfile))
  archive.entry({ ...facts, name: '.dockerignore' }, lines.join('\n'))
}

interface Packing {
  readonly archive: Pack
  readonly paths: Paths
  readonly rules: IgnoreRules
  readonly own: OwnFiles
  /** Packed already. */
  readonly leftOut: string | undefined
}

async function packFolder(packing: Packing, folder: string): Promise<void> {
  const { own, paths, rules, leftOut } = packing
  const names = await readdir(join(paths.context, folder))
  for (const name of names.toSorted()) {
    const path = folder === '' ? name : `${folder}/${name}`
    if (name === '.poststack' || own.has(path) || path === leftOut) continue
    const ignored = rules.ignores(path)
    if (ignored && !rules.exceptions) continue
    const isFolder = await packEntry(packing, path, ignored)
    if (isFolder) await packFolder(packing, path)
  }
}

/** Owners do not count in a context; modes and times do. Returns whether it is a folder. */
async function packEntry({ archive, paths }: Packing, path: string, ignored: boolean): Promise<boolean> {
  const file = join(paths.context, path)
  const facts = await lstat(file)
  if (ignored) return facts.isDirectory()
  // Windows has no such bit: what is copied from there may be run, as with Docker's own client.
  const mode = (facts.mode & 0o7777) | (sep === '\\' ? 0o111 : 0)
  const header = { name: path, mode, mtime: facts.mtime, uid: 0, gid: 0 }
  if (facts.isDirectory()) {
    archive.entry({ ...header, name: `${path}/`, type: 'directory' })
  } else if (facts.isSymbolicLink()) {
    archive.entry({ ...header, type: 'symlink', linkname: await readlink(file) })
  } else if (facts.isFile() && facts.size === 0) {
    archive.entry(header, '')
  } else if (facts.isFile()) {
    // A log may grow while it is read: as much as was announced.
    await pipeline(createReadStream(file, { end: facts.size - 1 }), archive.entry({ ...header, size: facts.size }))
  }
  return facts.isDirectory()
}

function unreadable({ context, dockerfile }: Paths, cause: unknown): PoststackError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new PoststackError('BUILD_CONTEXT_INVALID', `The build context ${context} cannot be read: ${reason}.`, {
    hint: 'Make it readable for this user, or name it in .dockerignore if the image does not need it.',
    details: { context, dockerfile },
    cause,
  })
}
