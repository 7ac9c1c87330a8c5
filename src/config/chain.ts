/** The layers of a config, the lowest first and the config itself last. Runs inside the config's process. */
import { definedKey } from './define.ts'
import { resolveExport } from './exported.ts'
import type { DefineContext, Definitions } from './define.ts'
import type { ConfigIssue, Path } from './schema/issues.ts'

export interface Layer {
  readonly config: object
  /** What it says itself, without what it extends. */
  readonly own: object
  /** Where `defineConfig` was called for it, as the stack of an error; empty when it was not. */
  readonly stack: string
}

interface Start {
  readonly config: object
  /** What `config` was made of. */
  readonly exported: unknown
  readonly context: DefineContext
  readonly issues: ConfigIssue[]
}

interface Chain extends Start {
  readonly path: Path
  /** Those that are on the way, to notice one that extends itself. */
  readonly open: ReadonlySet<unknown>
}

export function layersOf(start: Start): Promise<readonly Layer[]> {
  return layersFrom({ ...start, path: [], open: new Set() })
}

async function layersFrom({ config, exported, open, ...rest }: Chain): Promise<readonly Layer[]> {
  const { extends: named, ...own } = config as { readonly extends?: unknown }
  const bases: readonly unknown[] = named === undefined ? [] : Array.isArray(named) ? named : [named]
  const layers: Layer[] = []
  for (const [index, base] of bases.entries()) {
    const path = [...rest.path, 'extends', ...(Array.isArray(named) ? [index] : [])]
    if (base === exported || base === config || open.has(base)) {
      rest.issues.push({ path, message: 'extends itself' })
      continue
    }
    const { value, wrong } = await resolveExport(base, rest.context)
    if (wrong === undefined) {
      const inner = { ...rest, config: value as object, exported: base, path }
      layers.push(...(await layersFrom({ ...inner, open: new Set([...open, exported, config]) })))
    } else rest.issues.push({ path, message: wrong.replace(/^the file exports/, 'is') })
  }
  return [...layers, { config, own, stack: definedAt(config) ?? definedAt(exported) ?? '' }]
}

function definedAt(value: unknown): string | undefined {
  const definitions = (globalThis as { [definedKey]?: Definitions })[definedKey]
  return typeof value === 'object' || typeof value === 'function' ? definitions?.get(value ?? {}) : undefined
}
