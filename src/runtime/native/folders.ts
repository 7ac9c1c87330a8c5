/**
 * Where the native runtime keeps its things under the project's `.poststack/`, and writes there that a `kill -9` at any
 * moment leaves either done or not begun: everything is made under another name first and then renamed.
 */
import { randomBytes } from 'node:crypto'
import { lstat, mkdir, open, readdir, realpath, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import {
  makeStateFolder,
  replaceFile,
  stateFolder,
  unreadable,
  writeSynced,
  writing,
} from '../../config/state-folder.ts'
import { isCode, PoststackError } from '../../errors.ts'

export interface NativeFolders {
  readonly root: string
  /** `.poststack`: private, and invisible to git. */
  readonly state: string
  readonly base: string
  /** One folder for each container: its record and its log. */
  readonly servers: string
  /** One folder for each volume: its labels and its data directory. */
  readonly volumes: string
  /** Links to libraries, for packages whose own folder lacks them and cannot be written. */
  readonly libraries: string
}

export function nativeFolders(root: string): NativeFolders {
  const state = stateFolder(root)
  const base = join(state, 'native')
  return {
    root,
    state,
    base,
    servers: join(base, 'servers'),
    volumes: join(base, 'volumes'),
    libraries: join(base, 'libraries'),
  }
}

export async function makeFolders({ root }: NativeFolders): Promise<void> {
  for (const name of ['native/servers', 'native/volumes']) await makeStateFolder(root, name)
}

/** The folder of a container or a volume. A name that is not plainly one folder's name is refused, for it is also used to delete. */
export function folderOf(parent: string, name: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/.test(name))
    throw new PoststackError('ENGINE_REFUSED', `The name "${name}" cannot be used by the native runtime.`, {
      hint: 'Use letters, digits, "-", "_" and ".", beginning with a letter or digit, at most 128 characters.',
    })
  return join(parent, name)
}

/** The names in a folder that are ours to look at: things on the way in or out begin with a dot. */
export async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true })
    return entries
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
      .map((entry) => entry.name)
      .toSorted()
  } catch (error) {
    if (isCode(error, 'ENOENT')) return []
    throw unreadable(folder, error)
  }
}

/** Makes a folder with one file in it, both or neither. Returns false when a folder of that name is there already. */
export async function makeFolderWith(folder: string, file: string, content: unknown): Promise<boolean> {
  const temporary = `${dirname(folder)}/.new-${randomBytes(6).toString('hex')}`
  return writing(folder, async () => {
    await mkdir(temporary, { mode: 0o700 })
    try {
      await writeSynced(join(temporary, file), json(content), 0o644)
      await rename(temporary, folder)
      await syncFolder(dirname(folder))
      return true
    } catch (error) {
      await rm(temporary, { recursive: true, force: true })
      if (isCode(error, 'ENOTEMPTY', 'EEXIST', 'ENOTDIR')) return false
      throw error
    }
  })
}

/** Replaces a file with JSON, readable for the project's owner too when root made it. */
export async function replaceJson(path: string, content: unknown): Promise<void> {
  await writing(path, () => replaceFile(path, json(content), 0o644))
}

/**
 * Deletes a folder of ours: first it loses its name, so that no half of it is ever taken for the whole.
 * A link, or a path that leads elsewhere, is refused: what stands behind it is not ours.
 */
export async function deleteFolder(folders: NativeFolders, folder: string): Promise<void> {
  const parent = dirname(folder)
  if (parent !== folders.servers && parent !== folders.volumes) throw new Error(`${folder} is not for deletion`)
  const own = await lstat(folder).catch((error: unknown) => {
    if (isCode(error, 'ENOENT')) return
    throw unreadable(folder, error)
  })
  if (own === undefined) return
  const expected = join(await realpath(folders.root), folder.slice(folders.root.length))
  if (!own.isDirectory() || (await realpath(folder)) !== expected)
    throw new PoststackError('ENGINE_REFUSED', `${folder} is a link or lies behind one, so it is not deleted.`, {
      hint: 'Look at where it leads, and delete it by hand if nothing there is needed.',
    })
  const doomed = join(parent, `.gone-${randomBytes(6).toString('hex')}`)
  await writing(folder, async () => {
    await rename(folder, doomed)
    await rm(doomed, { recursive: true, force: true, maxRetries: 3 })
  })
}

/** Finishes deletions that were cut off, and removes what was begun and never got its name. */
export async function sweep(parent: string): Promise<void> {
  for (const entry of await readdir(parent).catch(() => [])) {
    const path = join(parent, entry)
    if (entry.startsWith('.gone-') || (entry.startsWith('.new-') && (await isOld(path))))
      await writing(path, () => rm(path, { recursive: true, force: true, maxRetries: 3 }))
  }
}

/** Another process may be about to give it its name, which takes milliseconds. */
async function isOld(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined)
  return found !== undefined && Date.now() - found.mtimeMs > 600_000
}

/** A power cut must not take back a rename that something later builds on. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function json(content: unknown): string {
  return `${JSON.stringify(content, undefined, 2)}\n`
}
