/**
 * The project's `.poststack/` folder: private, and invisible to git. What is written there at once is there as a whole or not at
 * all, whenever a run is cut off.
 */
import { randomBytes } from 'node:crypto'
import { open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { isCode, isPoststackError, PoststackError } from '../errors.ts'
import { makeFolder } from './make-folder.ts'

/** The path of `<root>/.poststack/<name>`, or of the folder itself. */
export function stateFolder(root: string, name = ''): string {
  return join(root, '.poststack', name)
}

/**
 * Makes it when it is missing, and returns its path. The mode of one that is there stays: other users may pass through it to the data
 * of a native server that is theirs. Fails with `STATE_UNWRITABLE`.
 */
export async function makeStateFolder(root: string, name = ''): Promise<string> {
  const folder = stateFolder(root, name)
  return writing(folder, async () => {
    makeFolder(folder, 0o700)
    await unlessThere(writeFile(join(stateFolder(root), '.gitignore'), '*\n', { flag: 'wx' }))
    return folder
  })
}

/** Replaces a file as a whole, on the disk before it gets its name. */
export async function replaceFile(path: string, text: string, mode: number): Promise<void> {
  const temporary = temporaryName(path)
  try {
    await writeSynced(temporary, text, mode)
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await sweepBeside(path)
}

/** Nobody takes this long for one file: what is older was left by a run that was killed. */
const youngMs = 60 * 60 * 1000

/** Takes away what runs that were killed have left of this file. It harms nobody, so whatever is refused is no error. */
export async function sweepBeside(path: string): Promise<void> {
  await sweep(path).catch(() => undefined)
}

async function sweep(path: string): Promise<void> {
  const left = (await readdir(dirname(path))).filter(
    (name) => name.startsWith(`${basename(path)}.`) && /\.[\da-f]{12}$/.test(name),
  )
  for (const name of left) {
    const file = join(dirname(path), name)
    const { mtimeMs } = await stat(file)
    if (Date.now() - mtimeMs > youngMs) await rm(file, { force: true })
  }
}

/** A name beside the path that nobody else uses. */
export function temporaryName(path: string): string {
  return `${path}.${randomBytes(6).toString('hex')}`
}

/** Makes a file and returns once it is on the disk, so that no power cut leaves its next name on half of it. */
export async function writeSynced(path: string, text: string, mode: number): Promise<void> {
  const handle = await open(path, 'wx', mode)
  try {
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Settles when the promise does; that the thing is there already is fine. */
export async function unlessThere(making: Promise<unknown>): Promise<void> {
  try {
    await making
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error
  }
}

/** Runs writes and tells in the user's terms why the disk refused them. */
export async function writing<Result>(path: string, act: () => Promise<Result>): Promise<Result> {
  try {
    return await act()
  } catch (error) {
    throw unwritable(path, error)
  }
}

/** What a failed write under `.poststack/` means to the user. An error that does not come from the disk stays as it is. */
export function unwritable(path: string, cause: unknown): unknown {
  return refused(`Cannot write ${path}`, path, cause)
}

export function unreadable(path: string, cause: unknown): unknown {
  return refused(`Cannot read ${path}`, path, cause)
}

function refused(what: string, path: string, cause: unknown): unknown {
  if (isPoststackError(cause) || !(cause instanceof Error && 'syscall' in cause && 'code' in cause)) return cause
  const code = String(cause.code)
  return new PoststackError('STATE_UNWRITABLE', `${what}: ${reasons[code] ?? cause.message}.`, {
    hint: hints[code] ?? 'Make the folder .poststack of the project writable for this user.',
    details: { path, code },
    cause,
  })
}

const noHardLinks = 'the file system has no hard links'

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left on the device',
  EDQUOT: 'the disk quota is used up',
  ENOTDIR: 'a file stands where a folder is needed',
  EEXIST: 'a file stands where a folder is needed',
  ENOTSUP: noHardLinks,
  EOPNOTSUPP: noHardLinks,
  ENOSYS: noHardLinks,
}

const otherUser =
  'It may belong to another user, for example root after one run with sudo: give the project\'s .poststack folder to this user (sudo chown -R "$(id -u)" .poststack), or run as the other one.'
const moveAway = 'Move the file away, then run the command again.'
const useOwnDisk =
  'Locks need hard links: keep the project on a file system of the machine itself, not on a shared folder.'

const hints: Readonly<Record<string, string>> = {
  EACCES: otherUser,
  EPERM: otherUser,
  ENOSPC: 'Free some space on the device, then run the command again.',
  ENOTDIR: moveAway,
  EEXIST: moveAway,
  ENOTSUP: useOwnDisk,
  EOPNOTSUPP: useOwnDisk,
  ENOSYS: useOwnDisk,
}
