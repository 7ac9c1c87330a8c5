/**
 * Bundles a config with esbuild: the project's own files in one, packages outside. The bundle is what the guarded
 * process runs; the list of its inputs, and the errors that esbuild finds, serve both ways of loading.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { builtinModules, createRequire } from 'node:module'
import { join, resolve, sep } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { isFollowed } from '../builtins.ts'
import { findCycles } from '../schema/cycles.ts'
import { buildFailure } from './errors.ts'
import { packageType } from './dependencies.ts'
import type * as Esbuild from 'esbuild'
import type { BuildOptions, Metafile, OnResolveArgs, OnResolveResult, Plugin, PluginBuild } from 'esbuild'
import type { ExternalImport } from './errors.ts'
import type { FoundConfig } from './find.ts'
import type { WrittenImport } from './candidates.ts'
import { placeOfEachFile } from './module-place.ts'
import { fileInOrder, resolveExtensions } from './order.ts'
import { ownPackage } from './own-package.ts'
import type { OwnPackage } from './own-package.ts'

export interface Bundle {
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
  /** The project's files that import each other in a circle: `['a.ts', 'b.ts', 'a.ts']`, relative to the project. */
  readonly circles: readonly (readonly string[])[]
}

export interface ReachedImport extends WrittenImport {
  /** Absolute real path. */
  readonly file: string
}

/** `outfile` is where the caller will write the code: source maps name the sources relative to it. */
export async function bundleConfig(config: FoundConfig, own: OwnPackage, outfile: string): Promise<Bundle> {
  const { build } = loadEsbuild()
  const externals: ExternalImport[] = []
  const unfollowed: WrittenImport[] = []
  const options: BuildOptions = {
    entryPoints: [config.file],
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
    outfile,
    resolveExtensions: [...resolveExtensions],
    plugins: [
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
  const inputs = result.metafile?.inputs ?? {}
  const files = Object.entries(inputs).map(([name, input]) => ({ name, file: fileOf(name, config.root), input }))
  const mine = files.filter(({ file }) => isProjectFile(file, config.root, own))
  const reached = mine.flatMap(({ file, input }) =>
    input.imports.flatMap(({ original, path }) =>
      original === undefined
        ? []
        : [{ importer: file, specifier: original, file: fileOf(path, config.root), isInside: path in inputs }],
    ),
  )
  const outside = new Set(
    [...externals.map(({ path }) => path), own.run].flatMap((path) => [path, pathToFileURL(path).href]),
  )
  // What the code is prepared to do without stands in it as it is written.
  const missing = mine.flatMap(({ file, input }) =>
    input.imports.flatMap(({ external, original, path }) => {
      if (external !== true || original !== undefined || outside.has(path) || isBuiltin(path)) return []
      return [{ importer: file, specifier: path.startsWith('file:') ? fileURLToPath(path) : path }]
    }),
  )
  return {
    code: result.outputFiles?.[0]?.text ?? '',
    inputs: mine.map(({ file }) => file),
    modules: await esModules(mine.filter(({ input }) => input.format === 'esm').map(({ file }) => file)),
    externals,
    unfollowed,
    outside: new Set(
      Object.values(result.metafile?.outputs ?? {}).flatMap(({ imports }) => imports.map(({ path }) => path)),
    ),
    others: files.flatMap(({ file }) => (mine.some((one) => one.file === file) ? [] : [file])),
    imports: [...externals, ...reached, ...missing],
    missing,
    reached: reached.filter(({ isInside }) => isInside),
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

/** It only looks on. */
function unfollowedModules(found: WrittenImport[]): Plugin {
  return {
    name: 'poststack-unfollowed-modules',
    setup(build) {
      build.onResolve({ filter: /^[^./]/ }, ({ importer, path }) => {
        if (isBuiltin(path) && !isFollowed(path)) found.push({ importer, specifier: path })
        return undefined
      })
    },
  }
}

/** Marks what a plugin asks esbuild to resolve, so that it does not answer itself. */
export const resolvingAgain = Symbol('resolving within the plugin')

function packagesOutside(own: OwnPackage, externals: ExternalImport[]): Plugin {
  return {
    name: 'poststack-packages',
    setup(build) {
      build.onResolve({ filter: /^[^./]/ }, async (args) => {
        if (args.kind === 'entry-point' || args.pluginData === resolvingAgain || isBuiltin(args.path)) return undefined
        const isRequire = args.kind.startsWith('require')
        // A file by its URL, which esbuild takes for the name of a package.
        if (args.path.startsWith('file:')) return await fileByUrl(build, args)
        if (args.path === 'poststack/run') return runEntry(own, isRequire)
        const found = await resolveAgain(build, args)
        // Our own package goes into the bundle: it is small, and esbuild then names a mistyped import with its place.
        if (args.path === 'poststack') return found.errors?.length === 0 ? found : { path: own.entry }
        // An error of a plugin is one also where the code catches it; esbuild looks whether it does.
        if (found.path === undefined || found.errors?.length !== 0) return undefined
        if (found.external === true) return found
        const isPackage = found.path.split(sep).includes('node_modules')
        // Node runs no TypeScript below node_modules.
        if (!isPackage || /\.[cm]?tsx?$/.test(found.path)) return found
        externals.push({ importer: args.importer, specifier: args.path, path: found.path })
        return { path: isRequire ? found.path : pathToFileURL(found.path).href, external: true }
      })
    },
  }
}

async function fileByUrl(build: PluginBuild, args: OnResolveArgs): Promise<OnResolveResult | undefined> {
  const found = await resolveAgain(build, { ...args, path: fileURLToPath(args.path) })
  return found.errors?.length === 0 ? found : undefined
}

const filesInOrder: Plugin = {
  name: 'poststack-order',
  setup(build) {
    build.onResolve({ filter: /^\.{0,2}\// }, async (args) => {
      if (args.kind === 'entry-point' || args.pluginData === resolvingAgain) return undefined
      return fileInOrder(args) === undefined ? undefined : await resolveAgain(build, args)
    })
  },
}

/** The entry that fits this very program, whatever copy the project has. Sources are built on the way. */
function runEntry({ isSource, run }: OwnPackage, isRequire: boolean): OnResolveResult {
  return isSource ? { path: run } : { path: isRequire ? run : pathToFileURL(run).href, external: true }
}

/** What our own entry imports when it is called, such as the whole engine, is nothing that a config needs. */
const lazyParts: Plugin = {
  name: 'poststack-lazy-parts',
  setup(build) {
    build.onResolve({ filter: /^\./ }, ({ path, kind, importer, resolveDir }) => {
      if (kind !== 'dynamic-import' || !isOwnEntry(importer)) return undefined
      return { path: pathToFileURL(resolve(resolveDir, path)).href, external: true }
    })
  },
}

function isOwnEntry(file: string): boolean {
  return file === ownPackage().entry || file.endsWith(join('node_modules', 'poststack', 'dist', 'index.js'))
}

export function resolveAgain(build: PluginBuild, args: OnResolveArgs): Promise<OnResolveResult> {
  const { kind, importer, resolveDir, namespace } = args
  return build.resolve(fileInOrder(args) ?? args.path, {
    kind,
    importer,
    resolveDir,
    namespace,
    with: args.with,
    pluginData: resolvingAgain,
  })
}

export function isBuiltin(path: string): boolean {
  return path.startsWith('node:') || builtinModules.includes(path)
}

/** Builds one of our own programs for the config's process: its evaluator, when run from sources, and our entry for CommonJS. */
export async function bundleOwn(entry: string, outfile: string): Promise<void> {
  const { build } = loadEsbuild()
  const isCommonJs = outfile.endsWith('.cjs')
  await build({
    entryPoints: [entry],
    bundle: true,
    format: isCommonJs ? 'cjs' : 'esm',
    // CommonJS knows no import.meta, and our built files ask it for their place.
    define: isCommonJs ? { 'import.meta.url': JSON.stringify(pathToFileURL(entry).href) } : {},
    platform: 'node',
    target: 'node20.19',
    logLevel: 'silent',
    outfile,
    plugins: [lazyParts],
  })
}

/** One of our own programs, as a file that a restricted process can run. */
export async function ownProgram(entry: string, { isSource }: OwnPackage, folder: string): Promise<string> {
  if (!isSource) return entry
  const program = join(folder, 'child.mjs')
  await bundleOwn(entry, program)
  return program
}

/** For what tsx executes as it is. In a file, because the list may be longer than arguments and variables may be. */
export async function listModules({ modules }: Bundle, folder: string): Promise<string> {
  const file = join(folder, 'modules.json')
  await writeFile(file, JSON.stringify(modules))
  return file
}

/** With `require`, because for `import` Node first searches all of a CommonJS file for the names that it exports. */
export function loadEsbuild(): typeof Esbuild {
  return createRequire(import.meta.url)('esbuild') as typeof Esbuild
}
