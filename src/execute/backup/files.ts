/**
 * Backups on the disk: written beside their place and named when they are whole, listed, and deleted when there are newer ones.
 */
import { createHash, randomBytes } from 'node:crypto'
import { link, lstat, mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { Transform } from 'node:stream'
import { replaceFile, unlessThere } from '../../config/state-folder.ts'
import { compareText } from '../../config/text-order.ts'
import { isCode, isPoststackError, PoststackError } from '../../errors.ts'
import { isBackupName, type KeptBackup, type Manifest, manifestPath, parseManifest } from './manifest.ts'

const partialMark = '.partial-'
/** What a run writes that is still at work has just been changed. */
const deadAfterMs = 24 * 3_600_000

/** A file that gets its name when it is whole, and is gone when it never is. */
export interface PartialFile {
  readonly path: string
  readonly handle: FileHandle
  /** Writes the manifest, and then gives the file its name. Fails when there is one of that name by now. */
  complete(manifest: Manifest): Promise<void>
  /** Closes it, and removes it unless it is complete. */
  close(): Promise<void>
}

/** Makes the folder for backups of the project, which ignores itself in git. */
export async function makeBackupFolder(folder: string): Promise<void> {
  await told(folder, async () => {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await unlessThere(writeFile(join(folder, '.gitignore'), '*\n', { flag: 'wx' }))
  })
}

/** Refuses what would overwrite something, before anything is done. */
export async function refuseExisting(file: string): Promise<void> {
  const there = await lstat(file).then(
    () => true,
    (error: unknown) => {
      if (isCode(error, 'ENOENT', 'ENOTDIR')) return false
      throw error
    },
  )
  if (there) throw exists(file)
}

export async function openPartial(file: string): Promise<PartialFile> {
  const path = `${file}${partialMark}${randomBytes(6).toString('hex')}`
  const handle = await told(file, async () => {
    await sweep(dirname(file))
    return await open(path, 'wx', 0o600)
  })
  let done = false
  return {
    path,
    handle,
    async complete(manifest) {
      await told(file, async () => {
        await handle.sync()
        // Before the file has its name: what has it, has its manifest.
        await replaceFile(manifestPath(file), `${JSON.stringify(manifest, undefined, 2)}\n`, 0o600)
        await nameIt(path, file)
        await syncFolder(dirname(file))
      })
      done = true
    },
    async close() {
      await handle.close().catch(() => undefined)
      if (!done) await rm(path, { force: true }).catch(() => undefined)
    },
  }
}

/** A second name never replaces a file, as a new name would. */
async function nameIt(path: string, file: string): Promise<void> {
  try {
    await link(path, file)
    await rm(path, { force: true })
  } catch (error) {
    if (isCode(error, 'EEXIST')) throw exists(file)
    // A file system without hard links.
    if (!isCode(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK')) throw error
    await refuseExisting(file)
    await rename(path, file)
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** What runs that were killed have left. */
async function sweep(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.includes(partialMark) || !isBackupName(name.slice(0, name.indexOf(partialMark)))) continue
    const found = await lstat(join(folder, name)).catch(() => undefined)
    if (found !== undefined && Date.now() - found.mtimeMs > deadAfterMs) await rm(join(folder, name), { force: true })
  }
}

/** Counts and digests what flows through. */
export interface Meter {
  readonly through: Transform
  bytes(): number
  /** Once all has come. */
  sha256(): string
}

const tellEveryMs = 500

export function createMeter(onBytes: (bytes: number) => void): Meter {
  const hash = createHash('sha256')
  let bytes = 0
  let last = performance.now()
  const through = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk)
      bytes += chunk.length
      const now = performance.now()
      if (now - last >= tellEveryMs) {
        last = now
        onBytes(bytes)
      }
      done(undefined, chunk)
    },
  })
  return { through, bytes: () => bytes, sha256: () => hash.digest('hex') }
}

export interface BackupList {
  readonly backups: readonly KeptBackup[]
  /** Files that are none, or of which nothing is known, and why. */
  readonly others: readonly { readonly file: string; readonly bytes: number; readonly reason: string }[]
}

/** What a folder holds of backups, newest first. */
export async function listBackups(folder: string): Promise<BackupList> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (isCode(error, 'ENOENT')) return []
    throw refusedBy(folder, error)
  })
  const backups: KeptBackup[] = []
  const others: BackupList['others'][number][] = []
  for (const name of names.toSorted(compareText)) {
    const file = join(folder, name)
    const isPartial = name.includes(partialMark)
    if (!isPartial && !isBackupName(name)) continue
    const bytes = (await lstat(file).catch(() => undefined))?.size ?? 0
    const found = isPartial ? 'not finished' : await describe(file, bytes)
    if (typeof found === 'string') others.push({ file, bytes, reason: found })
    else backups.push({ file, manifest: found })
  }
  return {
    backups: backups.toSorted((one, other) => (one.manifest.time < other.manifest.time ? 1 : -1)),
    others,
  }
}

async function describe(file: string, bytes: number): Promise<Manifest | string> {
  try {
    const manifest = await readManifest(file)
    if (manifest === undefined) return 'without a manifest'
    return manifest.bytes === bytes ? manifest : `damaged: ${String(manifest.bytes)} bytes are expected`
  } catch (error) {
    if (isPoststackError(error)) return 'its manifest cannot be read'
    throw error
  }
}

/** The manifest beside a backup, if there is one. */
export async function readManifest(file: string): Promise<Manifest | undefined> {
  const path = manifestPath(file)
  try {
    return parseManifest(await readFile(path, 'utf8'), path)
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined
    throw refusedBy(path, error)
  }
}

/** The backup first: a manifest alone is nothing, but a file without one would look like one of somebody else. */
export async function deleteBackup({ file }: KeptBackup): Promise<void> {
  await told(file, async () => {
    await rm(file, { force: true })
    await rm(manifestPath(file), { force: true })
  })
}

function exists(file: string): PoststackError {
  return new PoststackError('USAGE', `There is already a ${file}, and a backup never replaces anything.`, {
    hint: 'Give another name with --output, or move that file away.',
    details: { file },
  })
}

async function told<Result>(file: string, act: () => Promise<Result>): Promise<Result> {
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
        ? 'Make room there, or write to another disk with --output.'
        : 'Correct the path, or the rights of this user on it.',
    details: { file, code },
    cause,
  })
}
