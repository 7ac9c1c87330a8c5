/**
 * What a guarded config or script may import: its project, packages, and what it was granted to read. Poststack itself makes the bundle, and no
 * guard holds Poststack back, so an import of anything else is refused before it is evaluated.
 */
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { dirname, join, sep } from 'node:path'
import { isRecord } from '../is-record.ts'
import type { Permissions } from '../permissions.ts'
import { placeAt, type Place } from '../locate/source-text.ts'
import type { ReachedImport } from './bundle.ts'
import type { WrittenImport } from './candidates.ts'
import { describeDenial } from './denied.ts'
import { nearestFile } from './upward.ts'
import { failure } from './errors.ts'
import type { FoundConfig } from './find.ts'

export interface Guarding {
  readonly config: FoundConfig
  readonly granted: Permissions
  /** What may be read anyway, absolute. */
  readonly folders: readonly string[]
  /** What is guarded. @default 'config' */
  readonly subject?: string
}

/** Fails with `CONFIG_DENIED` for the first import that leads elsewhere. */
export async function refuseOutside(reached: readonly ReachedImport[], guarding: Guarding): Promise<void> {
  const { config, granted, folders, subject } = guarding
  if (granted.read === true) return
  const packages = reached.flatMap((one) => packageFolder(one) ?? [])
  const paths = [...folders, ...(granted.read ?? []), ...packages].filter((path) => existsSync(path))
  const allowed = paths.map((path) => realpathSync(path))
  const denied = reached.find(({ file }) => !isPackaged(file) && !allowed.some((path) => isWithin(file, path)))
  if (denied === undefined) return
  const described = describeDenial({ permission: 'FileSystemRead', resource: denied.file }, config, subject)
  throw await failure({ code: 'CONFIG_DENIED', ...described, place: placeOfImport(denied) }, config)
}

/** Where the import is written. */
export function placeOfImport({ importer, specifier }: WrittenImport): Place | undefined {
  const text = readFileSync(importer, 'utf8')
  const quoted = [`'${specifier}'`, `"${specifier}"`]
  const index = quoted.map((one) => text.indexOf(one)).find((at) => at >= 0)
  return index === undefined ? undefined : placeAt({ file: importer, text }, index)
}

/** Of a package of the workspace, which its link in `node_modules` leads to. A path that tsconfig.json maps is none. */
function packageFolder({ file, specifier }: ReachedImport): string | undefined {
  const manifest = nearestFile(dirname(file), 'package.json')
  if (/^[./]/.test(specifier) || manifest === undefined || isPackaged(file)) return undefined
  const [scope = '', name = ''] = specifier.split('/')
  return nameIn(manifest) === (scope.startsWith('@') ? `${scope}/${name}` : scope) ? dirname(manifest) : undefined
}

function nameIn(manifest: string): unknown {
  try {
    const value: unknown = JSON.parse(readFileSync(manifest, 'utf8'))
    return isRecord(value) ? value['name'] : undefined
  } catch {
    return undefined
  }
}

function isPackaged(file: string): boolean {
  return file.split(sep).includes('node_modules')
}

function isWithin(file: string, folder: string): boolean {
  return file === folder || file.startsWith(join(folder, sep))
}
