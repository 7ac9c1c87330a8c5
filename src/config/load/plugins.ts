/** esbuild's plugins for a bundle: what of the imports is in it, what stays outside, and which file is meant. */
import { builtinModules } from 'node:module'
import { sep } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { OnResolveArgs, OnResolveResult, Plugin, PluginBuild } from 'esbuild'
import { isFollowed } from '../builtins.ts'
import type { WrittenImport } from './candidates.ts'
import type { ExternalImport } from './errors.ts'
import { fileInOrder } from './order.ts'
import type { OwnPackage } from './own-package.ts'

/** It only looks on. */
export function unfollowedModules(found: WrittenImport[]): Plugin {
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

export function packagesOutside(own: OwnPackage, externals: ExternalImport[]): Plugin {
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

export const filesInOrder: Plugin = {
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
