/** What a guarded config may do besides reading its project and packages, in Deno's words: from flags and from package.json. */
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { isRecord } from './is-record.ts'
import { suggest } from './nearest.ts'
import { showValue } from './schema/issues.ts'
import { nearestFile, parseJsonc } from './load/upward.ts'
import { invalid } from './parse/mistakes.ts'
import type { ConfigIssue } from './schema/issues.ts'

/** Grants for configs. `true` grants all of a kind. */
export interface Permissions {
  /** Files and folders, with all that is in them. */
  readonly read?: true | readonly string[] | undefined
  /** Names of environment variables. With a list a config sees no others; without this field it sees all. */
  readonly env?: true | readonly string[] | undefined
  /** `host`, `host:port`, or the path of a unix socket. */
  readonly net?: true | readonly string[] | undefined
  /** Starting programs, which may do whatever this user may. */
  readonly run?: boolean | undefined
}

interface ManifestPermissions extends Permissions {
  /** Evaluate the config with every permission. */
  readonly all?: boolean | undefined
}

const lists = ['read', 'env', 'net'] as const
const switches = ['run', 'all'] as const
const words: readonly string[] = [...lists, ...switches]

/** What is granted by either of them. */
export function bothPermissions(one: Permissions, other: Permissions): Permissions {
  const both = (key: (typeof lists)[number]): true | readonly string[] | undefined => {
    const [a, b] = [one[key], other[key]]
    if (a === true || b === true) return true
    return a === undefined ? b : [...a, ...(b ?? [])]
  }
  return { read: both('read'), env: both('env'), net: both('net'), run: one.run === true || other.run === true }
}

/** The same with absolute paths. */
export function permissionsFrom(folder: string, permissions: Permissions): Permissions {
  const { read } = permissions
  return {
    ...permissions,
    read: read === undefined || read === true ? read : read.map((path) => resolve(folder, path)),
  }
}

/** `poststack.permissions` of the package that a folder belongs to. Fails with `CONFIG_INVALID` and every mistake in it. */
export async function manifestPermissions(folder: string): Promise<ManifestPermissions> {
  const file = nearestFile(folder, 'package.json')
  const text = file === undefined ? '' : await readFile(file, 'utf8')
  const manifest = parseJsonc(text)
  if (file === undefined || !isRecord(manifest) || manifest['poststack'] === undefined) return {}
  const issues = [...mistakes(manifest['poststack'])]
  if (issues.length > 0) throw invalid(issues, { root: dirname(file), file, sources: [{ file, text }] })
  const { permissions = {} } = manifest['poststack'] as { permissions?: ManifestPermissions }
  return { ...permissionsFrom(dirname(file), permissions), all: permissions.all }
}

function* mistakes(own: unknown): Iterable<ConfigIssue> {
  const path = ['poststack']
  if (!isRecord(own)) return yield wrong(path, 'expected an object', own)
  for (const key of Object.keys(own)) {
    if (key !== 'permissions') yield { path: [...path, key], message: `unknown key: ${suggest(key, ['permissions'])}` }
  }
  const { permissions } = own
  path.push('permissions')
  if (permissions === undefined) return
  if (!isRecord(permissions)) return yield wrong(path, 'expected an object', permissions)
  for (const [key, value] of Object.entries(permissions)) {
    const at = [...path, key]
    if (!words.includes(key)) yield { path: at, message: `unknown key: ${suggest(key, words)}` }
    else if (switches.some((word) => word === key)) {
      if (typeof value !== 'boolean') yield wrong(at, 'expected true or false', value)
    } else if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) {
        const why = typeof item === 'string' ? whyNoGrant(key, item) : 'expected a text'
        if (why !== undefined) yield wrong([...at, index], why, item)
      }
    } else if (value !== true) yield wrong(at, 'expected true or a list of texts', value)
  }
}

function wrong(path: readonly (string | number)[], message: string, value: unknown): ConfigIssue {
  return { path, message, value: showValue(path, value) }
}

/** Why a text grants nothing of its kind, if it does not. */
export function whyNoGrant(kind: string, text: string): string | undefined {
  if (text.trim() === '' || text.includes('\0')) return 'names nothing'
  if (kind === 'env' && text.includes('=')) return 'expected the name of a variable, without its value'
  return kind === 'net' && !/^(?:\/.+|(?:[^\s/:]+|\[[\da-f:.]+\])(?::\d{1,5})?)$/i.test(text)
    ? 'expected a host, or a host and its port, as in `db.example.org:5432`'
    : undefined
}
