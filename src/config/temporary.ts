/**
 * Folders that live as long as one call. Their names hold the process, so that what a killed process left is found and removed.
 */
import { mkdtemp, readdir, realpath, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isCode } from '../errors.ts'

const prefix = 'poststack-'
const youngMs = 60 * 60 * 1000

/** Makes an empty folder that only this user can enter, and removes those of processes that are gone. Returns its real path. */
export async function temporaryFolder(purpose: string): Promise<string> {
  const parent = await realpath(tmpdir())
  await sweep(parent)
  return mkdtemp(join(parent, `${prefix}${purpose}-${String(process.pid)}-`))
}

async function sweep(parent: string): Promise<void> {
  const names = await readdir(parent).catch((): string[] => [])
  const left = names.filter((name) => {
    const pid = new RegExp(`^${prefix}[a-z]+-(\\d+)-`).exec(name)?.[1]
    return pid !== undefined && !isAlive(Number(pid))
  })
  // Another user's folder, or one that another process removes at this moment, is not ours to worry about.
  await Promise.all(left.map((name) => removeOld(join(parent, name)).catch(() => undefined)))
}

/** A container that shares the folder counts its processes apart: its folders look dead, but they are young. */
async function removeOld(path: string): Promise<void> {
  const { mtimeMs } = await stat(path)
  if (Date.now() - mtimeMs > youngMs) await rm(path, { recursive: true, force: true })
}

/** A process that may not be signalled is alive, too. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return isCode(error, 'EPERM')
  }
}
