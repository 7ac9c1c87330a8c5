/** The patterns of `glob()`: `*`, `**`, `?` and `{a,b}` in paths with `/`. Loaded by the config's process, so it imports nothing of others. */
import { readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** Lists a folder; handed in, because the config's process replaces Node's functions. */
type List = (folder: string) => readonly { readonly name: string; isDirectory(): boolean }[]

function listFolder(folder: string): ReturnType<List> {
  return readdirSync(folder, { withFileTypes: true })
}

/** The files that match, relative to `root` with `/`, sorted. A folder that is not there holds none. */
export function globFiles(root: string, pattern: string, list: List = listFolder): readonly string[] {
  const { base, matches, isDeep } = parseGlob(pattern)
  const found: string[] = []
  const waiting = [base]
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    for (const entry of entriesOf(resolve(root, folder), list)) {
      const path = folder === '' ? entry.name : join(folder, entry.name)
      if (!entry.isDirectory()) {
        if (matches(path)) found.push(path)
      } else if (isDeep(path)) waiting.push(path)
    }
  }
  return found.toSorted()
}

export interface Glob {
  /** The folder that all matches lie in, relative; empty for the project itself. */
  readonly base: string
  /** Of a path relative to the project. */
  readonly matches: (path: string) => boolean
  /** Whether something in this folder may match. */
  readonly isDeep: (folder: string) => boolean
}

export function parseGlob(pattern: string): Glob {
  const all = expanded(pattern).map(parseOne)
  return {
    base: all.map(({ base }) => base).reduce(commonFolder),
    matches: (path) => all.some(({ matches }) => matches(path)),
    isDeep: (folder) => all.some(({ base, isDeep }) => isOnWay(folder, base) && isDeep(folder)),
  }
}

/** A pattern for each choice that its braces give; braces that nothing closes are characters like others. */
function expanded(pattern: string): readonly string[] {
  for (let open = pattern.indexOf('{'); open !== -1; open = pattern.indexOf('{', open + 1)) {
    const choices: string[] = []
    let [depth, from] = [0, open + 1]
    for (let at = open; at < pattern.length; at++) {
      const sign = pattern[at]
      if (sign === '{') depth++
      if (sign === '}') depth--
      if ((sign === ',' && depth === 1) || (sign === '}' && depth === 0)) {
        choices.push(pattern.slice(from, at))
        from = at + 1
      }
      if (depth === 0) break
    }
    if (depth === 0) return choices.flatMap((choice) => expanded(pattern.slice(0, open) + choice + pattern.slice(from)))
  }
  return [pattern]
}

function commonFolder(one: string, other: string): string {
  const [parts, others] = [one.split('/'), other.split('/')]
  const end = parts.findIndex((part, index) => part !== others[index])
  return (end === -1 ? parts : parts.slice(0, end)).join('/')
}

/** Whether the folder leads to the base, or lies in it. */
function isOnWay(folder: string, base: string): boolean {
  return base === '' || `${base}/`.startsWith(`${folder}/`) || folder.startsWith(`${base}/`)
}

/** Of a pattern without braces. */
function parseOne(pattern: string): Glob {
  const parts = pattern
    .replace(/^(?:\.\/)+/, '')
    .replace(/(^|\/)\*\*$/, '$1**/*')
    .split('/')
  const first = parts.findIndex((part) => /[*?]/.test(part))
  const base = join(...parts.slice(0, first === -1 ? -1 : first), '.')
  const expression = new RegExp(`^${parts.map(source).join('/').replaceAll(`${anyFolders}/`, `(?:${anyFolder}/)*`)}$`)
  const isNamed = parts.includes('node_modules')
  const depth = parts.includes('**') ? Infinity : parts.length
  return {
    base: base === '.' ? '' : base,
    matches: (path) => expression.test(path),
    isDeep: (folder) => {
      const names = folder.split('/')
      return (
        names.length < depth && !names.some((name) => neverEntered.has(name) && !(isNamed && name === 'node_modules'))
      )
    },
  }
}

/** Nobody means these by `**`, and they are large. */
const neverEntered: ReadonlySet<string> = new Set(['.git', '.poststack', 'node_modules'])

/** A star takes no name that begins with a dot. */
const anyFolder = String.raw`(?!\.)[^/]+`
const anyFolders = '(any folders)'

function source(part: string): string {
  if (part === '**') return anyFolders
  const isHidden = part.startsWith('.')
  const text = part.replaceAll(/[\s\S]/g, (sign) => {
    if (sign === '*') return '[^/]*'
    if (sign === '?') return '[^/]'
    return sign.replace(/[.+^$()|[\]\\{}]/, String.raw`\$&`)
  })
  return isHidden ? text : String.raw`(?!\.)${text}`
}

function entriesOf(folder: string, list: List): ReturnType<List> {
  try {
    return list(folder)
  } catch (error) {
    if (/^(?:ENOENT|ENOTDIR)$/.test((error as { code?: string }).code ?? '')) return []
    throw error
  }
}
