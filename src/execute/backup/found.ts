/**
 * A backup as it lies on the disk: what it is, and whether it is what stands beside it.
 */
import { lstat, open, readdir } from 'node:fs/promises'
import { isCode, PoststackError } from '../../errors.ts'
import { refusedBy } from './disk-words.ts'
import { readManifest } from './files.ts'
import type { BackupFormat, Manifest } from './manifest.ts'
import { bytesOf } from './meter.ts'

/** A backup as it was found. */
export interface FoundBackup {
  readonly file: string
  readonly bytes: number
  readonly dump: BackupFormat
  /** Absent for a file of pg_dump that nothing stands beside: then what comes of it cannot be compared. */
  readonly manifest: Manifest | undefined
}

/** Looks at the file and at what stands beside it. Fails with `BACKUP_INVALID` when it is no backup, or another one than it was. */
export async function findBackup(file: string): Promise<FoundBackup> {
  const found = await lstat(file).catch((error: unknown) => {
    throw isCode(error, 'ENOENT') ? invalid(file, 'there is no such file or folder') : refusedBy(file, error)
  })
  const dump = found.isDirectory() ? await folderFormat(file) : await formatOf(file)
  const [bytes, manifest] = [await bytesOf(file), await readManifest(file)]
  if (manifest !== undefined && manifest.bytes !== bytes)
    throw invalid(
      file,
      `it has ${String(bytes)} bytes, and its manifest says ${String(manifest.bytes)}: it is not whole`,
    )
  return { file, bytes, dump, manifest }
}

async function folderFormat(folder: string): Promise<BackupFormat> {
  const names = await readdir(folder).catch((error: unknown) => {
    throw refusedBy(folder, error)
  })
  if (names.includes('toc.dat')) return 'directory'
  throw invalid(folder, 'it is a folder, and none that pg_dump has written')
}

async function formatOf(file: string): Promise<BackupFormat> {
  try {
    const handle = await open(file, 'r')
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(262), 0, 262, 0)
      const head = buffer.subarray(0, bytesRead)
      if (head.subarray(0, 5).toString('latin1') === 'PGDMP') return 'custom'
      if (head.subarray(257, 262).toString('latin1') === 'ustar') throw invalid(file, 'it is a tar archive')
      if (bytesRead === 0) throw invalid(file, 'it is empty')
      return 'plain'
    } finally {
      await handle.close()
    }
  } catch (error) {
    throw refusedBy(file, error)
  }
}

export function invalid(file: string, why: string): PoststackError {
  return new PoststackError('BACKUP_INVALID', `${file} cannot be used: ${why}.`, {
    hint: 'Take another backup: poststack database list-backups',
    details: { file },
  })
}
