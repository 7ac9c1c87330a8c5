/**
 * Tells of a single path whether an image may be made of it, without looking through the build context.
 */
import { readFile } from 'node:fs/promises'

import { ownFilesOf } from '../../config/own-files.ts'
import type { BuildConfig } from '../../config/types.ts'
import { readDockerfile, type Source } from './dockerfile.ts'
import { leftOut, readIgnore } from './files.ts'

/**
 * A function that says of a path in the context (relative, with `/`) whether it, or anything in it, may be part of the fingerprint: the
 * Dockerfile reaches it, and the ignore file leaves it. It rather says yes than no.
 */
export async function openContextFilter(build: BuildConfig): Promise<(path: string) => boolean> {
  const { sources } = await readDockerfile(await readFile(build.dockerfile, 'utf8'), build)
  const { exceptions, test } = await readIgnore(build)
  const own = ownFilesOf(build)
  const reached = sources.map(fixedPart)
  return (path) => {
    if (own.has(path) || path.split('/').some((name) => leftOut.has(name))) return false
    if (!exceptions && test(path)) return false
    return reached.some((source) => source === '' || `${path}/`.startsWith(source) || source.startsWith(`${path}/`))
  }
}

/** The folders of a source before its first wildcard, with a `/` at the end; nothing for the context as a whole. */
function fixedPart({ path, named }: Source): string {
  if (path === '.') return ''
  const parts = path.split('/')
  const wildcard = named ? -1 : parts.findIndex((part) => /[*?[]/.test(part))
  const fixed = wildcard === -1 ? parts : parts.slice(0, wildcard)
  return fixed.map((part) => `${part}/`).join('')
}
