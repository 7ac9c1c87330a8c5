/** Files that are not there and would be taken if they were: a result holds only as long as there are none of them. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { isRecord } from '../is-record.ts'
import { compareText } from '../text-order.ts'
import { lockFiles } from './dependencies.ts'
import { linksOn } from './links.ts'
import { mappedTo, nearestTsconfig, starOf, type Tsconfig } from './tsconfig.ts'
import { foldersUpward, nearestFile, parseJsonc, upToFirst } from './upward.ts'

/** One import as it is written. */
export interface WrittenImport {
  readonly importer: string
  readonly specifier: string
}

export interface Ways {
  /** Where a file would count, if it were there. Absolute and sorted. */
  readonly candidates: readonly string[]
  /** Symbolic links that the imports lead over. */
  readonly links: readonly string[]
}

const extensions = ['.tsx', '.ts', '.jsx', '.js', '.mjs', '.cjs', '.mts', '.cts', '.json']

/** `files` are those that were taken, and the candidates lie beside and above them. */
export function waysTo(files: readonly string[], imports: readonly WrittenImport[]): Ways {
  const folders = new Set(files.map((file) => dirname(file)))
  const above = new Set([...folders].flatMap((folder) => foldersUpward(folder)))
  const settings = new Map([...folders].map((folder) => [folder, nearestTsconfig(folder)]))
  const wanted = new Set<string>()
  for (const folder of above) for (const name of ['package.json', ...lockFiles]) wanted.add(join(folder, name))
  for (const folder of folders) for (const path of upToFirst(folder, 'tsconfig.json')) wanted.add(path)
  for (const tsconfig of settings.values()) for (const path of tsconfig?.missing ?? []) wanted.add(path)
  const asked = imports.flatMap((written) => {
    const tsconfig = settings.get(dirname(written.importer))
    return [...placesOf(written), ...mappedPlaces(written, tsconfig)]
  })
  for (const path of asked) wanted.add(path)
  const packages = imports.flatMap((written) => packageOf(written) ?? [])
  const links = linksOn([...asked, ...packages])
  const taken = new Set([...files, ...links])
  return {
    candidates: [...wanted].filter((path) => !taken.has(path) && !existsSync(path)).toSorted(compareText),
    links,
  }
}

/** Where the file of an import may lie. */
export function placesOf({ importer, specifier }: WrittenImport): readonly string[] {
  const folder = dirname(importer)
  return isPath(specifier) ? placesAt(resolve(folder, specifier)) : upToFirst(folder, packagePath(specifier))
}

/** Where the packages of imports may appear that are not installed. */
export function placesOfPackages(missing: readonly WrittenImport[]): readonly string[] {
  const packages = missing.filter(({ specifier }) => !isPath(specifier))
  return packages.flatMap((written) => {
    const folder = packageOf(written)
    // A folder that is there already may get its content later.
    return [...placesOf(written), ...(folder === undefined ? [] : [join(folder, 'package.json')])]
  })
}

function isPath(specifier: string): boolean {
  return /^\.{0,2}(?:\/|$)/.test(specifier)
}

function packagePath(specifier: string): string {
  return join('node_modules', ...specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1))
}

function placesAt(base: string): readonly string[] {
  const [, stem = base, kind = ''] = /^(.*\.)([cm]?)jsx?$/.exec(base) ?? []
  const asTypeScript = stem === base ? [] : kind === '' ? ['ts', 'tsx', 'js', 'jsx'] : [`${kind}ts`]
  const endings = extensions.flatMap((extension) => [base + extension, join(base, `index${extension}`)])
  return [base, ...asTypeScript.map((ending) => stem + ending), ...endings, join(base, 'package.json')]
}

/** Where settings lead an import that is no path: `paths` of tsconfig.json, `imports` of package.json. */
function mappedPlaces({ importer, specifier }: WrittenImport, tsconfig: Tsconfig | undefined): readonly string[] {
  if (isPath(specifier)) return []
  const byTsconfig = tsconfig === undefined ? [] : mappedTo(specifier, tsconfig)
  const byPackage = specifier.startsWith('#') ? importsOfPackage(specifier, dirname(importer)) : []
  return [...byTsconfig, ...byPackage].flatMap(placesAt)
}

function importsOfPackage(specifier: string, folder: string): readonly string[] {
  const manifest = nearestFile(folder, 'package.json')
  const value = manifest === undefined ? undefined : parseJsonc(readFileSync(manifest, 'utf8'))
  if (manifest === undefined || !isRecord(value) || !isRecord(value['imports'])) return []
  return Object.entries(value['imports']).flatMap(([pattern, target]) => {
    const star = starOf(specifier, pattern)
    if (star === undefined) return []
    const paths = textsIn(target).filter((text) => text.startsWith('./'))
    return paths.map((path) =>
      resolve(
        dirname(manifest),
        path.replaceAll('*', () => star),
      ),
    )
  })
}

/** Under whatever conditions they stand. */
function textsIn(target: unknown): readonly string[] {
  if (typeof target === 'string') return [target]
  return typeof target === 'object' && target !== null ? Object.values(target).flatMap(textsIn) : []
}

/** Where the package of an import is. */
export function packageOf({ importer, specifier }: WrittenImport): string | undefined {
  return isPath(specifier) ? undefined : nearestFile(dirname(importer), packagePath(specifier))
}
