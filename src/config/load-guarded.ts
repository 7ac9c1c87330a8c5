/** The flags of Node's permission model for the process that evaluates a bundled config. */
import { existsSync } from 'node:fs'
import { dirname, join, sep } from 'node:path'
import { foldersUpward } from './load-dependencies.ts'

/** What a guarded config may do, in Deno's words. */
export interface Grants {
  /** Files and folders, absolute. */
  readonly read: readonly string[]
}

/** What every guarded config may read: its project and the packages it can import. */
export function defaultGrants(root: string, externals: readonly { readonly path: string }[]): Grants {
  const packages = externals.map(({ path }) => outermostModules(path))
  return { read: [root, ...foldersUpward(root).map((folder) => join(folder, 'node_modules')), ...packages] }
}

/** `own` are the files that the process itself needs. */
export function guardFlags(grants: Grants, own: readonly string[], nodeVersion: string): readonly string[] {
  const [major = 0, minor = 0] = nodeVersion.replace(/^v/, '').split('.').map(Number)
  const isStable = major > 23 || (major === 23 && minor >= 5) || (major === 22 && minor >= 13)
  const folders = outermost([...grants.read, ...own]).filter((folder) => existsSync(folder))
  return [
    isStable ? '--permission' : '--experimental-permission',
    // Only this form: Node 20 aborts when a folder is given both with and without the star.
    ...folders.map((folder) => `--allow-fs-read=${withSlash(folder)}*`),
  ]
}

/** Without the folders that lie in another one: they are allowed with it. */
function outermost(folders: readonly string[]): readonly string[] {
  const all = [...new Set(folders)]
  return all.filter((folder) => !all.some((other) => other !== folder && folder.startsWith(withSlash(other))))
}

function withSlash(folder: string): string {
  return folder.endsWith(sep) ? folder : folder + sep
}

function outermostModules(path: string): string {
  const parts = path.split(sep)
  const index = parts.indexOf('node_modules')
  return index === -1 ? dirname(path) : parts.slice(0, index + 1).join(sep)
}
