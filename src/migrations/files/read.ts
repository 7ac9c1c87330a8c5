/**
 * A folder of migrations, from disk.
 */
import { type Dirent, readFileSync, realpathSync, statSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { PoststackError } from '../../errors.ts'
import type { Include, IncludedFile, IncludeRequest, IncludeTrouble } from './include.ts'
import { nestedProblem, numberedInside, straysProblem } from './nested.ts'
import { inspectFiles, invalid, isSqlFile, type MigrationFile, type ParsedFiles } from './parse.ts'
import type { FileProblem } from './text.ts'
import type { Migration, MigrationFolder } from '../types.ts'

export interface ReadOptions {
  /** The project: `\\i` is relative to it, and no file outside of it is included. @default the folder that holds the migrations' */
  readonly root?: string
}

/**
 * Reads and checks every migration of a folder (not of folders inside it), with the files they include. Fails with `MIGRATION_MISSING` when there is no
 * such folder, and with `MIGRATION_INVALID` when it or a file in it cannot be used, or all that it holds are folders with SQL in them.
 */
export async function readMigrations(path: string, options: ReadOptions = {}): Promise<MigrationFolder> {
  const { problems, unusable: _, ...folder } = await inspectFolder(path, options)
  if (problems.length > 0) throw invalid(problems)
  return folder
}

/** The same, but what is wrong with files is told beside those that are right. */
export async function inspectFolder(path: string, options: ReadOptions = {}): Promise<MigrationFolder & ParsedFiles> {
  const folder = resolve(path)
  const root = resolve(options.root ?? dirname(folder))
  const list = await listFolder(folder)
  const entries = list.map(({ name }) => name)
  const regular = new Set(list.filter((entry) => entry.isFile()).map(({ name }) => name))
  const names = entries.filter(isSqlFile).toSorted()
  const files: MigrationFile[] = []
  const problems: FileProblem[] = await (names.length === 0 ? nestedProblem : straysProblem)(folder, entries)
  for (const file of names) {
    // oxlint-disable-next-line no-await-in-loop -- waits for files that are being written, and for no other
    const read = await readWritten(join(folder, file), file, regular.has(file))
    if ('bytes' in read) files.push(read)
    else problems.push(read)
  }
  const parsed = inspectFiles(files, problems, includeFrom(folder, root))
  const folders = list.filter((entry) => entry.isDirectory()).map(({ name }) => name)
  const inside = names.length === 0 ? [] : await numberedInside(folder, folders, names)
  const included = includedBy(parsed.migrations)
  const passedOver = inside.filter((file) => !included.has(pathFrom(root, join(folder, file))))
  return { path: folder, ...parsed, ...(passedOver.length === 0 ? {} : { passedOver }) }
}

/** Every file that the migrations and their rollbacks are made of, by its path from the project's root where it is an included one. */
function includedBy(migrations: readonly Migration[]): ReadonlySet<string> {
  const texts = migrations.flatMap((one) => (one.rollback === undefined ? [one] : [one, one.rollback]))
  return new Set(texts.flatMap(({ origins = [] }) => origins.map(({ file }) => file)))
}

function pathFrom(root: string, path: string): string {
  return relative(root, path).split(sep).join('/')
}

async function listFolder(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true })
  } catch (error) {
    throw folderError(folder, error)
  }
}

function folderError(folder: string, cause: unknown): PoststackError {
  const details = { path: folder }
  switch (errnoOf(cause)) {
    case 'ENOENT':
      return new PoststackError('MIGRATION_MISSING', `There is no folder ${folder} to read migrations from.`, {
        hint: 'Create it (it may be empty), or name another: --migrations on the command line, `migrations` in the config.',
        details,
        cause,
      })
    case 'ENOTDIR':
      return new PoststackError('MIGRATION_INVALID', `${folder} is a file, but migrations are read from a folder.`, {
        hint: 'Name the folder that holds the migration files.',
        details,
        cause,
      })
    case 'ELOOP':
      return new PoststackError('MIGRATION_INVALID', `${folder} is a symbolic link that leads back to itself.`, {
        hint: 'Point the link to the folder that holds the migration files.',
        details,
        cause,
      })
    default:
      return new PoststackError(
        'MIGRATION_INVALID',
        `The migration folder ${folder} cannot be read: ${reasonOf(cause)}.`,
        {
          hint: 'Give yourself the right to read the folder.',
          details,
          cause,
        },
      )
  }
}

const writingMs = 100
const mostReads = 3

/** Who writes in place empties the file first, and a run that comes between would take that for the migration: it is read once more then. */
async function readWritten(path: string, file: string, regular: boolean): Promise<MigrationFile | FileProblem> {
  for (let reads = 1; ; reads += 1) {
    const read = readOne(path, file, regular)
    if (reads === mostReads || !('bytes' in read) || read.bytes.length > 0 || !isFresh(path)) return read
    // oxlint-disable-next-line no-await-in-loop -- one look after the other
    await sleep(writingMs)
  }
}

/** Written within the last second. */
function isFresh(path: string): boolean {
  const written = statSync(path, { throwIfNoEntry: false })?.mtimeMs
  return written !== undefined && Date.now() - written < 1000
}

// Synchronous on purpose: a thousand small files take 12 ms this way, and 60 through the thread pool.
function readOne(path: string, file: string, regular: boolean): MigrationFile | FileProblem {
  try {
    // Reading a pipe or a device would wait for ever.
    const facts = regular ? undefined : statSync(path)
    if (facts?.isFile() === false) {
      const hint = 'Move it away: a migration is one file, directly in the folder.'
      return { file, message: `${file} is ${facts.isDirectory() ? 'a folder' : 'not a regular file'}.`, hint }
    }
    return { file, bytes: readFileSync(path) }
  } catch (error) {
    return { file, ...fileTrouble(file, error) }
  }
}

function fileTrouble(file: string, error: unknown): { message: string; hint: string } {
  switch (errnoOf(error)) {
    case 'ENOENT':
      return {
        message: `${file} is a symbolic link to a file that is not there.`,
        hint: 'Point the link to the file, or delete it.',
      }
    case 'ELOOP':
      return { message: `${file} is a symbolic link that leads back to itself.`, hint: 'Replace the link by the file.' }
    default:
      return {
        message: `${file} cannot be read: ${reasonOf(error)}.`,
        hint: 'Give yourself the right to read the file.',
      }
  }
}

/** Files that are included, found as for the migrations of a folder. */
export function includeFrom(folder: string, root: string): Include {
  return { pathOf: (file) => join(folder, file), read: (request) => readIncluded(root, request) }
}

function readIncluded(root: string, { path, beside }: IncludeRequest): IncludedFile | IncludeTrouble {
  const base = beside === undefined ? root : dirname(beside)
  const absolute = resolve(base, path)
  try {
    const realPath = realpathSync(absolute)
    // By the real path, so that no symbolic link leads out of the project.
    if (!contains(realpathSync(root), realPath)) {
      const message = `${path} leads out of the project ${root}.`
      return { message, hint: 'Only files inside the project can be included: put the file there.' }
    }
    if (!statSync(realPath).isFile())
      return { message: `${path} is not a regular file.`, hint: 'Name a file with SQL.' }
    const file = pathFrom(root, absolute)
    return { file, path: absolute, realPath, bytes: readFileSync(realPath) }
  } catch (error) {
    const other = beside === undefined ? '\\ir is relative to the file it stands in' : '\\i is relative to the project'
    switch (errnoOf(error)) {
      case 'ENOENT':
      case 'ENOTDIR':
        return { message: `there is no file ${path} in ${base}.`, hint: `Correct the name; ${other}.` }
      case 'ELOOP':
        return {
          message: `${path} is a symbolic link that leads back to itself.`,
          hint: 'Replace the link by the file.',
        }
      default:
        return {
          message: `${path} cannot be read: ${reasonOf(error)}.`,
          hint: 'Give yourself the right to read the file.',
        }
    }
  }
}

function contains(folder: string, file: string): boolean {
  const way = relative(folder, file)
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way)
}

function errnoOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}

function reasonOf(error: unknown): string {
  const names: Readonly<Record<string, string>> = {
    EACCES: 'permission denied',
    EPERM: 'permission denied',
    EIO: 'the disk reports an error',
    EMFILE: 'too many files are open',
  }
  return names[errnoOf(error)] ?? (error instanceof Error ? error.message : String(error))
}
