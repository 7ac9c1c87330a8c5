/**
 * What a disk refuses, in the user's terms.
 */
import { basename, dirname } from 'node:path'
import { isPoststackError, PoststackError } from '../../errors.ts'

export async function told<Result>(file: string, act: () => Promise<Result>): Promise<Result> {
  try {
    return await act()
  } catch (error) {
    throw refusedBy(file, error)
  }
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left on the device',
  EDQUOT: 'the disk quota is used up',
  ENOENT: 'there is no such file or folder',
  ENOTDIR: 'a file stands where a folder is needed',
  EEXIST: 'a file stands where a folder is needed',
  EISDIR: 'it is a folder',
  EIO: 'the disk failed',
  EFBIG: 'it would be larger than a file may be',
}

/** Why a disk refused, in words; nothing for errors that are no refusal of a disk. */
export function diskReason(cause: unknown): string | undefined {
  if (isPoststackError(cause) || !(cause instanceof Error && 'syscall' in cause && 'code' in cause)) return undefined
  return reasons[String(cause.code)] ?? cause.message
}

/** What a disk refused, in the user's terms. Other errors stay as they are. */
export function refusedBy(file: string, cause: unknown): unknown {
  const reason = diskReason(cause)
  if (reason === undefined) return cause
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  return new PoststackError('BACKUP_FAILED', `${basename(file)} in ${dirname(file)}: ${reason}.`, {
    hint:
      code === 'ENOSPC' || code === 'EDQUOT'
        ? 'Make room there, or write to another disk: poststack database backup --output <file>'
        : 'Correct the path, or the rights of this user on it.',
    details: { file, code },
    cause,
  })
}
