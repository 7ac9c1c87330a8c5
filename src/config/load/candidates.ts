/** Files that are not there and would be taken if they were: a result holds only as long as there are none of them. */
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { foldersUpward, lockFiles } from './dependencies.ts'
import { compareText } from '../text-order.ts'

/** One import as it is written. */
export interface WrittenImport {
  readonly importer: string
  readonly specifier: string
}

const extensions = ['.tsx', '.ts', '.jsx', '.js', '.mjs', '.cjs', '.mts', '.cts', '.json']

/** Absolute and sorted. `files` are those that were taken, and the candidates lie beside and above them. */
export function candidates(files: readonly string[], imports: readonly WrittenImport[]): readonly string[] {
  const folders = new Set(files.map((file) => dirname(file)))
  const above = new Set([...folders].flatMap((folder) => foldersUpward(folder)))
  const wanted = new Set<string>()
  for (const folder of above) for (const name of ['package.json', ...lockFiles]) wanted.add(join(folder, name))
  for (const folder of folders) for (const path of upToFirst(folder, 'tsconfig.json')) wanted.add(path)
  for (const written of imports) for (const path of placesOf(written)) wanted.add(path)
  const taken = new Set(files)
  return [...wanted].filter((path) => !taken.has(path) && !existsSync(path)).toSorted(compareText)
}

/** Where the file of an import may lie. */
export function placesOf({ importer, specifier }: WrittenImport): readonly string[] {
  const folder = dirname(importer)
  if (!/^\.{0,2}(?:\/|$)/.test(specifier)) {
    const name = specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1)
    return upToFirst(folder, join('node_modules', ...name))
  }
  const base = resolve(folder, specifier)
  const asTypeScript = /\.[cm]?jsx?$/.test(base) ? [base.replace(/js(x?)$/, 'ts$1'), base.replace(/jsx?$/, 'tsx')] : []
  const endings = extensions.flatMap((extension) => [base + extension, join(base, `index${extension}`)])
  return [base, ...asTypeScript, ...endings, join(base, 'package.json')]
}

/** On the way up, those before the first that is there. */
function upToFirst(folder: string, name: string): readonly string[] {
  const paths = foldersUpward(folder).map((one) => join(one, name))
  const first = paths.findIndex((path) => existsSync(path))
  return first === -1 ? paths : paths.slice(0, first)
}
