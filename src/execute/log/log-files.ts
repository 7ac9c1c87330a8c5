/**
 * The log files of a project: where they are, which are there, and how each is kept small.
 */
import { closeSync, openSync, readdirSync, readSync, renameSync, rmSync, statSync } from 'node:fs'
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isCode } from '../../errors.ts'

export const logCategories = ['main', 'container', 'database'] as const

export type LogCategory = (typeof logCategories)[number]

/** The folder of a category within that of the logs. */
const folders: Readonly<Record<LogCategory, string>> = { main: '', container: 'containers', database: 'database' }

/** A file with more than this, or with a line of more than a week ago, is put aside, and so many of these stay. */
export const rotation = { bytes: 5 * 1024 * 1024, ageMs: 7 * 86_400_000, files: 5 } as const

export interface LogFile {
  readonly path: string
  readonly category: LogCategory
  /** What a build has said, as it was: no lines of ours. */
  readonly isOutput: boolean
  readonly bytes: number
  /** Of the last change, ISO 8601. */
  readonly changed: string
}

/** Where the lines of a category go now. */
export function logPath(folder: string, category: LogCategory): string {
  return join(folder, folders[category], 'poststack.log')
}

const ownName = /^poststack(?:-[\w-]+)?\.log$/

/** All of them, oldest first in each category. Other files that stand there are left alone; none where there is no folder. */
export async function findLogs(folder: string): Promise<readonly LogFile[]> {
  const found: LogFile[] = []
  for (const category of logCategories) {
    const inside = join(folder, folders[category])
    for (const name of await readdir(inside).catch(() => [])) {
      const isOutput = category === 'container' && name.endsWith('.log') && !ownName.test(name)
      if (!isOutput && !ownName.test(name)) continue
      const path = join(inside, name)
      const facts = await stat(path).catch(() => undefined)
      if (facts?.isFile() !== true) continue
      found.push({ path, category, isOutput, bytes: facts.size, changed: facts.mtime.toISOString() })
    }
  }
  return found.toSorted((one, other) => (one.changed < other.changed ? -1 : 1))
}

/** Which were not changed for so many days. */
export function oldLogs(files: readonly LogFile[], days: number, now: Date): readonly LogFile[] {
  const limit = new Date(now.getTime() - days * 86_400_000).toISOString()
  return files.filter(({ changed }) => changed < limit)
}

export async function deleteLog({ path }: LogFile): Promise<void> {
  await rm(path, { force: true })
}

/**
 * Puts a file aside that is large or old, under a name that nobody else gives: where two processes do so at once, the second puts aside
 * what the first has begun, and no line is lost.
 */
export function rotate(path: string, now: Date): void {
  const time = now.toISOString().replaceAll(/[-:]|\.\d+Z/g, '')
  try {
    const { size } = statSync(path)
    if (size === 0 || (size < rotation.bytes && !isOld(path, now))) return
    renameSync(path, path.replace(/\.log$/, `-${time}-${String(process.pid)}.log`))
  } catch (error) {
    // None yet, or the other process was faster.
    if (isCode(error, 'ENOENT')) return
    throw error
  }
  const folder = join(path, '..')
  const aside = readdirSync(folder)
    .filter((name) => ownName.test(name) && name !== 'poststack.log')
    .toSorted()
  for (const name of aside.slice(0, -rotation.files)) rmSync(join(folder, name), { force: true })
}

/** By its first line. */
function isOld(path: string, now: Date): boolean {
  const start = Buffer.alloc(64)
  const file = openSync(path, 'r')
  try {
    readSync(file, start)
  } finally {
    closeSync(file)
  }
  const time = /^\{"time":"([^"]+)"/.exec(start.toString('latin1'))?.[1]
  return time !== undefined && now.getTime() - Date.parse(time) > rotation.ageMs
}
