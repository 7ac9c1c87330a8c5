/**
 * Bundles a config with esbuild: the project's own files in one, packages outside. The bundle is what the guarded
 * process runs; the list of its inputs, and the errors that esbuild finds, serve both ways of loading.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { basename, dirname, join, parse, resolve, sep } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { findCycles } from '../schema/cycles.ts'
import { computedModules, globsOf, importerIn, type Check, type ComputedImport } from './computed.ts'
import { buildFailure, isMissingName } from './errors.ts'
import { packageType } from './dependencies.ts'
import type { BuildOptions, BuildResult, Metafile } from 'esbuild'
import type { ExternalImport } from './errors.ts'
import type { FoundConfig } from './find.ts'
import type { WrittenImport } from './candidates.ts'
import { placeOfEachFile } from './module-place.ts'
import { resolveExtensions } from './order.ts'
import type { GlobRead } from './inputs.ts'
import type { OwnPackage } from './own-package.ts'
import { lazyParts, loadEsbuild } from './own-program.ts'
import { filesInOrder, isBuiltin, packagesOutside, unfollowedModules } from './plugins.ts'

export interface Bundle {
  /** The files of the code; `code` is what stands in all of them. */
  readonly outputs: readonly { readonly path: string; readonly text: string }[]
  readonly code: string
  /** The project's files, absolute. */
  readonly inputs: readonly string[]
  /** URLs of those inputs that are ES modules by their syntax. */
  readonly modules: readonly string[]
  readonly externals: readonly ExternalImport[]
  /** The modules of Node among the imports that may answer differently each time. */
  readonly unfollowed: readonly WrittenImport[]
  /** What the code imports from outside, as it says it. */
  readonly outside: ReadonlySet<string>
  /** Files in the bundle that are not the project's, such as our own entry. */
  readonly others: readonly string[]
  /** The imports of the project's files, as they are written. */
  readonly imports: readonly WrittenImport[]
  /** Those of them that are not there, and may be missing: they are tried and caught. */
  readonly missing: readonly WrittenImport[]
  /** Those of them that stand in the bundle. */
  readonly reached: readonly ReachedImport[]
  readonly needsRequire: boolean
  /** The files that imports may mean of which a part is computed. */
  readonly globs: readonly GlobRead[]
  /** Those of them that fail before they run, absolute. */
  readonly broken: readonly string[]
  /** The project's files that import each other in a circle: `['a.ts', 'b.ts', 'a.ts']`, relative to the project. */
  readonly circles: readonly (readonly string[])[]
}

export interface ReachedImport extends WrittenImport {
  /** Absolute real path. */
  readonly file: string
}

/**
 * `outfile` is where `writeBundle` will write the code: source maps name the sources relative to it. `accept` fails where the code may not
 * be executed.
 */
export async function bundleConfig(
  config: FoundConfig,
  own: OwnPackage,
  outfile: string,
  accept?: (bundle: Bundle) => Promise<void>,
): Promise<Bundle> {
  const bundled = async (file: string, check?: Check): Promise<Bundle> => {
    const bundle = await bundleWith({ ...config, file }, { own, outfile, check })
    await accept?.(bundle)
    return bundle
  }
  // Without the files of computed imports: what is wrong here is wrong whatever they are.
  const bundle = await bundled(config.file)
  if (bundle.globs.length === 0) return bundle
  const { circles } = bundle
  try {
    return { ...(await bundled(config.file, () => Promise.resolve(undefined))), circles }
  } catch {
    const found = new Map<string, Promise<string | undefined>>()
    const broken: string[] = []
    const check: Check = (file) => {
      const known =
        found.get(file) ??
        bundled(file).then(
          () => undefined,
          (error: unknown) => {
            broken.push(file)
            return error instanceof Error ? error.message : String(error)
          },
        )
      found.set(file, known)
      return known
    }
    return { ...(await bundled(config.file, check)), circles, broken }
  }
}

interface Making {
  readonly own: OwnPackage
  readonly outfile: string
  /** Without it computed imports find nothing. */
  readonly check: Check | undefined
}

async function bundleWith(config: FoundConfig, { own, outfile, check }: Making): Promise<Bundle> {
  const { build } = loadEsbuild()
  const externals: ExternalImport[] = []
  const unfollowed: WrittenImport[] = []
  const computed: ComputedImport[] = []
  const options: BuildOptions = {
    entryPoints: [{ in: config.file, out: parse(outfile).name }],
    bundle: true,
    write: false,
    metafile: true,
    logLevel: 'silent',
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    // What package.json says of side effects is for browsers' sake; Node runs each file that is imported.
    ignoreAnnotations: true,
    absWorkingDir: config.root,
    sourcemap: 'inline',
    sourcesContent: false,
    outdir: dirname(outfile),
    outExtension: { '.js': '.mjs' },
    // In one file, what a module takes from packages would be loaded also where the module is not.
    splitting: check !== undefined,
    resolveExtensions: [...resolveExtensions],
    plugins: [
      computedModules(computed, check),
      lazyParts,
      unfollowedModules(unfollowed),
      packagesOutside(own, externals),
      filesInOrder,
      placeOfEachFile(build),
    ],
  }
  const result = await build(options).catch(async (error: unknown) => {
    throw await buildFailure(error, config)
  })
  const errors = result.warnings.filter(isMissingName)
  if (errors.length > 0) throw await buildFailure({ errors }, config)
  return await readBundle(result, {
    root: config.root,
    own,
    externals,
    unfollowed,
    globs: globsOf(computed, config.root),
  })
}

interface Noted extends Pick<Bundle, 'externals' | 'globs' | 'unfollowed'> {
  readonly root: string
  readonly own: OwnPackage
}

async function readBundle(result: BuildResult, { root, own, ...noted }: Noted): Promise<Bundle> {
  const inputs = result.metafile?.inputs ?? {}
  const all = Object.entries(inputs).map(([name, input]) => {
    const importer = importerIn(name, root)
    return { name, file: importer ?? fileOf(name, root), input, isFile: importer === undefined }
  })
  const files = all.filter(({ isFile }) => isFile)
  const mine = files.filter(({ file }) => isProjectFile(file, root, own))
  const reached = all.flatMap(({ file, input }) =>
    input.imports.flatMap(({ original, path }) =>
      original === undefined || !isProjectFile(file, root, own) || importerIn(path, root) !== undefined
        ? []
        : [{ importer: file, specifier: original, file: fileOf(path, root), isInside: path in inputs }],
    ),
  )
  const outside = new Set(
    [...noted.externals.map(({ path }) => path), own.run].flatMap((path) => [path, pathToFileURL(path).href]),
  )
  // What the code is prepared to do without stands in it as it is written.
  const missing = mine.flatMap(({ file, input }) =>
    input.imports.flatMap(({ external, original, path }) => {
      if (external !== true || original !== undefined || outside.has(path) || isBuiltin(path)) return []
      return [{ importer: file, specifier: path.startsWith('file:') ? fileURLToPath(path) : path }]
    }),
  )
  const outputs = result.outputFiles ?? []
  return {
    outputs,
    code: outputs.map(({ text }) => text).join('\n'),
    inputs: mine.map(({ file }) => file),
    modules: await esModules(mine.filter(({ input }) => input.format === 'esm').map(({ file }) => file)),
    ...noted,
    outside: new Set([
      ...Object.values(result.metafile?.outputs ?? {}).flatMap(({ imports }) => imports.map(({ path }) => path)),
      ...outputs.map(({ path }) => `./${basename(path)}`),
    ]),
    others: files.flatMap(({ file }) => (mine.some((one) => one.file === file) ? [] : [file])),
    imports: [...noted.externals, ...reached, ...missing],
    missing,
    reached: reached.filter(({ isInside }) => isInside),
    broken: [],
    circles: importCircles(new Map(mine.map(({ name, input }) => [name, input]))),
    needsRequire: files.some(
      ({ input }) => input.format === 'cjs' || input.imports.some(({ kind }) => kind.startsWith('require')),
    ),
  }
}

/** Of a file that is imported with attributes, esbuild's name for it has these, too. */
function fileOf(name: string, root: string): string {
  return resolve(root, name.replace(/ with \{ .* \}$/, ''))
}

function importCircles(files: ReadonlyMap<string, Metafile['inputs'][string]>): Bundle['circles'] {
  return findCycles(files.keys(), (name) => {
    const imports = files.get(name)?.imports ?? []
    return imports.filter(({ kind, path }) => kind === 'import-statement' && files.has(path)).map(({ path }) => path)
  })
}

export function isProjectFile(file: string, root: string, own: OwnPackage): boolean {
  if (file.split(sep).includes('node_modules')) return false
  // Our own sources, run from a checkout, are no input of somebody else's config.
  return !file.startsWith(own.root + sep) || root === own.root || root.startsWith(own.root + sep)
}

/** Of files with ES syntax, those that are not CommonJS at heart: `__dirname` beside `import` works only there. */
async function esModules(files: readonly string[]): Promise<readonly string[]> {
  const urls = await Promise.all(
    files.map(async (file) => {
      if (!/\.m?[jt]sx?$/.test(file)) return []
      const usesCommonJs = /\b__(?:dirname|filename)\b/.test(await readFile(file, 'utf8'))
      return usesCommonJs && (await packageType(file)) === 'commonjs' ? [] : [pathToFileURL(file).href]
    }),
  )
  return urls.flat()
}

export async function writeBundle({ outputs }: Bundle): Promise<void> {
  await Promise.all(outputs.map(({ path, text }) => writeFile(path, text)))
}

/** For what tsx executes as it is. In a file, because the list may be longer than arguments and variables may be. */
export async function listModules({ modules }: Bundle, folder: string): Promise<string> {
  const file = join(folder, 'modules.json')
  await writeFile(file, JSON.stringify(modules))
  return file
}
