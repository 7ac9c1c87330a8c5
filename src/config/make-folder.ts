/**
 * Making a folder and those above it. Node's own `recursive` never comes back where a folder is there and takes no new one, as /proc.
 */
import { mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { isCode } from '../errors.ts'

/**
 * Returns whether it is new. `mode` holds for each that is made. Fails with what the system says.
 *
 * Waits for the disk: a few calls, and who makes a folder has nothing else to do meanwhile.
 */
export function makeFolder(folder: string, mode = 0o777): boolean {
  try {
    mkdirSync(folder, { mode })
    return true
  } catch (error) {
    if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true) return false
    if (!isCode(error, 'ENOENT') || dirname(folder) === folder) throw error
  }
  makeFolder(dirname(folder), mode)
  try {
    mkdirSync(folder, { mode })
    return true
  } catch (error) {
    // Another process may have been faster.
    if (isCode(error, 'EEXIST') && statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true) return false
    throw error
  }
}
