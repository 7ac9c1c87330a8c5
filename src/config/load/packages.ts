/** The files of the packages that a config imports: they run as they are, outside of the bundle, and its result depends on them, too. */
import { dirname, resolve } from 'node:path'
import { isFollowed } from '../builtins.ts'
import { packageOf } from './candidates.ts'
import { linksOn } from './links.ts'
import { loadEsbuild } from './own-program.ts'
import { isBuiltin } from './plugins.ts'
import { nearestFile } from './upward.ts'

export interface PackageFiles {
  /** Absolute. */
  readonly files: readonly string[]
  /** A module of Node that one of them imports and that may answer differently each time. */
  readonly unfollowed: string | undefined
}

/** Nothing when a package cannot be followed. */
export async function packageFiles(entries: readonly string[], root: string): Promise<PackageFiles | undefined> {
  if (entries.length === 0) return { files: [], unfollowed: undefined }
  const { build } = loadEsbuild()
  const result = await build({
    entryPoints: [...new Set(entries)],
    absWorkingDir: root,
    bundle: true,
    write: false,
    metafile: true,
    ignoreAnnotations: true,
    logLevel: 'silent',
    format: 'esm',
    platform: 'node',
    outdir: 'poststack-packages',
    loader: { '.node': 'empty', '.wasm': 'empty', '.css': 'empty', '.txt': 'empty', '.md': 'empty' },
  }).catch(() => undefined)
  if (result === undefined) return undefined
  const inputs = Object.entries(result.metafile.inputs).filter(([name]) => !/^[(<]/.test(name))
  const files = inputs.map(([name]) => resolve(root, name))
  const folders = inputs.flatMap(([name, { imports }]) =>
    imports.flatMap(({ original = '.' }) => packageOf({ importer: resolve(root, name), specifier: original }) ?? []),
  )
  const manifests = new Set(files.map((file) => nearestFile(dirname(file), 'package.json')))
  const imports = inputs.flatMap(([, input]) => input.imports.map(({ path }) => path))
  return {
    files: [...files, ...linksOn(folders), ...[...manifests].filter((file) => file !== undefined)],
    unfollowed: imports.find((path) => isBuiltin(path) && !isFollowed(path)),
  }
}
