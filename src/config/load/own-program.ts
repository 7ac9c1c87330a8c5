/** Builds our own programs for the processes of configs and scripts, and leaves out of them what nobody calls there. */
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type * as Esbuild from 'esbuild'
import type { Plugin } from 'esbuild'
import { ownPackage, type OwnPackage } from './own-package.ts'

/** With `require`, because for `import` Node first searches all of a CommonJS file for the names that it exports. */
export function loadEsbuild(): typeof Esbuild {
  return createRequire(import.meta.url)('esbuild') as typeof Esbuild
}

/** What our own entry imports when it is called, such as the whole engine, is nothing that a config needs. */
export const lazyParts: Plugin = {
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
