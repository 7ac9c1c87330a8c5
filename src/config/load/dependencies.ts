/** The files beside the code that a config's result depends on: tsconfig, package.json, lock files. */
import { readFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { compareText } from '../text-order.ts'

export const lockFiles = [
  'package-lock.json',
  'npm-shrinkwrap.json',
  'pnpm-lock.yaml',
  'yarn.lock',
  'bun.lock',
  'bun.lockb',
]

/** All files that a config depends on, absolute and sorted, from the code files that went into it. */
export async function completeDependencies(inputs: readonly string[]): Promise<readonly string[]> {
  const found = new Set(inputs)
  const folders = new Set(inputs.flatMap((file) => foldersUpward(dirname(file))))
  for (const folder of folders) {
    for (const name of ['package.json', ...lockFiles]) {
      if (existsSync(join(folder, name))) found.add(join(folder, name))
    }
  }
  for (const file of inputs) {
    const tsconfig = nearestFile(dirname(file), 'tsconfig.json')
    if (tsconfig !== undefined) await addTsconfig(tsconfig, found)
  }
  return [...found].toSorted(compareText)
}

/** How Node takes a `.ts` or `.js` file: by the nearest package.json. */
export async function packageType(file: string): Promise<'module' | 'commonjs'> {
  const manifest = nearestFile(dirname(file), 'package.json')
  if (manifest === undefined) return 'commonjs'
  const value = parseJsonc(await readFile(manifest, 'utf8'))
  return (value as { type?: unknown } | undefined)?.type === 'module' ? 'module' : 'commonjs'
}

export function foldersUpward(folder: string): readonly string[] {
  const parent = dirname(folder)
  return parent === folder ? [folder] : [folder, ...foldersUpward(parent)]
}

export function nearestFile(folder: string, name: string): string | undefined {
  const found = foldersUpward(folder).find((candidate) => existsSync(join(candidate, name)))
  return found === undefined ? undefined : join(found, name)
}

async function addTsconfig(file: string, found: Set<string>): Promise<void> {
  if (found.has(file)) return
  found.add(file)
  const value = parseJsonc(await readFile(file, 'utf8').catch(() => ''))
  const { extends: bases } = (value ?? {}) as { extends?: unknown }
  for (const base of Array.isArray(bases) ? (bases as unknown[]) : [bases]) {
    const path = typeof base === 'string' ? resolveBase(base, file) : undefined
    if (path !== undefined) await addTsconfig(path, found)
  }
}

function resolveBase(base: string, from: string): string | undefined {
  if (/^\.{0,2}\//.test(base) || base === '..') {
    const path = resolve(dirname(from), base)
    return [path, `${path}.json`].find((candidate) => candidate.endsWith('.json') && existsSync(candidate))
  }
  const require = createRequire(from)
  for (const request of [base, `${base}.json`, `${base}/tsconfig.json`]) {
    try {
      return require.resolve(request)
    } catch {
      // The next spelling; a base that nobody finds is for esbuild to report.
    }
  }
  return undefined
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
