/**
 * A folder of migrations, from disk.
 */
import { readFileSync, statSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { PoststackError } from '../errors.ts'
import { type FileProblem, isSqlFile, type MigrationFile, parseMigrations } from './parse.ts'
import type { MigrationFolder } from './types.ts'

/**
 * Reads and checks every migration of a folder (not of folders inside it). Fails with `MIGRATION_MISSING` when there is no
 * such folder, and with `MIGRATION_INVALID` when it or a file in it cannot be used.
 */
export async function readMigrations(path: string): Promise<MigrationFolder> {
  const folder = resolve(path)
  const names = (await listFolder(folder)).filter(isSqlFile).toSorted()
  const files: MigrationFile[] = []
  const problems: FileProblem[] = []
  for (const file of names) {
    const read = readOne(folder, file)
    if ('bytes' in read) files.push(read)
    else problems.push(read)
  }
  return { path: folder, migrations: parseMigrations(files, problems) }
}

async function listFolder(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    throw folderError(folder, error)
  }
}

function folderError(folder: string, cause: unknown): PoststackError {
  const details = { path: folder }
  switch (errnoOf(cause)) {
    case 'ENOENT':
      return new PoststackError('MIGRATION_MISSING', `There is no folder ${folder} to read migrations from.`, {
        hint: 'Create it (it may be empty), or correct the path in the config.',
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

// Synchronous on purpose: a thousand small files take 12 ms this way, and 60 through the thread pool.
function readOne(folder: string, file: string): MigrationFile | FileProblem {
  const path = join(folder, file)
  try {
    const facts = statSync(path)
    // Reading a pipe or a device would wait for ever.
    if (!facts.isFile()) {
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
