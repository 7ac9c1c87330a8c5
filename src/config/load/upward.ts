/** What lies in the folders on the way up from one. */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

export function foldersUpward(folder: string): readonly string[] {
  const parent = dirname(folder)
  return parent === folder ? [folder] : [folder, ...foldersUpward(parent)]
}

export function nearestFile(folder: string, name: string): string | undefined {
  const found = foldersUpward(folder).find((candidate) => existsSync(join(candidate, name)))
  return found === undefined ? undefined : join(found, name)
}

/** On the way up, those before the first that is there. */
export function upToFirst(folder: string, name: string): readonly string[] {
  const paths = foldersUpward(folder).map((one) => join(one, name))
  const first = paths.findIndex((path) => existsSync(path))
  return first === -1 ? paths : paths.slice(0, first)
}

/** JSON with comments and trailing commas, as in tsconfig; nothing when it is neither. */
export function parseJsonc(text: string): unknown {
  const bare = text
    .replace(/^\uFEFF/, '')
    .replaceAll(/("(?:[^"\\]|\\.)*")|\/\/.*|\/\*[\s\S]*?\*\//g, (_, quoted?: string) => quoted ?? '')
    .replaceAll(/("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])/g, (_, quoted?: string) => quoted ?? '')
  try {
    return JSON.parse(bare)
  } catch {
    return undefined
  }
}
