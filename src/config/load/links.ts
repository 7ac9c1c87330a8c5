/** Symbolic links: what a path leads to is decided by each of them on the way, not only by the file at its end. */
import { lstatSync, readlinkSync } from 'node:fs'
import { isAbsolute, join, sep } from 'node:path'
import { isCode } from '../../errors.ts'

/** As many as Linux follows. */
const mostLinks = 40

/** The links on the way to these absolute paths, each at its own place, and those that they lead over; also where one leads nowhere. */
export function linksOn(paths: Iterable<string>): readonly string[] {
  const links = new Set<string>()
  const known = new Map<string, string | undefined>()
  const target = (path: string): string | undefined => {
    if (!known.has(path)) known.set(path, targetOf(path))
    return known.get(path)
  }
  for (const path of paths) {
    let at: string = sep
    let rest = path.split(sep)
    for (let followed = 0; rest.length > 0 && followed < mostLinks;) {
      const [name = '', ...further] = rest
      const next = join(at, name)
      const leads = name === '' || name === '.' || name === '..' ? undefined : target(next)
      rest = further
      if (leads === undefined) at = next
      else {
        links.add(next)
        followed += 1
        if (isAbsolute(leads)) at = sep
        rest = [...leads.split(sep), ...further]
      }
    }
  }
  return [...links]
}

function targetOf(path: string): string | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true ? readlinkSync(path) : undefined
  } catch (error) {
    if (isCode(error, 'ENOTDIR', 'EACCES', 'ENOENT', 'EINVAL')) return undefined
    throw error
  }
}
