/** The flags of Node's permission model for the process that evaluates a bundled config. */
import { existsSync, statSync } from 'node:fs'
import { dirname, join, sep } from 'node:path'
import { foldersUpward } from './upward.ts'
import type { Permissions } from '../permissions.ts'

/** What every guarded config may read: its project and the packages it can import. */
export function readableFolders(root: string, externals: readonly { readonly path: string }[]): readonly string[] {
  const packages = externals.map(({ path }) => outermostModules(path))
  return [root, ...foldersUpward(root).map((folder) => join(folder, 'node_modules')), ...packages]
}

/** `folders` may be read besides what is granted. */
export function guardFlags(granted: Permissions, folders: readonly string[], nodeVersion: string): readonly string[] {
  return [
    guardIsStable(nodeVersion) ? '--permission' : '--experimental-permission',
    ...(granted.read === true ? ['--allow-fs-read=*'] : readFlags([...folders, ...(granted.read ?? [])])),
    ...(granted.run === true ? ['--allow-child-process'] : []),
    ...(granted.net !== undefined && deniesNetwork(nodeVersion) ? ['--allow-net'] : []),
  ]
}

/** Where Node denies the network, it is denied before Node does, because Node does not say what was wanted for. */
export function hostsFor({ net }: Permissions, always: readonly string[] = []): readonly string[] | undefined {
  if (net === undefined) return deniesNetwork(process.versions.node) ? always : undefined
  return net === true ? undefined : [...net, ...always]
}

/** They would change Node itself rather than what it runs; `NODE_OPTIONS` could undo the guard. */
const nodeVariables = new Set([
  'NODE_OPTIONS',
  'NODE_V8_COVERAGE',
  'NODE_CHANNEL_FD',
  'NODE_COMPILE_CACHE',
  'TSX_TSCONFIG_PATH',
])

type Variables = Readonly<Record<string, string | undefined>>

/** The variables that a config or a guarded script may see, without those that are withheld. */
export function visible(env: Variables, withheld: readonly string[] = []): Variables {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !nodeVariables.has(name) && !withheld.includes(name)),
  )
}

/** Whether Node no longer calls its permission model an experiment. */
export function guardIsStable(nodeVersion: string): boolean {
  const [major = 0, minor = 0] = versionParts(nodeVersion)
  return major > 23 || (major === 23 && minor >= 5) || (major === 22 && minor >= 13)
}

/** Whether Node's permission model knows the network. */
export function deniesNetwork(nodeVersion: string): boolean {
  const [major = 0] = versionParts(nodeVersion)
  return major >= 25
}

function versionParts(nodeVersion: string): readonly number[] {
  return nodeVersion.replace(/^v/, '').split('.').map(Number)
}

function readFlags(paths: readonly string[]): readonly string[] {
  const present = outermost(paths).filter((path) => existsSync(path))
  // Of a folder only this form: Node 20 aborts when it is given both with and without the star.
  return present.map((path) => `--allow-fs-read=${statSync(path).isDirectory() ? `${withSlash(path)}*` : path}`)
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
