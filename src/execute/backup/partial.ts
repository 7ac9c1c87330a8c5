/**
 * Backups that are being written: beside their place, and named when they are whole.
 */
import { createHash, randomBytes } from 'node:crypto'
import { chmod, link, lstat, mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { writeSynced } from '../../config/state-folder.ts'
import { isCode, PoststackError } from '../../errors.ts'
import { isDead, ownIdentity, type ProcessIdentity } from '../../runtime/process-identity.ts'
import { told } from './disk-words.ts'
import { isBackupName, type Manifest, manifestPath } from './manifest.ts'

const partialMark = '.partial-'
/** Where it cannot be told whether the run lives: what one writes that is still at work has just been changed. */
const deadAfterMs = 24 * 3_600_000

/** What gets its name when it is whole, and is gone when it never is. */
export interface PartialBackup {
  readonly path: string
  /** Of a file; absent for a folder. */
  readonly handle?: FileHandle
  /** Writes the manifest, and then gives it its name. Fails when there is something of that name by now. */
  complete(manifest: Manifest): Promise<void>
  /** Closes it, and removes it unless it is complete. */
  close(): Promise<void>
}

export type PartialFile = PartialBackup & { readonly handle: FileHandle }

/** Refuses what would overwrite something, before anything is done: where the backup comes, and where its manifest does. */
export async function refuseExisting(file: string): Promise<void> {
  for (const path of [file, manifestPath(file)]) await refuseOne(path)
}

async function refuseOne(file: string): Promise<void> {
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
  const path = await partialName(file)
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
        await complete(file, manifest, () => nameFile(path, file))
      })
      done = true
    },
    async close() {
      await handle.close().catch(() => undefined)
      if (!done) await rm(path, { force: true }).catch(() => undefined)
    },
  }
}

/** The same for a folder, which is made, and in which there are only files. */
export async function openPartialFolder(folder: string): Promise<PartialBackup> {
  const path = await partialName(folder)
  await told(folder, async () => {
    await sweep(dirname(folder))
    await mkdir(path, { mode: 0o700 })
  })
  let done = false
  return {
    path,
    async complete(manifest) {
      await told(folder, async () => {
        for (const name of await readdir(path)) {
          await chmod(join(path, name), 0o600)
          await sync(join(path, name))
        }
        await sync(path)
        await complete(folder, manifest, () => nameFolder(path, folder))
      })
      done = true
    },
    async close() {
      if (!done) await rm(path, { force: true, recursive: true }).catch(() => undefined)
    },
  }
}

/** Before it has its name: what has it, has its manifest. */
async function complete(file: string, manifest: Manifest, nameIt: () => Promise<void>): Promise<void> {
  const path = manifestPath(file)
  // It is swept as the backup itself is, whose name it begins with.
  const partial = manifestPath(await partialName(file))
  try {
    await writeSynced(partial, `${JSON.stringify(manifest, undefined, 2)}\n`, 0o600)
    await nameFile(partial, path)
  } finally {
    await rm(partial, { force: true })
  }
  try {
    await nameIt()
  } catch (error) {
    await rm(path, { force: true })
    throw error
  }
  await sync(dirname(file))
}

/** A second name never replaces a file, as a new name would. */
async function nameFile(path: string, file: string): Promise<void> {
  try {
    await link(path, file)
    await rm(path, { force: true })
  } catch (error) {
    if (isCode(error, 'EEXIST')) throw exists(file)
    // A file system without hard links.
    if (!isCode(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK')) throw error
    await refuseOne(file)
    await rename(path, file)
  }
}

/** A new name replaces no folder but one that is empty. */
async function nameFolder(path: string, folder: string): Promise<void> {
  await refuseOne(folder)
  try {
    await rename(path, folder)
  } catch (error) {
    throw isCode(error, 'EEXIST', 'ENOTEMPTY', 'ENOTDIR') ? exists(folder) : error
  }
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** A name for what is not whole yet, or no longer. It says which process is at work on it. */
export async function partialName(file: string): Promise<string> {
  const own = await ownIdentity()
  const started = Buffer.from(own.started ?? '').toString('hex')
  return `${file}${partialMark}${[randomBytes(3).toString('hex'), own.pid, started, placeOf(own)].join('-')}`
}

/** Where the number of a process means this very one. */
function placeOf({ boot, host, space }: ProcessIdentity): string {
  return createHash('sha256')
    .update(JSON.stringify([boot, host, space]))
    .digest('hex')
    .slice(0, 8)
}

/** Ends the name of what was written by us, whatever a person has called the backup. */
const writer = /\.partial-[\da-f]{6}-(\d+)-([\da-f]*)-([\da-f]{8})(?:\.json)?$/

/** Undefined where the name does not say it, or says it of another machine, or of this one before it was started anew. */
function writerOf(name: string, own: ProcessIdentity): ProcessIdentity | undefined {
  const [, pid, started = '', place] = writer.exec(name) ?? []
  if (place !== placeOf(own)) return undefined
  return { ...own, pid: Number(pid), started: started === '' ? undefined : Buffer.from(started, 'hex').toString() }
}

export function isPartialName(name: string): boolean {
  return name.includes(partialMark)
}

/** What runs that were killed have left. What cannot be removed stays: it keeps nobody from a backup. */
async function sweep(folder: string): Promise<void> {
  const own = await ownIdentity()
  for (const name of await readdir(folder).catch(() => [])) {
    const isOurs = writer.test(name) || isBackupName(name.slice(0, name.indexOf(partialMark)))
    if (!isPartialName(name) || !isOurs) continue
    const by = writerOf(name, own)
    const path = join(folder, name)
    const isLeft = by === undefined ? await isOld(path) : await isDead(by)
    if (isLeft) await rm(path, { force: true, recursive: true }).catch(() => undefined)
  }
}

async function isOld(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined)
  return found !== undefined && Date.now() - found.mtimeMs > deadAfterMs
}

function exists(file: string): PoststackError {
  return new PoststackError('USAGE', `There is already a ${file}, and a backup never replaces anything.`, {
    hint: 'Give another name with --output, or move that file away.',
    details: { file },
  })
}
