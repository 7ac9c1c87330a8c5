/**
 * Backups on the disk: listed, and deleted when there are newer ones.
 */
import { lstat, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFolder } from '../../config/make-folder.ts'
import { unlessThere } from '../../config/state-folder.ts'
import { compareText } from '../../config/text-order.ts'
import { isCode, isPoststackError } from '../../errors.ts'
import { refusedBy, told } from './disk-words.ts'
import { isBackupName, type KeptBackup, type Manifest, manifestPath, parseManifest } from './manifest.ts'
import { bytesOf } from './meter.ts'
import { isPartialName, partialName } from './partial.ts'

const ownIgnore = '.gitignore'

/** Makes the folder for backups of the project, which ignores itself in git. Returns whether it is new. */
export async function makeBackupFolder(folder: string): Promise<boolean> {
  return await told(folder, async () => {
    const isNew = makeFolder(folder, 0o700)
    await unlessThere(writeFile(join(folder, ownIgnore), '*\n', { flag: 'wx' }))
    return isNew
  })
}

/** Takes back what `makeBackupFolder` has made for a backup that came to nothing, unless something else is in it by now. */
export async function removeEmptyFolder(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => [])
  if (names.length !== 1 || names[0] !== ownIgnore) return
  await rm(join(folder, ownIgnore), { force: true })
  await rmdir(folder).catch(() => undefined)
}

export interface BackupList {
  readonly backups: readonly KeptBackup[]
  /** Files and folders that are none, or of which nothing is known, and why. */
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
    const isPartial = isPartialName(name)
    const isLone = isLoneManifest(name, names)
    if (!isPartial && !isLone && !isBackupName(name)) continue
    const bytes = await bytesOf(file).catch(() => 0)
    const found = isPartial ? 'not finished' : isLone ? 'its backup is not here' : await describe(file, bytes)
    if (typeof found === 'string') others.push({ file, bytes, reason: found })
    else backups.push({ file, manifest: found })
  }
  return {
    backups: backups.toSorted((one, other) => (one.manifest.time < other.manifest.time ? 1 : -1)),
    others,
  }
}

/** A run was killed before the backup of this manifest got its name, or somebody has taken the backup away. */
function isLoneManifest(name: string, names: readonly string[]): boolean {
  const end = manifestPath('')
  const backup = name.slice(0, -end.length)
  return name.endsWith(end) && isBackupName(backup) && !names.includes(backup)
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
    const facts = await lstat(file).catch(() => undefined)
    if (facts?.isDirectory() === true) {
      // Half a folder must not look like one that was damaged.
      const gone = await partialName(file)
      await rename(file, gone)
      await rm(gone, { recursive: true, force: true })
    } else await rm(file, { force: true })
    await rm(manifestPath(file), { force: true })
  })
}
