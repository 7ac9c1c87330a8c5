/** tsconfig.json as far as it says where files are found: with all that it extends, and what of that is not there. */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join, resolve } from 'node:path'
import { isRecord } from '../is-record.ts'
import { foldersUpward, nearestFile, parseJsonc, upToFirst } from './upward.ts'

export interface Tsconfig {
  /** It and what it extends at any depth, absolute. */
  readonly files: readonly string[]
  /** Where something would be found that is extended and is not there. */
  readonly missing: readonly string[]
  /** Targets of `paths` by their patterns, absolute; what `baseUrl` adds has the pattern `*`. */
  readonly paths: Readonly<Record<string, readonly string[]>>
  readonly allowJs: boolean | undefined
}

/** The one that counts for the files of a folder. */
export function nearestTsconfig(folder: string): Tsconfig | undefined {
  const file = nearestFile(folder, 'tsconfig.json')
  return file === undefined ? undefined : readTsconfig(file, [])
}

/** Where an import may lead by `paths`. */
export function mappedTo(specifier: string, { paths }: Tsconfig): readonly string[] {
  return Object.entries(paths).flatMap(([pattern, targets]) => {
    const star = starOf(specifier, pattern)
    return star === undefined ? [] : targets.map((target) => target.replace('*', () => star))
  })
}

/** What stands for the star of a pattern; nothing where it does not match. */
export function starOf(text: string, pattern: string): string | undefined {
  const [before = '', after] = pattern.split('*')
  if (after === undefined) return text === pattern ? '' : undefined
  const isMatch = text.length >= before.length + after.length && text.startsWith(before) && text.endsWith(after)
  return isMatch ? text.slice(before.length, text.length - after.length) : undefined
}

/** `within` are those that extend it, because a circle is nothing to follow. */
function readTsconfig(file: string, within: readonly string[]): Tsconfig {
  const value = parseJsonc(textOf(file))
  const { extends: extended, compilerOptions } = isRecord(value) ? value : {}
  const names: readonly unknown[] = Array.isArray(extended) ? extended : [extended]
  const places = names.filter((name) => typeof name === 'string').map((name) => placesOfBase(name, file))
  const bases = places.flatMap(({ found }) =>
    found === undefined || within.includes(found) || found === file ? [] : [readTsconfig(found, [...within, file])],
  )
  const own = isRecord(compilerOptions) ? compilerOptions : {}
  return {
    files: [file, ...bases.flatMap(({ files }) => files)],
    missing: [...places.flatMap(({ missing }) => missing), ...bases.flatMap(({ missing }) => missing)],
    paths: Object.assign({}, ...bases.map(({ paths }) => paths), pathsIn(own, dirname(file))) as Tsconfig['paths'],
    allowJs:
      typeof own['allowJs'] === 'boolean'
        ? own['allowJs']
        : bases.findLast((base) => base.allowJs !== undefined)?.allowJs,
  }
}

function pathsIn(options: Readonly<Record<string, unknown>>, folder: string): Tsconfig['paths'] {
  const { baseUrl, paths } = options
  const base = typeof baseUrl === 'string' ? resolve(folder, baseUrl) : undefined
  const entries = Object.entries(isRecord(paths) ? paths : {}).map(([pattern, targets]) => {
    const texts = (Array.isArray(targets) ? (targets as unknown[]) : []).filter((one) => typeof one === 'string')
    return [pattern, texts.map((target) => resolve(base ?? folder, target))] as const
  })
  return { ...(base !== undefined && { '*': [join(base, '*')] }), ...Object.fromEntries(entries) }
}

interface BasePlaces {
  readonly found?: string | undefined
  /** Those that would be taken instead, if they were there. */
  readonly missing: readonly string[]
}

function placesOfBase(base: string, from: string): BasePlaces {
  if (/^\.{0,2}\//.test(base) || base === '..') {
    const path = resolve(dirname(from), base)
    const places = path.endsWith('.json') ? [path] : [path, `${path}.json`]
    const found = places.find((place) => place.endsWith('.json') && existsSync(place))
    return { found, missing: places.filter((place) => !existsSync(place)) }
  }
  const name = base.split('/').slice(0, base.startsWith('@') ? 2 : 1)
  const missing = upToFirst(dirname(from), join('node_modules', ...name))
  const require = createRequire(from)
  for (const request of [base, `${base}.json`, `${base}/tsconfig.json`]) {
    try {
      return { found: require.resolve(request), missing }
    } catch {
      // The next spelling; a base that nobody finds is for esbuild to report.
    }
  }
  // The package may be there, and lack this file.
  const inside = foldersUpward(dirname(from)).map((folder) => join(folder, 'node_modules', base))
  const endings = basename(base).endsWith('.json') ? [''] : ['.json', '/tsconfig.json']
  return { missing: [...missing, ...inside.flatMap((path) => endings.map((ending) => path + ending))] }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
