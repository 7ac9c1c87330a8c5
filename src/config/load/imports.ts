/**
 * What TypeScript files of the project import, at any depth: found by esbuild's own resolution, and also where some of it cannot be read or is
 * not there.
 */
import { readFile } from 'node:fs/promises'
import { sep } from 'node:path'
import type { OnResolveArgs, OnResolveResult, Plugin } from 'esbuild'
import { isProjectFile } from './bundle.ts'
import { placesOf } from './candidates.ts'
import { computedModules } from './computed.ts'
import { placeOfEachFile } from './module-place.ts'
import { resolveExtensions } from './order.ts'
import { ownPackage, type OwnPackage } from './own-package.ts'
import { loadEsbuild } from './own-program.ts'
import { resolveAgain, resolvingAgain } from './plugins.ts'
import { compareText } from '../text-order.ts'

export interface ImportedFiles {
  /** The project's files that it imports at any depth, absolute and sorted; without itself. */
  readonly files: readonly string[]
  /** Where something would be found that is imported and is not there. */
  readonly missing: readonly string[]
}

/** Those of each file that is given, absolute. Packages are left out. It never fails: what cannot be read has no imports. */
export async function importsOf(files: readonly string[], root: string): Promise<ReadonlyMap<string, ImportedFiles>> {
  const importing = (
    await Promise.all([...new Set(files)].map(async (file) => ((await mayImport(file)) ? [file] : [])))
  ).flat()
  const graph: Graph = { edges: new Map(), missing: new Map() }
  if (importing.length > 0) {
    const { build } = loadEsbuild()
    await build({
      entryPoints: importing,
      bundle: true,
      write: false,
      ignoreAnnotations: true,
      logLevel: 'silent',
      platform: 'node',
      format: 'esm',
      absWorkingDir: root,
      // Nothing is written, but several entries need a place to be written to.
      outdir: root,
      resolveExtensions: [...resolveExtensions],
      plugins: [computedModules([], sound), noting(graph, { root, own: ownPackage() }), placeOfEachFile(build)],
    }).catch(() => undefined)
  }
  return new Map(files.map((file) => [file, reachedFrom(file, graph)]))
}

interface Graph {
  readonly edges: Map<string, Set<string>>
  readonly missing: Map<string, Set<string>>
}

const harmless = /\bfrom\s*(['"])(?:poststack(?:\/run)?|node:[\w/]+)\1/g

/** Most scripts import nothing of the project: these cost no bundler. Says yes too often rather than too seldom. */
async function mayImport(file: string): Promise<boolean> {
  const text = await readFile(file, 'utf8').catch(() => '')
  return /\bfrom\b|\brequire\b|\bimport\b(?!\s*[\w{*])/.test(text.replaceAll(harmless, ''))
}

function noting({ edges, missing }: Graph, project: { readonly root: string; readonly own: OwnPackage }): Plugin {
  return {
    name: 'poststack-imports',
    setup(build) {
      build.onResolve({ filter: /./ }, async (args): Promise<OnResolveResult | undefined> => {
        if (args.kind === 'entry-point' || args.pluginData === resolvingAgain) return undefined
        if (/^poststack(?:\/|$)/.test(args.path)) return outside
        const found = await resolveAgain(build, args)
        if (found.external === true) return outside
        if (found.path === undefined || found.path === '' || found.errors?.length !== 0) {
          if (args.path.startsWith('.')) noteMissing(missing, args)
          return outside
        }
        if (found.namespace !== 'file' || !isProjectFile(found.path, project.root, project.own)) return outside
        add(edges, args.importer, found.path)
        return found
      })
    },
  }
}

/** What is wrong with a file is nothing to look for here. */
const sound = (): Promise<undefined> => Promise.resolve(undefined)

const outside: OnResolveResult = { external: true }

function noteMissing(missing: Graph['missing'], { importer, path }: OnResolveArgs): void {
  for (const place of placesOf({ importer, specifier: path })) {
    if (!place.includes(`${sep}node_modules${sep}`)) add(missing, importer, place)
  }
}

function add(map: Map<string, Set<string>>, key: string, value: string): void {
  const values = map.get(key)
  if (values === undefined) map.set(key, new Set([value]))
  else values.add(value)
}

function reachedFrom(start: string, { edges, missing }: Graph): ImportedFiles {
  const reached = new Set([start])
  // A set gives what is added while it is walked through, too.
  for (const file of reached) for (const next of edges.get(file) ?? []) reached.add(next)
  const places = [...reached].flatMap((file) => [...(missing.get(file) ?? [])])
  reached.delete(start)
  return { files: [...reached].toSorted(compareText), missing: [...new Set(places)].toSorted(compareText) }
}
