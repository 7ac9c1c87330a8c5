/** Puts the layers of a config together: what `extends` names, and the config itself on top. Loaded by the config's process, so it imports nothing of others. */
import { isRecord } from './is-record.ts'
import { formatPath } from './schema/issues.ts'
import type { Path } from './schema/issues.ts'
import type { PlainValue } from './plain.ts'
import type { Place } from './locate/source-text.ts'

/** What a config extends, and the config itself. */
export interface LoadedLayers {
  /** Where `defineConfig` was called for each, the lowest first; nothing for one without. */
  readonly places: readonly (Place | null)[]
  /** By path, of each value that is not made of others: which layer it is from. */
  readonly values: Readonly<Record<string, number>>
}

type PlainRecord = { readonly [key: string]: PlainValue }

export interface Merged {
  readonly plain: PlainRecord
  /** By path, of each value that is not made of others: which layer it is from. */
  readonly values: Readonly<Record<string, number>>
}

/** The last layer wins. */
export function mergeLayers(layers: readonly PlainRecord[]): Merged {
  const from = new Map<string, number>()
  let plain: PlainRecord = {}
  for (const [layer, value] of layers.entries())
    plain = merge({ earlier: plain, later: value, path: [] }, { layer, from })
  return { plain, values: Object.fromEntries(from) }
}

interface Pair {
  readonly earlier: PlainRecord
  readonly later: PlainRecord
  readonly path: Path
}

interface Marking {
  readonly layer: number
  readonly from: Map<string, number>
}

function merge({ earlier, later, path }: Pair, marking: Marking): PlainRecord {
  const kept = Object.entries(earlier).filter(([key]) => !(key in later) && !isReplaced(key, later, path))
  for (const [key] of Object.entries(earlier)) if (isReplaced(key, later, path)) forget([...path, key], marking)
  const result: { [key: string]: PlainValue } = Object.fromEntries(kept)
  for (const [key, value] of Object.entries(later)) {
    const at = [...path, key]
    const before = earlier[key]
    if (isMap(before) && isMap(value) && isMerged(at, before, value)) {
      result[key] = merge({ earlier: before, later: value, path: at }, marking)
      continue
    }
    forget(at, marking)
    result[key] = value
    mark(value, at, marking)
  }
  return result
}

/** A reference is one value. */
function isMap(value: PlainValue | undefined): value is PlainRecord {
  return isRecord(value) && !('$ref' in value) && !('$text' in value)
}

const mergedOptions: ReadonlySet<string | number> = new Set([
  'env',
  'ports',
  'settings',
  'labels',
  'extraHosts',
  'build',
  'dependsOn',
])

function isMerged([first, name, option, ...rest]: Path, earlier: PlainRecord, later: PlainRecord): boolean {
  if (first === 'hooks' || first === 'logs') return name === undefined
  if (first !== 'services') return false
  if (name === undefined) return true
  if (option === undefined) return earlier['kind'] === later['kind'] && 'url' in earlier === 'url' in later
  return mergedOptions.has(option) && rest.length <= 1
}

/** Of these two a service has one. */
function isReplaced(key: string, later: PlainRecord, path: Path): boolean {
  if (path.length !== 2 || path[0] !== 'services') return false
  return (key === 'image' && 'build' in later) || (key === 'build' && 'image' in later)
}

function mark(value: PlainValue, path: Path, marking: Marking): void {
  if (isMap(value)) for (const [key, item] of Object.entries(value)) mark(item, [...path, key], marking)
  else marking.from.set(formatPath(path), marking.layer)
}

function forget(path: Path, { from }: Marking): void {
  const text = formatPath(path)
  for (const key of from.keys())
    if (key === text || key.startsWith(`${text}.`) || key.startsWith(`${text}[`)) from.delete(key)
}
