/**
 * The file that an import of a path means, in the order in which tsx looks: where a project has more than one that could be meant, a guarded
 * config takes the same as a trusted one.
 */
import { statSync } from 'node:fs'
import { dirname, extname, relative, resolve, sep } from 'node:path'
import type { OnResolveArgs } from 'esbuild'
import { nearestTsconfig } from './tsconfig.ts'

/** What is tried where a path has no ending that says what it is; for esbuild, too. */
export const resolveExtensions: readonly string[] = ['.ts', '.tsx', '.jsx', '.js', '.json']

/** Those that an ending stands for in TypeScript, the wanted one first. */
const meant: Readonly<Record<string, readonly string[]>> = {
  '.js': ['.ts', '.tsx', '.js', '.jsx'],
  '.jsx': ['.tsx', '.ts', '.jsx', '.js'],
  '.cjs': ['.cts', '.cjs'],
  '.mjs': ['.mts', '.mjs'],
}

/** By Node for `require` in JavaScript, with what tsx adds. */
const requireExtensions = ['.js', '.json', '.node', ...resolveExtensions]

type Written = Pick<OnResolveArgs, 'path' | 'importer' | 'resolveDir' | 'kind'>

/** That file, as a path for esbuild; nothing where it decides by itself: for packages, folders, and what is not there. */
export function fileInOrder(written: Written): string | undefined {
  const { importer, path, resolveDir } = written
  // What comes after a question mark is no part of a name, and only esbuild knows what it makes of it.
  if (!/^(?:\.{1,2}\/|\/)/.test(path) || /(?:^|\/)\.{0,2}$|\?/.test(path)) return undefined
  if (importer.split(sep).includes('node_modules')) return undefined
  const found = inOrder(resolve(resolveDir, path), written).find(isFile)
  return found === undefined ? undefined : `./${relative(resolveDir, found)}`
}

function inOrder(base: string, { importer, kind }: Written): readonly string[] {
  const ending = extname(base)
  const stem = base.slice(0, base.length - ending.length)
  const known = meant[ending]?.map((one) => stem + one)
  const guessed = (extensions: readonly string[]): readonly string[] => extensions.map((one) => base + one)
  if (/\.(?:[cm]?ts|[tj]sx)$/.test(importer) || nearestTsconfig(dirname(importer))?.allowJs === true)
    return known ?? (isWhole(ending) ? [base] : [...guessed(resolveExtensions), base])
  return [base, ...(known ?? guessed(kind.startsWith('require') ? requireExtensions : resolveExtensions))]
}

/** Nothing is guessed after these. */
function isWhole(ending: string): boolean {
  return /^\.(?:[cm]?ts|tsx|json|node)$/.test(ending)
}

function isFile(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isFile() === true
  } catch {
    return false
  }
}
