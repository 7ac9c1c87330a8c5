/**
 * The project's `.poststack/` folder: private, and invisible to git. All of it may be deleted while nothing runs.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PoststackError, isPoststackError } from '../errors.ts'

/** Makes `<root>/.poststack/<name>` when it is missing, and returns its path. Fails with `STATE_UNWRITABLE`. */
export async function privateFolder(root: string, name: string): Promise<string> {
  const state = join(root, '.poststack')
  const folder = join(state, name)
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await writeFile(join(state, '.gitignore'), '*\n', { flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
    return folder
  } catch (error) {
    throw unwritable(folder, error)
  }
}

/** What a failed write under `.poststack/` means to the user. An error that is a `PoststackError` already stays as it is. */
export function unwritable(path: string, cause: unknown): PoststackError {
  if (isPoststackError(cause)) return cause
  const { code, message } = cause as NodeJS.ErrnoException
  return new PoststackError('STATE_UNWRITABLE', `Cannot write ${path}: ${reasons[code ?? ''] ?? message}.`, {
    hint: hints[code ?? ''] ?? 'Poststack keeps its locks and caches there: make the folder writable for this user.',
    details: { path, code },
    cause,
  })
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left on the device',
  ENOTDIR: 'a file stands where a folder is needed',
  EEXIST: 'a file stands where a folder is needed',
  ENOTSUP: 'the file system has no hard links',
  EOPNOTSUPP: 'the file system has no hard links',
  ENOSYS: 'the file system has no hard links',
}

const noHardLinks =
  'Locks need hard links: keep the project on a file system of the machine itself, not on a shared folder.'

const hints: Readonly<Record<string, string>> = {
  ENOSPC: 'Free some space on the device, then run the command again.',
  ENOTDIR: 'Move the file away, then run the command again.',
  EEXIST: 'Move the file away, then run the command again.',
  ENOTSUP: noHardLinks,
  EOPNOTSUPP: noHardLinks,
  ENOSYS: noHardLinks,
}
