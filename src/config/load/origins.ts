/** What the result of an evaluation was made from, and whether that is all of it. */
import { existsSync } from 'node:fs'
import { relative } from 'node:path'
import { placesOfPackages, waysTo } from './candidates.ts'
import { completeDependencies } from './dependencies.ts'
import { userFrames } from './errors.ts'
import { linksOn } from './links.ts'
import { resolverName } from './module-place.ts'
import { packageFiles } from './packages.ts'
import { placeOfImport } from './reach.ts'
import { compareText } from '../text-order.ts'
import type { ConfigInputs, ConfigReads } from './inputs.ts'
import type { Bundle } from './bundle.ts'
import type { ConfigCache, KeptResult } from './cache.ts'
import type { Origins } from './cache-key.ts'
import type { ThrownContext } from './errors.ts'

interface Found {
  readonly inputs: ConfigInputs
  /** For the cache, or why they are not known; those of the packages come later, because only a result that is kept needs them. */
  readonly origins: (config: { readonly root: string }) => Promise<Origins | string>
}

export function originsOf(
  file: string,
  bundle: Bundle,
  { files, globs: read, variables, allVariables, cwd }: ConfigReads,
): Found {
  const globs = [...read, ...bundle.globs]
  const dependencies = completeDependencies(bundle.inputs)
  const ways = waysTo([...dependencies, ...files], bundle.imports)
  const packages = placesOfPackages(bundle.missing).filter((path) => !existsSync(path))
  const inputs = {
    files: sorted([...dependencies, ...files, ...ways.links, ...linksOn([file])]),
    candidates: sorted([...ways.candidates, ...packages]),
    packages,
    globs,
    variables,
    allVariables,
  }
  const origins: Found['origins'] = async ({ root }) => {
    const used = await packageFiles(
      bundle.externals.map(({ path }) => path),
      root,
    )
    if (used === undefined) return 'a package that the config imports cannot be followed'
    const { files: code, unfollowed } = used
    if (unfollowed !== undefined) return `a package that the config imports ${importsUnfollowed(unfollowed)}`
    const all = sorted([...inputs.files, ...inputs.candidates, ...bundle.others, ...code])
    return { files: all, globs, variables, allVariables, readsCwd: cwd }
  }
  return { inputs, origins }
}

function sorted(files: readonly string[]): readonly string[] {
  return [...new Set(files)].toSorted(compareText)
}

/** Why the result cannot be kept, if it cannot: it depends on something that nobody can ask for again. */
export function whyNotKept(bundle: Bundle, { untracked }: ConfigReads, context: ThrownContext): string | undefined {
  if (bundle.code.includes(resolverName)) return 'the config asks where modules are (import.meta.resolve)'
  if (untracked !== undefined) return `the config ${untracked.what}${placeOf(untracked.stack, context)}`
  const [first] = bundle.unfollowed
  if (first !== undefined) {
    const { file, line, column } = placeOfImport(first) ?? {}
    const at = file === undefined ? '' : ` at ${[relative(context.config.root, file), line, column].join(':')}`
    return `the config ${importsUnfollowed(first.specifier + at)}`
  }
  const [broken] = bundle.broken
  if (broken !== undefined)
    return `the config may import ${relative(context.config.root, broken)}, and that cannot be imported`
  // Executed as it is, it may import files that no pattern finds.
  const isFree = bundle.globs.length > 0 && context.folder === undefined
  return isFree || computesImports(bundle) ? 'the config computes the name of a module that it imports' : undefined
}

function importsUnfollowed(builtin: string): string {
  return `imports ${builtin}, and that may answer differently each time`
}

/** esbuild has followed what says its name; the rest stands in the code as a call. */
function computesImports({ code, outside }: Bundle): boolean {
  const calls = code.matchAll(/(?<![\w$.])(?:import|__require|require)\(\s*(?:"((?:[^"\\]|\\.)*)"\s*[,)])?/g)
  return [...calls].some(([, name]) => name === undefined || !outside.has(name))
}

function placeOf(stack: string, context: ThrownContext): string {
  const place = userFrames(stack, context)[0]?.place
  return place === undefined
    ? ''
    : ` at ${relative(context.config.root, place.file)}:${String(place.line)}:${String(place.column)}`
}

export async function keepWith(
  cache: ConfigCache,
  result: KeptResult,
  origins: Origins | string,
): Promise<string | undefined> {
  return typeof origins === 'string' ? origins : await cache.keep(result, origins)
}
