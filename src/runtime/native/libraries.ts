/**
 * The links to libraries that npm's PostgreSQL packages come without: a package cannot hold links, and the script that makes them after
 * the install does not run where install scripts are switched off.
 */
import { lstat, mkdir, readFile, readlink, rename, symlink } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import { basename, delimiter, dirname, join } from 'node:path'
import { unlessThere, writing } from '../../config/state-folder.ts'
import { isCode } from '../../errors.ts'

interface LibraryLink {
  readonly source: string
  readonly target: string
}

/**
 * Makes the links that are missing, in the package or, where that cannot be written, in the folder `elsewhere`. Returns the variables
 * with which programs find them. Safe to do at the same time in several processes.
 */
export async function linkLibraries(
  packageFolder: string,
  elsewhere: string,
): Promise<Readonly<Record<string, string>>> {
  const links = await readLinks(join(packageFolder, 'native', 'pg-symlinks.json'))
  const missing = await missingLinks(packageFolder, links)
  if (missing.length === 0) return {}
  try {
    for (const { source, target } of missing) await unlessThere(symlink(basename(source), join(packageFolder, target)))
    return {}
  } catch (error) {
    if (!isCode(error, 'EACCES', 'EPERM', 'EROFS')) throw error
  }
  await writing(elsewhere, async () => {
    await mkdir(elsewhere, { recursive: true, mode: 0o755 })
    for (const { source, target } of links)
      await replaceLink(join(packageFolder, source), join(elsewhere, basename(target)))
  })
  // The package's folder too: a library that is found through a link looks for others beside the link.
  const path = [elsewhere, join(packageFolder, 'native', 'lib')].join(delimiter)
  return { [process.platform === 'darwin' ? 'DYLD_LIBRARY_PATH' : 'LD_LIBRARY_PATH']: path }
}

async function readLinks(path: string): Promise<readonly LibraryLink[]> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (isCode(error, 'ENOENT')) return []
    throw error
  }
  const links = JSON.parse(text) as readonly LibraryLink[]
  // A link beside the library that it names, and nothing else, is what we make.
  return links.filter(({ source, target }) => dirname(source) === dirname(target) && !source.includes('..'))
}

async function missingLinks(folder: string, links: readonly LibraryLink[]): Promise<readonly LibraryLink[]> {
  const there = await Promise.all(
    links.map(({ target }) =>
      lstat(join(folder, target)).then(
        () => true,
        () => false,
      ),
    ),
  )
  return links.filter((_, index) => there[index] !== true)
}

/** The package may have moved since the link was made. */
async function replaceLink(source: string, target: string): Promise<void> {
  if ((await readlink(target).catch(() => undefined)) === source) return
  const temporary = `${target}.${randomBytes(6).toString('hex')}`
  await symlink(source, temporary)
  await rename(temporary, target)
}
